"""Page tables as they are read: what an address means, level by level."""

from __future__ import annotations

import pytest

from tests.kernel.plain_memory import PlainMemory
from tests.kernel.system import DATA, KERNEL_PML4, RODATA, TEXT, System, boot
from vectoros.kernel import vspace
from vectoros.kernel.memory import Ram
from vectoros.kernel.process_layout import INFO_PAGE, SCREEN, STACK_SIZE, STACK_TOP, USER_LIMIT
from vectoros.kernel.vspace import Entry
from vectoros.kernel_image import walks

PML4, PDPT, PD, PT = 0x1000, 0x2000, 0x3000, 0x4000
ADDRESS = 0x12_3456_7000
LEVELS = ((PML4, 39), (PDPT, 30), (PD, 21), (PT, 12))
ALL = Entry.PRESENT | Entry.WRITE | Entry.USER


def tables(**changed: int) -> Ram:
    """Four tables that map ADDRESS to 0xABC000; ``changed`` are entries by shift, as s39."""
    ram = Ram(PlainMemory(bytearray(0x5000)))
    following = (PDPT, PD, PT, 0xAB_C000)
    for (table, shift), then in zip(LEVELS, following, strict=True):
        entry = changed.get(f"s{shift}", then | ALL)
        ram.words[(table >> 3) + (ADDRESS >> shift & 511)] = entry
    return ram


def test_a_walk_finds_the_entry_and_the_size_of_the_page() -> None:
    assert vspace.walk(tables(), PML4, ADDRESS + 0xFFF) == (0xAB_C000 | ALL, 4096)


def test_a_walk_ends_at_a_large_page() -> None:
    large = 0x4000_0000 | ALL | Entry.LARGE
    assert vspace.walk(tables(s21=large), PML4, ADDRESS) == (large, 1 << 21)
    assert vspace.walk(tables(s30=large), PML4, ADDRESS) == (large, 1 << 30)


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("right", [Entry.WRITE, Entry.USER])
def test_every_level_must_allow_it(level: int, right: Entry) -> None:
    table, shift = LEVELS[level]
    ram = tables()
    ram.words[(table >> 3) + (ADDRESS >> shift & 511)] &= ~int(right)
    assert vspace.walk(ram, PML4, ADDRESS) == (0xAB_C000 | ALL & ~right, 4096)


@pytest.mark.parametrize("level", range(4))
def test_one_level_is_enough_to_forbid_execution(level: int) -> None:
    table, shift = LEVELS[level]
    ram = tables()
    ram.words[(table >> 3) + (ADDRESS >> shift & 511)] |= int(Entry.NO_EXECUTE)
    assert vspace.walk(ram, PML4, ADDRESS) == (0xAB_C000 | ALL | Entry.NO_EXECUTE, 4096)


@pytest.mark.parametrize("level", range(4))
def test_nothing_is_mapped_where_a_level_has_no_entry(level: int) -> None:
    assert vspace.walk(tables(**{f"s{LEVELS[level][1]}": 0x7000}), PML4, ADDRESS) is None


@pytest.mark.parametrize("address", [USER_LIMIT, ADDRESS | 1 << 48, (1 << 64) - 4096])
def test_nothing_above_the_lower_half_is_ring_3s(address: int) -> None:
    assert vspace.walk(tables(), PML4, address) is None
    assert vspace.walk(boot().ram, KERNEL_PML4, address) is None


def test_a_process_sees_what_was_mapped_for_it(system: System) -> None:
    space = system.running.space
    for page in walks.mappings(system.ram, space):
        expected = (page.frame | page.access, page.size)
        assert vspace.walk(system.ram, space, page.address + page.size - 1) == expected
    found = {address: vspace.walk(system.ram, space, address) for address in
             (TEXT, RODATA, DATA, INFO_PAGE, SCREEN)}  # fmt: skip
    assert all(found.values())
    assert vspace.walk(system.ram, space, STACK_TOP - STACK_SIZE - 1) is None
