"""Sections and symbols of an ELF file: what a debugger wants, and loading does not.

Kept apart from :mod:`vectoros.elf` because a program runs without any of it: a
stripped file has none. Just as strict: bytes that make no sense raise
:class:`~vectoros.elf.ElfError`, and no file costs more memory than a few times
its size. But more files will do: ELF32 as well as ELF64, and what a dynamic loader
or a kernel of its own places in memory.

Source: System V ABI, "Sections", "String Table" and "Symbol Table"; its supplements
for i386 and AMD64.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import NamedTuple

from vectoros.elf import EM_X86_64, ET_EXEC, HEADER, IDENT, Data, ElfError, FileHeader

SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")

EM_386 = 3
ET_DYN = 3

_CLASS_OFFSET, _CLASS_32, _CLASS_64 = 4, 1, 2
"""EI_CLASS, ELFCLASS32, ELFCLASS64."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes that tell the two classes of ELF files apart; their fields are the same."""

    header: struct.Struct
    section: struct.Struct
    symbol: struct.Struct
    fields: tuple[int, ...]
    """Where name, value, size, info and section are in the row of a symbol."""


ELF32 = Layout(
    struct.Struct("<16sHHIIIIIHHHHHH"),
    struct.Struct("<10I"),
    struct.Struct("<IIIBBH"),
    (0, 1, 2, 3, 5),
)
ELF64 = Layout(HEADER, SECTION_HEADER, SYMBOL, (0, 4, 5, 1, 3))


class SectionHeader(NamedTuple):
    """``Elf64_Shdr``."""

    sh_name: int
    sh_type: int
    sh_flags: int
    sh_addr: int
    sh_offset: int
    sh_size: int
    sh_link: int
    sh_info: int
    sh_addralign: int
    sh_entsize: int


class SectionType(IntEnum):
    """The values of ``sh_type`` that mean something here."""

    NULL = 0
    PROGBITS = 1
    SYMTAB = 2
    STRTAB = 3
    NOBITS = 8


class SymbolType(IntEnum):
    """The lower four bits of ``st_info``."""

    NOTYPE = 0
    OBJECT = 1
    FUNC = 2
    SECTION = 3
    FILE = 4
    GNU_IFUNC = 10


class SectionFlags(IntFlag):
    """``sh_flags``, as far as they mean something here."""

    WRITE = 1
    ALLOC = 2
    EXECINSTR = 4


@dataclass(frozen=True, slots=True)
class Section:
    """A named part of the file."""

    name: str
    type: int
    flags: int
    address: int
    """0 if it is not in memory."""
    offset: int
    size: int
    """Bytes in memory, and in the file unless ``type`` is NOBITS."""
    link: int
    entry_size: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name for an address."""

    name: str
    value: int
    size: int
    """0 if unknown."""
    info: int
    """Binding in the upper four bits, type in the lower."""
    section: int
    """Index; 0 if undefined; from FF00h on a special meaning."""


def read_any_header(view: memoryview) -> tuple[FileHeader, Layout]:
    """Return the file header and the layout of an ELF file for an x86 processor."""
    if view[:4] != IDENT[:4]:
        raise ElfError("is not an ELF file: it does not begin with 7f 45 4c 46")
    layouts = {_CLASS_32: ELF32, _CLASS_64: ELF64}
    layout = layouts.get(view[_CLASS_OFFSET]) if len(view) > _CLASS_OFFSET else ELF64
    if layout is None:
        raise ElfError(f"is neither ELF32 nor ELF64: EI_CLASS {view[_CLASS_OFFSET]}")
    if len(view) < layout.header.size:
        size = layout.header.size
        raise ElfError(f"is cut short: {len(view)} bytes, and its header has {size}")
    header = FileHeader._make(layout.header.unpack_from(view))
    if header.e_ident[_CLASS_OFFSET + 1 : len(IDENT)] != IDENT[_CLASS_OFFSET + 1 :]:
        raise ElfError("is not little-endian ELF of version 1")
    if header.e_machine not in (EM_386, EM_X86_64):
        raise ElfError(f"is for another processor: e_machine {header.e_machine}, no x86")
    if header.e_type not in (ET_EXEC, ET_DYN):
        raise ElfError(f"is no linked program: e_type {header.e_type}")
    return header, layout


def sections(data: Data) -> tuple[Section, ...]:
    """Return the sections of ``data``, the null section included; none if it was stripped."""
    view = memoryview(data).cast("B")
    header, layout = read_any_header(view)
    if not header.e_shoff:
        return ()
    size = layout.section.size
    if header.e_shentsize != size:
        raise ElfError(f"has e_shentsize {header.e_shentsize}, not {size}")
    if header.e_shoff + header.e_shnum * size > len(view):
        raise ElfError(f"is cut short: its section headers at {header.e_shoff:#x} lie behind it")
    table = view[header.e_shoff : header.e_shoff + header.e_shnum * size]
    rows = [SectionHeader._make(row) for row in layout.section.iter_unpack(table)]
    for index, row in enumerate(rows):
        stored = row.sh_type not in (SectionType.NULL, SectionType.NOBITS)
        if stored and row.sh_offset + row.sh_size > len(view):
            raise ElfError(f"is cut short: section {index} ends at {row.sh_offset + row.sh_size}")
    if header.e_shstrndx >= len(rows):
        raise ElfError(f"has no section {header.e_shstrndx}, which should hold their names")
    strings = rows[header.e_shstrndx]
    if strings.sh_type != SectionType.STRTAB:
        raise ElfError(
            f"has section names in section {header.e_shstrndx}, which is no string table"
        )
    names = _Names(view, strings.sh_offset, strings.sh_size)
    return tuple(_section(names, row) for row in rows)


def _section(names: _Names, row: SectionHeader) -> Section:
    return Section(
        names.at(row.sh_name),
        row.sh_type,
        row.sh_flags,
        row.sh_addr,
        row.sh_offset,
        row.sh_size,
        row.sh_link,
        row.sh_entsize,
    )


def symbols(data: Data) -> tuple[Symbol, ...]:
    """Return the symbols of ``data`` that have a name, in the file's order."""
    found = sections(data)
    tables = [section for section in found if section.type == SectionType.SYMTAB]
    if len(tables) > 1:
        raise ElfError(f"has {len(tables)} symbol tables; one is allowed")
    view = memoryview(data).cast("B")
    return tuple(symbol for table in tables for symbol in _symbols(view, found, table))


def _symbols(view: memoryview, found: Sequence[Section], table: Section) -> Iterator[Symbol]:
    _, layout = read_any_header(view)
    if table.entry_size != layout.symbol.size or table.size % layout.symbol.size:
        raise ElfError(f"has symbols of {table.entry_size} bytes in a table of {table.size}")
    if table.link >= len(found) or found[table.link].type != SectionType.STRTAB:
        raise ElfError(f"has no string table {table.link}, which should name its symbols")
    names = _Names(view, found[table.link].offset, found[table.link].size)
    for row in layout.symbol.iter_unpack(view[table.offset : table.offset + table.size]):
        name, value, size, info, section = (row[index] for index in layout.fields)
        if name:
            yield Symbol(names.at(name), value, size, info, section)


class _Names:
    """A string table. Strings may share bytes, so what is read from one is counted."""

    def __init__(self, view: memoryview, offset: int, size: int) -> None:
        """Take the table of ``size`` bytes at ``offset`` of the file."""
        self._bytes = bytes(view[offset : offset + size])
        self._left = 2 * len(view)  # characters, before this is no file but an attack

    def at(self, start: int) -> str:
        """Return the name at ``start``; bytes that are not ASCII are escaped."""
        end = self._bytes.find(b"\0", start)
        if end < 0:
            raise ElfError(f"has a name at {start:#x} of a string table that ends before it does")
        self._left -= end - start
        if self._left < 0:
            raise ElfError("has names that are longer together than the file twice over")
        return self._bytes[start:end].decode("ascii", "backslashreplace")
