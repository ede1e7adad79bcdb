"""Start a program of one's own: an ELF64 executable, in 64-bit mode, without a boot loader.

Segments go to their physical addresses (``p_paddr``). The state on entry is that of
:mod:`vectoros.boot.long_mode`: CPL 0, flat segments (CS 10h, others 18h), the first
4 GiB mapped to themselves, interrupts off, no IDT. RSP is 90000h; RDI is the address
of the machine-info page, RSI that of the command line, which a zero ends; every other
general register is zero. Not present are a BIOS and its data areas.

Promise: whatever bytes it is given, each offset and size is checked before it is used.
Source: System V ABI, "Program Loading"; names of the fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from vectoros.boot import acpi, long_mode
from vectoros.cpu.bits import Gpr
from vectoros.elf import (
    MAX_HEADERS,
    PROGRAM_HEADER,
    ElfError,
    FileHeader,
    Flags,
    ProgramHeader,
    ProgramType,
    read_header,
)
from vectoros.errors import BadFileError, UsageError
from vectoros.layout import HANDOVER, MACHINE_INFO
from vectoros.memory import Rom
from vectoros.pc import Pc
from vectoros.units import KIB, MIB

FIRST = 4 * KIB
"""Lowest address of a segment: below is what a PC keeps for itself."""

_RESERVED = ((0, FIRST), (HANDOVER.base, MIB))
_REFUSED = {
    ProgramType.DYNAMIC: "is dynamically linked (PT_DYNAMIC): link it with -static",
    ProgramType.INTERP: "needs an interpreter (PT_INTERP): link it with -static",
}


@dataclass(frozen=True, slots=True)
class Load:
    """A segment: bytes of the file for a physical address, then zeros."""

    name: str
    address: int
    virtual: int
    size: int
    """In memory; at least that of ``data``."""
    data: memoryview
    executable: bool

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.size


class ElfImage:
    """An ELF64 executable. See :class:`vectoros.pc.Firmware`."""

    def __init__(self, data: bytes, name: str, command_line: str = "", initrd: bytes = b"") -> None:
        """Check the program in ``data``; raise :class:`BadFileError` if it cannot be started."""
        if initrd:
            raise UsageError(f"--initrd: {name} is an ELF executable, which takes none")
        self._name = name
        self._command_line = command_line
        try:
            self._loads, self._entry = _read(memoryview(data))
        except ElfError as broken:
            raise BadFileError(name, broken.rule) from None

    def roms(self) -> tuple[Rom, ...]:
        """See :class:`vectoros.pc.Firmware`: there are none."""
        return ()

    def place(self, pc: Pc) -> None:
        """See :class:`vectoros.pc.Firmware`."""
        memory = pc.memory
        if (end := self._loads[-1].end) > memory.size:
            raise UsageError(
                f"--memory: {self._name} ends at {end:#x}: it needs {-(-end // MIB)}M or more, "
                f"and has {memory.size // MIB}M"
            )
        acpi.place(memory)
        for load in self._loads:
            memory.write(load.address, bytes(load.data))
            memory.clear(load.address + len(load.data), load.size - len(load.data))
        long_mode.enter(pc, self._entry, self._command_line)
        pc.cpu.regs.gpr[Gpr.RDI] = MACHINE_INFO
        pc.cpu.regs.gpr[Gpr.RSI] = long_mode.COMMAND_LINE


def _read(view: memoryview) -> tuple[list[Load], int]:
    """Return what is to be loaded, by address, and the physical address of the entry point."""
    header = read_header(view)
    loads = sorted(_loads(view, header), key=lambda load: load.address)
    if not loads:
        raise ElfError("has no segment to load (PT_LOAD)")
    for before, load in pairwise(loads):
        if load.address < before.end:
            raise ElfError(f"{before.name} and {load.name} overlap")
    for load in loads:
        for start in (load.virtual, load.address):
            if load.executable and start <= header.e_entry < start + load.size:
                return loads, header.e_entry - start + load.address
    raise ElfError(f"starts at {header.e_entry:#x}, which is in no executable segment")


def _loads(view: memoryview, header: FileHeader) -> Iterator[Load]:
    if header.e_phentsize != PROGRAM_HEADER.size:
        raise ElfError(f"has e_phentsize {header.e_phentsize}, not {PROGRAM_HEADER.size}")
    if not 1 <= header.e_phnum <= MAX_HEADERS:
        raise ElfError(f"has {header.e_phnum} program headers; 1 to {MAX_HEADERS} are allowed")
    if header.e_phoff + header.e_phnum * PROGRAM_HEADER.size > len(view):
        raise ElfError(f"is cut short: its program headers at {header.e_phoff:#x} lie behind it")
    for index in range(header.e_phnum):
        row = ProgramHeader._make(
            PROGRAM_HEADER.unpack_from(view, header.e_phoff + index * PROGRAM_HEADER.size)
        )
        if (why := _REFUSED.get(row.p_type)) is not None:  # type: ignore[call-overload]
            raise ElfError(why)
        if row.p_type == ProgramType.LOAD and row.p_memsz | row.p_filesz:
            yield _load(view, index, row)


def _load(view: memoryview, index: int, row: ProgramHeader) -> Load:
    """Return the segment of ``row`` once it is sound by itself."""
    name = f"segment {index} at {row.p_paddr:#x}"
    if row.p_filesz > row.p_memsz:
        raise ElfError(f"{name} is {row.p_filesz} bytes in the file and {row.p_memsz} in memory")
    if row.p_offset + row.p_filesz > len(view):
        last = row.p_offset + row.p_filesz - 1
        raise ElfError(f"is cut short: {name} is at {row.p_offset:#x}..{last:#x} of the file")
    end = row.p_paddr + row.p_memsz
    if end > long_mode.MAPPED:
        raise ElfError(f"{name} ends at {end:#x}, and physical memory at {long_mode.MAPPED:#x}")
    for start, behind in _RESERVED:
        if row.p_paddr < behind and start < end:
            raise ElfError(f"{name} overlaps {start:#x}..{behind - 1:#x}, which is taken")
    data = view[row.p_offset : row.p_offset + row.p_filesz]
    executable = bool(row.p_flags & Flags.EXECUTE)
    return Load(name, row.p_paddr, row.p_vaddr, row.p_memsz, data, executable)
