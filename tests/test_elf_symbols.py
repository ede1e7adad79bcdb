"""Sections and symbols: as pyelftools sees them, and no bytes break the reader."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from hypothesis import given
from hypothesis import strategies as st

from vectoros import elf
from vectoros.elf import ElfError, Flags
from vectoros.elf_symbols import SECTION_HEADER, SectionHeader, sections, symbols
from vectoros.elf_writer import Section, write

BASE = 0x40_0000
LABELS = {"start": BASE, "next": BASE + 2, "end": BASE + 3, "top": BASE + 0x3000, "size": 12}
PROGRAM = write(
    [
        Section("text", BASE, b"\xeb\xfe\x90", Flags.READ | Flags.EXECUTE),
        Section("stack", BASE + 0x1000, bytes(8192), Flags.READ | Flags.WRITE),
    ],
    LABELS,
    BASE,
)
TABLE = elf.FileHeader._make(elf.HEADER.unpack_from(PROGRAM)).e_shoff
NULL, TEXT, STACK, SYMTAB, STRTAB, SHSTRTAB = range(6)


def spoilt(index: int, **fields: int) -> bytes:
    """Return the program with ``fields`` of a section header changed."""
    base = TABLE + index * SECTION_HEADER.size
    row = SectionHeader._make(SECTION_HEADER.unpack_from(PROGRAM, base))._replace(**fields)
    packed = SECTION_HEADER.pack(*row)
    return PROGRAM[:base] + packed + PROGRAM[base + len(packed) :]


def with_header(**fields: int) -> bytes:
    """Return the program with ``fields`` of the file header changed."""
    row = elf.FileHeader._make(elf.HEADER.unpack_from(PROGRAM))
    row = row._replace(**fields)  # type: ignore[arg-type]
    return elf.HEADER.pack(*row) + PROGRAM[elf.HEADER.size :]


def test_every_label_is_a_symbol_in_its_section() -> None:
    found = {symbol.name: symbol for symbol in symbols(PROGRAM)}
    assert {name: symbol.value for name, symbol in found.items()} == LABELS
    names = [section.name for section in sections(PROGRAM)]
    assert names == ["", ".text", ".stack", ".symtab", ".strtab", ".shstrtab"]
    assert [found[name].section for name in ("start", "end", "top")] == [TEXT, TEXT, STACK]
    assert found["size"].section == 0xFFF1  # SHN_ABS: it is no address


def test_a_label_between_two_sections_is_the_second_ones() -> None:
    parts = [
        Section(name, BASE + n * 4096, b"\x90" * 4096, Flags(5)) for n, name in enumerate("ab")
    ]
    found = symbols(write(parts, {"end": BASE + 4096, "last": BASE + 8192}, BASE))
    assert [symbol.section for symbol in found] == [2, 2]


def test_pyelftools_sees_the_same() -> None:
    theirs = ELFFile(io.BytesIO(PROGRAM))
    assert [part.name for part in theirs.iter_sections()] == [
        section.name for section in sections(PROGRAM)
    ]
    table = theirs.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    assert {symbol.name: symbol["st_value"] for symbol in table.iter_symbols() if symbol.name} == (
        LABELS
    )


@pytest.mark.binutils
def test_readelf_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(PROGRAM)
    ran = subprocess.run(
        ["readelf", "--all", "--wide", "--lint", path], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert " .stack            NOBITS " in ran.stdout


def test_a_stripped_file_has_neither() -> None:
    assert sections(with_header(e_shoff=0, e_shnum=0, e_shstrndx=0)) == ()
    assert symbols(with_header(e_shoff=0)) == ()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x7fELF", "is cut short: 4 bytes, and its header has 64"),
        (with_header(e_shentsize=40), "has e_shentsize 40, not 64"),
        (with_header(e_shoff=1 << 40),
         "is cut short: its section headers at 0x10000000000 lie behind it"),
        (with_header(e_shstrndx=6), "has no section 6, which should hold their names"),
        (with_header(e_shnum=0), "has no section 5, which should hold their names"),
        (with_header(e_shstrndx=TEXT),
         "has section names in section 1, which is no string table"),
        (spoilt(TEXT, sh_size=1 << 40), "is cut short: section 1 ends at 1099511631872"),
        (spoilt(TEXT, sh_name=1000),
         "has a name at 0x3e8 of a string table that ends before it does"),
        (spoilt(SYMTAB, sh_entsize=16), "has symbols of 16 bytes in a table of 144"),
        (spoilt(SYMTAB, sh_size=143), "has symbols of 24 bytes in a table of 143"),
        (spoilt(SYMTAB, sh_link=TEXT), "has no string table 1, which should name its symbols"),
        (spoilt(SYMTAB, sh_link=77), "has no string table 77, which should name its symbols"),
        (spoilt(STRTAB, sh_size=4), "has a name at 0x1 of a string table that ends before it does"),
        (spoilt(TEXT, sh_type=2), "has 2 symbol tables; one is allowed"),
    ],
)  # fmt: skip
def test_each_rule_broken_is_one_sentence(data: bytes, why: str) -> None:
    with pytest.raises(ElfError) as caught:
        symbols(data)
    assert str(caught.value) == why


def test_names_that_share_their_bytes_cost_no_more_than_the_file_twice_over() -> None:
    labels = {f"{'a' * 500}{index}": BASE for index in range(40)}
    data = bytearray(write([Section("text", BASE, b"\xeb\xfe", Flags(5))], labels, BASE))
    start = data.index(b"a" * 500)
    data[start : start + 40 * 502] = b"a" * (40 * 502)  # now one name of 20,000 characters
    with pytest.raises(ElfError, match="longer together than the file twice over"):
        symbols(data)


def outcome(data: bytearray) -> list[str]:
    """Return the names of all symbols, or the rule that the file breaks."""
    try:
        return [symbol.name for symbol in symbols(data)]
    except ElfError as error:
        return [error.rule]


@given(
    patches=st.lists(
        st.tuples(st.integers(0, len(PROGRAM) - TABLE), st.integers(0, 0xFFFF_FFFF)), max_size=4
    ),
    cut=st.integers(0, len(PROGRAM)) | st.none(),
)
def test_no_damage_makes_it_fail_in_any_other_way(
    patches: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(PROGRAM)
    for offset, word in patches:
        data[TABLE + offset : TABLE + offset + 4] = word.to_bytes(4, "little")
    assert all(text.isascii() for text in outcome(data[:cut]))
