"""The image format, and what else says the same."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from vectoros.image import format as fmt

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "image-format.md"


def test_header_and_entries_fill_sectors_without_gaps() -> None:
    assert fmt.HEADER_SIZE == 64
    assert fmt.ENTRY_SIZE == 80
    assert fmt.MAX_ENTRIES == 50


def test_the_directory_fits_below_the_boot_codes_page_tables() -> None:
    end = fmt.DIRECTORY_ADDRESS + fmt.MAX_DIRECTORY_SECTORS * fmt.SECTOR
    assert end <= 0x2000  # PML4 in firmware/stage2.S


def test_the_checksum_is_the_crc_with_its_own_field_zero() -> None:
    directory = bytes(range(256)) * 2
    zeroed = directory[:20] + bytes(4) + directory[24:]
    assert fmt.checksum(directory) == zlib.crc32(zeroed)


def test_the_modules_begin_where_the_kernels_memory_ends_each_at_a_page() -> None:
    assert fmt.modules_end([]) == fmt.MODULES_ADDRESS == fmt.KERNEL_LIMIT
    assert fmt.modules_end([1, 4096, 4097]) == fmt.MODULES_ADDRESS + 4 * 4096


def test_assembly_sees_every_kind_and_field() -> None:
    constants = fmt.constants()
    assert [constants[f"KIND_{name}"] for name in ("STAGE2", "KERNEL", "PROGRAM", "DATA")] == [
        1, 2, 3, 4,
    ]  # fmt: skip
    assert (constants["ENTRY_PRIORITY"], constants["ENTRY_GRANTS"]) == (44, 46)


def test_access_is_shown_as_three_letters() -> None:
    assert str(fmt.Access.READ | fmt.Access.EXECUTE) == "r-x"
    assert str(fmt.Access(0)) == "---"


def test_the_reference_page_has_every_field_at_its_offset() -> None:
    text = PAGE.read_text()
    for heading, fields in (("Header", fmt.HEADER_FIELDS), ("Entry", fmt.ENTRY_FIELDS)):
        section = text.split(f"## {heading}")[1].split("## ")[0]
        rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", section, re.MULTILINE)
        found = {name.upper(): int(offset) for offset, name in rows}
        assert found == fmt.offsets(fields), f"{heading} in {PAGE}"
