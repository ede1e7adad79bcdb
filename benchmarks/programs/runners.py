"""Run an image to its end on one emulator or another; return the CPU seconds that took.

CPU time, user and system, not wall time: the machine that measures is shared.
Ours and Unicorn's is that of the calling thread without start-up; QEMU's is that
of its whole process, start-up included, so take a slope
(:func:`vectoros.bench.slope`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from unicorn import unicorn_const as uc
from unicorn import x86_const as x86
from unicorn.unicorn import Uc

from benchmarks.programs.image import DEVICE, ORIGIN, Image
from vectoros import Machine
from vectoros.board import Reason
from vectoros.config import Config
from vectoros.cpu.bits import CR0_ET, CR0_PE, Seg
from vectoros.cpu.selftest import fast_engine_checks, reset_real_mode
from vectoros.errors import hold
from vectoros.layout import Area
from vectoros.units import MIB

QEMU = "qemu-system-x86_64"
MEMORY = 64 * MIB

_FLAT_CODE = 0x00CF_9B00
_FLAT_DATA = 0x00CF_9300
_QEMU_DONE = 1
"""What ``isa-debug-exit`` makes of the guest's status 0."""


Runner = Callable[[Image], float]


def available() -> dict[str, Runner]:
    """Return what can run images on this host, by name: our engines first."""
    found: dict[str, Runner] = {}
    if fast_engine_checks()[-1].ok:
        found["fast"] = partial(_on_machine, "fast")
    found["portable"] = partial(_on_machine, "portable")
    found["unicorn"] = _on_unicorn
    if shutil.which(QEMU) is not None:
        found["qemu"] = partial(_on_qemu, ())
        found["qemu-icount"] = partial(_on_qemu, ("-icount", "shift=0"))
    return found


def machine(image: Image, engine: str) -> Machine:
    """Return a machine about to enter ``image``, with a UART at :data:`DEVICE` as well."""
    found = Machine(Config(memory=MEMORY, engine=engine))
    area = Area("com1_mmio", DEVICE, 8, "the console's UART, in memory")
    found.pc.board.mmio.attach(area, found.pc.uart)
    found.memory.write(ORIGIN, image.data)
    regs = found.cpu
    reset_real_mode(regs, image.entry)
    regs.cr0 = CR0_PE | CR0_ET
    for number in Seg:
        regs.segs[number].load(0, 0, 0xFFFF_FFFF, _FLAT_CODE if number is Seg.CS else _FLAT_DATA)
    regs.update_hidden()
    found.pc.cpu.registers_changed()
    return found


def _on_machine(engine: str, image: Image) -> float:
    """Run ``image`` on ``engine`` of ours."""
    with machine(image, engine) as subject:
        start = time.thread_time()
        stop = subject.run()
        seconds = time.thread_time() - start
    hold(stop.reason is Reason.EXIT, f"a benchmark program ended so: {stop.reason.value}")
    hold(stop.code == 0, f"the {engine} engine computed wrongly: status {stop.code}")
    return seconds


def _on_unicorn(image: Image) -> float:
    """Run ``image`` on bare Unicorn without hooks, where the end is that HLT stops it."""
    emulator = Uc(uc.UC_ARCH_X86, uc.UC_MODE_32)
    emulator.mem_map(0, MEMORY)
    emulator.mem_write(ORIGIN, image.data)
    start = time.thread_time()
    emulator.emu_start(image.entry, 0)
    seconds = time.thread_time() - start
    status = emulator.reg_read(x86.UC_X86_REG_AL)
    hold(status == 0, f"unicorn computed wrongly: status {status}")
    return seconds


def _on_qemu(options: tuple[str, ...], image: Image) -> float:
    """Run ``image`` on QEMU's translator with ``options``."""
    with tempfile.TemporaryDirectory() as folder:
        kernel = Path(folder, "kernel")
        kernel.write_bytes(image.data)
        process = subprocess.Popen(
            [QEMU, "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none"]
            + ["-m", str(MEMORY // MIB), "-serial", "null", "-kernel", str(kernel)]
            + ["-device", "isa-debug-exit,iobase=0xf4,iosize=4", *options],
            stdin=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    hold(process.returncode == _QEMU_DONE, f"QEMU ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime
