"""The ticks of a slice, as the portable engine counts them.

A block is charged whole before it runs. If the CPU leaves it half way, what has
not run is taken back. The fast engine does the same in host code (``native.S``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from vectoros.cpu.registers import Registers

NOWHERE = -(1 << 63)
"""A value of ``left`` that never is."""


class Pause(Enum):
    """Why Unicorn was told to stop."""

    SPENT = auto()  # the deadline is reached
    REFUSED = auto()  # the next block would cross it
    WINDOW = auto()  # an interrupt can be taken
    STALE = auto()  # the host has written memory
    STEPPED = auto()  # the one instruction that was to run has run, or raised something
    DUE = auto()  # an instruction's hook has found that it faults
    SHUTDOWN = auto()


@dataclass(slots=True)
class Meter:
    """What is left of the slice, and what the last block was charged."""

    deadline: int = 0
    left: int = 0  # ticks to the deadline; negative behind it
    pc: int = 0  # linear address of the block charged last
    size: int = 0  # how much of it is charged, in bytes
    cross_at: int = NOWHERE  # the value of ``left`` with which one block may cross the deadline

    @property
    def charged(self) -> int:
        """Tick at the end of the block charged last."""
        return self.deadline - self.left

    def open(self, deadline: int, now: int) -> None:
        """Begin a slice at tick ``now``."""
        self.deadline, self.left = deadline, deadline - now

    def shorten(self, deadline: int) -> None:
        """Move the deadline to ``deadline`` if that is sooner."""
        if deadline < self.deadline:
            self.left -= self.deadline - deadline
            self.deadline = deadline

    def now(self, regs: Registers) -> int:
        """Tick of the boundary at RIP, whether it is within the last block or at its end."""
        return self.charged - self._unretired(regs, regs.rip)

    def refund(self, regs: Registers, rip: int) -> None:
        """Take back what was charged for the last block from ``rip`` on, if that lies in it."""
        unretired = self._unretired(regs, rip)
        self.left += unretired
        self.size -= unretired

    def done(self, regs: Registers, rip: int) -> int | None:
        """Return how far into the last block ``rip`` lies, or None if it lies elsewhere."""
        wide = regs.code_bits == 64
        linear = rip if wide else regs.segs[1].base + rip
        offset = linear - self.pc & ((1 << 64) - 1 if wide else 0xFFFF_FFFF)
        return offset if offset < self.size else None

    def _unretired(self, regs: Registers, rip: int) -> int:
        offset = self.done(regs, rip)
        return 0 if offset is None else self.size - offset
