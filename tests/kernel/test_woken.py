"""Who is woken in a trap runs next without having been in a queue, exactly if that is its turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kernel.system import Spec, System, boot
from vectoros.kernel import dispatch
from vectoros.kernel.abi import State
from vectoros.kernel.process_layout import Grant
from vectoros.kernel.refills import MIN_BUDGET
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import inspect, invariants

LATER = 1 << 40
"""A tick that is far away."""

Scene = tuple[System, Tcb, Tcb, Tcb]


def scene() -> Scene:
    """One thread runs, one waits to be woken, and another is ready."""
    system = boot([Spec("caller", 100, Grant.INSPECT), Spec("sleeper", 100), Spec("ready", 100)])
    caller = system.running
    sleeper, ready = system.processes(caller, 3)[1:]
    system.root.processor.remove(sleeper.address)
    return system, caller, sleeper, ready


def context_of(thread: Tcb) -> SchedContext:
    return SchedContext(thread.ram, thread.sched_context)


def end(system: System, caller: Tcb, *woken: Tcb, then: Callable[[], object] | None = None) -> int:
    """Let the caller stop in a trap that wakes threads; return who runs next."""
    trap = system.inside()
    for thread in woken:
        thread.state = State.RUNNING
        trap.wake(thread.address)
    caller.state = State.INACTIVE
    if then:
        then()
    dispatch.finish(trap)
    invariants.check(system.root)
    return system.block.next


def ready_threads(system: System) -> list[int]:
    return [thread for line in inspect.ready(system.root).values() for thread in line]


def test_who_has_the_highest_priority_runs_and_was_in_no_queue() -> None:
    system, caller, sleeper, ready = scene()
    sleeper.priority = 101
    assert end(system, caller, sleeper) == sleeper.address
    assert ready_threads(system) == [ready.address]


@pytest.mark.parametrize("priority", [100, 99])
def test_others_go_before_who_has_no_higher_priority(priority: int) -> None:
    system, caller, sleeper, ready = scene()
    sleeper.priority = priority
    assert end(system, caller, sleeper) == ready.address
    assert ready_threads(system) == [sleeper.address]


def test_who_goes_on_lets_nobody_pass_that_is_not_above_it() -> None:
    system, caller, sleeper, ready = scene()
    trap = system.inside()
    trap.wake(sleeper.address)
    dispatch.finish(trap)
    assert system.block.next == caller.address
    assert ready_threads(system) == [ready.address, sleeper.address]
    invariants.check(system.root)


def stop(thread: Tcb) -> None:
    thread.state = State.INACTIVE


def put_into_another_domain(thread: Tcb) -> None:
    thread.domain = 1


def use_its_budget_up(thread: Tcb) -> None:
    context_of(thread).configure(MIN_BUDGET, 10 * MIN_BUDGET, 2, LATER)


def take_its_budget(thread: Tcb) -> None:
    context = context_of(thread)
    context.budget = context.period = context.refill_count = 0


def take_its_context(thread: Tcb) -> None:
    context_of(thread).tcb = 0
    thread.sched_context = 0
    thread.words[0] = 1  # at address 0 is no context, but the interrupt table of real mode


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        (stop, False),
        (put_into_another_domain, True),
        (use_its_budget_up, False),
        (take_its_budget, False),
        (take_its_context, False),
    ],
)
def test_who_may_not_run_does_not_run(change: Callable[[Tcb], None], waits: bool) -> None:
    """It was woken first, and changed after that, in the same trap."""
    system, caller, sleeper, ready = scene()
    sleeper.priority = 101
    assert end(system, caller, sleeper, then=lambda: change(sleeper)) == ready.address
    assert ready_threads(system) == [sleeper.address] * waits
    assert inspect.released(system.root) == [sleeper.address] * (change is use_its_budget_up)


def test_of_many_the_last_one_is_not_queued_twice() -> None:
    system, caller, sleeper, ready = scene()
    system.root.processor.remove(ready.address)
    sleeper.priority = 101
    assert end(system, caller, sleeper, ready, sleeper) == sleeper.address
    assert ready_threads(system) == [ready.address]
