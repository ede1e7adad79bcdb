"""Reading programs, which are anybody's. pyelftools and gcc, which know nothing of us, agree."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from vectoros import elf
from vectoros.elf import ElfError, Flags, read
from vectoros.elf_writer import Section, write
from vectoros.units import PAGE_SIZE

BASE = 0x40_0000
RX, RW = Flags.READ | Flags.EXECUTE, Flags.READ | Flags.WRITE

PROGRAM = write(
    [
        Section("text", BASE, b"\xeb\xfe", RX),
        Section("data", BASE + 0x1000, b"data" + bytes(8192), RW),
        Section("rodata", BASE + 0x5000, b"constant", Flags.READ),
    ],
    {"start": BASE, "table": BASE + 0x1000},
    BASE,
)
"""A program of three segments, in that order."""

Break = Callable[[bytes], bytes]


def patched(data: bytes, offset: int, new: bytes) -> bytes:
    return data[:offset] + new + data[offset + len(new) :]


def field(struct_: struct.Struct, kind: type, base: int, name: str, value: int) -> Break:
    """Return what puts ``value`` into the field ``name`` of the record at ``base``."""
    names = list(kind._fields)  # type: ignore[attr-defined]

    def change(data: bytes) -> bytes:
        record = list(struct_.unpack_from(data, base))
        record[names.index(name)] = value
        return patched(data, base, struct_.pack(*record))

    return change


def header(name: str, value: int) -> Break:
    return field(elf.HEADER, elf.FileHeader, 0, name, value)


def segment(index: int, name: str, value: int) -> Break:
    base = elf.HEADER.size + index * elf.PROGRAM_HEADER.size
    return field(elf.PROGRAM_HEADER, elf.ProgramHeader, base, name, value)


def both(first: Break, second: Break) -> Break:
    return lambda data: second(first(data))


def test_a_program_is_its_entry_and_its_segments() -> None:
    found = read(PROGRAM)
    assert found.entry == BASE
    assert [str(part.flags) for part in found.segments] == ["r-x", "rw-", "r--"]
    assert [(part.address, part.file_size, part.memory_size) for part in found.segments] == [
        (BASE, 2, 2),
        (BASE + 0x1000, 16, 8196),
        (BASE + 0x5000, 8, 8),
    ]
    data = found.segments[1]
    assert PROGRAM[data.offset : data.offset + data.file_size] == b"data" + bytes(12)
    assert list(data.pages) == [BASE + 0x1000, BASE + 0x2000, BASE + 0x3000]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_memory_of_any_kind_is_read_without_a_copy(kind: type) -> None:
    assert read(kind(PROGRAM)) == read(PROGRAM)


def test_pyelftools_sees_the_same_segments() -> None:
    theirs = [
        (part["p_vaddr"], part["p_offset"], part["p_filesz"], part["p_memsz"], part["p_flags"])
        for part in ELFFile(io.BytesIO(PROGRAM)).iter_segments("PT_LOAD")
    ]
    ours = [
        (part.address, part.offset, part.file_size, part.memory_size, part.flags)
        for part in read(PROGRAM).segments
    ]
    assert ours == theirs


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda data: b"", "is not an ELF file: it does not begin with 7f 45 4c 46"),
        (lambda data: b"#!/bin/sh", "is not an ELF file: it does not begin with 7f 45 4c 46"),
        (lambda data: data[:63], "is cut short: 63 bytes, and its header has 64"),
        (lambda data: patched(data, 4, b"\1"), "is not 64-bit little-endian ELF of version 1"),
        (lambda data: patched(data, 5, b"\2"), "is not 64-bit little-endian ELF of version 1"),
        (lambda data: patched(data, 7, b"\x09"), "is for another system: EI_OSABI 9"),
        (header("e_machine", 183), "is for another processor: e_machine 183, not 62"),
        (header("e_type", 1), "is an object file (ET_REL): link it"),
        (header("e_type", 3),
         "is position independent (ET_DYN): link it with -static -no-pie, to one place"),
        (header("e_type", 4), "is a core dump (ET_CORE)"),
        (header("e_type", 0xFE00), "has the unknown e_type 65024"),
        (header("e_version", 2), "has e_version 2 and e_ehsize 64"),
        (header("e_ehsize", 52), "has e_version 1 and e_ehsize 52"),
        (header("e_phentsize", 32), "has e_phentsize 32, not 56"),
        (header("e_phnum", 0), "has 0 program headers; 1 to 64 are allowed"),
        (header("e_phnum", 0xFFFF), "has 65535 program headers; 1 to 64 are allowed"),
        (header("e_phoff", (1 << 64) - 1),
         "is cut short: its program headers at 0xffffffffffffffff lie behind it"),
        (header("e_entry", BASE + 2), "starts at 0x400002, which is in no executable segment"),
        (header("e_entry", BASE + 0x1000), "starts at 0x401000, which is in no executable segment"),
        (segment(0, "p_type", 2), "is dynamically linked (PT_DYNAMIC): link it with -static"),
        (segment(0, "p_type", 3), "needs an interpreter (PT_INTERP): link it with -static"),
        (segment(0, "p_type", 7),
         "has thread-local variables (PT_TLS), which nothing would set up"),
        (both(segment(0, "p_type", 0x6474E551), segment(0, "p_flags", 7)),
         "asks for an executable stack: link it with -z noexecstack"),
        (segment(0, "p_flags", 7), "segment 0 at 0x400000 is writable and executable"),
        (segment(1, "p_flags", 3), "segment 1 at 0x401000 is writable and executable"),
        (segment(0, "p_flags", 0), "segment 0 at 0x400000 has the unknown p_flags 0x0"),
        (segment(0, "p_flags", 13), "segment 0 at 0x400000 has the unknown p_flags 0xd"),
        (segment(0, "p_memsz", 1), "segment 0 at 0x400000 is 2 bytes in the file and 1 in memory"),
        (segment(0, "p_memsz", 0), "segment 0 at 0x400000 is 2 bytes in the file and 0 in memory"),
        (segment(1, "p_memsz", (1 << 64) - 1),
         "segment 1 at 0x401000..0x10000000000400ffe is not inside 0x0..0x7fffffffffff"),
        (segment(2, "p_vaddr", 0xFFFF_8000_0000_0000),
         "segment 2 at 0xffff800000000000..0xffff800000000007 is not inside"
         " 0x0..0x7fffffffffff"),
        (segment(2, "p_vaddr", (1 << 47) - 4),
         "segment 2 at 0x7ffffffffffc..0x800000000003 is not inside 0x0..0x7fffffffffff"),
        (segment(0, "p_align", 3),
         "segment 0 at 0x400000 has a p_align that is not a power of two: 0x3"),
        (segment(0, "p_offset", 0xFFFF_F000),
         "is cut short: segment 0 at 0x400000 is at 0xfffff000..0xfffff001 of the file"),
        (segment(0, "p_offset", 64),
         "segment 0 at 0x400000 is at 0x40 of the file, elsewhere in its page (or p_align)"
         " than in memory"),
        (segment(0, "p_align", 1 << 21),
         "segment 0 at 0x400000 is at 0x1000 of the file, elsewhere in its page (or p_align)"
         " than in memory"),
        (segment(0, "p_vaddr", BASE + 0x1000),
         "segment 0 at 0x401000 and segment 1 at 0x401000 overlap or are not in ascending order"),
        (segment(1, "p_memsz", 0x5000),
         "segment 1 at 0x401000 and segment 2 at 0x405000 overlap or are not in ascending order"),
        (segment(1, "p_memsz", 0x4001),
         "segment 1 at 0x401000 and segment 2 at 0x405000 overlap or are not in ascending order"),
        (both(segment(2, "p_filesz", 0x1000), segment(2, "p_memsz", 0x1000)),
         "is cut short: segment 2 at 0x405000 is at 0x3000..0x3fff of the file"),
        (segment(2, "p_vaddr", 0x40_1000),
         "segment 1 at 0x401000 and segment 2 at 0x401000 overlap or are not in ascending order"),
        (both(segment(2, "p_vaddr", 0x40_3800), segment(2, "p_filesz", 0)),
         "segment 1 at 0x401000 and segment 2 at 0x403800 share the page at 0x403000"),
        (both(segment(0, "p_type", 4), both(segment(1, "p_type", 4), segment(2, "p_type", 4))),
         "has no segment to load (PT_LOAD)"),
    ],
)  # fmt: skip
def test_each_rule_broken_is_one_sentence(spoil: Break, why: str) -> None:
    with pytest.raises(ElfError) as caught:
        read(spoil(PROGRAM))
    assert caught.value.rule == str(caught.value) == why


@pytest.mark.parametrize(
    "change",
    [
        segment(1, "p_type", 4),  # PT_NOTE
        segment(1, "p_type", 0x6474E550),  # PT_GNU_EH_FRAME
        both(segment(1, "p_type", 0x6474E551), segment(1, "p_flags", 6)),  # PT_GNU_STACK
        both(segment(1, "p_memsz", 0), segment(1, "p_filesz", 0)),
    ],
)
def test_what_concerns_no_page_is_passed_over(change: Break) -> None:
    assert [part.index for part in read(change(PROGRAM)).segments] == [0, 2]


def test_a_program_may_be_held_to_a_part_of_its_half() -> None:
    assert read(PROGRAM, first=BASE, limit=BASE + 0x5008) == read(PROGRAM)
    with pytest.raises(ElfError) as caught:
        read(PROGRAM, first=BASE + 1)
    assert caught.value.rule == (
        "segment 0 at 0x400000..0x400001 is not inside 0x400001..0x7fffffffffff"
    )
    with pytest.raises(ElfError) as caught:
        read(PROGRAM, limit=BASE + 0x5007)
    assert caught.value.rule == ("segment 2 at 0x405000..0x405007 is not inside 0x0..0x405006")


def test_segments_may_touch() -> None:
    found = read(segment(1, "p_memsz", 0x4000)(PROGRAM))
    assert found.segments[1].end == found.segments[2].address


def test_the_other_half_may_be_asked_for() -> None:
    high = 0xFFFF_FFFF_8000_0000
    file = write([Section("text", high, b"\xeb\xfe", RX)], {}, high)
    assert read(file, first=high, limit=1 << 64).entry == high
    with pytest.raises(ElfError, match="is not inside"):
        read(file)


def outcome(data: bytes) -> elf.Executable | str:
    """Return the program in ``data``, or the rule that it breaks."""
    try:
        return read(data)
    except ElfError as error:
        return error.rule


def sound(found: elf.Executable, size: int) -> bool:
    """Whether ``found`` keeps every promise that :class:`~vectoros.elf.Executable` makes."""
    pages = [page for part in found.segments for page in (part.pages[0], part.pages[-1])]
    return pages == sorted(pages) and all(
        part.offset + part.file_size <= size
        and part.file_size <= part.memory_size
        and part.address < part.end <= elf.LOWER_HALF
        and not (part.flags & Flags.WRITE and part.flags & Flags.EXECUTE)
        for part in found.segments
        if part.file_size
    )


WORDS = st.sampled_from([0, 1, 2, 7, 0x1000, 0x40_0000, 0xFFFF_FFFF]) | st.integers(0, 0xFFFF_FFFF)
HEADERS = elf.HEADER.size + 3 * elf.PROGRAM_HEADER.size


@given(
    patches=st.lists(st.tuples(st.integers(4, HEADERS - 4), WORDS), max_size=4),
    cut=st.integers(0, len(PROGRAM)) | st.none(),
)
def test_no_damage_makes_the_reader_fail_in_any_other_way(
    patches: list[tuple[int, int]], cut: int | None
) -> None:
    data = PROGRAM
    for offset, word in patches:
        data = patched(data, offset, word.to_bytes(4, "little"))
    data = data[:cut]
    found = outcome(data)
    assert found.isprintable() if isinstance(found, str) else sound(found, len(data))


FIELDS = st.integers(0, (1 << 64) - 1) | st.integers(0, 1 << 16).map(lambda page: page * PAGE_SIZE)
ROWS = st.tuples(
    st.sampled_from([1, 1, 1, 4, 7]), st.integers(0, 8), FIELDS, FIELDS, FIELDS, FIELDS, FIELDS,
    st.sampled_from([0, 1, 4096, 1 << 21, 3]),
)  # fmt: skip


@given(rows=st.lists(ROWS, max_size=5), entry=FIELDS, body=st.binary(max_size=3 * PAGE_SIZE))
def test_no_table_of_segments_makes_it_fail_in_any_other_way(
    rows: list[tuple[int, ...]], entry: int, body: bytes
) -> None:
    record = elf.FileHeader._make(elf.HEADER.unpack_from(PROGRAM))
    start = elf.HEADER.pack(*record._replace(e_phnum=len(rows), e_entry=entry))
    data = start + b"".join(elf.PROGRAM_HEADER.pack(*row) for row in rows) + body
    found = outcome(data)
    assert found.isprintable() if isinstance(found, str) else sound(found, len(data))


@given(st.binary(max_size=256))
def test_no_bytes_make_it_fail_in_any_other_way(data: bytes) -> None:
    for start in (b"", elf.IDENT, PROGRAM[:64]):
        with pytest.raises(ElfError):
            read(start + data)
