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
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

QEMU_COMMAND = [QEMU, "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none"]
QEMU_COMMAND += ["-m", str(MEMORY // MIB)]

TIMEOUT_S = 60
"""After this a process that should take a second or two is given up."""

_LSR = 5
"""Offset of the 16550A's line status register, the one that ``port-read`` reads."""

_FLAT_CODE = 0x00CF_9B00
_FLAT_DATA = 0x00CF_9300
EXIT_DEVICE = ("-device", "isa-debug-exit,iobase=0xf4,iosize=4")
_QEMU_DONE = 1
"""What ``isa-debug-exit`` makes of the guest's status 0."""


Runner = Callable[[Image], float]


def available(*, qemu: bool) -> dict[str, Runner]:
    """Return what can run images on this host, by name: our engines first, QEMU if asked for."""
    found: dict[str, Runner] = {}
    if fast_engine_checks()[-1].ok:
        found["fast"] = partial(_on_machine, "fast")
    found["portable"] = partial(_on_machine, "portable")
    found["unicorn"] = _on_unicorn
    if qemu and has_qemu():
        found["qemu"] = partial(_on_qemu, ())
        found["qemu-icount"] = partial(_on_qemu, ("-icount", "shift=0"))
    return found


def has_qemu() -> bool:
    """Whether QEMU is installed."""
    return shutil.which(QEMU) is not None


def machine(image: Image, engine: str) -> Machine:
    """Return a machine about to enter ``image``, with a line status register at :data:`DEVICE`."""
    found = Machine(Config(memory=MEMORY, engine=engine))
    area = Area("com1_mmio", DEVICE - _LSR, 8, "the console's UART, in memory")
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
    hold(stop.reason is Reason.EXIT, f"{engine}: the program ended so: {stop.reason.value}")
    hold(stop.code == 0, f"{engine}: the program computed wrongly: status {stop.code}")
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
    hold(status == 0, f"unicorn: the program computed wrongly: status {status}")
    return seconds


_CHILD = """
import sys
from benchmarks.programs import runners
from benchmarks.programs.image import Image
print(runners._on_unicorn(Image(sys.stdin.buffer.read(), int(sys.argv[1]))))
"""


def on_unicorn_as_it_comes(image: Image) -> float:
    """Do that in a process of its own, where no engine of ours has repaired Unicorn."""
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD, str(image.entry)],
        input=image.data,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        timeout=TIMEOUT_S,
        check=True,
    )
    return float(ran.stdout)


def _on_qemu(options: tuple[str, ...], image: Image) -> float:
    """Run ``image`` on QEMU's translator with ``options``."""
    with tempfile.TemporaryDirectory() as folder:
        kernel = Path(folder, "kernel")
        kernel.write_bytes(image.data)
        command = [*QEMU_COMMAND, *EXIT_DEVICE, "-serial", "null", "-kernel", str(kernel)]
        process = subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL)
        with killed_late(process):
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    hold(
        process.returncode == _QEMU_DONE,
        f"qemu: the program computed wrongly, or QEMU failed: status {process.returncode}",
    )
    return usage.ru_utime + usage.ru_stime


@contextmanager
def killed_late(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill ``process`` if what is done with it here takes longer than :data:`TIMEOUT_S`."""
    timer = threading.Timer(TIMEOUT_S, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
