"""Preemption: a long operation stops, and the thread makes its trap again.

An operation spends units of work as it goes. When it has spent enough it leaves all
consistent and its progress in memory, and the thread goes back to its SYSCALL with the
same registers: interrupts come in, others may run, and the trap goes on where it was.
"""

from __future__ import annotations

from vectoros.kernel.trap import Trap

LIMIT = 100
"""Units of COST_UNIT ticks after which a trap ends if it can."""


def spend(trap: Trap, units: int) -> bool:
    """Charge ``units`` of work; say whether to stop now, as soon as it can be gone on with.

    It is asked after a step and not before, so each trap makes at least one.
    """
    trap.cost += units
    return trap.cost >= LIMIT


def finish(trap: Trap, done: bool) -> tuple[int, ...] | None:
    """Return the answer of an operation that is ``done``, or let the caller make its trap again."""
    if done:
        return ()
    trap.thread.rewind()
    return None
