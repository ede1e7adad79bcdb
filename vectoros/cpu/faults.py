"""What interrupts a program: vectors, the events to deliver, the faults met on the way.

A :class:`CpuFault` is how a page walk or a delivery tells its caller that the
guest is due an exception. It never leaves :mod:`vectoros.cpu`: it ends as a frame
on the guest's stack.

Source: Intel SDM Vol. 3A, "Exception and Interrupt Reference".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, auto

EXT_BIT = 1 << 0
"""Bit of an error code: the fault was met while another event was being delivered."""

IDT_BIT = 1 << 1
"""Bit of a selector error code: the index is a vector, not a selector."""


class Vector(IntEnum):
    """The exceptions of the architecture, by the SDM's mnemonics."""

    DE = 0
    DB = 1
    NMI = 2
    BP = 3
    OF = 4
    BR = 5
    UD = 6
    NM = 7
    DF = 8
    TS = 10
    NP = 11
    SS = 12
    GP = 13
    PF = 14
    MF = 16
    AC = 17
    MC = 18
    XM = 19


WITH_ERROR_CODE = frozenset(
    {Vector.DF, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.PF, Vector.AC}
)
"""Exceptions that push an error code."""

NAMES_A_SELECTOR = frozenset({Vector.TS, Vector.NP, Vector.SS, Vector.GP})
"""Exceptions whose error code names a selector or a vector, and has :data:`EXT_BIT`."""

CONTRIBUTORY = frozenset({Vector.DE, Vector.TS, Vector.NP, Vector.SS, Vector.GP})
"""Class of exceptions in the SDM's table "Conditions for Generating a Double Fault"."""


class EventKind(Enum):
    """How an event came about; that decides what its frame holds."""

    FAULT = auto()  # the instruction at RIP cannot go on
    TRAP = auto()  # #DB behind an instruction
    SOFTWARE = auto()  # INT n, INT3 or INTO: guarded by the gate's DPL
    EXTERNAL = auto()  # an interrupt by the INTR or NMI pin


@dataclass(frozen=True, slots=True)
class Event:
    """One exception or interrupt, to be delivered at the registers' present state.

    The frame shows RIP as it is, but that of a software interrupt ``next_rip``;
    then RIP is what the frame of a fault on the way will show. For #PF, CR2 must
    already hold the address; for an NMI, the caller blocks the next one.
    """

    vector: int
    kind: EventKind = EventKind.FAULT
    error_code: int | None = None
    next_rip: int = 0

    @property
    def pushes_error_code(self) -> bool:
        """Whether the frame ends with the error code."""
        return self.kind is EventKind.FAULT and self.vector in WITH_ERROR_CODE

    @property
    def sets_rf(self) -> bool:
        """Whether the RFLAGS image has RF set, so that a breakpoint does not hit twice."""
        return self.kind is EventKind.FAULT and self.vector != Vector.DB

    def return_rip(self, rip: int) -> int:
        """Return what the frame shows as RIP, ``rip`` being the register."""
        return self.next_rip if self.kind is EventKind.SOFTWARE else rip


class CpuFault(Exception):
    """The guest is due exception ``vector`` with ``error_code``."""

    def __init__(self, vector: int, error_code: int = 0) -> None:
        """Name the exception as the SDM does, for whoever reads a log."""
        super().__init__(f"#{Vector(vector).name}({error_code:#x})")
        self.vector = vector
        self.error_code = error_code


class PageFault(CpuFault):
    """The MMU refused ``linear``; whoever delivers this loads it into CR2."""

    def __init__(self, linear: int, error_code: int) -> None:
        """Remember the address beside the error code."""
        super().__init__(Vector.PF, error_code)
        self.linear = linear
