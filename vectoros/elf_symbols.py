"""Sections and symbols of an ELF64 file: what a debugger wants, and loading does not.

Kept apart from :mod:`vectoros.elf` because a program runs without any of it: a
stripped file has none. Just as strict: bytes that make no sense raise
:class:`~vectoros.elf.ElfError`, and no file costs more memory than a few times
its size.

Source: System V ABI, "Sections", "String Table" and "Symbol Table".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import NamedTuple

from vectoros.elf import Data, ElfError, read_header

SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")


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


def sections(data: Data) -> tuple[Section, ...]:
    """Return the sections of ``data``, the null section included; none if it was stripped."""
    view = memoryview(data).cast("B")
    header = read_header(view)
    if not header.e_shoff:
        return ()
    if header.e_shentsize != SECTION_HEADER.size:
        raise ElfError(f"has e_shentsize {header.e_shentsize}, not {SECTION_HEADER.size}")
    if header.e_shoff + header.e_shnum * SECTION_HEADER.size > len(view):
        raise ElfError(f"is cut short: its section headers at {header.e_shoff:#x} lie behind it")
    table = view[header.e_shoff : header.e_shoff + header.e_shnum * SECTION_HEADER.size]
    rows = [SectionHeader._make(row) for row in SECTION_HEADER.iter_unpack(table)]
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
    return tuple(
        Section(
            names.at(row.sh_name),
            row.sh_type,
            row.sh_flags,
            row.sh_addr,
            row.sh_offset,
            row.sh_size,
            row.sh_link,
            row.sh_entsize,
        )
        for row in rows
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
    if table.entry_size != SYMBOL.size or table.size % SYMBOL.size:
        raise ElfError(f"has symbols of {table.entry_size} bytes in a table of {table.size}")
    if table.link >= len(found) or found[table.link].type != SectionType.STRTAB:
        raise ElfError(f"has no string table {table.link}, which should name its symbols")
    names = _Names(view, found[table.link].offset, found[table.link].size)
    rows = SYMBOL.iter_unpack(view[table.offset : table.offset + table.size])
    for st_name, st_info, _, st_shndx, st_value, st_size in rows:
        if st_name:
            yield Symbol(names.at(st_name), st_value, st_size, st_info, st_shndx)


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
