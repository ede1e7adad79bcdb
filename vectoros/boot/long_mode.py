"""64-bit mode as a boot loader leaves it: flat segments, paging on, interrupts off.

The state in which a kernel file starts. Its tables lie in the hand-over area
(:data:`vectoros.layout.HANDOVER`); a kernel soon has tables of its own, and may have
that memory then.

Sources: Linux's ``Documentation/arch/x86/boot.rst``, "64-bit Boot Protocol", for the
selectors; Intel SDM Vol. 3A, "Initializing IA-32e Mode", for the rest.
"""

from __future__ import annotations

import struct

from vectoros.cpu.bits import (
    CR0_ET,
    CR0_PE,
    CR0_PG,
    CR4_PAE,
    EFER_LMA,
    EFER_LME,
    Gpr,
    Seg,
)
from vectoros.layout import HANDOVER
from vectoros.memory import Memory
from vectoros.pc import Pc
from vectoros.units import GIB, MIB, PAGE_SIZE

PARAMETERS = HANDOVER.base
"""Where a protocol puts what it tells the kernel: one page."""

COMMAND_LINE = PARAMETERS + PAGE_SIZE
"""Where the command line is, with a zero behind it: at most a page."""

GDT = COMMAND_LINE + PAGE_SIZE
PML4 = GDT + PAGE_SIZE
PDPT = PML4 + PAGE_SIZE
DIRECTORIES = PDPT + PAGE_SIZE
"""Page tables: one of level 4, one of level 3, and a directory for each GiB."""

MAPPED = 4 * GIB
"""Addresses from 0 on that are mapped to themselves."""

STACK = HANDOVER.base
"""First address above the stack: there is room for one below the hand-over area."""

CODE, DATA = 0x10, 0x18
"""Selectors: Linux's ``__BOOT_CS`` and ``__BOOT_DS``."""

_CODE_DESCRIPTOR, _DATA_DESCRIPTOR = 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF
_CODE_FLAGS, _DATA_FLAGS = 0x00AF_9B00, 0x00CF_9300
_DESCRIPTORS = struct.pack("<4Q", 0, 0, _CODE_DESCRIPTOR, _DATA_DESCRIPTOR)

_PRESENT_WRITABLE, _LARGE = 0b11, 1 << 7
_LARGE_PAGE = 2 * MIB
_ENTRIES = PAGE_SIZE // 8


def enter(pc: Pc, entry: int, command_line: str) -> None:
    """Let the CPU, which has just been reset, stand at ``entry`` in 64-bit mode.

    The other general registers stay zero, for the protocol to fill.
    """
    pc.memory.write(COMMAND_LINE, command_line.encode("ascii") + b"\0")
    pc.memory.write(GDT, _DESCRIPTORS)
    _map(pc.memory)
    regs = pc.cpu.regs
    for number in Seg:
        code = number is Seg.CS
        flags = _CODE_FLAGS if code else _DATA_FLAGS
        regs.segs[number].load(CODE if code else DATA, 0, 0xFFFF_FFFF, flags)
    regs.gdtr.load(0, GDT, len(_DESCRIPTORS) - 1, 0)
    regs.cr0, regs.cr3, regs.cr4 = CR0_PG | CR0_ET | CR0_PE, PML4, CR4_PAE
    regs.efer = EFER_LME | EFER_LMA
    regs.gpr[Gpr.RDX] = 0
    regs.gpr[Gpr.RSP] = STACK
    regs.rip = entry


def _map(memory: Memory) -> None:
    """Write page tables that map the first 4 GiB to themselves, in pages of 2 MiB."""
    gibs = MAPPED // GIB
    pages = MAPPED // _LARGE_PAGE
    bits = _PRESENT_WRITABLE
    memory.write(PML4, _table([PDPT | bits]))
    memory.write(PDPT, _table([DIRECTORIES + n * PAGE_SIZE | bits for n in range(gibs)]))
    memory.write(DIRECTORIES, _table([n * _LARGE_PAGE | bits | _LARGE for n in range(pages)]))


def _table(entries: list[int]) -> bytes:
    """Return paging entries, the rest of the page not present."""
    rest = -len(entries) % _ENTRIES
    return struct.pack(f"<{len(entries) + rest}Q", *entries, *[0] * rest)
