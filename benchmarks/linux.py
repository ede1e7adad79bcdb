"""How long an unmodified Linux takes to its shell, beside QEMU.

Debian's cloud kernel and an initramfs with busybox, as ``vectoros boot --kernel`` starts
them in a fresh process, without input, its bytecode compiled beforehand as an
installation has it; and the same files and the same command line on QEMU. Three phases,
by what appears on the serial port: *unpack* ends with the kernel's first line (start of
the process, decompression, early kernel), *kernel* with the line that announces the first
program, *user* with the prompt.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.boot import Python
from benchmarks.programs.runners import QEMU, has_qemu, killed_late
from vectoros import Machine
from vectoros.bench import Row, alternate, row
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.errors import hold
from vectoros.image.initramfs import PROMPT, busybox_initramfs
from vectoros.messages import say
from vectoros.units import TICKS_PER_NS

ROUNDS = 5
TARGET = 2.0
"""How many times as long as QEMU the boot may take."""

BUSYBOX = Path("/bin/busybox")
APPEND = "console=ttyS0 nolapic noapic acpi=off nokaslr"
"""Only the first word is needed. The rest gives QEMU's machine no more to do than ours."""

MEMORY_MIB = 256

MARKS = {"unpack": b"Linux version", "kernel": b"Run /init", "user": PROMPT.encode()}
"""What ends each phase."""

_QEMU = [QEMU, "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none"]
_QEMU += ["-m", str(MEMORY_MIB), "-serial", "stdio", "-no-reboot"]

_TIME_IS_OVER = 124
"""Exit status of `vectoros boot` at the end of --max-time."""

Samples = dict[str, list[float]]


def measure(quick: bool) -> list[Row]:
    """Return the times of both, their ratio, the phases, and the phases in virtual time."""
    kernels = sorted(Path("/boot").glob("vmlinuz-*-cloud-amd64"))
    if not kernels or not BUSYBOX.exists():
        say("linux: needs the Debian packages linux-image-cloud-amd64 and busybox-static")
        return []
    if not fast_engine_checks()[-1].ok:
        say("linux: the fast engine does not run here, and the portable one takes minutes")
        return []
    with tempfile.TemporaryDirectory() as folder:
        initrd = Path(folder, "shell.cpio")
        initrd.write_bytes(busybox_initramfs(BUSYBOX.read_bytes()))
        files = ["-kernel", str(kernels[-1]), "-initrd", str(initrd), "-append", APPEND]
        return _measure(files, Python(folder), quick)


def _measure(files: list[str], python: Python, quick: bool) -> list[Row]:
    words = ["-m", "vectoros", "boot", "--memory", f"{MEMORY_MIB}M", "--engine", "fast"]
    words += [f"-{word}" if word.startswith("-") else word for word in files]
    if not quick:
        python.run(*words, "--max-time", "1us", status=_TIME_IS_OVER)  # compiles
    ours = [sys.executable, *words, "--until", re.escape(PROMPT)]
    phases: dict[str, Samples] = {}
    commands = {"fast": ours}
    if not quick and has_qemu():
        commands["qemu"] = [*_QEMU, *files]
    subjects: dict[str, Callable[[], float]] = {
        name: partial(_boot, command, python.environment, phases.setdefault(name, _no_samples()))
        for name, command in commands.items()
    }
    times = alternate(1 if quick else ROUNDS, subjects)
    rows = list(_rows(times, phases))
    return rows if quick else [*rows, *_virtual(files)]


def _no_samples() -> Samples:
    return {mark: [] for mark in MARKS}


def _boot(command: Sequence[str], environment: Mapping[str, str], phases: Samples) -> float:
    """Boot once and note the phases; return the milliseconds to the prompt."""
    start = last = time.perf_counter()
    said = b""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        hold(process.stdout is not None, "a process has no output")
        with killed_late(process):
            for name, mark in MARKS.items():
                while mark not in said and process.stdout is not None:
                    piece = os.read(process.stdout.fileno(), 1 << 16)
                    hold(bool(piece), f"{command[0]} ended before {mark!r}: {said[-500:]!r}")
                    said += piece
                now = time.perf_counter()
                phases[name].append(1e3 * (now - last))
                last = now
        process.kill()
    return 1e3 * (last - start)


def _rows(times: Samples, phases: dict[str, Samples]) -> list[Row]:
    """Return the rows of wall time."""
    qemu = times.get("qemu")
    how = "wall time from the start of a process to the prompt"
    peer = None if qemu is None else ("linux.qemu", qemu)
    rows = [row("linux.fast", "ms", times["fast"], how, peer=peer)]
    if qemu is not None:
        rows.append(row("linux.qemu", "ms", qemu, how))
        ratios = [mine / theirs for mine, theirs in zip(times["fast"], qemu, strict=True)]
        how = "ratio of the two times"
        rows.append(row("linux.fast/qemu", "times", ratios, how, target=TARGET))
    for subject, samples in phases.items():
        for name, spans in samples.items():
            other = phases["qemu"][name] if subject == "fast" and qemu is not None else None
            peer = None if other is None else (f"linux.qemu.{name}", other)
            how = f"wall time of this phase, up to {MARKS[name].decode()!r}"
            rows.append(row(f"linux.{subject}.{name}", "ms", spans, how, peer=peer))
    return rows


def _virtual(files: list[str]) -> list[Row]:
    """Return the phases by the guest's clock, which shows the same on every machine."""
    _, kernel, _, initrd, _, append = files
    rows = []
    with Machine.from_kernel(
        kernel, initrd=initrd, append=append, memory=f"{MEMORY_MIB}M", engine="fast"
    ) as machine:
        last = 0
        for name, mark in MARKS.items():
            machine.serial.expect(re.escape(mark.decode()), timeout="60s")
            span, last = machine.clock.now - last, machine.clock.now
            how = "time of the guest's clock"
            rows.append(
                row(f"linux.virtual.{name}", "virtual ms", [span / TICKS_PER_NS / 1e6], how)
            )
    return rows
