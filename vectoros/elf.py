"""Programs as files: a strict reader of static ELF64 executables for x86-64.

Promise: whatever bytes it is given, :func:`read` returns segments that can be
mapped as they are, or raises :class:`ElfError` with the rule that is broken. Each
offset, size and count is checked before it is used, nothing is copied, and the
work is bounded by :data:`MAX_HEADERS`. The kernel reads programs in guest memory
with it at boot, the image builder reads files.

Accepted is what gcc and ld write by default with ``-static -nostdlib``. Notes,
unwind tables and everything else that concerns no page is passed over. Refused is
what nobody would set up for the program: an interpreter, dynamic linking,
thread-local storage, an executable stack.

Sources: System V ABI, "Object Files" and "Program Loading" (names of the fields);
its AMD64 supplement; ``elf(5)`` for the GNU types.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from itertools import pairwise
from typing import NamedTuple

from vectoros.units import PAGE_SIZE

Data = bytes | bytearray | memoryview
"""What a file may be given as."""

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")

IDENT = b"\x7fELF\x02\x01\x01"
"""Magic number, ELFCLASS64, ELFDATA2LSB, EV_CURRENT: the first bytes of ``e_ident``."""

OSABIS = (0, 3)
"""EI_OSABI: none, and GNU, which ld writes if a symbol has a GNU type."""

ET_EXEC = 2
EM_X86_64 = 62

MAX_HEADERS = 64
"""Program headers of a program. ld writes about ten."""

LOWER_HALF = 1 << 47
"""First address above the lower half of 48-bit addresses, which is all that ring 3 has."""

_TYPES = {
    1: "is an object file (ET_REL): link it",
    3: "is position independent (ET_DYN): link it with -static -no-pie, to one place",
    4: "is a core dump (ET_CORE)",
}


class ElfError(ValueError):
    """A file is not a program that could be loaded."""

    def __init__(self, rule: str) -> None:
        """Say that ``rule`` is broken, a phrase that reads on from the file's name."""
        super().__init__(rule)
        self.rule = rule


class FileHeader(NamedTuple):
    """``Elf64_Ehdr``."""

    e_ident: bytes
    e_type: int
    e_machine: int
    e_version: int
    e_entry: int
    e_phoff: int
    e_shoff: int
    e_flags: int
    e_ehsize: int
    e_phentsize: int
    e_phnum: int
    e_shentsize: int
    e_shnum: int
    e_shstrndx: int


class ProgramHeader(NamedTuple):
    """``Elf64_Phdr``."""

    p_type: int
    p_flags: int
    p_offset: int
    p_vaddr: int
    p_paddr: int
    p_filesz: int
    p_memsz: int
    p_align: int


class ProgramType(IntEnum):
    """The values of ``p_type`` that mean something here."""

    LOAD = 1
    DYNAMIC = 2
    INTERP = 3
    TLS = 7
    GNU_STACK = 0x6474_E551


_REFUSED = {
    ProgramType.DYNAMIC: "is dynamically linked (PT_DYNAMIC): link it with -static",
    ProgramType.INTERP: "needs an interpreter (PT_INTERP): link it with -static",
    ProgramType.TLS: "has thread-local variables (PT_TLS), which nothing would set up",
}


class Flags(IntFlag):
    """``p_flags``: how a segment may be used."""

    EXECUTE = 1
    WRITE = 2
    READ = 4

    def __str__(self) -> str:
        """Three letters, as ``ls`` would show them."""
        pairs = zip("rwx", (self.READ, self.WRITE, self.EXECUTE), strict=True)
        return "".join(letter if bit in self else "-" for letter, bit in pairs)


@dataclass(frozen=True, slots=True)
class Segment:
    """Memory that the program wants: bytes of the file, then zeros."""

    index: int
    """In the table of program headers, as readelf counts."""
    flags: Flags
    offset: int
    """Of its first byte in the file; equal to ``address`` in the bits below a page."""
    address: int
    """Virtual; not always the start of a page."""
    file_size: int
    memory_size: int
    """At least ``file_size``, and at least 1."""

    @property
    def end(self) -> int:
        """The address after its last byte."""
        return self.address + self.memory_size

    @property
    def pages(self) -> range:
        """The address of each page that the segment touches. No other segment does."""
        return range(self.address - self.address % PAGE_SIZE, self.end, PAGE_SIZE)

    def __str__(self) -> str:
        """Number and place, as every message about segments shows them."""
        return f"segment {self.index} at {self.address:#x}"


@dataclass(frozen=True, slots=True)
class Executable:
    """A program that can be loaded."""

    entry: int
    """Address of its first instruction, in an executable segment."""
    segments: tuple[Segment, ...]
    """In ascending order; no two in one page; none both writable and executable."""


def read(data: Data, *, first: int = 0, limit: int = LOWER_HALF) -> Executable:
    """Return the program in ``data``, which must keep to the addresses ``first`` to ``limit``."""
    view = memoryview(data).cast("B")
    header = read_header(view)
    segments = tuple(_segments(view, header, first, limit))
    if not segments:
        raise ElfError("has no segment to load (PT_LOAD)")
    for before, segment in pairwise(segments):
        if segment.address < before.end:
            raise ElfError(f"{before} and {segment} overlap or are not in ascending order")
        if segment.pages[0] == before.pages[-1]:
            raise ElfError(f"{before} and {segment} share the page at {segment.pages[0]:#x}")
    for segment in segments:
        if segment.address <= header.e_entry < segment.end and segment.flags & Flags.EXECUTE:
            return Executable(header.e_entry, segments)
    raise ElfError(f"starts at {header.e_entry:#x}, which is in no executable segment")


def read_header(view: memoryview) -> FileHeader:
    """Return the file header once it says: an x86-64 executable."""
    if view[:4] != IDENT[:4]:
        raise ElfError("is not an ELF file: it does not begin with 7f 45 4c 46")
    if len(view) < HEADER.size:
        raise ElfError(f"is cut short: {len(view)} bytes, and its header has {HEADER.size}")
    header = FileHeader._make(HEADER.unpack_from(view))
    if header.e_ident[: len(IDENT)] != IDENT:
        raise ElfError("is not 64-bit little-endian ELF of version 1")
    if header.e_ident[7] not in OSABIS:
        raise ElfError(f"is for another system: EI_OSABI {header.e_ident[7]}")
    if header.e_machine != EM_X86_64:
        raise ElfError(f"is for another processor: e_machine {header.e_machine}, not {EM_X86_64}")
    if header.e_type != ET_EXEC:
        why = _TYPES.get(header.e_type, f"has the unknown e_type {header.e_type}")
        raise ElfError(why)
    if header.e_version != 1 or header.e_ehsize != HEADER.size:
        raise ElfError(f"has e_version {header.e_version} and e_ehsize {header.e_ehsize}")
    return header


def _segments(view: memoryview, header: FileHeader, first: int, limit: int) -> Iterator[Segment]:
    if header.e_phentsize != PROGRAM_HEADER.size:
        raise ElfError(f"has e_phentsize {header.e_phentsize}, not {PROGRAM_HEADER.size}")
    if not 1 <= header.e_phnum <= MAX_HEADERS:
        raise ElfError(f"has {header.e_phnum} program headers; 1 to {MAX_HEADERS} are allowed")
    if header.e_phoff + header.e_phnum * PROGRAM_HEADER.size > len(view):
        raise ElfError(f"is cut short: its program headers at {header.e_phoff:#x} lie behind it")
    for index in range(header.e_phnum):
        offset = header.e_phoff + index * PROGRAM_HEADER.size
        row = ProgramHeader._make(PROGRAM_HEADER.unpack_from(view, offset))
        if (why := _REFUSED.get(row.p_type)) is not None:  # type: ignore[call-overload]
            raise ElfError(why)
        if row.p_type == ProgramType.GNU_STACK and row.p_flags & Flags.EXECUTE:
            raise ElfError("asks for an executable stack: link it with -z noexecstack")
        if row.p_type == ProgramType.LOAD and row.p_memsz | row.p_filesz:
            yield _segment(len(view), index, row, first, limit)


def _segment(size: int, index: int, row: ProgramHeader, first: int, limit: int) -> Segment:
    """Return the segment of ``row`` once it is sound by itself, in a file of ``size`` bytes."""
    name = f"segment {index} at {row.p_vaddr:#x}"
    if row.p_flags & ~sum(Flags) or not row.p_flags:
        raise ElfError(f"{name} has the unknown p_flags {row.p_flags:#x}")
    if row.p_flags & Flags.WRITE and row.p_flags & Flags.EXECUTE:
        raise ElfError(f"{name} is writable and executable")
    if row.p_filesz > row.p_memsz:
        raise ElfError(f"{name} is {row.p_filesz} bytes in the file and {row.p_memsz} in memory")
    if row.p_vaddr < first or row.p_vaddr + row.p_memsz > limit:
        where = f"{row.p_vaddr:#x}..{row.p_vaddr + row.p_memsz - 1:#x}"
        raise ElfError(f"segment {index} at {where} is not inside {first:#x}..{limit - 1:#x}")
    if row.p_align & (row.p_align - 1) and row.p_align:
        raise ElfError(f"{name} has a p_align that is not a power of two: {row.p_align:#x}")
    if row.p_filesz:
        if row.p_offset + row.p_filesz > size:
            last = row.p_offset + row.p_filesz - 1
            raise ElfError(f"is cut short: {name} is at {row.p_offset:#x}..{last:#x} of the file")
        if (row.p_vaddr - row.p_offset) % max(row.p_align, PAGE_SIZE):
            raise ElfError(
                f"{name} is at {row.p_offset:#x} of the file, elsewhere in its page"
                " (or p_align) than in memory"
            )
    flags = Flags(row.p_flags)
    return Segment(index, flags, row.p_offset, row.p_vaddr, row.p_filesz, row.p_memsz)
