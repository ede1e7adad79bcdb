"""Domains: parts of the time, which threads of other domains cannot use.

A thread is in one of four domains. A schedule of up to 16 entries says which domain
runs, and for how many ticks; then comes the next entry, and at the end the start. Turns
end at fixed times, whatever anybody does: no more reaches from one into the next than
the trap that is under way.
"""

from __future__ import annotations

from vectoros.kernel.errors import Error, Refusal
from vectoros.kernel.invocation import Action, Invocation, assign, decodes, out_of_range
from vectoros.kernel.objects import Type
from vectoros.kernel.refills import MAX_PERIOD, MIN_BUDGET
from vectoros.kernel.root import DOMAIN_SCHEDULE, MAX_DOMAIN_ENTRIES, Root
from vectoros.kernel.scheduler import DOMAINS, NEVER
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.views import Field, View

ENTRY_SIZE = 16
MAX_DURATION = MAX_PERIOD


class Entry(View):
    """A row of the schedule."""

    domain = Field(0x0, "domain whose turn it is")
    duration = Field(0x8, "ticks; 0: the schedule ends before it. Of the first: for ever")


def entry(root: Root, index: int) -> Entry:
    """Return row ``index`` of the schedule."""
    return Entry(root.ram, root.address + DOMAIN_SCHEDULE + index * ENTRY_SIZE)


def start_turn(root: Root, index: int, now: int) -> None:
    """Let entry ``index`` have its turn from ``now`` on."""
    row, processor = entry(root, index), root.processor
    root.domain_index = index
    processor.enter(row.domain)
    processor.domain_end = now + row.duration if row.duration else NEVER


def end_turn(root: Root, now: int) -> None:
    """Let the next entry have its turn, from the end of this one on unless that is long ago."""
    index = root.domain_index + 1
    if index == MAX_DOMAIN_ENTRIES or not entry(root, index).duration:
        index = root.domain_start
    end = root.processor.domain_end
    late = now - end >= entry(root, index).duration
    start_turn(root, index, now if late else end)


@decodes(Type.DOMAIN, "Set")
def _set(invocation: Invocation) -> Action | Refusal:
    (domain,), (given,), trap = invocation.words, invocation.capabilities, invocation.trap
    if domain >= DOMAINS:
        return Refusal(Error.INVALID_ARGUMENT, (0,))
    if given.type != Type.TCB:
        return Refusal(Error.INVALID_ARGUMENT, (1,))
    thread = Tcb(trap.ram, given.object)

    def perform() -> tuple[int, ...]:
        thread.domain = domain
        trap.requeue(thread.address)
        trap.decide_anew(thread.address)
        return ()

    return perform


@decodes(Type.DOMAIN, "ScheduleConfigure")
def _configure(invocation: Invocation) -> Action | Refusal:
    index, domain, duration = invocation.words
    root = invocation.trap.root
    if refusal := out_of_range(
        (index, 0, MAX_DOMAIN_ENTRIES - 1), (domain, 0, DOMAINS - 1), (duration, 0, MAX_DURATION)
    ):
        return refusal
    if 0 < duration < MIN_BUDGET or (not duration and index and index == root.domain_start):
        return Refusal(Error.INVALID_ARGUMENT, (2,))
    return lambda: assign(entry(root, index), domain=domain, duration=duration)


@decodes(Type.DOMAIN, "ScheduleSetStart")
def _set_start(invocation: Invocation) -> Action | Refusal:
    (index,), trap = invocation.words, invocation.trap
    if refusal := out_of_range((index, 0, MAX_DOMAIN_ENTRIES - 1)):
        return refusal
    if index and not entry(trap.root, index).duration:
        return Refusal(Error.INVALID_ARGUMENT, (0,))

    def perform() -> tuple[int, ...]:
        trap.root.domain_start = index
        start_turn(trap.root, index, trap.now)
        trap.processor.budget_end = 0
        return ()

    return perform
