"""The methods of scheduling contexts, of the right to configure them, and of domains."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap
from tests.properties.oracle.deletion import ends
from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.refusal import ANY, argument, capability, illegal, within
from tests.properties.oracle.replies import detach
from tests.properties.oracle.scheduling import donate, forget, release, runnable, wake
from tests.properties.oracle.things import Notification, Reply, SchedContext, Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.objects import Type
from vectoros.units import TICKS_PER_SECOND

DOMAINS = 4
LEAST_BUDGET = TICKS_PER_SECOND // 10_000
"""100 microseconds."""
GREATEST_PERIOD = (1 << 56) - 1
EXTRA_REFILLS = 8


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
        release(world, context)
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
    return (ANY,)


@method(Type.SCHED_CONTEXT, "YieldTo")
def _yield_to(world: World, call: Invocation) -> Done:
    thread = _context(call).tcb
    if thread is None or thread is call.thread:
        raise illegal()
    if thread.priority > call.thread.max_priority:
        raise illegal()
    if runnable(thread):
        forget(world, thread)
        world.ready.setdefault((thread.domain, thread.priority), []).insert(0, thread)
        world.gives_way = thread.priority == call.thread.priority
    return (ANY,)


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
    context = cap.thing
    context.configured = True
    context.budget, context.period, context.badge = call["budget"], call["period"], call["badge"]
    if context.tcb is not None:
        wake(world, context.tcb)
    return ()


@method(Type.DOMAIN, "Set")
def _set_domain(world: World, call: Invocation) -> Done:
    within_domain = call["domain"] < DOMAINS
    cap = call.given("thread")
    if not within_domain:
        raise argument(0)
    if cap is None or not isinstance(cap.thing, Tcb) or cap.dying:
        raise argument(1)
    thread = cap.thing
    queued = any(thread in queue for queue in world.ready.values())
    forget(world, thread)
    thread.domain = call["domain"]
    if queued:
        wake(world, thread)
    return ()


@ends(Type.SCHED_CONTEXT)
def _end(world: World, cap: Cap, final: bool) -> None:
    context = cap.thing
    assert isinstance(context, SchedContext)
    if final:
        for reply in context.stack:
            reply.context = None
        context.stack.clear()
        _part(world, context)


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
