"""What a capability to a scheduling context can do, and to the control over all of them.

A context belongs to at most one thread at a time, and may be lent by a notification
besides (kernel/notification.py), or along with calls (kernel/donation.py). How much time
it is worth is said by who has the one capability for that, SchedControl.
"""

from __future__ import annotations

from functools import partial

from vectoros.kernel import donation
from vectoros.kernel.deletion import finalises
from vectoros.kernel.errors import ILLEGAL, Error, Refusal, invalid_capability
from vectoros.kernel.invocation import Action, Invocation, assign, decodes, out_of_range
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Type
from vectoros.kernel.refills import MAX_PERIOD, MIN_BUDGET
from vectoros.kernel.sched_context import MAX_REFILLS, MIN_REFILLS, SchedContext
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap


def _target(invocation: Invocation) -> SchedContext:
    return SchedContext(invocation.trap.ram, invocation.slot.object)


def settle(trap: Trap, context: SchedContext) -> None:
    """Charge what has been used of ``context`` so far, and decide anew when the trap ends."""
    processor = trap.processor
    if processor.context == context.address:
        processor.charge(trap.now)
        processor.budget_end = 0


def bind(trap: Trap, context: SchedContext, thread: Tcb) -> tuple[int, ...]:
    """Give ``context``, which no thread has, to ``thread``, which has none."""
    context.tcb, thread.sched_context = thread.address, context.address
    trap.requeue(thread.address)
    trap.decide_anew(thread.address)
    return ()


def unbind(trap: Trap, context: SchedContext) -> tuple[int, ...]:
    """Take ``context`` from the thread that has it, if one has."""
    if context.tcb:
        settle(trap, context)
        trap.processor.remove(context.tcb)
        Tcb(trap.ram, context.tcb).sched_context = context.tcb = 0
    return ()


def _unbind_notification(context: SchedContext) -> tuple[int, ...]:
    if context.notification:
        Notification(context.ram, context.notification).sched_context = context.notification = 0
    return ()


@finalises(Type.SCHED_CONTEXT)
def _finalise(trap: Trap, slot: Slot, final: bool) -> None:
    context = SchedContext(trap.ram, slot.object)
    if not final:
        return
    settle(trap, context)
    donation.abandon(trap, context.address)
    unbind(trap, context)
    _unbind_notification(context)
    processor = trap.processor
    if processor.context == context.address:
        processor.context = 0


@decodes(Type.SCHED_CONTEXT, "Bind")
def _bind(invocation: Invocation) -> Action | Refusal:
    (given,), context, trap = invocation.capabilities, _target(invocation), invocation.trap
    if given.type == Type.TCB:
        thread = Tcb(trap.ram, given.object)
        busy = context.tcb or thread.sched_context
        return ILLEGAL if busy else lambda: bind(trap, context, thread)
    if given.type != Type.NOTIFICATION:
        return invalid_capability(1)
    lender = Notification(trap.ram, given.object)
    if context.notification or lender.sched_context:
        return ILLEGAL
    return lambda: (
        assign(context, notification=lender.address)
        or assign(lender, sched_context=context.address)
    )  # fmt: skip


@decodes(Type.SCHED_CONTEXT, "Unbind")
def _unbind(invocation: Invocation) -> Action | Refusal:
    trap, context = invocation.trap, _target(invocation)
    if context.tcb == invocation.thread:
        return ILLEGAL
    return lambda: unbind(trap, context) or _unbind_notification(context)


@decodes(Type.SCHED_CONTEXT, "UnbindObject")
def _unbind_object(invocation: Invocation) -> Action | Refusal:
    (given,), trap, context = invocation.capabilities, invocation.trap, _target(invocation)
    if given.type not in (Type.TCB, Type.NOTIFICATION):
        return invalid_capability(1)
    if given.object not in (context.tcb, context.notification) or given.object == trap.caller:
        return ILLEGAL
    to_thread = given.type == Type.TCB
    return lambda: unbind(trap, context) if to_thread else _unbind_notification(context)


def _take_consumed(trap: Trap, context: SchedContext) -> tuple[int, ...]:
    settle(trap, context)
    consumed, context.consumed = context.consumed, 0
    return (consumed,)


decodes(Type.SCHED_CONTEXT, "Consumed")(
    lambda sent: partial(_take_consumed, sent.trap, _target(sent))
)


@decodes(Type.SCHED_CONTEXT, "YieldTo")
def _yield_to(invocation: Invocation) -> Action | Refusal:
    trap, context = invocation.trap, _target(invocation)
    if context.tcb in (0, invocation.thread):
        return ILLEGAL
    thread, caller = Tcb(trap.ram, context.tcb), trap.thread
    if thread.priority > caller.max_priority:
        return ILLEGAL

    def perform() -> tuple[int, ...]:
        processor = trap.processor
        if thread.queue and thread.queue != processor.release_queue:
            if (thread.domain, thread.priority) == (caller.domain, caller.priority):
                processor.budget_end, trap.yielded_to = 0, thread.address
            processor.remove(thread.address)
            processor.append(thread.address, first=True)
        return _take_consumed(trap, context)

    return perform


@decodes(Type.SCHED_CONTROL, "Configure")
def _configure(invocation: Invocation) -> Action | Refusal:
    budget, period, extra, badge, flags = invocation.words
    (given,) = invocation.capabilities
    if given.type != Type.SCHED_CONTEXT:
        return invalid_capability(1)
    if refusal := out_of_range(
        (period, MIN_BUDGET, MAX_PERIOD),
        (budget, MIN_BUDGET, period),
        (extra, 0, MAX_REFILLS - MIN_REFILLS),
    ):
        return refusal
    if flags:
        return Refusal(Error.INVALID_ARGUMENT, (4,))
    context, trap = SchedContext(invocation.trap.ram, given.object), invocation.trap

    def perform() -> tuple[int, ...]:
        settle(trap, context)
        context.badge = badge
        context.configure(budget, period, MIN_REFILLS + extra, trap.now)
        if context.tcb:
            trap.requeue(context.tcb)
        return ()

    return perform
