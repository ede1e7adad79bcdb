from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vectoros.clock import Clock, tick_of_count
from vectoros.units import TICKS_PER_SECOND

HERTZ = st.one_of(st.sampled_from([1, 1_193_182, 1_843_200]), st.integers(1, 10**10))


def test_a_clock_stands_where_it_is_set() -> None:
    assert Clock().now == 0
    stopped = Clock(7)
    assert stopped.now == stopped.now == 7
    stopped.set(11)
    assert stopped.now == 11


def test_while_the_cpu_runs_the_clock_follows_its_probe_until_it_is_set() -> None:
    running = Clock(5)
    ticks = iter([6, 9])
    running.follow(lambda: next(ticks))
    assert running.now == 6
    assert running.now == 9
    running.set(10)
    assert running.now == 10


def test_nanoseconds_are_rounded_down() -> None:
    assert [Clock(ticks).now_ns for ticks in (0, 3, 4, 4_003)] == [0, 0, 1, 1000]


@given(st.integers(0, 10**20), HERTZ, st.integers(0, 10**20))
def test_a_count_is_of_whole_periods_and_exact_for_ever(ticks: int, hertz: int, since: int) -> None:
    count = Clock(since + ticks).count(hertz, since)
    assert count * TICKS_PER_SECOND <= ticks * hertz < (count + 1) * TICKS_PER_SECOND


@given(st.integers(0, 10**15), HERTZ)
def test_the_tick_of_a_count_is_the_first_at_which_the_clock_counts_it(
    count: int, hertz: int
) -> None:
    tick = tick_of_count(count, hertz)
    assert Clock(tick).count(hertz) >= count
    assert tick == 0 or Clock(tick - 1).count(hertz) < count
