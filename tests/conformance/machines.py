"""Machines that run conformance programs: our two engines, and QEMU as a witness.

All run the same bytes. On ours nothing waits for the host, and the limit is virtual
time. A triple fault resets a PC and is an end of the run here, so it is answered with
that reset: the program counts it and goes on.
"""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.subjects import Subject, subject
from vectoros.board import Reason
from vectoros.boot.multiboot import Multiboot
from vectoros.config import Config
from vectoros.pc import Pc

OURS = ("fast", "portable")
QEMU = "qemu"
MACHINES = (*OURS, QEMU)

LIMIT_TICKS = 1_000_000_000  # a quarter of a virtual second; subjects need a hundredth of it
PATIENCE_S = 60  # host seconds for QEMU, which needs one
EXIT_STATUSES = (0, 1)  # every case is well, some are not

QEMU_COMMAND = (
    "qemu-system-x86_64", "-machine", "pc", "-m", "64M", "-accel", "tcg",
    # As vectoros/cpu/cpuid.py has it. What TCG cannot do, it says on stderr.
    "-cpu", "SandyBridge,+pdpe1gb,+smep,+xsaveopt,-x2apic,-tsc-deadline,-avx",
    "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
    "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What a subject printed on a machine."""

    outcomes: Mapping[str, str]
    """By the case's full name: ``ok``, or ``FAIL`` and what was found."""
    text: str
    end: str
    """How it ended; empty if as it should."""

    def outcome(self, case: str) -> str:
        """Return the outcome of ``case``, or why there is none."""
        return self.outcomes.get(case, f"no line; {self.end or 'the program ended'}")


@functools.cache
def run(name: str, machine: str) -> Run:
    """Run the subject called ``name`` on ``machine``, once a session."""
    return run_subject(subject(name), machine)


def run_subject(program: Subject, machine: str) -> Run:
    """Run ``program`` on ``machine``."""
    text, end = _on_qemu(program) if machine == QEMU else _on_ours(program, machine)
    return Run(outcomes(program.name, text), text, end)


def outcomes(name: str, text: str) -> dict[str, str]:
    """Return what ``text``, which the subject called ``name`` printed, says of each case."""
    rows = (line.partition(" ") for line in text.splitlines())
    return {case: outcome for case, _, outcome in rows if case.startswith(f"{name}.")}


def _on_ours(program: Subject, engine: str) -> tuple[str, str]:
    firmware = Multiboot(program.program.code, f"{program.name}.S")
    pc = Pc(Config(engine=engine), None, firmware)
    try:
        while (stop := pc.board.run(LIMIT_TICKS)).reason is Reason.TRIPLE_FAULT:
            pc.board.guest_stop = None
            pc.request_reset()
        well = stop.reason is Reason.EXIT and stop.code in EXIT_STATUSES
        end = "" if well else f"{stop.reason.value} at rip {pc.cpu.regs.rip:#x}, status {stop.code}"
        return pc.serial.text, end
    finally:
        pc.cpu.close()


def _on_qemu(program: Subject) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / f"{program.name}.img"
        image.write_bytes(program.program.code)
        command = [*QEMU_COMMAND, "-kernel", str(image)]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S
            )
        except subprocess.TimeoutExpired as late:
            return (late.stdout or b"").decode(errors="replace"), f"no end in {PATIENCE_S} s"
    statuses = [status << 1 | 1 for status in EXIT_STATUSES]  # as isa-debug-exit has it
    end = (
        ""
        if done.returncode in statuses
        else f"status {done.returncode} {done.stderr.decode()}".rstrip()
    )
    return done.stdout.decode(errors="replace"), end
