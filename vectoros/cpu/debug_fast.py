"""Breakpoints on the fast engine: what it costs to have one, and nothing without.

While DR7 enables none, generated code knows nothing of this. A MOV to a debug
register that may matter stops the engine behind it (``debug_helpers.S``); then
:meth:`FastDebug.arm` makes every block one instruction long and lets the block hook
look at each (``native_debug.S``), and Unicorn calls back for each access to a page
that is watched. Only for what may be a hit is Python asked.

A trap that is due comes before an interrupt, but Unicorn takes interrupts on its
own. So their requests are withheld while one is pending.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from vectoros.cpu import breakpoints, native
from vectoros.cpu.bits import Flag
from vectoros.cpu.breakpoints import CHANGED, PENDING_CELL, Cause, Kind
from vectoros.cpu.registers import Registers
from vectoros.memory import Memory

_REQUESTS = native.INTERRUPT_VIRQ | native.INTERRUPT_NMI
_NOWHERE = 1 << 63
"""No address that is executed or accessed: it is not canonical."""


class FastDebug:
    """The breakpoints of one engine."""

    def __init__(
        self,
        state: native.State,
        regs: Registers,
        memory: Memory,
        cells: tuple[ctypes.c_uint32, ctypes.c_uint32],
        flush: Callable[[bool], None],
    ) -> None:
        """Work on the engine's structures; ``flush`` forgets the TLB, and code if asked.

        ``cells`` are Unicorn's pending-interrupt bits and the flags of the next block.
        """
        self._state = state
        self._regs = regs
        self._memory = memory
        self._requests, self._next_block = cells
        self._flush = flush
        regs.dr[PENDING_CELL + 1] = ctypes.addressof(state)  # where debug_helpers.S finds it
        self._watched: list[tuple[int, int]] = []
        self.watches_ports = False
        self.arm()

    def landing_block(self, count: int) -> int:
        """Return the flags for a block of ``count`` instructions, at least one."""
        return native.ONE_INSTRUCTION if self._state.careful else max(1, count)

    def changed(self) -> bool:
        """Whether Unicorn stopped because debug registers were written; they are taken over."""
        if not self._regs.dr[PENDING_CELL] & CHANGED:
            return False
        self.arm()
        careful = self._state.careful
        self._next_block.value = native.ONE_INSTRUCTION if careful else native.NO_FLAGS
        return True

    def arm(self) -> None:
        """Look at the debug registers, and be careful from here on if they ask for it."""
        state, regs = self._state, self._regs
        regs.dr[PENDING_CELL] &= ~CHANGED
        points = breakpoints.enabled(regs)
        code = [point.first for point in points if point.kind is Kind.EXECUTE]
        data = [point for point in points if point.kind in (Kind.WRITE, Kind.READ_WRITE)]
        self.watches_ports = any(point.kind is Kind.IO for point in points)
        watched = [(point.first, point.last) for point in data]
        careful = bool(points)
        if careful != bool(state.careful) or watched != self._watched:
            self._flush(careful != bool(state.careful))
        self._watched = watched
        for number in range(4):
            state.break_at[number] = code[number] if number < len(code) else _NOWHERE
            first, last = watched[number] if number < len(watched) else (_NOWHERE, 0)
            state.watch_first[number], state.watch_last[number] = first, last
        state.careful = int(careful)
        at = ctypes.addressof(state) + native.NEVER_AT
        state.invalidations_at = at if careful else state.count_at

    # -- what the native side asks ---------------------------------------------

    def examine(self) -> None:
        """Find which breakpoints the instruction that is running meets."""
        bits = breakpoints.met(breakpoints.enabled(self._regs), self._regs, self._memory)
        if bits:
            self._withhold()
            breakpoints.set_pending(self._regs, breakpoints.pending(self._regs) | bits)

    def _withhold(self) -> None:
        self._state.withheld |= self._requests.value & _REQUESTS
        self._requests.value &= ~_REQUESTS

    def verdict(self) -> int:
        """Whether a debug exception comes before the instruction at RIP."""
        regs, last = self._regs, self._state.last_pc
        return int(breakpoints.due(breakpoints.enabled(regs), regs, self._memory, last))

    def settle(self) -> int:
        """Make the debug registers tell of the exception; return if its instruction was begun."""
        inside = breakpoints.settle(self._regs, self._memory, self._state.last_pc)
        self._requests.value |= self._state.withheld
        self._state.withheld = 0
        return int(inside)

    # -- between instructions --------------------------------------------------

    def trap_is_due(self) -> bool:
        """Whether the trap of a pending breakpoint begins a slice; if so, it is settled."""
        if self._state.careful:
            self._next_block.value = native.ONE_INSTRUCTION
        if not breakpoints.pending(self._regs):
            return False
        if not self.verdict():
            self._withhold()
            return False
        self._regs._error_code = Cause.BREAKPOINT
        self.settle()
        return True

    def fault_is_due(self) -> bool:
        """The same for any breakpoint."""
        if not self._state.careful or not self.verdict():
            return False
        self._regs._error_code = Cause.BREAKPOINT
        self.settle()
        return True

    def mark_repetition(self) -> None:
        """Set RF if a repeated string instruction has been left half way."""
        if self._state.careful and breakpoints.in_repetition(
            self._regs, self._memory, self._state.last_pc
        ):
            self._regs._eflags |= Flag.RF

    def request(self, bit: int, level: bool) -> None:
        """Drive an interrupt request, which a pending breakpoint withholds."""
        self._requests.value &= ~bit
        self._state.withheld &= ~bit
        if level and breakpoints.pending(self._regs):
            self._state.withheld |= bit
        elif level:
            self._requests.value |= bit

    def requested(self, bit: int) -> bool:
        """Whether ``bit`` is requested."""
        return bool((self._requests.value | self._state.withheld) & bit)
