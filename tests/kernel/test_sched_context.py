"""Scheduling contexts: budgets, refills, and who runs on them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.invoking import SPARE, delete, invoke, make
from tests.kernel.system import FAR, System, share
from vectoros.kernel import queue, refills
from vectoros.kernel.abi import COST_UNIT, Fault, State, Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.gate import Flag, Reason
from vectoros.kernel.message import LABEL_SHIFT
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.refills import MAX_PERIOD, MIN_BUDGET, Refill
from vectoros.kernel.sched_context import MAX_REFILLS, MIN_REFILLS, SchedContext
from vectoros.kernel.scheduler import TIME_SLICE
from vectoros.kernel.tcb import TIMEOUT, Tcb

Two = tuple[System, Tcb, Tcb]
OTHER = Init.PROCESSES + 1
CONTEXT = FAR + 2
"""Where the server has the client's scheduling context."""

BUDGET, PERIOD = 10 * MIN_BUDGET, 40 * MIN_BUDGET
TIMER = 0x20


def contexts(two: Two) -> tuple[SchedContext, SchedContext]:
    """Return both threads' contexts, after giving the server a capability to the client's."""
    system, server, client = two
    share(system, client, Init.SCHED_CONTEXT, server, CONTEXT)
    return (
        SchedContext(system.ram, server.sched_context),
        SchedContext(system.ram, client.sched_context),
    )


def configure(system: System, slot: int, *words: int) -> tuple[int, ...]:
    """Invoke SchedControl.Configure; missing words are 0."""
    padded = (*words, 0, 0, 0, 0, 0)[:5]
    return invoke(
        system, Init.SCHED_CONTROL, Type.SCHED_CONTROL, "Configure", *padded, caps=(slot,)
    )


def context_call(system: System, slot: int, name: str, *caps: int) -> tuple[int, ...]:
    return invoke(system, slot, Type.SCHED_CONTEXT, name, caps=caps)


def tick(system: System, now: int) -> int:
    """Let the timer interrupt."""
    return system.trap(Reason.INTERRUPT, vector=TIMER, now=now)


def test_a_process_has_a_context_with_a_turn_of_the_time_slice(two: Two) -> None:
    server, client = contexts(two)
    for context, thread in ((server, two[1]), (client, two[2])):
        assert (context.budget, context.period, context.tcb) == (
            TIME_SLICE, TIME_SLICE, thread.address,
        )  # fmt: skip


def test_a_budget_is_used_up_and_comes_back_a_period_later(two: Two) -> None:
    system, server, client = two
    contexts(two)
    assert configure(system, Init.SCHED_CONTEXT, BUDGET, PERIOD) == (0,)
    start = system.root.processor.started
    assert system.running.address == server.address
    assert Flag(system.block.flags) & Flag.SET_TIMER
    assert tick(system, start + BUDGET // 2) == server.address
    assert tick(system, start + BUDGET) == client.address
    assert list(queue.members(system.ram.words, system.root.processor.release_queue)) == [
        server.address
    ]
    due = SchedContext(system.ram, server.sched_context).due
    assert start + PERIOD <= due <= start + PERIOD + 100 * COST_UNIT  # what the end took
    assert system.root.processor.timer <= due
    assert tick(system, due) == client.address
    assert system.syscall(Trap.YIELD) == server.address


def test_the_timer_releases_who_has_a_higher_priority(two: Two) -> None:
    system, server, client = two
    contexts(two)
    configure(system, Init.SCHED_CONTEXT, BUDGET, PERIOD)
    client.priority = 5
    system.root.processor.remove(client.address)
    system.root.processor.append(client.address)
    start = system.root.processor.started
    assert tick(system, start + BUDGET) == client.address
    due = SchedContext(system.ram, server.sched_context).due
    assert system.root.processor.timer <= due
    assert tick(system, due) == server.address


def test_nobody_runs_while_all_wait_for_budget(two: Two) -> None:
    system, server, _ = two
    contexts(two)
    invoke(system, OTHER, Type.TCB, "Suspend")
    configure(system, Init.SCHED_CONTEXT, BUDGET, PERIOD)
    start = system.root.processor.started
    assert tick(system, start + BUDGET) == 0
    assert Flag(system.block.flags) & Flag.SET_TIMER
    due = SchedContext(system.ram, server.sched_context).due
    assert tick(system, due) == server.address


def test_yield_gives_up_the_rest_of_a_budget(two: Two) -> None:
    system, server, client = two
    contexts(two)
    configure(system, Init.SCHED_CONTEXT, BUDGET, PERIOD)
    used = SchedContext(system.ram, server.sched_context).consumed
    assert system.syscall(Trap.YIELD) == client.address
    context = SchedContext(system.ram, server.sched_context)
    assert context.due >= system.block.now + PERIOD - BUDGET
    assert context.consumed < used + BUDGET // 10
    invoke(system, Init.TCB, Type.TCB, "Suspend")
    assert not system.block.next


def test_a_yield_alone_costs_a_budget_too(two: Two) -> None:
    system, _, _ = two
    invoke(system, OTHER, Type.TCB, "Suspend")
    configure(system, Init.SCHED_CONTEXT, BUDGET, PERIOD)
    assert system.syscall(Trap.YIELD) == 0


def test_a_timeout_is_told_to_the_timeout_endpoint(two: Two) -> None:
    system, server, client = two
    contexts(two)
    invoke(system, OTHER, Type.TCB, "SetTimeoutEndpoint", caps=(Init.ENDPOINT,))
    assert client.slot(TIMEOUT).type == Type.ENDPOINT
    configure(system, CONTEXT, BUDGET, PERIOD, 0, 77)
    assert system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY) == client.address
    start = system.root.processor.started
    assert tick(system, start + BUDGET) == server.address
    assert server.rsi >> LABEL_SHIFT == Fault.TIMEOUT
    assert server.rdx == 77
    assert BUDGET <= server.r10 <= BUDGET + 100 * COST_UNIT
    assert client.state == State.BLOCKED_ON_REPLY
    assert SchedContext(system.ram, client.sched_context).consumed == 0
    invoke(system, OTHER, Type.TCB, "Resume")
    assert client.queue == system.root.processor.release_queue


def test_configure_says_what_is_outside(two: Two) -> None:
    system, _, _ = two
    contexts(two)
    most = MAX_REFILLS - MIN_REFILLS
    assert configure(system, CONTEXT, MIN_BUDGET, MAX_PERIOD, most) == (0,)
    assert configure(system, CONTEXT, MIN_BUDGET, MIN_BUDGET) == (0,)
    for slot, words, expected in (
        (OTHER, (0,), (Error.INVALID_CAPABILITY, 1)),
        (99, (0,), (Error.INVALID_CAPABILITY, 1)),
        (CONTEXT, (0, MIN_BUDGET - 1), (Error.RANGE_ERROR, MIN_BUDGET, MAX_PERIOD)),
        (CONTEXT, (0, MAX_PERIOD + 1), (Error.RANGE_ERROR, MIN_BUDGET, MAX_PERIOD)),
        (CONTEXT, (MIN_BUDGET - 1, PERIOD), (Error.RANGE_ERROR, MIN_BUDGET, PERIOD)),
        (CONTEXT, (PERIOD + 1, PERIOD), (Error.RANGE_ERROR, MIN_BUDGET, PERIOD)),
        (CONTEXT, (BUDGET, PERIOD, most + 1, 0, 1), (Error.RANGE_ERROR, 0, most)),
        (CONTEXT, (BUDGET, PERIOD, 0, 0, 1), (Error.INVALID_ARGUMENT, 4)),
    ):
        assert configure(system, slot, *words) == expected


def test_a_thread_without_a_context_does_not_run(two: Two) -> None:
    system, server, client = two
    contexts(two)
    assert context_call(system, CONTEXT, "Unbind") == (0,)
    assert (client.sched_context, client.state, client.queue) == (0, State.RUNNING, 0)
    assert system.syscall(Trap.YIELD) == server.address
    assert context_call(system, CONTEXT, "Bind", OTHER) == (0,)
    assert system.syscall(Trap.YIELD) == client.address


def test_a_context_that_was_not_configured_runs_nobody_until_it_is(two: Two) -> None:
    system, server, client = two
    contexts(two)
    context_call(system, CONTEXT, "Unbind")
    make(system, server, Type.SCHED_CONTEXT, SPARE)
    assert context_call(system, SPARE, "Bind", OTHER) == (0,)
    assert system.syscall(Trap.YIELD) == server.address
    assert configure(system, SPARE, BUDGET, PERIOD) == (0,)
    assert system.syscall(Trap.YIELD) == client.address


def test_bind_refuses_what_is_bound(two: Two) -> None:
    system, server, _ = two
    contexts(two)
    make(system, server, Type.SCHED_CONTEXT, SPARE)
    assert context_call(system, SPARE, "Bind", Init.CNODE) == (Error.INVALID_CAPABILITY, 1)
    assert context_call(system, SPARE, "Bind", 99) == (Error.INVALID_CAPABILITY, 1)
    assert context_call(system, SPARE, "Bind", OTHER) == (Error.ILLEGAL_OPERATION,)
    assert context_call(system, CONTEXT, "Bind", OTHER) == (Error.ILLEGAL_OPERATION,)
    assert context_call(system, CONTEXT, "Bind", Init.NOTIFICATION) == (0,)
    for slot in (CONTEXT, SPARE):
        assert context_call(system, slot, "Bind", Init.NOTIFICATION) == (Error.ILLEGAL_OPERATION,)
    notification = Notification(system.ram, system.slot(server, Init.NOTIFICATION).object)
    assert notification.sched_context == system.slot(server, CONTEXT).object


def test_unbind_takes_thread_and_notification_but_not_the_callers(two: Two) -> None:
    system, server, client = two
    _, context = contexts(two)
    context_call(system, CONTEXT, "Bind", Init.NOTIFICATION)
    assert context_call(system, CONTEXT, "Unbind") == (0,)
    assert (context.tcb, context.notification, client.sched_context) == (0, 0, 0)
    notification = Notification(system.ram, system.slot(server, Init.NOTIFICATION).object)
    assert notification.sched_context == 0
    assert context_call(system, CONTEXT, "Unbind") == (0,)
    assert context_call(system, Init.SCHED_CONTEXT, "Unbind") == (Error.ILLEGAL_OPERATION,)


def test_unbind_object_takes_the_one_that_is_named(two: Two) -> None:
    system, _, client = two
    _, context = contexts(two)
    context_call(system, CONTEXT, "Bind", Init.NOTIFICATION)
    assert context_call(system, CONTEXT, "UnbindObject", OTHER) == (0,)
    assert (context.tcb, client.sched_context, bool(context.notification)) == (0, 0, True)
    assert context_call(system, CONTEXT, "UnbindObject", Init.NOTIFICATION) == (0,)
    for slot in (OTHER, Init.NOTIFICATION):
        assert context_call(system, CONTEXT, "UnbindObject", slot) == (Error.ILLEGAL_OPERATION,)
    assert context_call(system, CONTEXT, "UnbindObject", Init.CNODE) == (
        Error.INVALID_CAPABILITY, 1,
    )  # fmt: skip
    own = context_call(system, Init.SCHED_CONTEXT, "UnbindObject", Init.TCB)
    assert own == (Error.ILLEGAL_OPERATION,)


def test_consumed_counts_up_to_now_and_starts_over(two: Two) -> None:
    system, server, _ = two
    now = system.root.processor.started + 5000
    before = server.consumed
    system.block.now = now - system.block.cost * COST_UNIT - 300
    status, consumed = context_call(system, Init.SCHED_CONTEXT, "Consumed")
    assert (status, consumed) == (0, before + 5000)
    status, consumed = context_call(system, Init.SCHED_CONTEXT, "Consumed")
    assert consumed < 5000


def test_yield_to_lets_the_other_run_first(two: Two) -> None:
    system, server, client = two
    contexts(two)
    system.syscall(Trap.YIELD)
    assert system.syscall(Trap.YIELD) == server.address
    status, used = context_call(system, CONTEXT, "YieldTo")
    assert (status, used) == (0, client.consumed)
    assert system.running.address == client.address
    assert system.syscall(Trap.YIELD) == server.address


def test_yield_to_refuses_nobody_the_caller_and_who_is_above_its_maximum(two: Two) -> None:
    system, server, client = two
    contexts(two)
    own = context_call(system, Init.SCHED_CONTEXT, "YieldTo")
    assert own == (Error.ILLEGAL_OPERATION,)
    server.max_priority = client.priority - 1
    assert context_call(system, CONTEXT, "YieldTo") == (Error.ILLEGAL_OPERATION,)
    context_call(system, CONTEXT, "Unbind")
    assert context_call(system, CONTEXT, "YieldTo") == (Error.ILLEGAL_OPERATION,)


def test_with_the_last_capability_a_context_leaves_its_thread(two: Two) -> None:
    system, server, client = two
    contexts(two)
    context_call(system, CONTEXT, "Bind", Init.NOTIFICATION)
    delete(system, CONTEXT)
    assert client.sched_context
    assert system.syscall(Trap.YIELD) == client.address
    assert delete(system, Init.SCHED_CONTEXT) == (0,)
    assert (client.sched_context, system.running.address) == (0, server.address)
    notification = Notification(system.ram, system.slot(server, Init.NOTIFICATION).object)
    assert notification.sched_context == 0
    assert system.root.processor.context == server.sched_context


AMOUNTS = st.integers(MIN_BUDGET, 20 * MIN_BUDGET)


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, int, int, list[tuple[int, int]]]:
    """Budget, period, most refills; and rests and uses that take turns."""
    period = draw(AMOUNTS)
    budget = draw(st.integers(MIN_BUDGET, period))
    most = draw(st.integers(MIN_REFILLS, MAX_REFILLS))
    ticks = st.integers(0, 2 * period)
    return budget, period, most, draw(st.lists(st.tuples(ticks, ticks), max_size=25))


def check(rows: list[Refill], budget: int, period: int, most: int) -> None:
    """I31."""
    assert sum(amount for _, amount in rows) == budget
    assert 1 <= len(rows) <= most
    assert rows[0][1] >= MIN_BUDGET
    assert all(amount > 0 for _, amount in rows)
    for (time, amount), (later, _) in pairwise(rows):
        assert time + amount <= later
    assert rows[-1][0] <= rows[0][0] + period


@given(histories())
def test_refills_are_in_order_apart_and_add_up(
    history: tuple[int, int, int, list[tuple[int, int]]],
) -> None:
    budget, period, most, steps = history
    rows, now = [(0, budget)], 0
    for rest, use in steps:
        now = max(now + rest, rows[0][0])
        rows = refills.begin(rows, now)
        check(rows, budget, period, most)
        rows = refills.spend(rows, use, period, most)
        check(rows, budget, period, most)
        now += use


@given(histories(), st.integers(0, MIN_BUDGET // 4))
def test_no_more_than_the_budget_is_used_in_any_period(
    history: tuple[int, int, int, list[tuple[int, int]]], overrun: int
) -> None:
    """However use and rest alternate; a trap can end late by ``overrun``."""
    budget, period, most, steps = history
    rows, now = [(0, budget)], 0
    uses: list[tuple[int, int]] = []
    for rest, wanted in steps:
        now = max(now + rest, rows[0][0])
        rows = refills.begin(rows, now)
        use = min(wanted, rows[0][1] + overrun)
        rows = refills.spend(rows, use, period, most)
        uses.append((now, now + use))
        now += use
    for start, _ in uses:
        inside = sum(max(0, min(end, start + period) - max(at, start)) for at, end in uses)
        late = overrun * sum(start <= at < start + period for at, _ in uses)
        assert inside <= budget + late


@pytest.mark.parametrize("most", [MIN_REFILLS, MAX_REFILLS])
def test_small_uses_are_merged_when_there_is_no_room(most: int) -> None:
    rows: list[Refill] = [(0, BUDGET)]
    for step in range(1, 30):
        rows = refills.spend(refills.begin(rows, step * 9000), 1000, PERIOD, most)
        check(rows, BUDGET, PERIOD, most)
    assert len(rows) == most
