"""The scheduler: who is ready to run on a processor, and who will be.

Four domains of 256 priorities, with a queue for each, and for each domain a bitmap in
two levels to find the highest priority in a fixed time. The bitmap of the domain whose
turn it is lies where message passing looks at it. Who has used its budget up is in the
release queue, by the time at which there is more. A thread that runs is in no queue,
and nor is a passive one, which has no scheduling context.

Who runs, and what that means for the machine, is decided in kernel/dispatch.py.
"""

from __future__ import annotations

from vectoros.kernel import queue
from vectoros.kernel.abi import TIME_SLICE_NS
from vectoros.kernel.sched_context import SchedContext, take
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.views import MASK, Field, View
from vectoros.units import TICKS_PER_NS

DOMAINS = 4
PRIORITIES = 256
TIME_SLICE = TIME_SLICE_NS * TICKS_PER_NS
"""In ticks."""

NEVER = MASK
"""A tick that does not come."""

OCCUPIED, BITMAP = 0x38, 0x40
SUMMARY_WORDS = 5
"""A domain's: one word that says which of the other four are not zero."""

RELEASE = 0x80
SUMMARIES = 0x100
QUEUES = 0x200

_OCCUPIED, _BITMAP = OCCUPIED >> 3, BITMAP >> 3
QUEUE, PRIORITY, DOMAIN, CONTEXT, _CONSUMED = Tcb.indices(
    "queue", "priority", "domain", "sched_context", "consumed"
)
_BUDGET, _DUE, _USED = SchedContext.indices("budget", "due", "consumed")


class Processor(View):
    """A processor's own structure: its queues, and what its registers hold."""

    current = Field(0x00, "TCB that runs; 0: idle")
    space = Field(0x08, "PML4 that is loaded")
    fpu_owner = Field(0x10, "TCB whose registers the FPU holds, or 0")
    fpu_closed = Field(0x18, "1: CR0.TS is set, so the next FPU instruction traps")
    timer = Field(0x20, "tick at which the timer will interrupt; 0: it is off")
    started = Field(0x28, "tick up to which time has been charged")
    idle = Field(0x30, "ticks that no thread had")
    occupied = Field(OCCUPIED, "of this domain, bit n: word n of the bitmap is not zero")
    context = Field(0x60, "scheduling context that time is charged to; 0: it is idle")
    budget_end = Field(0x68, "first tick at which there is something to decide")
    domain = Field(0x70, "domain whose turn it is")
    domain_end = Field(0x78, "tick at which its turn ends")
    release_head = Field(RELEASE, "thread whose budget comes next, or 0")

    def queue(self, priority: int, domain: int = 0) -> int:
        """Physical address of the ready queue of ``priority`` in ``domain``."""
        return self.address + QUEUES + (domain * PRIORITIES + priority) * 16

    @property
    def release_queue(self) -> int:
        """Physical address of the queue of those who wait for budget."""
        return self.address + RELEASE

    def wake(self, thread: int, now: int) -> None:
        """Put ``thread``, which is runnable, into the queue where it belongs, if into any.

        Who has been given the context that runs goes on in its turn, before its peers.
        """
        words, at = self.words, thread >> 3
        context = words[at + CONTEXT] >> 3
        if not context or words[at + QUEUE] or thread == words[self.at]:
            return
        if words[context + _DUE] > now:
            self._delay(thread, words[context + _DUE])
        elif words[context + _BUDGET]:
            self.append(thread, first=context == words[self.at + _CONTEXT] >> 3)

    def append(self, thread: int, *, first: bool = False) -> None:
        """Make ``thread``, which is in no queue, the last of its priority, or the first."""
        words, at = self.words, thread >> 3
        domain, priority = words[at + DOMAIN], words[at + PRIORITY]
        words[at + QUEUE] = place = self.queue(priority, domain)
        head = place >> 3
        if words[head]:
            queue.insert_after(words, place, 0 if first else words[head + 1], thread)
            return
        words[head] = words[head + 1] = thread  # its links are 0, as of all who are in no queue
        summary = self.summary(domain)
        words[summary] |= 1 << (priority >> 6)
        words[summary + 1 + (priority >> 6)] |= 1 << (priority & 63)

    def _delay(self, thread: int, due: int) -> None:
        """Put ``thread`` into the release queue, behind those that are due no later."""
        place, self.budget_end = self.release_queue, 0  # it may need the timer sooner
        before = self.words[(place >> 3) + 1]
        while before and self.due(before) > due:
            before = self.words[(before >> 3) + queue.PREVIOUS]
        queue.insert_after(self.words, place, before, thread)
        self.words[(thread >> 3) + QUEUE] = place

    def remove(self, thread: int) -> None:
        """Take ``thread`` out of its ready queue or the release queue, if it is in one."""
        words = self.words
        place = words[(thread >> 3) + QUEUE]
        if not place:
            return
        words[(thread >> 3) + QUEUE] = 0
        head = place >> 3
        if words[head] != words[head + 1]:
            queue.remove(words, place, thread)
            return
        words[head] = words[head + 1] = 0  # nobody else was there
        if place == self.address + RELEASE:
            return
        domain, priority = divmod(place - self.address - QUEUES >> 4, PRIORITIES)
        summary, word = self.summary(domain), priority >> 6
        words[summary + 1 + word] &= ~(1 << (priority & 63))
        if not words[summary + 1 + word]:
            words[summary] &= ~(1 << word)

    def due(self, thread: int) -> int:
        """The tick from which ``thread``, which has a context, may run."""
        return self.words[(self.words[(thread >> 3) + CONTEXT] >> 3) + _DUE]

    def release(self, now: int) -> None:
        """Make those ready whose budget has come."""
        while (thread := self.release_head) and self.due(thread) <= now:
            self.remove(thread)
            self.append(thread)

    def highest(self) -> int:
        """The highest priority at which a thread of this domain is ready; -1: none is."""
        return highest(self.words, self.at)

    def take(self) -> int:
        """Return the thread that is to run next, and take it out of its queue; 0: none."""
        words, at = self.words, self.at
        top = highest(words, at)
        if top < 0:
            return 0
        chosen: int = words[self.queue(top, words[at + _TURN]) >> 3]
        self.remove(chosen)
        return chosen

    def charge(self, until: int) -> None:
        """Charge the time up to ``until`` to whose it was."""
        words, at = self.words, self.at
        spent = until - words[at + _STARTED]
        if spent <= 0:
            return  # the stub has not yet spent what the last trap cost
        words[at + _STARTED] = until
        context, thread = words[at + _CONTEXT], words[at] >> 3
        if not context:
            self.idle += spent
            return
        words[(context >> 3) + _USED] += spent
        take(self.ram, context, spent)
        if thread:
            words[thread + _CONSUMED] += spent

    def enter(self, domain: int) -> None:
        """Let it be the turn of ``domain``."""
        active = self.at + _OCCUPIED
        saved = self._saved(self.domain)
        self.words[saved : saved + SUMMARY_WORDS] = self.words[active : active + SUMMARY_WORDS]
        saved = self._saved(domain)
        self.words[active : active + SUMMARY_WORDS] = self.words[saved : saved + SUMMARY_WORDS]
        self.domain = domain

    def _saved(self, domain: int) -> int:
        return self.at + (SUMMARIES >> 3) + domain * SUMMARY_WORDS

    def summary(self, domain: int) -> int:
        """Word of RAM where the summary of ``domain`` starts: occupied, then its bitmap."""
        active = domain == self.words[self.at + _TURN]
        return self.at + _OCCUPIED if active else self._saved(domain)


_STARTED, _CONTEXT, _TURN = Processor.indices("started", "context", "domain")


def highest(words: memoryview, cpu: int) -> int:
    """Return the highest priority that is ready on the processor at word ``cpu``, or -1."""
    occupied: int = words[cpu + _OCCUPIED]
    if not occupied:
        return -1
    word = occupied.bit_length() - 1
    bits: int = words[cpu + _BITMAP + word]
    return word * 64 + bits.bit_length() - 1
