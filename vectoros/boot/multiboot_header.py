"""What a multiboot 1 kernel asks for, and where its parts go: the reader of its file.

Promise: whatever bytes it is given, :func:`read` returns a kernel whose every piece
lies in the file and below 4 GiB, or raises :class:`MultibootError` with the rule that
is broken. Nothing is copied, and the work is bounded by :data:`SEARCHED` and
:data:`vectoros.elf.MAX_HEADERS`.

Source: Multiboot Specification 0.6.96, 3.1 "OS image format". Where an ELF kernel's
entry point is in a segment that is linked to another address than it is loaded at,
the physical address counts, as GRUB has it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vectoros.elf import HEADER as HEADER64
from vectoros.elf import IDENT, MAX_HEADERS, FileHeader
from vectoros.elf import PROGRAM_HEADER as PROGRAM_HEADER64

MAGIC = 0x1BADB002
SEARCHED = 8192
"""Bytes at the start of a file in which the header must lie, whole."""

ALIGN_MODULES, WANT_MEMORY, WANT_VIDEO, HAS_ADDRESSES = 1 << 0, 1 << 1, 1 << 2, 1 << 16
_REQUIREMENTS = 0xFFFF
"""Flags that a loader must refuse if it does not know them."""

_START = struct.Struct("<III")  # magic, flags, checksum
_ADDRESSES = struct.Struct("<IIIII")  # header_addr, load_addr, load_end_addr, bss_end_addr, entry
_HEADER32 = struct.Struct("<16sHHIIIIIHHHHHH")
_PROGRAM_HEADER32 = struct.Struct("<IIIIIIII")
_ELF_MAGIC = IDENT[:4]
_CLASS32, _CLASS64 = 1, 2
_LITTLE_ENDIAN = 1
_EXECUTABLE, _LOAD = 2, 1
_MACHINES = {_CLASS32: 3, _CLASS64: 62}  # EM_386, EM_X86_64
_4GIB = 1 << 32


class MultibootError(ValueError):
    """A file is not a kernel that could be started."""

    def __init__(self, rule: str) -> None:
        """Say that ``rule`` is broken, a phrase that reads on from the file's name."""
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Piece:
    """Physical memory that the kernel wants: bytes of the file, then zeros."""

    address: int
    offset: int
    file_size: int
    memory_size: int

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.memory_size


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel that can be loaded."""

    flags: int
    entry: int
    """Physical address of its first instruction."""
    pieces: tuple[Piece, ...]
    """At least one, in the order of the file's tables."""

    @property
    def end(self) -> int:
        """First address behind all of it."""
        return max(piece.end for piece in self.pieces)


def find_header(data: bytes) -> int | None:
    """Return the offset of the multiboot header, or None if there is none.

    It is at a multiple of 4, and its three words add up to zero.
    """
    last = min(len(data), SEARCHED) - _START.size
    for offset in range(0, last + 1, 4):
        magic, flags, checksum = _START.unpack_from(data, offset)
        if magic == MAGIC and (magic + flags + checksum) % _4GIB == 0:
            return offset
    return None


def read(data: bytes) -> Kernel:
    """Return the kernel in ``data``."""
    offset = find_header(data)
    if offset is None:
        raise MultibootError(
            f"has no multiboot header: no words 1BADB002h, flags and checksum that add up to 0"
            f" in its first {SEARCHED} bytes"
        )
    flags = _START.unpack_from(data, offset)[1]
    unknown = flags & _REQUIREMENTS & ~(ALIGN_MODULES | WANT_MEMORY | WANT_VIDEO)
    if unknown:
        raise MultibootError(f"requires the unknown multiboot features {unknown:#06x}")
    if flags & HAS_ADDRESSES:
        return _flat(data, offset, flags)
    return _elf(data, flags)


def _flat(data: bytes, offset: int, flags: int) -> Kernel:
    """Return a kernel whose header says where it goes."""
    at = offset + _START.size
    if at + _ADDRESSES.size > min(len(data), SEARCHED):
        raise MultibootError("is cut short in the address fields of its multiboot header")
    header, load, load_end, bss_end, entry = _ADDRESSES.unpack_from(data, at)
    if load > header:
        raise MultibootError(f"has load_addr {load:#x} above its header_addr {header:#x}")
    if header - load > offset:
        raise MultibootError(
            f"has its header at {offset:#x}, nearer to its start than header_addr {header:#x}"
            f" is to load_addr {load:#x}"
        )
    first = offset - (header - load)
    size = len(data) - first if load_end == 0 else load_end - load
    if size <= 0:
        raise MultibootError(f"has load_end_addr {load_end:#x}, not above load_addr {load:#x}")
    if first + size > len(data):
        raise MultibootError(
            f"is cut short: {len(data)} bytes, and load_end_addr {load_end:#x} is at {first + size}"
        )
    end = load + size if bss_end == 0 else bss_end
    if end < load + size:
        raise MultibootError(
            f"has bss_end_addr {bss_end:#x} below {load + size:#x}, its data's end"
        )
    return _checked(flags, entry, (Piece(load, first, size, end - load),))


def _elf(data: bytes, flags: int) -> Kernel:
    """Return a kernel that is an ELF executable of either class."""
    if data[:4] != _ELF_MAGIC or len(data) < _HEADER32.size:
        raise MultibootError("has neither addresses in its multiboot header (bit 16) nor is it ELF")
    kind, order = data[4], data[5]
    if kind not in _MACHINES or order != _LITTLE_ENDIAN:
        raise MultibootError(f"is ELF of class {kind} and byte order {order}, not 1 or 2 and 1")
    form = HEADER64 if kind == _CLASS64 else _HEADER32
    if len(data) < form.size:
        raise MultibootError(f"is cut short: {len(data)} bytes, and its ELF header has {form.size}")
    header = FileHeader._make(form.unpack_from(data))
    if header.e_type != _EXECUTABLE or header.e_machine != _MACHINES[kind]:
        raise MultibootError(
            f"has e_type {header.e_type} and e_machine {header.e_machine},"
            f" not {_EXECUTABLE} and {_MACHINES[kind]}"
        )
    return _checked(flags, *_segments(data, header, kind))


def _segments(data: bytes, header: FileHeader, kind: int) -> tuple[int, tuple[Piece, ...]]:
    entry = header.e_entry
    pieces: list[Piece] = []
    for index, (virtual, piece) in enumerate(_rows(data, header, kind)):
        if piece.offset + piece.file_size > len(data):
            raise MultibootError(f"is cut short: segment {index} ends behind the file")
        if piece.file_size > piece.memory_size:
            raise MultibootError(
                f"has {piece.file_size} bytes for segment {index},"
                f" which is {piece.memory_size} in memory"
            )
        if virtual <= header.e_entry < virtual + piece.memory_size:
            entry = header.e_entry - virtual + piece.address
        pieces.append(piece)
    return entry, tuple(pieces)


def _rows(data: bytes, header: FileHeader, kind: int) -> Iterator[tuple[int, Piece]]:
    """Yield virtual address and piece of each segment to load that is not empty."""
    form = PROGRAM_HEADER64 if kind == _CLASS64 else _PROGRAM_HEADER32
    if header.e_phentsize != form.size or not 1 <= header.e_phnum <= MAX_HEADERS:
        raise MultibootError(
            f"has {header.e_phnum} program headers of {header.e_phentsize} bytes,"
            f" not 1 to {MAX_HEADERS} of {form.size}"
        )
    if header.e_phoff + header.e_phnum * form.size > len(data):
        raise MultibootError("is cut short: its program headers lie behind the file")
    for index in range(header.e_phnum):
        row = form.unpack_from(data, header.e_phoff + index * form.size)
        if kind == _CLASS64:
            kind_of_row, _, offset, virtual, physical, file_size, memory_size, _ = row
        else:
            kind_of_row, offset, virtual, physical, file_size, memory_size, _, _ = row
        if kind_of_row == _LOAD and memory_size | file_size:
            yield virtual, Piece(physical, offset, file_size, memory_size)


def _checked(flags: int, entry: int, pieces: Sequence[Piece]) -> Kernel:
    """Return the kernel once each piece is below 4 GiB and the entry point is in one."""
    if not pieces:
        raise MultibootError("has nothing to load")
    for piece in pieces:
        if piece.end > _4GIB:
            raise MultibootError(f"wants memory up to {piece.end - 1:#x}, above 4 GiB")
    if not any(piece.address <= entry < piece.end for piece in pieces):
        raise MultibootError(f"starts at {entry:#x}, which is in nothing that it loads")
    return Kernel(flags, entry, tuple(pieces))
