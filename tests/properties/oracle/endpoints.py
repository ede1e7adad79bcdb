"""Endpoints: who sends waits for who receives, and the other way round."""

from __future__ import annotations

from tests.properties.oracle import notifications
from tests.properties.oracle.answers import answer, rewind
from tests.properties.oracle.capability import Cap
from tests.properties.oracle.deletion import ends
from tests.properties.oracle.refusal import capability
from tests.properties.oracle.replies import await_answer, detach, lend
from tests.properties.oracle.scheduling import donate, forget, wake
from tests.properties.oracle.things import Endpoint, Notification, Reply, Sending, Tcb
from tests.properties.oracle.transfer import transfer
from tests.properties.oracle.world import World
from vectoros.kernel.abi import State
from vectoros.kernel.objects import Right, Type


def through(cap: Cap, *, call: bool = False) -> Sending:
    """Return what sending through ``cap`` means."""
    grant, reply = bool(cap.rights & Right.GRANT), bool(cap.rights & Right.GRANT_REPLY)
    return Sending(cap.badge, grant, reply, call)


def send(world: World, thread: Tcb, cap: Cap, *, call: bool, blocking: bool, lending: bool) -> bool:
    """Send the thread's message; say whether it is delivered or dropped, and not waiting."""
    if not cap.rights & Right.WRITE:
        raise capability(0)
    return send_as(world, thread, cap.thing, through(cap, call=call), blocking, lending)


def send_as(
    world: World, thread: Tcb, thing: object, sending: Sending, blocking: bool, lending: bool
) -> bool:
    """Send a message or a fault."""
    assert isinstance(thing, Endpoint)
    receivers = thing.waiting(State.BLOCKED_ON_RECEIVE)
    if receivers or blocking:
        thread.sending = sending
        lend(world, thread, sending)
    if not receivers:
        if blocking:
            notifications.block(world, thread, State.BLOCKED_ON_SEND, thing)
        return not blocking
    receiver = receivers[0]
    reply, grant = receiver.reply, receiver.answerable
    cancel(world, receiver)
    transfer(world, thread, receiver, thing)
    receiver.state = State.RUNNING
    waits = _delivered(world, thread, receiver, reply, grant, lending=lending)
    wake(world, receiver)
    return not waits


def _delivered(
    world: World, sender: Tcb, receiver: Tcb, reply: Reply | None, grant: bool, *, lending: bool
) -> bool:
    """Let a sender go on whose message has been delivered; say whether it does not."""
    sending = sender.sending
    if sending.call or sending.fault is not None:
        if reply is not None and (sending.grant or sending.grant_reply):
            await_answer(world, sender, reply, receiver, grant)
        else:
            sender.lease = (0, 0, 0)
            sender.state = State.INACTIVE
            forget(world, sender)
            if not sender.faulting:
                rewind(sender)
        return True
    context = sender.context
    if lending and context is not None and receiver.context is None:
        donate(world, context, receiver)
    return False


def receive(world: World, thread: Tcb, cap: Cap, *, blocking: bool, reply: Reply | None) -> None:
    """Receive a message, or the signals of the notification that the thread is bound to."""
    endpoint = cap.thing
    assert isinstance(endpoint, Endpoint)
    if reply is not None:
        for other in (reply.caller, reply.receiver):
            if other is not None:
                stop(world, other)
    if thread.bound is not None and notifications.take(world, thread, thread.bound):
        return
    if blocking:  # who calls may lend time instead
        notifications.give_back(world, thread, thread.bound)
    grant = bool(cap.rights & Right.GRANT)
    senders = endpoint.waiting(State.BLOCKED_ON_SEND)
    if senders:
        sender = senders[0]
        endpoint.queue.remove(sender)
        sender.at = None
        transfer(world, sender, thread, endpoint)
        if not _delivered(world, sender, thread, reply, grant, lending=False):
            sender.state = State.RUNNING
            answer(world, sender)
            wake(world, sender)
    elif blocking:
        notifications.block(world, thread, State.BLOCKED_ON_RECEIVE, endpoint)
        thread.reply, thread.answerable = reply, grant
        if reply is not None:
            reply.receiver = thread
    else:
        answer(world, thread)


WAITING = (State.BLOCKED_ON_RECEIVE, State.BLOCKED_ON_SEND, State.BLOCKED_ON_NOTIFICATION)


def cancel(world: World, thread: Tcb) -> None:
    """Take a thread out of what it waits for."""
    if thread.state in WAITING:
        assert thread.at is not None
        thread.at.queue.remove(thread)
        thread.at = None
    if thread.reply is not None:
        detach(world, thread.reply)
    thread.lease = (0, 0, 0)


def stop(world: World, thread: Tcb) -> None:
    """Stop a thread; a trap that it waits in is made again when it resumes."""
    waits = thread.state in (*WAITING, State.BLOCKED_ON_REPLY)
    cancel(world, thread)
    if waits and not thread.faulting:
        rewind(thread)
    thread.state = State.INACTIVE
    forget(world, thread)


def restart(world: World, thread: Tcb) -> None:
    """Let a thread that waits make its trap again; who has faulted stops."""
    world.works = True
    faulted = thread.faulting
    stop(world, thread)
    if not faulted:
        thread.state = State.RUNNING
        wake(world, thread)


def cancel_badged(world: World, endpoint: Endpoint, badge: int) -> None:
    """Let those who send with ``badge`` make their traps again."""
    for thread in [*endpoint.waiting(State.BLOCKED_ON_SEND)]:
        if thread.sending.badge == badge:
            restart(world, thread)


@ends(Type.ENDPOINT, Type.NOTIFICATION)
def _end(world: World, cap: Cap, final: bool) -> None:
    if not final:
        return
    thing = cap.thing
    assert isinstance(thing, Endpoint | Notification)
    if isinstance(thing, Notification):
        notifications.unbind(thing)
    for thread in [*thing.queue]:
        restart(world, thread)
