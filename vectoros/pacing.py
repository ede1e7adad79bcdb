"""Pacing: how virtual time is held against the host's.

Only idle time can be paced. A busy guest runs as fast as the host lets it; at
HLT a paced machine waits until the host's clock has come as far as its own. The
guest cannot tell: what waits is the host.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from vectoros.units import TICKS_PER_SECOND

FORGIVEN_S = 0.1
"""A machine that is later than this is not made to catch up: its timers would race."""


class Pacer:
    """The host time at which each tick should come."""

    def __init__(self, tick: int, host_clock: Callable[[], float] = time.monotonic) -> None:
        """Let ``tick`` come now."""
        self._host_clock = host_clock
        self._origin_tick = tick
        self._origin_s = host_clock()

    def wait_s(self, tick: int) -> float:
        """Return the seconds until ``tick`` should come; 0 if it is late."""
        due = self._origin_s + (tick - self._origin_tick) / TICKS_PER_SECOND
        return max(0.0, due - self._host_clock())

    def tick(self) -> int:
        """Return the tick that should come now."""
        passed = self._host_clock() - self._origin_s
        return self._origin_tick + int(passed * TICKS_PER_SECOND)

    def idle(self, tick: int) -> None:
        """Note that the machine is idle at ``tick``; forgive it if it is far behind the host."""
        if self.tick() - tick > FORGIVEN_S * TICKS_PER_SECOND:
            self._origin_tick, self._origin_s = tick, self._host_clock()


class SliceLength:
    """How many ticks a slice may have, so that the host is served often enough.

    What a tick costs depends on the guest and the engine: a block of additions
    runs a thousand times as fast as a storm of exceptions.
    """

    TARGET_S = 0.005
    """Host time that a slice should take."""

    MEASURABLE_S = 0.0002
    """A shorter slice says little about what a tick costs."""

    FIRST = 65_536
    SHORTEST = 4_096
    LONGEST = 2_000_000
    """Ticks. The longest bounds how late a guest that turns slow all at once is noticed."""

    def __init__(self, ceiling: int) -> None:
        """Allow ``ceiling`` ticks at most."""
        self._ceiling = min(ceiling, self.LONGEST)
        self.ticks = min(self.FIRST, self._ceiling)

    def took(self, ticks: int, seconds: float) -> None:
        """Learn from a slice of ``ticks`` that took ``seconds`` of host time."""
        if seconds < self.MEASURABLE_S:
            self.ticks = min(2 * self.ticks, self._ceiling)
            return
        fitting = int(ticks * self.TARGET_S / seconds)
        shortest = min(self.SHORTEST, self._ceiling)
        self.ticks = max(shortest, min(fitting, 2 * self.ticks, self._ceiling))
