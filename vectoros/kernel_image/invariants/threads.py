"""Messages, threads and replies: I20 to I26."""

from __future__ import annotations

from vectoros.errors import hold
from vectoros.kernel.abi import State
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Type
from vectoros.kernel.reply import Reply
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import BUFFER, CSPACE, HANDLER, POLICY, TIMEOUT, VSPACE, Tcb
from vectoros.kernel_image.invariants.facts import Facts

_WAITS = {
    State.BLOCKED_ON_RECEIVE: Type.ENDPOINT,
    State.BLOCKED_ON_SEND: Type.ENDPOINT,
    State.BLOCKED_ON_NOTIFICATION: Type.NOTIFICATION,
}
_WITH_REPLY = (State.BLOCKED_ON_RECEIVE, State.BLOCKED_ON_REPLY)
_SLOTS = {
    CSPACE: (Type.CNODE, Type.ZOMBIE),
    VSPACE: (Type.PML4,),
    BUFFER: (Type.FRAME,),
    HANDLER: (Type.ENDPOINT,),
    TIMEOUT: (Type.ENDPOINT,),
    POLICY: (Type.POLICY,),
}
"""What the slots of a TCB may hold, if anything."""


def sym_refs(facts: Facts) -> None:
    """I20: who waits is in the queue where it waits; what is bound is bound both ways."""
    found: dict[int, tuple[Type, int]] = {}
    for kind in (Type.ENDPOINT, Type.NOTIFICATION):
        for at in facts.objects(kind):
            found.update(dict.fromkeys(facts.members(at), (kind, at)))
    for thread in facts.threads():
        place = _WAITS.get(State(thread.state))
        expected = None if place is None else (place, thread.blocked_on)
        hold(found.get(thread.address) == expected, f"I20: thread {thread.address:#x} is not"
             " in the queue where it waits")  # fmt: skip
        bound = thread.bound
        back = Notification(thread.ram, bound).bound if bound else thread.address
        hold(back == thread.address, f"I20: notification {bound:#x} is bound to {back:#x}")
    for address in facts.objects(Type.NOTIFICATION):
        bound = Notification(facts.root.ram, address).bound
        back = Tcb(facts.root.ram, bound).bound if bound else address
        hold(back == address, f"I20: thread {bound:#x} is bound to {back:#x}")


def valid_ep(facts: Facts) -> None:
    """I21: senders or receivers wait at an endpoint; nobody at a notification that is active."""
    for at in facts.objects(Type.ENDPOINT):
        states = {Tcb(facts.root.ram, member).state for member in facts.members(at)}
        hold(len(states) <= 1, f"I21: senders and receivers wait at {at:#x}")
    for at in facts.objects(Type.NOTIFICATION):
        found = Notification(facts.root.ram, at)
        hold(not (found.active and found.head), f"I21: {at:#x} is active and waited for")
        hold(bool(found.active or not found.signals), f"I21: {at:#x} has signals and is not active")
        waiting = facts.members(at)
        alone = not found.bound or waiting in ([], [found.bound])
        hold(bool(alone), f"I21: others than its thread wait at the bound notification {at:#x}")


def unique_reply_caps(facts: Facts) -> None:
    """I22: a thread waits with one Reply object at most."""
    waiting = [Reply(facts.root.ram, at).tcb for at in facts.objects(Type.REPLY)]
    for thread in filter(None, waiting):
        hold(waiting.count(thread) == 1, f"I22: thread {thread:#x} waits with two Reply objects")


def valid_replies(facts: Facts) -> None:
    """I23: a Reply object and who waits with it know each other; it is on one stack at most."""
    ram, owned = facts.root.ram, set()
    for at in facts.objects(Type.REPLY):
        address = Reply(ram, at).tcb
        waits = Tcb(ram, address)
        known = not address or (waits.reply == at and waits.state in _WITH_REPLY)
        hold(known, f"I23: thread {address:#x} does not wait with Reply {at:#x}")
    for thread in facts.threads():
        known = not thread.reply or Reply(ram, thread.reply).tcb == thread.address
        hold(known, f"I23: thread {thread.address:#x} waits with a Reply that does not know it")
        answered = thread.state != State.BLOCKED_ON_REPLY or bool(thread.reply)
        hold(answered, f"I23: thread {thread.address:#x} waits for an answer that cannot come")
    for context in facts.objects(Type.SCHED_CONTEXT):
        above, at = 0, SchedContext(ram, context).reply
        while at:
            hold(at not in owned, f"I23: Reply {at:#x} is on two stacks, or twice")
            owned.add(at)
            reply = Reply(ram, at)
            known = (reply.above, reply.sched_context) == (above, 0 if above else context)
            hold(known and bool(reply.tcb), f"I23: Reply {at:#x} is not where context {context:#x}"
                 " has it")  # fmt: skip
            above, at = at, reply.below
    for at in facts.objects(Type.REPLY):
        known = at in owned or not Reply(ram, at).sched_context
        hold(known, f"I23: Reply {at:#x} is not on the stack that it names")


def fault_tcbs_valid_states(facts: Facts) -> None:
    """I24: a thread with a fault that is not dealt with does not run."""
    allowed = (State.BLOCKED_ON_SEND, State.BLOCKED_ON_REPLY, State.INACTIVE)
    for thread in facts.threads():
        known = not thread.fault_pending or thread.state in allowed
        hold(known, f"I24: thread {thread.address:#x} goes on with a fault")


def tcb_cap_cases(facts: Facts) -> None:
    """I25: a slot of a TCB holds what belongs there, or nothing."""
    for thread in facts.threads():
        for offset, kinds in _SLOTS.items():
            kind = Slot(thread.ram, thread.address + offset).type
            hold(kind in (Type.NULL, *kinds), f"I25: TCB {thread.address:#x} has type {kind}"
                 f" in slot {offset:#x}")  # fmt: skip
        buffer = thread.slot(BUFFER)
        hold(not buffer.device, f"I25: the buffer of TCB {thread.address:#x} is a device's")


def valid_idle(facts: Facts) -> None:
    """I26: there is no idle thread: nobody runs only if nobody is ready in the domain."""
    processor = facts.root.processor
    ready = processor.highest()
    hold(bool(processor.current) or ready < 0, f"I26: idle, with priority {ready} ready")


THREADS = (
    sym_refs, valid_ep, unique_reply_caps, valid_replies, fault_tcbs_valid_states, tcb_cap_cases,
    valid_idle,
)  # fmt: skip
