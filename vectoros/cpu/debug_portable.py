"""Breakpoints on the portable engine: instruction by instruction, each looked at before it runs.

The engine's registers are a copy; where a method here says that it has changed
them, the engine puts them back.
"""

from __future__ import annotations

from vectoros.cpu import breakpoints
from vectoros.cpu.bits import Flag
from vectoros.cpu.breakpoints import CHANGED, PENDING_CELL
from vectoros.cpu.meter import Meter
from vectoros.cpu.registers import Registers
from vectoros.memory import Memory


class PortableDebug:
    """The breakpoints of one engine."""

    def __init__(self, regs: Registers, memory: Memory, meter: Meter) -> None:
        """Work on the engine's registers, and its note of what was begun last."""
        self._regs = regs
        self._memory = memory
        self._meter = meter
        self._met = 0  # breakpoints that the instruction under way meets if it completes

    @property
    def is_armed(self) -> bool:
        """Whether DR7 enables a breakpoint."""
        return bool(breakpoints.enabled(self._regs))

    def changed(self) -> bool:
        """Whether Unicorn stopped because the guest wrote to the debug registers."""
        cell = self._regs.dr
        changed = bool(cell[PENDING_CELL] & CHANGED)
        cell[PENDING_CELL] &= ~CHANGED
        return changed

    def due(self) -> bool:
        """Whether a debug exception comes before the instruction at RIP."""
        points = breakpoints.enabled(self._regs)
        return breakpoints.due(points, self._regs, self._memory, self._meter.pc)

    def examine(self) -> None:
        """Find which breakpoints the instruction at RIP meets."""
        self._met = breakpoints.met(breakpoints.enabled(self._regs), self._regs, self._memory)

    def met(self, *, retired: bool) -> bool:
        """Note what the instruction has met, if it has ``retired``; return whether anything."""
        bits, self._met = self._met if retired else 0, 0
        breakpoints.set_pending(self._regs, breakpoints.pending(self._regs) | bits)
        return bits != 0

    def settle(self) -> None:
        """Prepare the registers for the debug exception whose cause they name."""
        self.met(retired=True)
        breakpoints.settle(self._regs, self._memory, self._meter.pc)

    def mark_repetition(self) -> bool:
        """Set RF if a repeated string instruction has been left half way; return whether."""
        regs = self._regs
        left = self.is_armed and breakpoints.in_repetition(regs, self._memory, self._meter.pc)
        if left:
            regs._eflags |= Flag.RF
        return left
