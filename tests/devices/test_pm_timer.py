"""The ACPI power management timer: a function of the clock, and nothing else."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.clock import Clock
from vectoros.devices.pm_timer import PM_TIMER_HZ, PmTimer, tick_of_toggle, toggles
from vectoros.units import TICKS_PER_SECOND

WRAP = 1 << 24


def read_at(tick: int) -> int:
    return PmTimer(Clock(tick)).read(0, 4)


@given(tick=st.integers(0, 1 << 60))
def test_it_counts_3579545_times_a_second_in_24_bits(tick: int) -> None:
    exact = Fraction(tick * 3_579_545, 4_000_000_000)
    assert read_at(tick) == int(exact) % WRAP


def test_it_has_counted_once_after_the_first_whole_period_and_not_before() -> None:
    period = -(-TICKS_PER_SECOND // PM_TIMER_HZ)
    assert (read_at(period - 1), read_at(period)) == (0, 1)


def test_it_starts_again_at_zero_after_its_last_value() -> None:
    wrap = -(-WRAP * TICKS_PER_SECOND // PM_TIMER_HZ)
    assert (read_at(wrap - 1), read_at(wrap)) == (WRAP - 1, 0)


def test_nobody_can_set_it_and_it_keeps_no_state() -> None:
    timer = PmTimer(Clock(TICKS_PER_SECOND))
    timer.write(0, 4, 0)
    assert timer.read(0, 4) == PM_TIMER_HZ
    assert timer.guest_errors == 1
    assert timer.state() == {}


@pytest.mark.parametrize("number", [1, 2, 3, 1000])
def test_a_toggle_is_where_the_highest_bit_changes(number: int) -> None:
    tick = tick_of_toggle(number)
    before, after = read_at(tick - 1) >> 23, read_at(tick) >> 23
    assert (before, after) == (1 - number % 2, number % 2)
    assert (toggles(tick - 1), toggles(tick)) == (number - 1, number)
