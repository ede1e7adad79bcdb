"""The methods of scheduling contexts, of the right to configure them, and of domains."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap
from tests.properties.oracle.deletion import ends
from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.refusal import argument, capability, illegal, within
from tests.properties.oracle.replies import detach
from tests.properties.oracle.scheduling import (
    ask,
    donate,
    forget,
    is_ready,
    requeue,
    unbind,
    wake,
)
from tests.properties.oracle.supply import LEAST as LEAST_BUDGET
from tests.properties.oracle.things import Notification, Reply, SchedContext, Tcb
from tests.properties.oracle.timetable import ENTRIES, start_turn
from tests.properties.oracle.world import World
from vectoros.kernel.objects import Type

DOMAINS = 4
GREATEST_PERIOD = (1 << 56) - 1
LEAST_REFILLS, EXTRA_REFILLS = 2, 8


def _context(call: Invocation) -> SchedContext:
    assert isinstance(call.cap.thing, SchedContext)
    return call.cap.thing


def _object(call: Invocation) -> Tcb | Notification:
    cap = call.given("object")
    if cap is None or not isinstance(cap.thing, Tcb | Notification) or cap.dying:
        raise capability(1)
    return cap.thing


@method(Type.SCHED_CONTEXT, "Bind")
def _bind(world: World, call: Invocation) -> Done:
    context, target = _context(call), _object(call)
    here = context.tcb if isinstance(target, Tcb) else context.notification
    if here is not None or target.context is not None:
        raise illegal()
    if isinstance(target, Tcb):
        donate(world, context, target)
        wake(world, target)
    else:
        context.notification, target.context = target, context
    return ()


def _part(world: World, context: SchedContext, *, tcb: bool = True, signal: bool = True) -> None:
    if tcb:
        unbind(world, context)
    if signal and context.notification is not None:
        context.notification.context, context.notification = None, None


@method(Type.SCHED_CONTEXT, "Unbind")
def _unbind(world: World, call: Invocation) -> Done:
    context = _context(call)
    if context.tcb is call.thread:
        raise illegal()
    _part(world, context)
    return ()


@method(Type.SCHED_CONTEXT, "UnbindObject")
def _unbind_object(world: World, call: Invocation) -> Done:
    context, target = _context(call), _object(call)
    if target.context is not context or target is call.thread:
        raise illegal()
    _part(world, context, tcb=isinstance(target, Tcb), signal=isinstance(target, Notification))
    return ()


@method(Type.SCHED_CONTEXT, "Consumed")
def _consumed(world: World, call: Invocation) -> Done:
    return _taken(world, _context(call))


def _taken(world: World, context: SchedContext) -> Done:
    """Say what has been used, and start over."""
    ask(world, context)
    consumed, context.consumed = context.consumed, 0
    return (consumed,)


@method(Type.SCHED_CONTEXT, "YieldTo")
def _yield_to(world: World, call: Invocation) -> Done:
    thread = _context(call).tcb
    if thread is None or thread is call.thread:
        raise illegal()
    if thread.priority > call.thread.max_priority:
        raise illegal()
    if is_ready(world, thread):
        forget(world, thread)
        world.ready.setdefault((thread.domain, thread.priority), []).insert(0, thread)
        here = call.thread.domain, call.thread.priority
        world.gives_way = (thread.domain, thread.priority) == here
    return _taken(world, _context(call))


@method(Type.SCHED_CONTROL, "Configure")
def _configure(world: World, call: Invocation) -> Done:
    cap = call.given("sched_context")
    if cap is None or not isinstance(cap.thing, SchedContext):
        raise capability(1)
    within(call["period"], LEAST_BUDGET, GREATEST_PERIOD)
    within(call["budget"], LEAST_BUDGET, call["period"])
    within(call["extra_refills"], 0, EXTRA_REFILLS)
    if call["flags"]:
        raise argument(4)
    context, budget = cap.thing, call["budget"]
    ask(world, context)
    context.budget, context.period, context.badge = budget, call["period"], call["badge"]
    context.turn, context.spans = budget, [(world.now, world.now + budget)]
    context.most = LEAST_REFILLS + call["extra_refills"]
    if context.tcb is not None:
        requeue(world, context.tcb)
    return ()


@method(Type.DOMAIN, "Set")
def _set_domain(world: World, call: Invocation) -> Done:
    cap = call.given("thread")
    if call["domain"] >= DOMAINS:
        raise argument(0)
    if cap is None or not isinstance(cap.thing, Tcb) or cap.dying:
        raise argument(1)
    thread = cap.thing
    forget(world, thread)
    thread.domain = call["domain"]
    wake(world, thread)
    return ()


@method(Type.DOMAIN, "ScheduleConfigure")
def _set_turn(world: World, call: Invocation) -> Done:
    entry, ticks = call["index"], call["duration"]
    within(entry, 0, ENTRIES - 1)
    within(call["domain"], 0, DOMAINS - 1)
    within(ticks, 0, GREATEST_PERIOD)
    if 0 < ticks < LEAST_BUDGET:
        raise argument(2)
    if not ticks and entry and entry == world.first_turn:
        raise argument(2)
    world.turns[entry] = call["domain"], ticks
    return ()


@method(Type.DOMAIN, "ScheduleSetStart")
def _start_turns(world: World, call: Invocation) -> Done:
    entry = call["index"]
    within(entry, 0, ENTRIES - 1)
    if entry and not world.turns[entry][1]:
        raise argument(0)
    world.first_turn = entry
    start_turn(world, entry, world.now)
    return ()


@ends(Type.SCHED_CONTEXT)
def _end(world: World, cap: Cap, final: bool) -> None:
    context = cap.thing
    assert isinstance(context, SchedContext)
    if final:
        ask(world, context)
        for reply in context.stack:
            reply.context = None
        context.stack.clear()
        _part(world, context)
        if world.time is context:
            world.time = None


@ends(Type.REPLY)
def _end_reply(world: World, cap: Cap, final: bool) -> None:
    from tests.properties.oracle.endpoints import stop

    reply = cap.thing
    assert isinstance(reply, Reply)
    if final:
        for thread in (reply.caller, reply.receiver):
            if thread is not None:
                stop(world, thread)
        detach(world, reply)
