"""Domains: which part of the time a thread has."""

from __future__ import annotations

from tests.conformance.kernel.dsl import (
    DOMAIN,
    EP,
    NTFN,
    THREAD_TCB,
    case,
    invoke,
    poll,
    retype,
    signal,
    spin,
    thread,
    wait,
)
from tests.conformance.kernel.step import Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

T = THREAD_TCB["a"]
TURN = 2_000_000
"""Ticks of an entry of the schedule."""


def set_domain(domain: int, thread_slot: int = T) -> Step:
    """Invoke Set."""
    return invoke(DOMAIN, "DOMAIN.Set", domain, thread_slot)


def entry(index: int, domain: int, duration: int) -> Step:
    """Invoke ScheduleConfigure."""
    return invoke(DOMAIN, "DOMAIN.ScheduleConfigure", index, domain, duration)


def begin(index: int) -> Step:
    """Invoke ScheduleSetStart."""
    return invoke(DOMAIN, "DOMAIN.ScheduleSetStart", index)


CASES = (
    case("DOMAIN-001", "a thread of a domain that has no turn does not run",
         thread("a"), set_domain(1), wait(NTFN).blocks()),
    case("DOMAIN-002", "each domain has its turn, whatever priorities its threads have",
         thread("a", 10), set_domain(1), entry(0, 0, TURN), entry(1, 1, TURN), begin(0),
         spin(3 * TURN), signal(NTFN).from_("a"), spin(100 * TURN).from_("a").cut_off(),
         poll(NTFN)),
    case("DOMAIN-003", "a domain in which nobody is ready leaves its turn unused",
         entry(0, 0, TURN), entry(1, 2, TURN), begin(0), spin(3 * TURN), poll(NTFN)),
    case("DOMAIN-004", "Set: there is no such domain",
         thread("a"), *(set_domain(domain).refused(Error.INVALID_ARGUMENT, 0)
                        for domain in (4, 1 << 63)), set_domain(3)),
    case("DOMAIN-005", "Set: no thread",
         *(set_domain(1, slot).refused(Error.INVALID_ARGUMENT, 1) for slot in (EP, 127)),
         retype(Type.TCB, T), set_domain(1).cut(0), set_domain(1).bare()),
    case("DOMAIN-006", "ScheduleConfigure: an index above 15",
         entry(16, 0, TURN).refused(Error.RANGE_ERROR, 0, 15), entry(15, 0, TURN)),
    case("DOMAIN-007", "ScheduleConfigure: there is no such domain",
         entry(1, 4, TURN).refused(Error.RANGE_ERROR, 0, 3)),
    case("DOMAIN-008", "ScheduleConfigure: a duration that does not fit",
         entry(1, 0, 1 << 56).refused(
             Error.RANGE_ERROR, 0, (1 << 56) - 1, because="duration"), entry(1, 0, (1 << 56) - 1)),
    case("DOMAIN-009", "ScheduleConfigure: less than the least budget",
         entry(1, 0, 399_999).refused(Error.INVALID_ARGUMENT, 2, because="duration is neither"),
         entry(1, 0, 1).refused(Error.INVALID_ARGUMENT, 2, because="duration is neither")),
    case("DOMAIN-010", "ScheduleConfigure: the schedule would start at its end",
         entry(1, 0, TURN), begin(1),
         entry(1, 0, 0).refused(Error.INVALID_ARGUMENT, 2, because="duration is 0"), begin(0),
         entry(1, 0, 0), entry(0, 0, 0), entry(1, 0, TURN).cut(2)),
    case("DOMAIN-011", "ScheduleSetStart: an index above 15",
         begin(16).refused(Error.RANGE_ERROR, 0, 15), begin(0).cut(0)),
    case("DOMAIN-012", "ScheduleSetStart: the entry ends the schedule",
         begin(1).refused(Error.INVALID_ARGUMENT, 0), begin(0)),
)  # fmt: skip
