"""AML: each term in the bytes that the standard's grammar says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.boot import aml
from vectoros.errors import InvariantError


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0, "00"),
        (1, "01"),
        (2, "0a02"),
        (0xFF, "0aff"),
        (0x100, "0b0001"),
        (0xFFFF, "0bffff"),
        (0x10000, "0c00000100"),
        (0xFFFF_FFFF, "0cffffffff"),
    ],
)
def test_an_integer_takes_its_shortest_form(value: int, code: str) -> None:
    assert aml.integer(value).hex() == code


def test_an_integer_of_more_than_32_bits_is_refused() -> None:
    with pytest.raises(OverflowError, match="0x100000000 is wider"):
        aml.integer(1 << 32)


def read_length(code: bytes) -> tuple[int, int]:
    """Return a package length and its own size, read as section 20.2.4 says."""
    extra = code[0] >> 6
    if extra == 0:
        return code[0], 1
    return code[0] & 0xF | int.from_bytes(code[1 : 1 + extra], "little") << 4, 1 + extra


@given(size=st.one_of(st.integers(0, 70), st.integers(4080, 4110), st.integers(0, 1 << 21)))
def test_a_package_length_counts_itself_and_what_follows(size: int) -> None:
    code = aml.length(bytes(size))
    assert read_length(code) == (size + len(code), len(code))


@pytest.mark.parametrize(("size", "width"), [(62, 1), (63, 2), (4093, 2), (4094, 3)])
def test_a_package_length_is_as_short_as_it_can_be(size: int, width: int) -> None:
    assert len(aml.length(bytes(size))) == width


def test_a_package_length_of_more_than_28_bits_is_refused() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 1 << 28

    with pytest.raises(OverflowError, match="too many for one term"):
        aml.length(Huge())


def test_the_package_that_switches_off_is_as_every_compiler_makes_it() -> None:
    term = aml.name("\\_S5_", aml.package(*[aml.integer(0)] * 4))
    assert term.hex(" ") == "08 5c 5f 53 35 5f 12 06 04 00 00 00 00"


def test_a_device_in_a_scope() -> None:
    term = aml.scope("\\_SB_", aml.device("COM1", aml.name("_UID", aml.integer(1))))
    assert term == b"\x10\x13\\_SB_\x5b\x82\x0bCOM1\x08_UID\x01"


@pytest.mark.parametrize(
    ("text", "code"),
    [("PNP0501", "0c41d00501"), ("PNP0F13", "0c41d00f13"), ("INT0800", "0c25d40800")],
)
def test_an_eisa_id_is_compressed(text: str, code: str) -> None:
    assert aml.eisa_id(text).hex() == code


def test_resources_are_a_buffer_that_ends_with_an_end_tag() -> None:
    term = aml.resources(aml.ports(0x3F8, 8), aml.irq(4))
    assert term.hex(" ") == "11 10 0a 0d 47 01 f8 03 f8 03 01 08 22 10 00 79 00"


@pytest.mark.parametrize("text", ["S5", "_SB", "com1", "1ABC", "\\\\_SB_", "TOOLONG"])
def test_a_name_that_is_none_is_a_bug_of_ours(text: str) -> None:
    with pytest.raises(InvariantError, match="is no name of four characters"):
        aml.path(text)


def test_an_eisa_id_that_is_none_is_a_bug_of_ours() -> None:
    with pytest.raises(InvariantError, match="'PNP501' is no EISA ID"):
        aml.eisa_id("PNP501")
