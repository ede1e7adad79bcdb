from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.units import (
    PAGE_SIZE,
    REACTION_TICKS,
    TICKS_PER_NS,
    TICKS_PER_SECOND,
    format_ticks,
    parse_duration,
    parse_size,
    ticks_for,
)

NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
BYTES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@given(st.integers(0, 10**12 - 1), st.sampled_from(sorted(NS)))
def test_a_whole_duration_is_the_number_times_the_unit(number: int, unit: str) -> None:
    assert parse_duration(f" {number}{unit} ") == number * NS[unit]


@given(st.integers(0, 10**6), st.text("0123456789", min_size=1, max_size=9), st.sampled_from([*NS]))
def test_a_decimal_fraction_counts_and_less_than_a_nanosecond_is_dropped(
    whole: int, digits: str, unit: str
) -> None:
    assert parse_duration(f"{whole}.{digits}{unit}") == int(
        Fraction(f"{whole}.{digits}") * NS[unit]
    )


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1.s", ".5s", "1e3s", "1 s", "1h", "٣s"])
def test_what_is_no_duration_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is a number and one of ns, us, ms, s, m, not"):
        parse_duration(text)


@given(
    st.integers(0, 10**12 - 1),
    st.sampled_from([*BYTES]),
    st.sampled_from(["", "B", "b"]),
    st.booleans(),
)
def test_a_size_is_the_number_times_the_unit(number: int, unit: str, end: str, low: bool) -> None:
    text = f"{number}{unit}{end}"
    assert parse_size(text.lower() if low else text) == number * BYTES[unit]


def test_the_binary_prefixes_of_the_iec_mean_the_same() -> None:
    assert parse_size("3KiB") == parse_size("3K")
    assert parse_size("3gib") == parse_size("3G")


# The Kelvin sign matches a K when case is ignored, unless only ASCII counts.
@pytest.mark.parametrize("text", ["", "M", "-1M", "1.5M", "1T", "0x10", "64 M", "1iB", "64\u212a"])
def test_what_is_no_size_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="a size is a whole number and an optional K, M or G, not"):
        parse_size(text)


@given(st.text(max_size=12))
def test_no_text_does_worse_than_to_be_refused(text: str) -> None:
    for parse in (parse_duration, parse_size):
        with suppress(ValueError):
            assert parse(text) >= 0


def test_four_ticks_are_a_nanosecond_and_four_thousand_million_a_second() -> None:
    assert ticks_for(1) == TICKS_PER_NS == 4
    assert ticks_for(10**9) == TICKS_PER_SECOND == 4 * 10**9


def test_no_time_has_no_ticks() -> None:
    assert ticks_for(0) == 0


def test_the_longest_block_of_code_ends_before_anything_that_it_causes() -> None:
    longest = PAGE_SIZE - 1 - 16  # of a page's bytes, by Unicorn's translator
    assert longest < REACTION_TICKS == 4096


def test_a_negative_duration_has_no_ticks() -> None:
    with pytest.raises(ValueError, match="duration must not be negative, not -1 ns"):
        ticks_for(-1)


@pytest.mark.parametrize(
    ("ticks", "text"),
    [
        (0, "0 ns"),
        (7, "1 ns"),
        (3_999, "999 ns"),
        (4_000, "1.000 us"),
        (4_007_999, "1.001 ms"),
        (4_000_000 * 1_000 - 4, "999.999 ms"),
        (6 * TICKS_PER_SECOND, "6.000 s"),
    ],
)
def test_ticks_are_shown_as_time_rounded_down(ticks: int, text: str) -> None:
    assert format_ticks(ticks) == text
