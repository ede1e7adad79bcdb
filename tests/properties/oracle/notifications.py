"""Notifications: signals that wait for nobody."""

from __future__ import annotations

from tests.properties.oracle.answers import answer
from tests.properties.oracle.capability import Cap
from tests.properties.oracle.refusal import capability
from tests.properties.oracle.scheduling import donate, forget, release, wake
from tests.properties.oracle.things import Endpoint, Notification, Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.abi import State
from vectoros.kernel.objects import Right


def enqueue(queue: list[Tcb], thread: Tcb) -> None:
    """Put a thread behind those of its own and higher priorities."""
    at = sum(other.priority >= thread.priority for other in queue)
    queue.insert(at, thread)


def block(world: World, thread: Tcb, state: State, at: Endpoint | Notification) -> None:
    """Let a thread wait."""
    forget(world, thread)
    thread.state, thread.at = state, at
    enqueue(at.queue, thread)


def signal_through(world: World, cap: Cap) -> None:
    """Signal, by way of a capability."""
    if not cap.rights & Right.WRITE:
        raise capability(0)
    assert isinstance(cap.thing, Notification)
    signal(world, cap.thing, cap.badge)


def signal(world: World, found: Notification, badge: int) -> None:
    """Wake one who waits, or remember the signal."""
    woken = found.queue[0] if found.queue else None
    bound = found.bound
    if not woken and not found.active and bound and bound.state is State.BLOCKED_ON_RECEIVE:
        woken = bound
    if woken is None:
        found.active, found.signals = True, found.signals | badge
        return
    assert woken.at is not None
    woken.at.queue.remove(woken)
    woken.at = None
    if woken.reply is not None:
        woken.reply.receiver, woken.reply = None, None
    woken.state = State.RUNNING
    answer(world, woken, badge=badge)
    lend_time(world, found, woken)
    wake(world, woken)


def lend_time(world: World, found: Notification, thread: Tcb) -> None:
    """Lend the notification's context, if nobody has it, to a thread without one."""
    context = found.context
    if context is not None and context.tcb is None and thread.context is None:
        donate(world, context, thread)


def give_back(world: World, thread: Tcb, found: Notification | None) -> None:
    """Take back what the notification had lent to the thread."""
    if found and found.context is not None and found.context.tcb is thread:
        release(world, found.context)


def take(world: World, thread: Tcb, found: Notification) -> bool:
    """Give a thread the signals that have come, or a broadcast that it has not heard of."""
    missed = found.broadcast > thread.heard
    if not found.active and not missed:
        return False
    answer(world, thread, badge=found.signals | (found.broadcast_badge if missed else 0))
    thread.heard = max(thread.heard, found.broadcast)
    found.active, found.signals = False, 0
    lend_time(world, found, thread)
    return True


def wait(world: World, thread: Tcb, found: Notification, *, blocking: bool) -> None:
    """Let a thread take the signals, or wait for one."""
    if take(world, thread, found):
        return
    if not blocking:
        answer(world, thread)
        return
    give_back(world, thread, found)
    block(world, thread, State.BLOCKED_ON_NOTIFICATION, found)


def unbind(found: Notification) -> None:
    """Part a notification from its thread and its context."""
    if found.bound is not None:
        found.bound.bound = None
        found.bound = None
    if found.context is not None:
        found.context.notification = None
        found.context = None
