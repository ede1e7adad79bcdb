from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.errors import ConfigError, InvariantError
from vectoros.memory import CpuMemory, Memory, Rom
from vectoros.units import MIB, PAGE_SIZE, PhysAddr

RAM = MIB
ROM = Rom("bios", PhysAddr(RAM + PAGE_SIZE), bytes(range(256)) * 16)


def make(*roms: Rom) -> tuple[Memory, list[tuple[int, int]]]:
    memory = Memory(RAM)
    for rom in roms:
        memory.add_rom(rom)
    heard: list[tuple[int, int]] = []
    memory.on_write(lambda address, size: heard.append((address, size)))
    return memory, heard


def test_ram_is_zero_at_first_and_keeps_what_is_stored() -> None:
    memory, _ = make()
    assert memory.read(0, RAM) == bytes(RAM)
    memory.write(0x7C00, b"\xeb\xfe")
    assert memory.read(0x7BFF, 4) == b"\0\xeb\xfe\0"


def test_a_store_through_the_array_is_seen_and_the_other_way_round() -> None:
    memory, _ = make()
    memory.ram.array[5] = 7
    memory.write(6, b"\x08")
    assert memory.read(5, 2) == b"\x07\x08"
    assert memory.ram.array[6] == 8


@given(st.integers(RAM - 9, RAM + 3 * PAGE_SIZE), st.integers(0, 2 * PAGE_SIZE))
def test_a_read_may_cross_ram_holes_and_rom(address: int, size: int) -> None:
    memory, _ = make(ROM)
    memory.ram.view[-9:] = b"last nine"
    space = memory.read(0, RAM) + b"\xff" * PAGE_SIZE + ROM.data + b"\xff" * 4 * PAGE_SIZE
    assert memory.read(address, size) == space[address : address + size]


@given(st.integers(RAM - 9, RAM + 9), st.binary(max_size=20))
def test_bytes_written_outside_ram_are_lost(address: int, data: bytes) -> None:
    memory, heard = make()
    memory.write(address, data)
    stored = data[: max(0, RAM - address)]
    assert memory.read(RAM - 9, 9) == (bytes(max(0, address - RAM + 9)) + stored)[:9].ljust(
        9, b"\0"
    )
    assert memory.read(RAM, 32) == b"\xff" * 32
    assert heard == ([(address, len(stored))] if stored else [])


def test_rom_cannot_be_written() -> None:
    memory, heard = make(ROM)
    memory.write(ROM.base, b"changed")
    assert memory.read(ROM.base, PAGE_SIZE) == ROM.data
    assert heard == []


def test_each_store_of_the_host_is_told_once() -> None:
    memory, heard = make()
    memory.write(0x1000, b"code")
    memory.write(0x1001, b"")
    memory.write(0x2000, b"more")
    assert heard == [(0x1000, 4), (0x2000, 4)]


def test_stores_of_the_cpu_itself_are_not_told() -> None:
    memory, heard = make()
    cpu = CpuMemory(memory)
    cpu.write(RAM - 2, b"frame")
    assert cpu.read(RAM - 2, 3) == b"fr\xff"
    assert heard == []


def refuse(rom: Rom, sentence: str) -> None:
    memory = Memory(RAM)
    memory.add_rom(ROM)
    with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
        memory.add_rom(rom)
    assert memory.roms == [ROM]


@pytest.mark.parametrize("base", [ROM.base - PAGE_SIZE, ROM.base, ROM.end - PAGE_SIZE])
def test_overlapping_roms_are_refused_by_name(base: int) -> None:
    vga = Rom("vga", PhysAddr(base), bytes(2 * PAGE_SIZE))
    refuse(vga, f"vga at {base:#x}..{base + 0x1FFF:#x} overlaps bios at 0x101000..0x101fff")


def test_roms_may_touch() -> None:
    memory = Memory(RAM)
    for base in (ROM.base, ROM.end, ROM.base - PAGE_SIZE):
        memory.add_rom(Rom("rom", PhysAddr(base), bytes(PAGE_SIZE)))
    assert len(memory.roms) == 3


def test_a_rom_in_ram_is_refused() -> None:
    rom = Rom("vga", PhysAddr(0xC0000), bytes(PAGE_SIZE))
    refuse(rom, "vga at 0xc0000..0xc0fff overlaps ram at 0x0..0xfffff")


@pytest.mark.parametrize(
    ("base", "size"),
    [(ROM.end + 1, PAGE_SIZE), (ROM.end, PAGE_SIZE - 1), (ROM.end, 0)],
)
def test_a_rom_is_whole_pages(base: int, size: int) -> None:
    rom = Rom("odd", PhysAddr(base), bytes(size))
    refuse(rom, f"{rom}: base and size must be multiples of 4096 bytes")


def test_the_map_is_fixed_once_the_cpu_has_it() -> None:
    memory, _ = make()
    with pytest.raises(InvariantError, match=r"bios at 0x101000..0x101fff was added after the CPU"):
        memory.add_rom(ROM)
