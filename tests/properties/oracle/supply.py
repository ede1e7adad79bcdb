"""Supply of processor time: spans of ticks, each of which may be used once.

A budget of b ticks in a period of p is a supply of b ticks: when a tick of it is used, it
comes back p later. So no window of p has more than b, which is the rule of Stanovich et al.,
"Defects of the POSIX Sporadic Server and How to Correct Them". All else is about what does
not fit: there are only so many spans, and one of less than the least budget is no use.
"""

from __future__ import annotations

from vectoros.units import TICKS_PER_SECOND

LEAST = TICKS_PER_SECOND // 10_000
"""100 microseconds: with less than that left, one waits for more."""

Span = tuple[int, int]
"""First tick, and the one after the last."""


def begin(spans: list[Span], now: int) -> list[Span]:
    """Return the supply when use begins ``now``: what has been there is not lost, but late."""
    (start, end), *later = spans
    if start >= now:
        return spans
    end += now - start
    while later and later[0][0] <= end:
        end += later[0][1] - later[0][0]
        later = later[1:]
    return [(now, end), *later]


def used(spans: list[Span], ticks: int, period: int, most: int) -> list[Span]:
    """Return the supply when its first ``ticks`` have been used."""
    left = list(spans)
    while ticks:
        start, end = left.pop(0)
        size = min(ticks, end - start)
        if start + size < end:
            left.insert(0, (start + size, end))
        left = _with(left, start + period, start + size + period, most)
        ticks -= size
    return _joined(left)


def _with(spans: list[Span], start: int, end: int, most: int) -> list[Span]:
    """Return the supply with a span more, which is the last; it may come later, never earlier."""
    if not spans:
        return [(start, end)]
    *others, last = spans
    if start <= last[1]:
        return [*others, (last[0], last[1] + end - start)]
    if len(spans) < most:
        return [*spans, (start, end)]
    return [*others, (last[0] + start - last[1], end)]


def _joined(spans: list[Span]) -> list[Span]:
    """Put off what is too little at the start until it ends where the next span begins."""
    while spans[0][1] - spans[0][0] < LEAST:
        (start, end), (following, last), *later = spans
        spans = [(following - (end - start), last), *later]
    return spans
