from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.errors import ConfigError, InvariantError
from vectoros.layout import Area
from vectoros.memory import CpuMemory, Memory, Rom
from vectoros.units import MIB, PAGE_SIZE, PhysAddr

RAM = MIB
VIDEO = Area("video memory", 0x4000_0000, 4 * PAGE_SIZE, "a second piece of RAM")
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


def test_stores_of_the_cpu_itself_are_told_to_the_cpu_alone() -> None:
    memory, heard = make()
    own: list[tuple[int, int]] = []
    cpu = CpuMemory(memory, lambda address, size: own.append((address, size)))
    cpu.write(RAM - 2, b"frame")
    assert cpu.read(RAM - 2, 3) == b"fr\xff"
    assert (heard, own) == ([], [(RAM - 2, 2)])


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


# A second piece of RAM.


def with_video() -> tuple[Memory, list[tuple[int, int]]]:
    memory = Memory(RAM, VIDEO)
    heard: list[tuple[int, int]] = []
    memory.on_write(lambda address, size: heard.append((address, size)))
    return memory, heard


@given(st.integers(-9, 9), st.sampled_from([0, VIDEO.size, VIDEO.size // 2]), st.binary(max_size=9))
def test_a_second_piece_of_ram_keeps_what_falls_into_it(shift: int, at: int, data: bytes) -> None:
    memory, heard = with_video()
    address = VIDEO.base + at + shift
    memory.write(address, data)
    space = bytearray(b"\xff" * 16 + bytes(VIDEO.size) + b"\xff" * 32)
    kept = range(max(address, VIDEO.base), min(address + len(data), VIDEO.last + 1))
    for each in kept:
        space[16 + each - VIDEO.base] = data[each - address]
    assert memory.read(VIDEO.base - 16, len(space)) == space
    assert memory.read(VIDEO.base, VIDEO.size) == space[16:-32]
    assert heard == ([(kept[0], len(kept))] if kept else [])
    assert memory.read(0, RAM) == bytes(RAM)
    assert memory.read(RAM, 8) == b"\xff" * 8


def test_the_second_piece_lies_behind_the_first_in_the_store() -> None:
    memory, _ = with_video()
    memory.write(VIDEO.base + 5, b"pixel")
    assert memory.ram.size == RAM + VIDEO.size
    assert bytes(memory.ram.view[RAM + 5 : RAM + 10]) == b"pixel"
    assert memory.offset(VIDEO.base, VIDEO.size) == RAM
    assert memory.offset(VIDEO.base, VIDEO.size + 1) is None
    assert memory.offset(VIDEO.base - 1, 2) is None
    assert memory.offset(RAM - 1, 2) is None
    pages = [0, 255, 256, 259]
    base = VIDEO.base // PAGE_SIZE
    assert memory.physical_pages(pages) == [0, 255, base, base + 3]
    assert memory.physical_pages([]) == []


def test_clearing_touches_only_pages_that_hold_something() -> None:
    memory, heard = with_video()
    for page in (0, 1, 3):
        memory.write(VIDEO.base + page * PAGE_SIZE, b"\1" * PAGE_SIZE)
    heard.clear()
    memory.clear(VIDEO.base + 8, 3 * PAGE_SIZE)
    assert heard == [(VIDEO.base + 8, PAGE_SIZE - 8), (VIDEO.base + PAGE_SIZE, PAGE_SIZE),
                     (VIDEO.base + 3 * PAGE_SIZE, 8)]  # fmt: skip
    left = memory.read(VIDEO.base, VIDEO.size)
    assert left == b"\1" * 8 + bytes(3 * PAGE_SIZE) + b"\1" * (PAGE_SIZE - 8)
    assert 256 + 2 not in memory.ram.dirty()


def test_a_rom_in_the_second_piece_is_refused() -> None:
    memory = Memory(RAM, VIDEO)
    rom = Rom("vga", PhysAddr(VIDEO.base + PAGE_SIZE), bytes(PAGE_SIZE))
    sentence = f"{rom} overlaps video memory at 0x40000000..0x40003fff"
    with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
        memory.add_rom(rom)


def test_pieces_of_ram_that_overlap_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"video memory at \S+ overlaps ram at 0x0\.\.0x40000fff"):
        Memory(VIDEO.base + PAGE_SIZE, VIDEO)
