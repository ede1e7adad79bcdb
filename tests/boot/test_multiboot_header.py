"""The reader of multiboot files: what is accepted, each rule that refuses, and any bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vectoros.boot.multiboot_header import (
    HAS_ADDRESSES,
    MAGIC,
    SEARCHED,
    MultibootError,
    Piece,
    find_header,
    read,
)

BASE = 0x10_0000


def header(flags: int, *addresses: int) -> bytes:
    checksum = -(MAGIC + flags) & 0xFFFF_FFFF
    return struct.pack(f"<{3 + len(addresses)}I", MAGIC, flags, checksum, *addresses)


def flat(
    load: int = BASE,
    *,
    header_at: int = 0,
    load_end: int = 0,
    bss_end: int = 0,
    entry: int = BASE + 32,
    flags: int = HAS_ADDRESSES,
    body: int = 32,
) -> bytes:
    """A flat kernel whose header is ``header_at`` bytes behind its start."""
    start = header(flags, load + header_at, load, load_end, bss_end, entry)
    return bytes(header_at) + start + bytes(body)


@dataclass(frozen=True)
class Segment:
    virtual: int = BASE
    physical: int = BASE
    offset: int = 0
    file_size: int = 0x60
    memory_size: int = 0x100
    type: int = 1


def elf(
    *segments: Segment, bits: int = 32, entry: int = BASE, flags: int = 0, **changes: int
) -> bytes:
    """An ELF kernel, its multiboot header behind the program headers."""
    wide = bits == 64
    head, row = (64, 56) if wide else (52, 32)
    fields = {
        "type": 2, "machine": 62 if wide else 3, "phoff": head,
        "phentsize": row, "phnum": len(segments), "order": 1,
    } | changes  # fmt: skip
    ident = bytes([0x7F, *b"ELF", 2 if wide else 1, fields["order"], 1])
    form = "<16sHHIQQQIHHHHHH" if wide else "<16sHHIIIIIHHHHHH"
    found = struct.pack(
        form, ident, fields["type"], fields["machine"], 1, entry, fields["phoff"], 0, 0,
        head, fields["phentsize"], fields["phnum"], 0, 0, 0,
    )  # fmt: skip
    for s in segments:
        if wide:
            place = (s.type, 7, s.offset, s.virtual, s.physical, s.file_size, s.memory_size, 0)
            found += struct.pack("<IIQQQQQQ", *place)
        else:
            place = (s.type, s.offset, s.virtual, s.physical, s.file_size, s.memory_size, 7, 0)
            found += struct.pack("<IIIIIIII", *place)
    return found + bytes(-len(found) % 4) + header(flags)


def test_the_header_is_found_at_any_multiple_of_four_in_the_first_8_kib() -> None:
    for at in (0, 4, 400, SEARCHED - 12):
        assert find_header(bytes(at) + header(0) + bytes(100)) == at
    for at in (1, 2, 401, SEARCHED - 8, SEARCHED):
        assert find_header(bytes(at) + header(0) + bytes(100)) is None


def test_a_magic_number_with_a_wrong_checksum_is_passed_over() -> None:
    false = struct.pack("<III", MAGIC, 0, 5)
    assert find_header(false + header(0)) == len(false)


def test_a_flat_kernel_goes_where_its_header_says() -> None:
    data = flat(header_at=8, bss_end=BASE + 0x2000)
    assert read(data).pieces == (Piece(BASE, 0, len(data), 0x2000),)
    assert read(data).entry == BASE + 32


def test_what_stands_before_load_addr_is_left_out() -> None:
    data = bytes(16) + flat()
    assert read(data).pieces == (Piece(BASE, 16, len(data) - 16, len(data) - 16),)


def test_load_end_addr_leaves_the_rest_of_the_file_out() -> None:
    assert read(flat(load_end=BASE + 40)).pieces == (Piece(BASE, 0, 40, 40),)


@pytest.mark.parametrize("bits", [32, 64])
def test_an_elf_kernel_goes_to_its_physical_addresses(bits: int) -> None:
    rows = Segment(), Segment(BASE + 0x1000, BASE + 0x1000, 0x20, 0, 0x800), Segment(type=4)
    kernel = read(elf(*rows, bits=bits))
    assert kernel.pieces == (Piece(BASE, 0, 0x60, 0x100), Piece(BASE + 0x1000, 0x20, 0, 0x800))
    assert kernel.end == BASE + 0x1800


@pytest.mark.parametrize("bits", [32, 64])
def test_the_entry_point_of_a_higher_half_kernel_is_physical(bits: int) -> None:
    high = 0xC000_0000
    assert read(elf(Segment(virtual=high), bits=bits, entry=high + 8)).entry == BASE + 8
    assert read(elf(Segment(virtual=high), bits=bits, entry=BASE + 8)).entry == BASE + 8


ONE = Segment()
REFUSED = [
    (b"", "has no multiboot header"),
    (bytes(20000), "has no multiboot header"),
    (header(8), "requires the unknown multiboot features 0x0008"),
    (header(HAS_ADDRESSES, BASE), "is cut short in the address fields"),
    (flat(BASE, header_at=0).replace(struct.pack("<II", BASE, BASE), struct.pack("<II", 4, 8)),
     "has load_addr 0x8 above its header_addr 0x4"),
    (header(HAS_ADDRESSES, 0x2000, 0x1000, 0, 0, 0x1000) + bytes(9000),
     "nearer to its start than header_addr 0x2000 is to load_addr 0x1000"),
    (flat(load_end=BASE), "has load_end_addr 0x100000, not above load_addr 0x100000"),
    (flat(load_end=BASE + 4000), "is cut short: 64 bytes, and load_end_addr 0x100fa0 is at 4000"),
    (flat(bss_end=BASE + 8), "has bss_end_addr 0x100008 below 0x100040"),
    (flat(entry=BASE - 1), "starts at 0xfffff, which is in nothing that it loads"),
    (flat(0xFFFF_FFF0, entry=0xFFFF_FFF0), "above 4 GiB"),
    (header(0) + bytes(100), "nor is it ELF"),
    (elf(ONE, order=2), "is ELF of class 1 and byte order 2"),
    (elf(ONE, type=3), "has e_type 3 and e_machine 3, not 2 and 3"),
    (elf(ONE, machine=40), "has e_type 2 and e_machine 40, not 2 and 3"),
    (elf(ONE, bits=64, machine=3), "has e_type 2 and e_machine 3, not 2 and 62"),
    (elf(ONE, phentsize=31), "has 1 program headers of 31 bytes, not 1 to 64 of 32"),
    (elf(), "has 0 program headers"),
    (elf(ONE, phnum=65), "has 65 program headers"),
    (elf(ONE, phoff=90), "its program headers lie behind the file"),
    (elf(replace(ONE, file_size=400, memory_size=400)), "segment 0 ends behind the file"),
    (elf(replace(ONE, memory_size=8)), "has 96 bytes for segment 0, which is 8 in memory"),
    (elf(replace(ONE, type=4)), "has nothing to load"),
    (elf(ONE, entry=8), "starts at 0x8, which is in nothing that it loads"),
    (elf(replace(ONE, physical=0xFFFF_FFFF)), "wants memory up to 0x1000000fe, above 4 GiB"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "rule"), REFUSED, ids=[rule for _, rule in REFUSED])
def test_a_broken_rule_is_named(data: bytes, rule: str) -> None:
    with pytest.raises(MultibootError) as caught:
        read(data)
    assert rule in caught.value.rule


WORDS = st.sampled_from([0, 1, 4, BASE, BASE + 32, MAGIC, 0xFFFF_FFFF, 0x7FFF_FFFF])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A kernel of some kind, with a few of its words replaced."""
    data = bytearray(draw(st.sampled_from([flat(), elf(ONE), elf(ONE, ONE, bits=64)])))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data) // 4 - 1)) * 4
        data[at : at + 4] = draw(WORDS | st.integers(0, 0xFFFF_FFFF)).to_bytes(4, "little")
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@given(files() | st.binary(max_size=200))
@example(elf(ONE))
def test_any_bytes_are_a_kernel_within_its_file_or_are_refused(data: bytes) -> None:
    try:
        kernel = read(data)
    except MultibootError:
        return
    for piece in kernel.pieces:
        assert 0 <= piece.offset <= piece.offset + piece.file_size <= len(data)
        assert piece.file_size <= piece.memory_size
        assert piece.end <= 1 << 32
    assert any(piece.address <= kernel.entry < piece.end for piece in kernel.pieces)
