"""The address map itself; tests/test_layout.py is about the repository's."""

from __future__ import annotations

from itertools import pairwise

import pytest

from vectoros.layout import (
    BOOT_SECTOR,
    INTA_PAGE,
    IRQS,
    KERNEL_GATE,
    LOW_MEMORY_END,
    MACHINE_INFO,
    MAXIMUM_RAM,
    MEMORY,
    MINIMUM_RAM,
    PHYSICAL_ADDRESS_BITS,
    PORTS,
    VIDEO_MEMORY,
    Area,
    memory_area,
    port_area,
)
from vectoros.units import GIB, PAGE_SIZE


def test_an_area_shows_its_name_and_its_range_in_hexadecimal() -> None:
    area = Area("com1", 0x3F8, 8, "")
    assert area.last == 0x3FF
    assert str(area) == "com1 at 0x3f8..0x3ff"


def test_no_two_devices_share_a_port() -> None:
    rows = sorted(PORTS, key=lambda area: area.base)
    assert [f"{low} / {high}" for low, high in pairwise(rows) if low.last >= high.base] == []
    assert rows[0].base >= 0
    assert rows[-1].last < 1 << 16


def test_names_are_unique_and_find_their_rows() -> None:
    assert len({area.name for area in PORTS}) == len(PORTS)
    assert all(port_area(area.name) is area for area in PORTS)


@pytest.mark.parametrize(
    ("name", "base", "size"),
    [("pic1", 0x20, 2), ("pit", 0x40, 4), ("pic2", 0xA0, 2), ("ata", 0x1F0, 8), ("com1", 0x3F8, 8)],
)
def test_the_pc_keeps_its_ports(name: str, base: int, size: int) -> None:
    assert (port_area(name).base, port_area(name).size) == (base, size)


def test_interrupts_are_those_of_the_pc_and_belong_to_devices() -> None:
    assert IRQS == {
        "pit": 0,
        "keyboard": 1,
        "cascade": 2,
        "com1": 4,
        "rtc": 8,
        "power_events": 9,
        "mouse": 12,
        "ata": 14,
    }
    # The mouse is behind the keyboard's controller.
    assert set(IRQS) - {"cascade", "mouse"} <= {area.name for area in PORTS}


def test_the_smallest_machine_holds_a_boot_sector_below_640_kib() -> None:
    assert BOOT_SECTOR + 512 <= LOW_MEMORY_END < MINIMUM_RAM


def test_ram_ends_below_the_hole_where_a_pc_has_its_devices() -> None:
    assert MINIMUM_RAM < MAXIMUM_RAM <= 4 * GIB - 256 * 2**20


def test_video_memory_is_whole_pages_above_ram_and_below_what_a_pc_has_at_the_top() -> None:
    assert (VIDEO_MEMORY.base, VIDEO_MEMORY.size) == (0xE000_0000, 8 * 2**20)
    assert VIDEO_MEMORY.base >= MAXIMUM_RAM
    assert VIDEO_MEMORY.last < 0xFE00_0000
    assert VIDEO_MEMORY.base % PAGE_SIZE == VIDEO_MEMORY.size % PAGE_SIZE == 0


def test_the_acknowledge_page_is_one_page_that_the_cpu_can_address_and_no_ram_reaches() -> None:
    assert INTA_PAGE % PAGE_SIZE == 0
    assert MAXIMUM_RAM <= INTA_PAGE < 1 << PHYSICAL_ADDRESS_BITS


def test_the_devices_in_memory_are_whole_pages_in_the_hole_and_apart() -> None:
    rows = sorted(MEMORY, key=lambda area: area.base)
    assert [f"{low} / {high}" for low, high in pairwise(rows) if low.last >= high.base] == []
    assert all(area.base % PAGE_SIZE == area.size % PAGE_SIZE == 0 for area in rows)
    assert all(area.base >= MAXIMUM_RAM and area.last < 4 * GIB for area in rows)
    info = Area("machine_info", MACHINE_INFO, PAGE_SIZE, "")
    assert all(info.last < area.base or area.last < info.base for area in rows)


def test_a_device_is_in_memory_or_has_ports() -> None:
    assert memory_area("kernel_gate") == Area(
        "kernel_gate", KERNEL_GATE, PAGE_SIZE, "kernel gate: a store calls the kernel"
    )
    assert memory_area("com1") is None
    assert {area.name for area in MEMORY}.isdisjoint(area.name for area in PORTS)
