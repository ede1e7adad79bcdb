"""Pacing against a host's clock that the test holds in its hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.pacing import FORGIVEN_S, Pacer, SliceLength
from vectoros.units import TICKS_PER_SECOND

MS = TICKS_PER_SECOND // 1000


class HostClock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def host() -> HostClock:
    return HostClock()


def test_a_tick_comes_when_virtual_time_says(host: HostClock) -> None:
    pacer = Pacer(5 * MS, host)
    assert pacer.wait_s(15 * MS) == pytest.approx(0.010)
    host.now += 0.004
    assert pacer.wait_s(15 * MS) == pytest.approx(0.006)
    assert pacer.tick() == pytest.approx(9 * MS, abs=1)


def test_a_tick_that_is_late_is_not_waited_for(host: HostClock) -> None:
    pacer = Pacer(0, host)
    host.now += 1
    assert pacer.wait_s(500 * MS) == 0


def test_a_little_lateness_is_made_good(host: HostClock) -> None:
    pacer = Pacer(0, host)
    host.now += FORGIVEN_S / 2  # busy, and slower than real time
    pacer.idle(0)
    assert pacer.wait_s(60 * MS) == pytest.approx(0.060 - FORGIVEN_S / 2)


def test_much_lateness_is_forgiven(host: HostClock) -> None:
    pacer = Pacer(0, host)
    host.now += 10
    pacer.idle(MS)
    assert pacer.wait_s(11 * MS) == pytest.approx(0.010)


def test_slices_grow_while_they_are_short_and_stop_at_the_ceiling() -> None:
    slices = SliceLength(10_000_000)
    assert slices.ticks == SliceLength.FIRST
    for _ in range(20):
        slices.took(slices.ticks, 0.0001)
    assert slices.ticks == SliceLength.LONGEST


def test_a_slice_that_took_long_makes_the_next_one_fit() -> None:
    slices = SliceLength(10_000_000)
    slices.took(65_536, 0.050)
    assert slices.ticks == pytest.approx(6_553, abs=1)


def test_a_tracers_ceiling_holds() -> None:
    slices = SliceLength(1000)
    slices.took(1000, 0.000001)
    slices.took(1000, 10.0)
    assert slices.ticks == 1000


@given(
    st.integers(1, 20_000_000),
    st.lists(st.tuples(st.integers(1, 10_000_000), st.floats(0, 100))),
)
def test_a_slice_is_never_empty_nor_above_the_ceiling(
    ceiling: int, slices: list[tuple[int, float]]
) -> None:
    length = SliceLength(ceiling)
    for ticks, seconds in slices:
        length.took(ticks, seconds)
        assert 0 < length.ticks <= min(ceiling, SliceLength.LONGEST)
