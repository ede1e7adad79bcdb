"""Endpoints: where a sender and a receiver meet, and a message changes hands.

An endpoint is idle, or has a queue of senders, or one of receivers: the state of the
thread at the head says which. Queues are in order of priority, and first come, first
served within one. Nothing is buffered: who comes first waits.

Who calls waits on for the answer, on the Reply object that the receiver has named. If
there is none, or if the capability has neither Grant nor GrantReply, nothing can ever
answer: the message arrives, and the caller stops.

This is the path that programs take most often, so it is written in words of RAM.
"""

from __future__ import annotations

from vectoros.kernel import donation, fault, notification, queue, transfer, waiting
from vectoros.kernel.abi import Fault, State
from vectoros.kernel.deletion import finalises
from vectoros.kernel.errors import invalid_capability
from vectoros.kernel.invocation import RSI, Outcome, Way, answer
from vectoros.kernel.message import IPC_LEASE, LENDS
from vectoros.kernel.objects import READ_WRITE, Right, Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import BUFFER, Tcb
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import Field, View


class Endpoint(View):
    """The object: a queue of threads."""

    head = Field(0x0, "first thread that waits, or 0")
    tail = Field(0x8, "last thread that waits, or 0")


CALLS = 1 << 4
"""In ``send_flags``, beside the RIGHT bits of the capability: the sender will want an answer."""

_STATE, _REPLY, _CONTEXT, _FLAGS, _BADGE, _BOUND, _FAULTED, _FAULT = Tcb.indices(
    "state", "reply", "sched_context", "send_flags", "send_badge", "bound", "fault_pending",
    "fault",
)  # fmt: skip
_LEASE_BASE, _LEASE_LENGTH, _LEASE_RIGHTS = Tcb.indices(
    "lease_base", "lease_length", "lease_rights"
)
_BUFFER = (BUFFER >> 3) + 2
_LEASE = IPC_LEASE >> 3
_RECEIVES, _SENDS = int(State.BLOCKED_ON_RECEIVE), int(State.BLOCKED_ON_SEND)
_WAITS, _TIMEOUT = int(State.BLOCKED_ON_REPLY), int(Fault.TIMEOUT)
_GRANT, _ANSWERED = int(Right.GRANT), int(Right.GRANT | Right.GRANT_REPLY)
_WRITE, _NOT_WRITABLE = int(Right.WRITE), invalid_capability()


def send(trap: Trap, slot: int, way: Way) -> Outcome:
    """Send the caller's message through the capability in ``slot``."""
    words, sender = trap.words, trap.caller
    head, badge, endpoint = words[slot >> 3], words[(slot >> 3) + 1], words[(slot >> 3) + 2]
    rights, calling = head >> 8 & 0xFF, way.calling
    if not rights & _WRITE:
        return _NOT_WRITABLE
    if calling and words[(sender >> 3) + RSI] & LENDS:
        _lease(words, sender >> 3)
    receiver = words[endpoint >> 3]
    if receiver and words[(receiver >> 3) + _STATE] == _RECEIVES:
        reply, may_grant = words[(receiver >> 3) + _REPLY], words[(receiver >> 3) + _FLAGS]
        waiting.unblock(words, receiver)
        transfer.message(trap, sender, receiver, badge, rights & _GRANT, endpoint)
        if calling:
            _await(trap, sender, receiver, reply, rights, may_grant)
        elif not (way.answered or words[(receiver >> 3) + _CONTEXT]):
            donation.donate(trap, words[(sender >> 3) + _CONTEXT], receiver)
        trap.wake(receiver)
    elif way.blocking:
        words[(sender >> 3) + _BADGE] = badge
        words[(sender >> 3) + _FLAGS] = rights | CALLS if calling else rights
        waiting.block(words, sender, endpoint, _SENDS)
        return None
    return None if calling else ()


def _lease(words: memoryview, at: int) -> None:
    """Lend the memory that the buffer of the caller names, if it does."""
    buffer = words[at + _BUFFER] >> 3
    if buffer:
        base, length, rights = words[buffer + _LEASE : buffer + _LEASE + 3]
        words[at + _LEASE_BASE], words[at + _LEASE_LENGTH] = base, length
        words[at + _LEASE_RIGHTS] = rights & READ_WRITE


def _await(trap: Trap, caller: int, receiver: int, reply: int, rights: int, may_grant: int) -> None:
    """Let ``caller`` wait for the answer; its time goes to a receiver that has none.

    Who tells that its budget is used up has none to lend.
    """
    words, at = trap.words, caller >> 3
    if not reply or not rights & _ANSWERED:
        waiting.stop(Tcb(trap.ram, caller))
        return
    words[at + _STATE] = _WAITS
    words[at + _REPLY] = reply
    words[at + _FLAGS] = may_grant & _GRANT
    words[reply >> 3] = caller
    context = words[at + _CONTEXT]
    spent = words[at + _FAULTED] and words[at + _FAULT] == _TIMEOUT
    if context and not spent and not words[(receiver >> 3) + _CONTEXT]:
        donation.lend(trap, context, reply, receiver)


def receive(trap: Trap, slot: int, reply: int, *, blocking: bool) -> None:
    """Let the caller take a message from the endpoint in ``slot``, or wait for one.

    Who calls will be answered through ``reply``, if that is not 0. Who still waits for an
    answer through it will get none.
    """
    words, thread = trap.words, trap.caller
    at = thread >> 3
    if reply and words[reply >> 3]:
        waiting.cancel(trap, Tcb(trap.ram, words[reply >> 3]))
    if words[at + _BOUND] and notification.take(trap, words[at + _BOUND], blocking=blocking):
        return
    rights, endpoint = words[slot >> 3] >> 8 & 0xFF, words[(slot >> 3) + 2]
    sender = words[endpoint >> 3]
    if sender and words[(sender >> 3) + _STATE] == _SENDS:
        waiting.unblock(words, sender)
        _hand_over(trap, sender, thread, endpoint, reply, rights)
    elif blocking:
        words[at + _FLAGS] = rights
        words[at + _REPLY] = reply
        if reply:
            words[reply >> 3] = thread
        waiting.block(words, thread, endpoint, _RECEIVES)
    else:
        answer(trap.ram, thread)


def _hand_over(
    trap: Trap, sender: int, receiver: int, endpoint: int, reply: int, may_grant: int
) -> None:  # fmt: skip
    """Give ``receiver`` what ``sender``, which is in no queue, says or has faulted on."""
    words, at = trap.words, sender >> 3
    flags = words[at + _FLAGS]
    if words[at + _FAULTED]:
        fault.deliver(trap.ram, Tcb(trap.ram, sender), receiver)
    else:
        transfer.message(trap, sender, receiver, words[at + _BADGE], flags & _GRANT, endpoint)
    if flags & CALLS:
        _await(trap, sender, receiver, reply, flags, may_grant)
    else:
        answer(trap.ram, sender)
        trap.wake(sender)


def send_fault(trap: Trap, thread: Tcb, slot: Slot) -> None:
    """Let ``thread``, which has faulted, send that through its handler's endpoint."""
    words, endpoint = trap.words, slot.object
    thread.send_badge, thread.fault_pending, thread.send_flags = slot.badge, 1, slot.rights | CALLS
    receiver = words[endpoint >> 3]
    if receiver and words[(receiver >> 3) + _STATE] == _RECEIVES:
        reply, may_grant = words[(receiver >> 3) + _REPLY], words[(receiver >> 3) + _FLAGS]
        waiting.unblock(words, receiver)
        _hand_over(trap, thread.address, receiver, endpoint, reply, may_grant)
        trap.wake(receiver)
    else:
        waiting.block(words, thread.address, endpoint, _SENDS)


@finalises(Type.ENDPOINT)
def _finalise(trap: Trap, slot: Slot, final: bool) -> None:
    if final:
        waiting.restart_all(trap, slot.object)


def cancel_badged(trap: Trap, endpoint: int, badge: int) -> None:
    """Let those who send with ``badge``, if it is one, make the trap again."""
    for address in list(queue.members(trap.words, endpoint)) if badge else ():
        thread = Tcb(trap.ram, address)
        if thread.state == State.BLOCKED_ON_SEND and thread.send_badge == badge:
            waiting.restart(trap, thread)
