"""Traps after which the kernel was wrong once, by the fewest that show it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.properties.lockstep import Words
from tests.properties.oracle.machine import TIMER
from tests.properties.oracle.supply import LEAST
from tests.properties.scene import At
from tests.properties.walk import Action, Interrupt, Pass, Walk
from vectoros.kernel.abi import Trap
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init


def invoked(slot: int, kind: Type, name: str, *words: int, caps: tuple[int, ...] = ()) -> Words:
    """Return a Call."""
    return Words(Trap.CALL, slot, label(kind, name), words, caps)


def agree(actions: Sequence[Action]) -> None:
    """Do all that in kernel and oracle."""
    walk = Walk()
    for action in actions:
        walk.do(action)


SUSPEND = invoked(At.THIRD, Type.TCB, "Suspend")
RESUME = invoked(At.THIRD, Type.TCB, "Resume")
"""The third thread has a budget of 200 us in 500, and the highest priority."""


def test_the_timer_interrupts_when_the_budget_comes_of_a_thread_that_was_woken() -> None:
    # It has used its budget up when it is suspended: who resumes it runs on, alone.
    agree([Pass(LEAST + LEAST // 2), SUSPEND, Interrupt(TIMER), RESUME])


def test_the_time_until_yield_to_is_had_by_the_caller() -> None:
    to_second = invoked(At.CONTEXTS + 1, Type.SCHED_CONTEXT, "YieldTo")
    agree([SUSPEND, to_second])


def test_who_has_no_budget_left_waits_for_it_after_yield_to() -> None:
    words, control = (2 * LEAST, 10 * LEAST, 0, 0, 0), Init.SCHED_CONTROL
    configure = invoked(control, Type.SCHED_CONTROL, "Configure", *words, caps=(At.CONTEXTS,))
    to_second = invoked(At.CONTEXTS + 1, Type.SCHED_CONTEXT, "YieldTo")
    agree([SUSPEND, configure, Pass(LEAST + LEAST // 2), to_second])


def test_who_gets_its_context_back_used_up_waits_for_more() -> None:
    call = Words(Trap.CALL, At.OTHER_ENDPOINT)
    agree([call, Pass(LEAST), RESUME])
