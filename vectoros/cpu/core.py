"""What every CPU engine offers, and what it asks of the machine around it.

The board drives an engine in *slices*: ``run(deadline)`` executes until the
first instruction boundary at which the clock has reached the deadline. The two
engines agree on that boundary to the byte; everything above them relies on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from vectoros.cpu.registers import Registers


class Stop(Enum):
    """Why a slice ended."""

    DEADLINE = auto()  # the clock has reached the deadline
    HALT = auto()  # HLT: only an interrupt or the passing of time can go on
    SHUTDOWN = auto()  # a triple fault (Intel SDM Vol. 3A, "Double Fault Exception")


@dataclass(frozen=True, slots=True)
class Fault:
    """One exception or software interrupt, at the moment before its delivery.

    ``delivered`` is false if delivering it raised another one: those are the
    first links of the chain that ends in a double or triple fault.
    """

    tick: int
    vector: int
    error_code: int
    software: bool
    cs: int
    rip: int
    rsp: int
    cpl: int
    cr2: int
    delivered: bool


@dataclass(slots=True)
class Counters:
    """What happened so far, for reports; no part of the machine's state."""

    traps: dict[int, int]  # exceptions and software interrupts, by vector
    syscalls: int


class Surroundings(Protocol):
    """The machine as the CPU meets it: every access that is not to memory."""

    def port_read(self, port: int, width: int) -> int:
        """Return the ``width`` bytes at ``port``: 1, 2 or 4."""

    def port_write(self, port: int, width: int, value: int) -> None:
        """Write ``width`` bytes to ``port``."""

    def mmio_read(self, address: int, width: int) -> int:
        """Return the ``width`` bytes at a physical address that is neither RAM nor ROM."""

    def mmio_write(self, address: int, width: int, value: int) -> None:
        """Write ``width`` bytes to a physical address that is neither RAM nor ROM."""

    def acknowledge(self) -> int:
        """Answer the interrupt-acknowledge cycle with a vector, and lower INTR."""


class Cpu(Protocol):
    """One emulated x86-64 processor.

    Between slices ``regs`` may be read and written; after writing, call
    :meth:`registers_changed`.
    """

    name: str
    regs: Registers
    around: Surroundings
    """Whom it asks; a tracer may put itself in between."""
    nmi_pending: bool
    """Whether a non-maskable interrupt is latched; set it to latch one."""

    def run(self, deadline: int, pause: int | None = None) -> Stop:
        """Run to the first instruction boundary at or after tick ``deadline``.

        Or, if tick ``pause`` is sooner and no callback shortens the slice, to any boundary
        about there: an engine need not be exact where the guest cannot tell. Sets the clock.
        An exception of a callback ends the slice and is raised here.
        """

    def shorten(self, deadline: int) -> None:
        """From a callback: end the slice at ``deadline`` if that is sooner."""

    def set_intr(self, level: bool) -> None:
        """Drive the INTR pin. From a callback it may only be lowered."""

    def registers_changed(self) -> None:
        """Take over what was written to ``regs``, and forget cached translations."""

    def memory_changed(self, address: int, size: int) -> None:
        """Forget code translated from these bytes of RAM: the host wrote them."""

    def pages_changed(self, pages: Sequence[int]) -> None:
        """Forget code translated from these pages, and all address translations."""

    def faults(self) -> list[Fault]:
        """Return the last exceptions and software interrupts, oldest first."""

    def counters(self) -> Counters:
        """Return what happened so far."""

    def close(self) -> None:
        """Free the engine; it must not be used again."""
