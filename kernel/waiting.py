"""Waiting: how a thread begins to wait, at what, and how that ends without success.

A system call that a thread waits in has changed nothing of its registers, so it can be
made again: the thread goes back to the instruction. A fault is not a system call; its
thread is where it was.
"""

from __future__ import annotations

from vectoros.kernel import donation, queue
from vectoros.kernel.abi import State
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap

STATE, BLOCKED_ON, REPLY = Tcb.indices("state", "blocked_on", "reply")
_RUNNING = int(State.RUNNING)

QUEUED = (State.BLOCKED_ON_RECEIVE, State.BLOCKED_ON_SEND, State.BLOCKED_ON_NOTIFICATION)
"""States in which a thread is in the queue of what it waits at."""


def block(words: memoryview, thread: int, place: int, state: int) -> None:
    """Let ``thread`` wait at the endpoint or notification ``place``."""
    at = thread >> 3
    words[at + STATE], words[at + BLOCKED_ON] = state, place
    if words[place >> 3]:
        queue.insert(words, place, thread)
    else:  # nobody else is there, as in most cases
        words[place >> 3] = words[(place >> 3) + 1] = thread


def unblock(words: memoryview, thread: int) -> None:
    """Take ``thread`` out of the queue where it waits, runnable. It keeps no Reply object."""
    at = thread >> 3
    place, reply = words[at + BLOCKED_ON], words[at + REPLY]
    queue.remove(words, place, thread)
    words[at + STATE], words[at + BLOCKED_ON] = _RUNNING, 0
    if reply:
        words[reply >> 3] = words[at + REPLY] = 0


def stop(thread: Tcb) -> bool:
    """Stop ``thread``; say whether what it did can be made again: then it will be."""
    again = not thread.fault_pending
    thread.state = State.INACTIVE
    thread.lease_length = thread.fault_pending = 0
    if again:
        thread.rewind()
    return again


def cancel(trap: Trap, thread: Tcb) -> bool:
    """Stop ``thread`` if it waits; say whether it will make its system call again."""
    if thread.state == State.BLOCKED_ON_REPLY:
        donation.settle(trap, thread.reply)
        trap.words[thread.reply >> 3] = thread.reply = 0
    elif thread.state in QUEUED:
        unblock(trap.words, thread.address)
    else:
        return False
    return stop(thread)


def restart(trap: Trap, thread: Tcb) -> None:
    """Let ``thread``, which waits, make its system call again; one that has faulted stops."""
    trap.cost += 1
    if cancel(trap, thread):
        thread.state = State.RUNNING
        trap.wake(thread.address)


def restart_all(trap: Trap, place: int) -> None:
    """The same for everybody who waits at the endpoint or notification ``place``."""
    while thread := trap.words[place >> 3]:
        restart(trap, Tcb(trap.ram, thread))
