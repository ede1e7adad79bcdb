"""Notifications: a word of signals that nobody has to be waiting for.

Signalling ORs the badge of the capability into the word; waiting takes the word and
clears it. A notification that is bound to a thread also reaches that thread when it
waits at an endpoint, so that a server can wait for messages and interrupts at once.

A notification may have a scheduling context: it lends that to a passive thread which
gets its signals, until the thread waits again.

A broadcast wakes all who wait. A thread also hears of one that came after it had looked
for work and before it waited: it returns at once, maybe in vain.
"""

from __future__ import annotations

from vectoros.kernel import donation, waiting
from vectoros.kernel.abi import State
from vectoros.kernel.deletion import finalises
from vectoros.kernel.errors import invalid_capability
from vectoros.kernel.invocation import Outcome, Way, answer
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.sched_context import SchedContext
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
    sched_context = Field(0x28, "scheduling context that it lends to who waits, or 0")
    broadcast = Field(0x30, "number of its last broadcast; 0: none")
    broadcast_badge = Field(0x38, "badge that it came with")


_STATE, _HEARD, _CONTEXT = Tcb.indices("state", "heard", "sched_context")
_ACTIVE, _BROADCAST, _LENT = Notification.indices("active", "broadcast", "sched_context")


def send(trap: Trap, slot: int, way: Way) -> Outcome:
    """Signal through the capability in ``slot``. What the message says is not looked at."""
    head, badge, address = trap.words[slot >> 3 : (slot >> 3) + 3]
    if not head >> 8 & Right.WRITE:
        return invalid_capability()
    signal(trap, address, badge)
    return ()


def signal(trap: Trap, address: int, badge: int) -> bool:
    """Wake one thread, and say so, or remember the badge."""
    found = Notification(trap.ram, address)
    receiver = _receiver(found)
    if not receiver:
        found.active = 1
        found.signals |= badge
        return False
    waiting.unblock(trap.words, receiver)
    answer(trap.ram, receiver, badge=badge)
    _lend(trap, found, Tcb(trap.ram, receiver))
    trap.wake(receiver)
    return True


def broadcast(trap: Trap, address: int, badge: int = 0) -> int:
    """Wake all who wait, and say how many; who comes to wait hears of it, too."""
    root, found, woken = trap.root, Notification(trap.ram, address), 0
    root.broadcasts = number = root.broadcasts + 1
    found.broadcast, found.broadcast_badge = number, badge
    while receiver := _receiver(found):
        Tcb(trap.ram, receiver).heard = number
        signal(trap, address, badge)
        woken += 1
    trap.cost += woken
    return woken


def _receiver(found: Notification) -> int:
    """Return who gets the next signal, or 0: it will be remembered."""
    bound = 0 if found.active else found.bound
    waits = bound and found.words[(bound >> 3) + _STATE] == State.BLOCKED_ON_RECEIVE
    return found.head or (bound if waits else 0)


def _lend(trap: Trap, found: Notification, thread: Tcb) -> None:
    """Let a passive thread run on the context of the notification, if nobody does."""
    context = found.sched_context
    if context and not thread.sched_context and not SchedContext(trap.ram, context).tcb:
        donation.donate(trap, context, thread.address)


def take(trap: Trap, address: int, *, blocking: bool) -> bool:
    """Give the caller the signals of the notification, if any have come, or a broadcast.

    If not, and if the caller will wait, it gives back the context that it was lent.
    """
    words, at, caller = trap.words, address >> 3, trap.caller >> 3
    missed = words[at + _BROADCAST] > words[caller + _HEARD]
    if words[at + _ACTIVE] or missed:
        found, thread = Notification(trap.ram, address), trap.thread
        answer(trap.ram, trap.caller, badge=found.signals | found.broadcast_badge * missed)
        found.active = found.signals = 0
        thread.heard = max(thread.heard, found.broadcast)
        _lend(trap, found, thread)
        return True
    context = words[at + _LENT]
    if blocking and context and context == words[caller + _CONTEXT]:
        words[caller + _CONTEXT] = SchedContext(trap.ram, context).tcb = 0
        trap.decide_anew(trap.caller)  # a message may be there: then it does not wait
    return False


def wait(trap: Trap, address: int, *, blocking: bool) -> None:
    """Let the caller take the signals of the notification, or wait for one."""
    if take(trap, address, blocking=blocking):
        return
    if blocking:
        waiting.block(trap.words, trap.caller, address, State.BLOCKED_ON_NOTIFICATION)
    else:
        answer(trap.ram, trap.caller)


@finalises(Type.NOTIFICATION)
def _finalise(trap: Trap, slot: Slot, final: bool) -> None:
    """Let it go: the bound thread, its context, and who waits."""
    if not final:
        return
    found = Notification(trap.ram, slot.object)
    if found.bound:
        Tcb(trap.ram, found.bound).bound = 0
    if found.sched_context:
        SchedContext(trap.ram, found.sched_context).notification = 0
    waiting.restart_all(trap, slot.object)
