"""Scheduling contexts: the right to use a processor, as budget and period.

A thread runs on one, its own or one that was lent to it; without, it is passive. A
context whose budget is its period is round robin: its time never ends, but when the
budget is used up, others of the same priority have a turn. Any other has refills
(kernel/refills.py), and who has used them up waits for the next.
"""

from __future__ import annotations

from vectoros.kernel import refills
from vectoros.kernel.memory import Ram
from vectoros.kernel.refills import MIN_BUDGET, Refill
from vectoros.kernel.views import Field, View

REFILLS = 0x60
REFILL_SIZE = 16
MAX_REFILLS = (0x100 - REFILLS) // REFILL_SIZE
MIN_REFILLS = 2
"""What is left, and what has been used."""

_FIRST = REFILLS >> 3


class SchedContext(View):
    """The object. Its refills follow: pairs of a tick and an amount, the first first."""

    budget = Field(0x00, "ticks in a period; 0: not configured")
    period = Field(0x08, "ticks; equal to the budget: round robin")
    badge = Field(0x10, "data word of its timeout messages")
    tcb = Field(0x18, "thread that has it, or 0")
    notification = Field(0x20, "notification that lends it, or 0")
    reply = Field(0x28, "latest Reply object on its stack of calls, or 0")
    refill_max = Field(0x30, "refills that it may have, at most MAX_REFILLS")
    refill_count = Field(0x40, "how many there are")
    consumed = Field(0x48, "ticks used since Consumed was asked")
    due = Field(REFILLS, "tick from which the first refill may be used; 0 in round robin")
    left = Field(REFILLS + 8, "its ticks; in round robin, those of the turn, 0: it is over")

    @property
    def round_robin(self) -> bool:
        """Whether its time never ends."""
        return self.budget == self.period

    @property
    def refills(self) -> list[Refill]:
        """When it may be used."""
        first = self.at + _FIRST
        words = self.words[first : first + 2 * self.refill_count]
        return list(zip(words[::2], words[1::2], strict=True))

    @refills.setter
    def refills(self, pairs: list[Refill]) -> None:
        self.refill_count = len(pairs)
        for index, (time, amount) in enumerate(pairs):
            self.words[self.at + _FIRST + 2 * index] = time
            self.words[self.at + _FIRST + 2 * index + 1] = amount

    def configure(self, budget: int, period: int, most: int, now: int) -> None:
        """Have ``budget`` ticks in each ``period``, all of them from ``now`` on."""
        self.budget, self.period, self.refill_max = budget, period, most
        self.refills = [(0 if budget == period else now, budget)]

    def begin(self, now: int) -> None:
        """Let use begin ``now``, unless it began so already."""
        if 0 < self.due < now:
            self.refills = refills.begin(self.refills, now)


_BUDGET, _PERIOD, _LEFT = SchedContext.indices("budget", "period", "left")


def take(ram: Ram, context: int, ticks: int) -> None:
    """Let the scheduling context at ``context`` have ``ticks`` less."""
    words, at = ram.words, context >> 3
    if words[at + _BUDGET] != words[at + _PERIOD]:
        own = SchedContext(ram, context)
        own.refills = refills.spend(own.refills, ticks, own.period, own.refill_max)
        return
    left = words[at + _LEFT]
    words[at + _LEFT] = left - ticks if left >= ticks + MIN_BUDGET else 0
