"""Virtual time: the one clock that everything in the machine reads.

The clock counts ticks: bytes of code retired, plus idle time skipped while the
CPU is halted. It never reads the host's time. While the CPU runs, the engine
knows how far it has come, so it lends the clock a *probe*; while it is stopped,
the clock holds the number itself.

All conversions are integer arithmetic, so that equal ticks give equal counts on
every host.
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.units import TICKS_PER_NS, TICKS_PER_SECOND


class Clock:
    """Ticks since the machine was switched on."""

    def __init__(self, ticks: int = 0) -> None:
        """Start at ``ticks``."""
        self._ticks = ticks
        self._probe: Callable[[], int] | None = None

    @property
    def now(self) -> int:
        """Tick of the present moment.

        Inside a device's callback: that of the instruction boundary before the
        access.
        """
        return self._ticks if self._probe is None else self._probe()

    @property
    def now_ns(self) -> int:
        """Nanoseconds of virtual time since power-on, rounded down."""
        return self.now // TICKS_PER_NS

    def count(self, hertz: int, since: int = 0) -> int:
        """Return how many whole periods of ``hertz`` have passed since tick ``since``."""
        return (self.now - since) * hertz // TICKS_PER_SECOND

    def follow(self, probe: Callable[[], int]) -> None:
        """Take the time from ``probe`` until :meth:`set`: the CPU is about to run."""
        self._probe = probe

    def set(self, ticks: int) -> None:
        """Stand at ``ticks``: the CPU stopped, idle time was skipped, or a snapshot restored."""
        self._probe = None
        self._ticks = ticks


def tick_of_count(count: int, hertz: int) -> int:
    """Return the first tick by which ``count`` periods of ``hertz`` have passed.

    >>> from vectoros.units import TICKS_PER_SECOND
    >>> tick_of_count(1, 1193182) * 1193182 >= TICKS_PER_SECOND
    True
    """
    return -(-count * TICKS_PER_SECOND // hertz)
