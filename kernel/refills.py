"""Refills: when so many ticks of processor time may be used, as pairs in order.

What is used comes back a period later, so that in no period more than the budget is
used, however use and rest alternate. Functions over lists of pairs: nothing else is
needed to understand budgets. Of the refills of one context it is always true that

    the amounts add up to the budget,
    each begins when the one before it could be used up, or later,
    the last begins within a period of the first,
    the first has at least MIN_BUDGET.

Source: Stanovich, Baker, Wang and Harbour, "Defects of the POSIX Sporadic Server and
How to Correct Them" (RTAS 2010); seL4's MCS kernels.
"""

from __future__ import annotations

from vectoros.units import TICKS_PER_NS

MIN_BUDGET = 100_000 * TICKS_PER_NS
"""Ticks, 100 us: less is not worth a timer, and is put off until there is more."""

MAX_PERIOD = (1 << 56) - 1
"""Ticks: sums of times stay within 64 bits for a lifetime."""

Refill = tuple[int, int]
"""A tick, and how many ticks may be used from then on."""


def begin(refills: list[Refill], now: int) -> list[Refill]:
    """Let use begin ``now``, if the first refill has come, with all that come meanwhile.

    >>> begin([(100, 10), (205, 5), (300, 1)], 200)
    [(200, 15), (300, 1)]
    """
    (time, amount), taken = refills[0], 1
    if time > now:
        return refills
    while taken < len(refills) and refills[taken][0] <= now + amount:
        amount += refills[taken][1]
        taken += 1
    return [(now, amount), *refills[taken:]]


def spend(refills: list[Refill], ticks: int, period: int, most: int) -> list[Refill]:
    """Use ``ticks``; they come back a period after they were there, in ``most`` refills.

    >>> spend([(0, 10 * MIN_BUDGET)], MIN_BUDGET, 10**9, 4)
    [(400000, 3600000), (1000000000, 400000)]
    """
    left = list(refills)
    while ticks >= left[0][1]:  # all of it, or more than there was: of the next, too
        time, amount = left.pop(0)
        ticks -= amount
        _put_off(left, time + period, amount, most)
    if ticks:
        time, amount = left.pop(0)
        left.insert(0, (time + ticks, amount - ticks))
        _put_off(left, time + period, ticks, most)
    while left[0][1] < MIN_BUDGET:
        _, small = left.pop(0)
        time, amount = left[0]
        left[0] = (time - small, amount + small)
    return left


def _put_off(refills: list[Refill], time: int, amount: int, most: int) -> None:
    """Add a refill at the end, or to the last if they touch or there is no room."""
    if not refills:
        refills.append((time, amount))
        return
    last, more = refills[-1]
    if time <= last + more:
        refills[-1] = (last, more + amount)
    elif len(refills) == most:
        refills[-1] = (time - more, more + amount)
    else:
        refills.append((time, amount))
