"""What the CMOS RAM says of the machine."""

from __future__ import annotations

import pytest

from vectoros.cmos import CHECKED, cmos_contents
from vectoros.units import MIB


def word(contents: dict[int, int], address: int) -> int:
    return contents.get(address, 0) | contents.get(address + 1, 0) << 8


@pytest.mark.parametrize(
    ("memory", "extended", "above"),
    [
        (1, 0, 0),
        (16, 15 * 1024, 0),
        (64, 63 * 1024, 768),
        (65, 65_535, 784),
        (3072, 65_535, 48_896),
    ],
)
def test_memory_is_told_in_kib_and_above_16_mib_in_64_kib(
    memory: int, extended: int, above: int
) -> None:
    contents = cmos_contents(memory * MIB, None)
    assert word(contents, 0x15) == 640
    assert word(contents, 0x17) == word(contents, 0x30) == extended
    assert word(contents, 0x34) == above


def test_there_is_an_fpu_and_a_mouse_and_no_floppy() -> None:
    contents = cmos_contents(64 * MIB, None)
    assert contents[0x14] == 0x06
    assert contents.get(0x10, 0) == contents.get(0x12, 0) == 0


def test_a_disk_has_the_user_type_and_its_geometry() -> None:
    contents = cmos_contents(64 * MIB, 16 * 63 * 700)
    assert (contents[0x12], contents[0x19]) == (0xF0, 47)
    assert (word(contents, 0x1B), contents[0x1D], contents[0x23]) == (700, 16, 63)


def test_the_checksum_is_that_of_10h_to_2dh_high_byte_first() -> None:
    for sectors in (None, 10_000):
        contents = cmos_contents(64 * MIB, sectors)
        total = sum(contents.get(address, 0) for address in range(0x10, 0x2E))
        assert list(CHECKED) == list(range(0x10, 0x2E))
        assert (contents[0x2E] << 8 | contents[0x2F]) == total


def test_every_byte_is_one_and_none_is_a_register_of_the_clock() -> None:
    for sectors in (None, 1, 1 << 40):
        contents = cmos_contents(3072 * MIB, sectors)
        assert all(0 <= value <= 0xFF for value in contents.values())
        assert all(0x0E <= address < 0x80 and address != 0x32 for address in contents)
