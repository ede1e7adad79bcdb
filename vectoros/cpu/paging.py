"""Page walks: what the MMU would do, for host-side access to virtual memory.

Two kinds of access. An *architectural* one is the CPU's own, made for it in
Python: it checks every right, raises :class:`PageFault` with the error code that
hardware would push, and sets accessed and dirty bits in the order in which
Unicorn's MMU sets them. A *look* is a debugger's: no checks, no side effects.

Modes: paging off, 32-bit (with PSE and PSE-36), PAE, 4-level. Source: Intel SDM
Vol. 3A, "Paging". Where Unicorn 2.1.4 differs, so do we, because both engines
must leave the same bits in memory:

* PAE's PDPTEs are read at each walk, not when CR3 is loaded, and reserved bits
  of them are checked above bit 39 only.
* The accessed bit of a 1 GiB page is set before its rights are checked.
* CR2 keeps all 64 bits of an address above 4 GiB that a segment base produced.
* Protection keys and 5-level paging do not exist on our CPU model.

Unlike the MMU, a walk here has no TLB. The two agree as long as the guest
follows the SDM and invalidates the entries that it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from typing import Protocol

from vectoros.cpu.bits import (
    CR0_PG,
    CR0_WP,
    CR4_PAE,
    CR4_PSE,
    CR4_SMAP,
    CR4_SMEP,
    EFER_LMA,
    EFER_NXE,
    Flag,
)
from vectoros.cpu.faults import CpuFault, PageFault, Vector
from vectoros.cpu.registers import Registers
from vectoros.errors import InvariantError
from vectoros.layout import PHYSICAL_ADDRESS_BITS
from vectoros.units import GIB, MIB, PAGE_SIZE

ADDRESS_MASK = 0x000F_FFFF_FFFF_F000
"""Bits of an entry that hold an address, were the physical address as wide as can be."""

RESERVED_ADDRESS = ADDRESS_MASK & -(1 << PHYSICAL_ADDRESS_BITS)
RESERVED_PAE = 0x7FF0_0000_0000_0000
"""Bits 62:52, free for software in 4-level paging and reserved in PAE."""

PAT_LARGE = 1 << 12
"""The PAT bit of a large page, the one low address bit that is not reserved."""

PSE36_LOW, PSE36_SHIFT = 0x001F_E000, 19
"""Bits 20:13 of a 4 MiB page's entry are bits 39:32 of its address."""

PSE36_RESERVED = 1 << 21


PAGE_P, PAGE_W, PAGE_U, PAGE_PWT, PAGE_PCD, PAGE_A, PAGE_D, PAGE_PS, PAGE_G = (
    1 << bit for bit in range(9)
)
PAGE_NX = 1 << 63
"""Bits of a paging-structure entry."""

_NAMES = {
    PAGE_P: "P",
    PAGE_W: "W",
    PAGE_U: "U",
    PAGE_PWT: "PWT",
    PAGE_PCD: "PCD",
    PAGE_A: "A",
    PAGE_D: "D",
    PAGE_PS: "PS",
    PAGE_G: "G",
    PAGE_NX: "NX",
}


class Access(IntFlag):
    """An access to memory; the values are those of the page-fault error code."""

    READ = 0
    WRITE = 1 << 1
    USER = 1 << 2
    FETCH = 1 << 4


_WRITE, _USER, _FETCH = (int(bit) for bit in (Access.WRITE, Access.USER, Access.FETCH))

FAULT_P, FAULT_RSVD = 1 << 0, 1 << 3
"""Bits that the MMU adds to the error code: a page was there; a reserved bit was set."""


_LONGEST = 15
"""Bytes of the longest legal instruction (Intel SDM Vol. 2A, "Instruction Format")."""


class PhysicalMemory(Protocol):
    """Guest-physical memory. Holes read as all ones and lose what is written."""

    def read(self, address: int, size: int, /) -> bytes:
        """Return ``size`` bytes at ``address``."""

    def write(self, address: int, data: bytes, /) -> None:
        """Store ``data`` at ``address``."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a paging structure."""

    name: str
    shift: int  # lowest bit of the linear address that indexes it
    index_bits: int
    page_size: int  # bytes that an entry maps if it maps a page; 0 if it never does


_PML4 = Level("PML4E", 39, 9, 0)
_PDPT = Level("PDPTE", 30, 9, GIB)
_PDPT_PAE = Level("PDPTE", 30, 2, 0)
_PD = Level("PDE", 21, 9, 2 * MIB)
_PD_LEGACY = Level("PDE", 22, 10, 4 * MIB)
_PT = Level("PTE", 12, 9, PAGE_SIZE)
_PT_LEGACY = Level("PTE", 12, 10, PAGE_SIZE)

LONG = (_PML4, _PDPT, _PD, _PT)
PAE = (_PDPT_PAE, _PD, _PT)
LEGACY = (_PD_LEGACY, _PT_LEGACY)


@dataclass(frozen=True, slots=True)
class Entry:
    """A paging-structure entry that a walk met."""

    level: Level
    address: int  # where it lies in physical memory
    value: int
    maps: int | None  # physical address of the page, if it maps one
    reserved: int  # bits that are set and must not be

    @property
    def present(self) -> bool:
        """Whether the P bit is set."""
        return bool(self.value & PAGE_P)

    def __str__(self) -> str:
        """Name, place, value and set bits, as a crash report shows them."""
        bits = " ".join(name for bit, name in _NAMES.items() if self.value & bit) or "-"
        wrong = f"; reserved bits set: {self.reserved:#x}" if self.reserved else ""
        return f"{self.level.name:5} at {self.address:#011x} = {self.value:#018x}  {bits}{wrong}"


def is_canonical(linear: int) -> bool:
    """Whether bits 63:47 of ``linear`` are equal."""
    return linear >> 47 in (0, 0x1_FFFF)


def walk(regs: Registers, memory: PhysicalMemory, linear: int) -> list[Entry]:
    """Return the entries that translate ``linear``; the last one maps it or says why not.

    The list is empty if paging is off or the address is not canonical.
    """
    if not regs.cr0 & CR0_PG or not _in_range(regs, linear):
        return []
    return list(_entries(regs, memory, linear))


def translate(
    regs: Registers,
    memory: PhysicalMemory,
    linear: int,
    access: Access = Access.READ,
    *,
    look: bool = False,
) -> int:
    """Return the physical address of ``linear``, or raise :class:`PageFault`.

    A non-canonical address raises #GP(0). With ``look`` the rights do not count
    and nothing is written.
    """
    if not regs.cr0 & CR0_PG:
        return linear & 0xFFFF_FFFF & regs._a20_mask
    if not _in_range(regs, linear):
        raise CpuFault(Vector.GP)
    wanted = int(access)  # plain numbers from here on: this is the hot path
    rights, no_execute = PAGE_W | PAGE_U, False
    for entry in _entries(regs, memory, linear):
        if not look and _marked_on_the_way(entry):
            _mark(memory, entry, PAGE_A)
        if not entry.present or entry.reserved:
            raise PageFault(linear, _error_code(regs, wanted) | _obstacle(entry))
        if entry.level is not _PDPT_PAE:  # which has no rights
            rights &= entry.value
            no_execute |= bool(entry.value & PAGE_NX)
        if entry.maps is None:
            continue
        if not look:
            if not _allowed(regs, wanted, rights, no_execute):
                raise PageFault(linear, _error_code(regs, wanted) | FAULT_P)
            _mark(memory, entry, PAGE_A | (PAGE_D if wanted & _WRITE else 0))
        return (entry.maps & regs._a20_mask) | (linear & (entry.level.page_size - 1))
    raise InvariantError(f"the walk for {linear:#x} neither ended nor faulted")


def read_linear(
    regs: Registers,
    memory: PhysicalMemory,
    linear: int,
    size: int,
    access: Access = Access.READ,
    *,
    look: bool = False,
) -> bytes:
    """Return ``size`` bytes at ``linear``. Every page is checked first, in order of address."""
    runs = _runs(regs, memory, linear, size, access, look)
    return b"".join(memory.read(address, length) for address, length in runs)


def read_code(regs: Registers, memory: PhysicalMemory) -> bytes:
    """Look at the code at RIP: as long as the longest instruction, or to a missing page."""
    start, code = regs.linear_rip, b""
    first = min(_LONGEST, PAGE_SIZE - start % PAGE_SIZE)
    try:
        code = read_linear(regs, memory, start, first, look=True)
        if first < _LONGEST:
            code += read_linear(regs, memory, start + first, _LONGEST - first, look=True)
    except CpuFault:
        pass  # what is there is all that can be executed
    return code


def write_linear(
    regs: Registers,
    memory: PhysicalMemory,
    linear: int,
    data: bytes,
    access: Access = Access.WRITE,
    *,
    look: bool = False,
) -> None:
    """Store ``data`` at ``linear``, whole or not at all: every page is checked first."""
    done = 0
    for address, length in _runs(regs, memory, linear, len(data), access, look):
        memory.write(address, data[done : done + length])
        done += length


def _runs(
    regs: Registers,
    memory: PhysicalMemory,
    linear: int,
    size: int,
    access: Access,
    look: bool,
) -> list[tuple[int, int]]:
    """Return physical address and length of each page's part of a linear range."""
    runs, end = [], linear + size
    while linear < end:
        length = min(end, (linear | (PAGE_SIZE - 1)) + 1) - linear
        inside = linear & 0xFFFF_FFFF_FFFF_FFFF  # a range may wrap, as addresses do
        runs.append((translate(regs, memory, inside, access, look=look), length))
        linear += length
    return runs


def _in_range(regs: Registers, linear: int) -> bool:
    return not regs.efer & EFER_LMA or is_canonical(linear)


def _error_code(regs: Registers, access: int) -> int:
    """Return the error code's bits that depend on the access alone."""
    tells_fetches = regs.cr4 & CR4_SMEP or (regs.efer & EFER_NXE and regs.cr4 & CR4_PAE)
    return access if tells_fetches else access & ~_FETCH


def _obstacle(entry: Entry) -> int:
    """Return the error code's bits that say why a walk could not go past ``entry``."""
    return FAULT_P | FAULT_RSVD if entry.present else 0


def _entries(regs: Registers, memory: PhysicalMemory, linear: int) -> Iterator[Entry]:
    """Yield entries top down, each read only when it is asked for.

    So a caller that sets an accessed bit sees it if tables map themselves.
    """
    levels: tuple[Level, ...]
    if not regs.cr4 & CR4_PAE:
        levels, entry_size, table = LEGACY, 4, regs.cr3 & ~0xFFF
    elif regs.efer & EFER_LMA:
        levels, entry_size, table = LONG, 8, regs.cr3 & ADDRESS_MASK
    else:
        levels, entry_size, table = PAE, 8, regs.cr3 & ~0x1F
    for level in levels:
        index = linear >> level.shift & ((1 << level.index_bits) - 1)
        address = table + index * entry_size & regs._a20_mask
        value = int.from_bytes(memory.read(address, entry_size), "little")
        entry = _decode(regs, level, address, value)
        yield entry
        if not entry.present or entry.maps is not None or entry.reserved:
            return
        table = value & ADDRESS_MASK


def _decode(regs: Registers, level: Level, address: int, value: int) -> Entry:
    """Tell what ``value`` maps at ``level``, and which of its bits must not be set."""
    large = bool(value & PAGE_PS) and level.page_size > 0
    if level is _PD_LEGACY:
        large = large and bool(regs.cr4 & CR4_PSE)
    if level.shift != PAGE_SIZE.bit_length() - 1 and not large:
        return Entry(level, address, value, None, value & _reserved(regs, level))
    frame = value
    if level is _PD_LEGACY:
        frame |= (value & PSE36_LOW) << PSE36_SHIFT
        reserved = PSE36_RESERVED
    else:
        reserved = _reserved(regs, level) | (level.page_size - 1 & ADDRESS_MASK & ~PAT_LARGE)
    frame &= ADDRESS_MASK & -level.page_size
    return Entry(level, address, value, frame, value & reserved)


def _reserved(regs: Registers, level: Level) -> int:
    """Return the bits that must be clear in an entry of ``level``, page or not."""
    if not regs.cr4 & CR4_PAE:
        return 0
    mask = RESERVED_ADDRESS
    if not regs.efer & EFER_NXE or level is _PDPT_PAE:
        mask |= PAGE_NX
    if not regs.efer & EFER_LMA:
        mask |= RESERVED_PAE
    if level is _PML4:
        mask |= PAGE_PS
    return mask


def _allowed(regs: Registers, access: int, rights: int, no_execute: bool) -> bool:
    """Whether a page with ``rights`` of all levels combined may be accessed so."""
    if access & _USER:
        if not rights & PAGE_U:
            return False
    elif rights & PAGE_U:
        if access & _FETCH:
            if regs.cr4 & CR4_SMEP:
                return False
        elif regs.cr4 & CR4_SMAP and not (regs.cpl < 3 and regs._eflags & Flag.AC):
            return False
    if access & _FETCH:
        return not no_execute
    if access & _WRITE and not rights & PAGE_W:
        return not access & _USER and not regs.cr0 & CR0_WP
    return True


def _marked_on_the_way(entry: Entry) -> bool:
    """Whether the accessed bit of ``entry`` is set before rights are checked."""
    if entry.level is _PDPT_PAE or not entry.present:
        return False
    if entry.maps is None:
        return not entry.reserved
    return entry.level is _PDPT and not entry.reserved >> _PDPT.shift


def _mark(memory: PhysicalMemory, entry: Entry, bits: int) -> None:
    """Set accessed and dirty bits of ``entry`` that are not set; both are in its low byte."""
    if entry.value & bits != bits:
        memory.write(entry.address, bytes([(entry.value | bits) & 0xFF]))
