"""Endpoints: where a sender and a receiver meet, and a message changes hands.

An endpoint is idle, or has a queue of senders, or one of receivers: the state of the
thread at the head says which. Queues are in order of priority, and first come, first
served within one. Nothing is buffered: who comes first waits.
"""

from __future__ import annotations

from vectoros.kernel import fault, message, notification, queue
from vectoros.kernel.abi import COST_WORDS, State
from vectoros.kernel.errors import ILLEGAL, Error, Refusal, invalid_capability
from vectoros.kernel.invocation import MESSAGE, RAX, RDI, RSI, Action, Invocation, answer
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Right
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import Field, View

NO_REPLY = invalid_capability(1)
"""There are no Reply objects, so nothing could ever answer a call to an endpoint."""


class Endpoint(View):
    """The object: a queue of threads."""

    head = Field(0x0, "first thread that waits, or 0")
    tail = Field(0x8, "last thread that waits, or 0")

    def first(self, state: State) -> Tcb | None:
        """Return the thread at the head if it waits in ``state``."""
        head = self.head
        if not head:
            return None
        thread = Tcb(self.ram, head)
        return thread if thread.state == state else None


def decode(invocation: Invocation) -> Action | Refusal:
    """Prepare to send a message."""
    if not invocation.slot.rights & Right.WRITE:
        return invalid_capability()
    if invocation.calling:
        return NO_REPLY
    if message.extra_of(invocation.info):
        return ILLEGAL
    return lambda: _send(invocation)


def _send(invocation: Invocation) -> tuple[int, ...] | None:
    trap, slot = invocation.trap, invocation.slot
    endpoint = Endpoint(trap.ram, slot.object)
    receiver = endpoint.first(State.BLOCKED_ON_RECEIVE)
    if receiver is not None:
        unblock(receiver)
        transfer(trap, invocation.thread, receiver.address, slot.badge)
        trap.wake(receiver.address)
    elif invocation.blocking:
        thread = Tcb(trap.ram, invocation.thread)
        thread.send_badge = slot.badge
        block(thread, endpoint.address, State.BLOCKED_ON_SEND)
        return None
    return ()


def receive(trap: Trap, slot: Slot, *, blocking: bool) -> None:
    """Let the caller take a message from the endpoint in ``slot``, or wait for one."""
    thread = trap.thread
    if thread.bound and notification.take(trap, thread.bound):
        return
    endpoint = Endpoint(trap.ram, slot.object)
    sender = endpoint.first(State.BLOCKED_ON_SEND)
    if sender is not None:
        unblock(sender)
        _receive_from(trap, sender, thread.address)
    elif blocking:
        block(thread, endpoint.address, State.BLOCKED_ON_RECEIVE)
    else:
        answer(trap.ram, thread.address)


def _receive_from(trap: Trap, sender: Tcb, receiver: int) -> None:
    if sender.fault_pending:
        fault.deliver(trap.ram, sender, receiver)
        return
    transfer(trap, sender.address, receiver, sender.send_badge)
    answer(trap.ram, sender.address)
    trap.wake(sender.address)


def send_fault(trap: Trap, thread: Tcb, slot: Slot) -> None:
    """Let ``thread``, which has faulted, send that through its handler's endpoint."""
    endpoint = Endpoint(trap.ram, slot.object)
    thread.send_badge = slot.badge
    receiver = endpoint.first(State.BLOCKED_ON_RECEIVE)
    if receiver is None:
        thread.fault_pending = 1
        block(thread, endpoint.address, State.BLOCKED_ON_SEND)
        return
    unblock(receiver)
    fault.deliver(trap.ram, thread, receiver.address)
    trap.wake(receiver.address)


def block(thread: Tcb, endpoint: int, state: State) -> None:
    """Let ``thread`` wait at ``endpoint``."""
    thread.state = state
    thread.blocked_on = endpoint
    queue.insert(thread.words, endpoint, thread.address)


def unblock(thread: Tcb) -> None:
    """Take ``thread`` out of the queue where it waits, runnable."""
    queue.remove(thread.words, thread.blocked_on, thread.address)
    thread.blocked_on = 0
    thread.state = State.RUNNING


def transfer(trap: Trap, sender: int, receiver: int, badge: int) -> None:
    """Copy the message of ``sender`` to ``receiver``: label, words, and the badge."""
    words, source, target = trap.words, sender >> 3, receiver >> 3
    info = words[source + RSI]
    length = message.length_of(info)
    for register in MESSAGE:
        words[target + register] = words[source + register]
    if length > message.REGISTERS:
        length = _transfer_buffer(trap.ram, sender, receiver, length)
        trap.cost += length // COST_WORDS
    words[target + RAX] = Error.NO_ERROR
    words[target + RDI] = badge
    words[target + RSI] = message.info(info >> message.LABEL_SHIFT, length)


def _transfer_buffer(ram: Ram, sender: int, receiver: int, length: int) -> int:
    """Copy the words that registers do not hold; return the length that has arrived."""
    source, target = Tcb(ram, sender).buffer, Tcb(ram, receiver).buffer
    if not source or not target:
        return message.REGISTERS
    first = message.IPC_MESSAGE + 8 * message.REGISTERS
    end = message.IPC_MESSAGE + 8 * length
    ram.write(target + first, bytes(ram.view[source + first : source + end]))
    return length
