"""The bits of a register: declared once, read and set by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.devices.fields import Bit, Bits, Fields


class Sample(Fields):
    READY = Bit(0, "data is ready")
    LEVEL = Bits(6, 4, "bytes waiting", {0: "none", 7: "full"})


def test_a_field_reads_as_its_own_number() -> None:
    value = Sample(0x71)
    assert (value.READY, value.LEVEL) == (1, 7)


def test_a_class_names_the_mask_of_each_field() -> None:
    assert (Sample.READY.mask, Sample.LEVEL.mask, Sample.mask) == (0x01, 0x70, 0x71)


@given(st.integers(0, 0xFF), st.integers(0, 7))
def test_replacing_a_field_leaves_every_other_bit_alone(value: int, level: int) -> None:
    changed = Sample(value).replace(LEVEL=level)
    assert (changed & 0x70) >> 4 == level
    assert changed & ~0x70 == value & ~0x70


def test_a_field_takes_no_more_bits_than_it_has() -> None:
    assert Sample(0).replace(LEVEL=0xFF, READY=2) == 0x70


def test_views_say_what_a_value_means_highest_bits_first() -> None:
    assert [str(view) for view in Sample(0x70).views()] == ["LEVEL=7 (full)", "READY=0"]


def test_two_fields_that_share_a_bit_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Bad\.B \(bits 4\) and \.A \(bits 5:3\) overlap"):

        class Bad(Fields):
            A = Bits(5, 3, "")
            B = Bit(4, "")


def test_a_field_whose_bits_are_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Bad\.A has bits 3:5: high comes first"):

        class Bad(Fields):
            A = Bits(3, 5, "")
