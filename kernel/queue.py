"""Queues of threads: two words, head and tail, and links in the TCBs.

A thread is in at most one queue at a time, so one pair of links is enough: a ready
queue, the release queue, or that of the endpoint or notification that it waits at.
Every operation but insertion by priority takes a fixed time.
"""

from __future__ import annotations

from collections.abc import Iterator

from vectoros.kernel.tcb import Tcb

NEXT, PREVIOUS, PRIORITY = Tcb.indices("queue_next", "queue_prev", "priority")


def insert(words: memoryview, queue: int, thread: int) -> None:
    """Put ``thread`` behind those of its own priority, before those of a lower one.

    ``queue`` is the queue's physical address.
    """
    priority = words[(thread >> 3) + PRIORITY]
    before = words[(queue >> 3) + 1]
    while before and words[(before >> 3) + PRIORITY] < priority:
        before = words[(before >> 3) + PREVIOUS]
    insert_after(words, queue, before, thread)


def insert_after(words: memoryview, queue: int, before: int, thread: int) -> None:
    """Put ``thread`` behind ``before``, or at the head if that is 0."""
    head = queue >> 3
    after = words[(before >> 3) + NEXT] if before else words[head]
    at = thread >> 3
    words[at + NEXT], words[at + PREVIOUS] = after, before
    if before:
        words[(before >> 3) + NEXT] = thread
    else:
        words[head] = thread
    if after:
        words[(after >> 3) + PREVIOUS] = thread
    else:
        words[head + 1] = thread


def remove(words: memoryview, queue: int, thread: int) -> None:
    """Take ``thread`` out, wherever it stands."""
    head, at = queue >> 3, thread >> 3
    after, before = words[at + NEXT], words[at + PREVIOUS]
    if before:
        words[(before >> 3) + NEXT] = after
    else:
        words[head] = after
    if after:
        words[(after >> 3) + PREVIOUS] = before
    else:
        words[head + 1] = before
    words[at + NEXT] = words[at + PREVIOUS] = 0


def members(words: memoryview, queue: int) -> Iterator[int]:
    """Yield the threads from head to tail."""
    thread = words[queue >> 3]
    while thread:
        yield thread
        thread = words[(thread >> 3) + NEXT]
