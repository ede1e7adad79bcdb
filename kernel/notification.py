"""Notifications: a word of signals that nobody has to be waiting for.

Signalling ORs the badge of the capability into the word; waiting takes the word and
clears it. A notification that is bound to a thread also reaches that thread when it
waits at an endpoint, so that a server can wait for messages and interrupts at once.
"""

from __future__ import annotations

from vectoros.kernel import queue
from vectoros.kernel.abi import State
from vectoros.kernel.errors import Refusal, invalid_capability
from vectoros.kernel.invocation import Action, Invocation, answer
from vectoros.kernel.objects import Right
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import Field, View


class Notification(View):
    """The object."""

    head = Field(0x00, "first thread that waits, or 0")
    tail = Field(0x08, "last thread that waits, or 0")
    active = Field(0x10, "1: signals have come that nobody has taken")
    signals = Field(0x18, "their badges, ORed")
    bound = Field(0x20, "TCB that also receives the signals at endpoints, or 0")


def decode(invocation: Invocation) -> Action | Refusal:
    """Prepare to signal. What the message says is not looked at."""
    slot = invocation.slot
    if not slot.rights & Right.WRITE:
        return invalid_capability()
    return lambda: _signal(invocation.trap, slot)


def _signal(trap: Trap, slot: Slot) -> tuple[int, ...]:
    signal(trap, slot.object, slot.badge)
    return ()


def signal(trap: Trap, address: int, badge: int) -> None:
    """Signal the notification at ``address``: wake one thread, or remember the badge."""
    found = Notification(trap.ram, address)
    receiver = found.head or (0 if found.active else _bound_receiver(found))
    if not receiver:
        found.active = 1
        found.signals |= badge
        return
    thread = Tcb(trap.ram, receiver)
    queue.remove(trap.words, thread.blocked_on, receiver)
    thread.blocked_on = 0
    thread.state = State.RUNNING
    answer(trap.ram, receiver, badge=badge)
    trap.wake(receiver)


def _bound_receiver(found: Notification) -> int:
    """Return the bound thread if it waits at an endpoint to receive, else 0."""
    bound = found.bound
    if bound and Tcb(found.ram, bound).state == State.BLOCKED_ON_RECEIVE:
        return bound
    return 0


def take(trap: Trap, address: int) -> bool:
    """Give the caller the signals of the notification, if any have come."""
    found = Notification(trap.ram, address)
    if not found.active:
        return False
    answer(trap.ram, trap.caller, badge=found.signals)
    found.active = found.signals = 0
    return True


def wait(trap: Trap, slot: Slot, *, blocking: bool) -> None:
    """Let the caller take the signals of the notification in ``slot``, or wait for one."""
    if take(trap, slot.object):
        return
    if not blocking:
        answer(trap.ram, trap.caller)
        return
    thread = trap.thread
    thread.state = State.BLOCKED_ON_NOTIFICATION
    thread.blocked_on = slot.object
    queue.insert(trap.words, slot.object, thread.address)
