"""The scheduler: who runs next on a processor.

256 priorities, one queue each, and a bitmap in two levels to find the highest in a
fixed time. A running thread is in no queue. It runs until it waits, yields, has used
its time slice up while another of its priority is ready, or a thread of a higher
priority becomes ready; in that last case it stays first in its queue.

There is a timer only while two threads of one priority are ready. The decision is a
function of the queues and of the thread that was running; its consequences for the
machine are kernel/dispatch.py's.
"""

from __future__ import annotations

from vectoros.kernel import queue
from vectoros.kernel.abi import TIME_SLICE_NS, State
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.views import Field, View
from vectoros.units import TICKS_PER_NS

PRIORITIES = 256
TIME_SLICE = TIME_SLICE_NS * TICKS_PER_NS
"""In ticks."""

BITMAP = 0x40
QUEUES = 0x100
_OCCUPIED = 0x38 >> 3
_BITMAP, _QUEUES = BITMAP >> 3, QUEUES >> 3

STATE, PRIORITY, SLICE = Tcb.indices("state", "priority", "slice")
_RUNNING = int(State.RUNNING)


class Processor(View):
    """A processor's own structure: its queues, and what its registers hold."""

    current = Field(0x00, "TCB that runs; 0: idle")
    space = Field(0x08, "PML4 that is loaded")
    fpu_owner = Field(0x10, "TCB whose registers the FPU holds, or 0")
    fpu_closed = Field(0x18, "1: CR0.TS is set, so the next FPU instruction traps")
    timer = Field(0x20, "tick at which the timer will interrupt; 0: it is off")
    accounted = Field(0x28, "tick up to which time has been given to threads")
    idle = Field(0x30, "ticks that no thread had")
    occupied = Field(0x38, "bit n: word n of the bitmap is not zero")

    def queue(self, priority: int) -> int:
        """Physical address of the ready queue of ``priority``."""
        return self.address + QUEUES + priority * 16

    def append(self, thread: int) -> None:
        """Make ``thread``, which is runnable and in no queue, the last of its priority."""
        priority = self.words[(thread >> 3) + PRIORITY]
        queue.append(self.words, self.queue(priority), thread)
        self._mark(priority)

    def push(self, thread: int) -> None:
        """Make it the first of its priority."""
        priority = self.words[(thread >> 3) + PRIORITY]
        queue.push(self.words, self.queue(priority), thread)
        self._mark(priority)

    def remove(self, thread: int) -> None:
        """Take ``thread`` out of its ready queue."""
        priority = self.words[(thread >> 3) + PRIORITY]
        at = self.queue(priority)
        queue.remove(self.words, at, thread)
        if not self.words[at >> 3]:
            self._unmark(priority)

    def highest(self) -> int:
        """The highest priority at which a thread is ready; -1: none is."""
        occupied: int = self.words[self.at + _OCCUPIED]
        if not occupied:
            return -1
        word = occupied.bit_length() - 1
        bits: int = self.words[self.at + _BITMAP + word]
        return word * 64 + bits.bit_length() - 1

    def choose(self, current: int) -> int:
        """Return the thread to run now, and take it out of its queue; 0: none is ready.

        ``current`` is the thread that was running, or 0. If it is still runnable and
        is not chosen, it goes into its queue.
        """
        words, top = self.words, self.highest()
        if current and words[(current >> 3) + STATE] == _RUNNING:
            at = current >> 3
            priority = words[at + PRIORITY]
            if top < priority or (top == priority and words[at + SLICE]):
                return current
            if top > priority:
                self.push(current)
            else:
                words[at + SLICE] = TIME_SLICE
                self.append(current)
        if top < 0:
            return 0
        chosen: int = words[self.at + _QUEUES + 2 * top]
        self.remove(chosen)
        if not words[(chosen >> 3) + SLICE]:
            words[(chosen >> 3) + SLICE] = TIME_SLICE
        return chosen

    def has_peer(self, thread: int) -> bool:
        """Whether another thread of the same priority is ready."""
        priority = self.words[(thread >> 3) + PRIORITY]
        return bool(self.words[self.at + _QUEUES + 2 * priority])

    def _mark(self, priority: int) -> None:
        words, word = self.words, priority >> 6
        words[self.at + _BITMAP + word] |= 1 << (priority & 63)
        words[self.at + _OCCUPIED] |= 1 << word

    def _unmark(self, priority: int) -> None:
        words, word = self.words, priority >> 6
        left = words[self.at + _BITMAP + word] & ~(1 << (priority & 63))
        words[self.at + _BITMAP + word] = left
        if not left:
            words[self.at + _OCCUPIED] &= ~(1 << word)
