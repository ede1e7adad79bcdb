"""The last exceptions and software interrupts, as the portable engine remembers them.

The same entries as the fast engine's log (``native.S``), and the same rule about
a program that is stuck: see :data:`STUCK_LIMIT`.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace

from vectoros.cpu.bits import Gpr, Seg
from vectoros.cpu.core import Fault
from vectoros.cpu.faults import Event, EventKind
from vectoros.cpu.registers import Registers

LOG_ENTRIES = 64
"""Deliveries that are remembered; a power of two."""

STUCK_LIMIT, STUCK_TICKS = 256, 4096
"""So many deliveries while no instruction retires, and each further one takes so long.

A handler that faults at its first instruction, on a stack of its own, goes on for
ever. Its time must pass, or nothing could stop it.
"""


class FaultLog:
    """A log of deliveries that were attempted."""

    def __init__(self) -> None:
        """Start empty."""
        self.traps: Counter[int] = Counter()
        self._entries: deque[Fault] = deque(maxlen=LOG_ENTRIES)
        self._last_tick = 0
        self._repeats = 0

    def record(self, event: Event, regs: Registers, tick: int) -> int:
        """Note an attempt to deliver ``event``; return the ticks that it takes, mostly 0."""
        self.traps[event.vector] += 1
        fault = Fault(
            tick=tick,
            vector=int(event.vector),
            error_code=event.error_code or 0,
            software=event.kind is EventKind.SOFTWARE,
            cs=regs.segs[Seg.CS].selector,
            rip=regs.rip,
            rsp=regs.gpr[Gpr.RSP],
            cpl=int(regs.cpl),
            cr2=regs.cr2,
            delivered=False,
        )
        self._entries.append(fault)
        self._repeats = self._repeats + 1 if tick == self._last_tick else 1
        self._last_tick = tick
        if self._repeats < STUCK_LIMIT:
            return 0
        self._last_tick += STUCK_TICKS
        return STUCK_TICKS

    def delivered(self) -> None:
        """Note that the last attempt has succeeded."""
        self._entries[-1] = replace(self._entries[-1], delivered=True)

    def entries(self) -> list[Fault]:
        """Return the entries, oldest first."""
        return list(self._entries)
