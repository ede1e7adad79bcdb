"""Address spaces: four levels of page tables, and frames in them.

Entries are written with A and D set and never changed by the processor, so what is in
a table is what the kernel put there. A page is writable or executable, never both.
The upper half is the kernel's, the same in every PML4, and closed to ring 3.

Source: Intel SDM Vol. 3A, "4-Level Paging".
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntFlag

from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import PAGE_BITS, TABLES, Type
from vectoros.kernel.slot import Slot


class Entry(IntFlag):
    """Bits of a table's entry."""

    PRESENT = 1 << 0
    WRITE = 1 << 1
    USER = 1 << 2
    ACCESSED = 1 << 5
    DIRTY = 1 << 6
    LARGE = 1 << 7
    NO_EXECUTE = 1 << 63


TABLE = Entry.PRESENT | Entry.WRITE | Entry.USER | Entry.ACCESSED
"""An entry that leads to the next table: the last level alone decides."""

PAGE = Entry.PRESENT | Entry.USER | Entry.ACCESSED | Entry.DIRTY
READ_ONLY = PAGE | Entry.NO_EXECUTE
READ_WRITE = PAGE | Entry.WRITE | Entry.NO_EXECUTE
EXECUTABLE = PAGE

ADDRESS = 0x000F_FFFF_FFFF_F000
"""Bits of an entry that are a physical address."""

ENTRIES = 512
HALF = ENTRIES // 2
LOWER_BITS = 47
"""Bits of an address in the lower half, which is ring 3's."""

LEVELS = (39, 30, 21, 12)
"""Lowest bits of an address that index a table, from the PML4 down."""

TABLE_BELOW = dict(zip(LEVELS, TABLES[1:], strict=False))
"""Table that an entry leads to which leaves so many bits of the address."""

_PRESENT, _LARGE = int(Entry.PRESENT), int(Entry.LARGE)
_NO_EXECUTE, _ALLOWED = int(Entry.NO_EXECUTE), int(Entry.USER | Entry.WRITE)


def share_kernel_half(ram: Ram, pml4: int, kernel: int) -> None:
    """Give ``pml4`` the upper half of the PML4 ``kernel``."""
    middle, end = HALF * 8, ENTRIES * 8
    ram.view[pml4 + middle : pml4 + end] = ram.view[kernel + middle : kernel + end]


def clear_user_half(ram: Ram, pml4: int) -> None:
    """Take everything away that ring 3 has in ``pml4``."""
    ram.view[pml4 : pml4 + HALF * 8] = bytes(HALF * 8)


def find(ram: Ram, pml4: int, address: int, bits: int) -> tuple[int, int]:
    """Return the place, in words, of the entry that translates all but ``bits`` of ``address``.

    The second number is ``bits``; or more, if a table on the way is not there: then the
    entry is the one that should lead to it.
    """
    table = pml4
    for shift in LEVELS:
        at = (table >> 3) + (address >> shift & ENTRIES - 1)
        if shift == bits:
            break
        entry: int = ram.words[at]
        if not entry & _PRESENT or entry & _LARGE:
            break
        table = entry & ADDRESS
    return at, shift


def map_frame(
    ram: Ram, pml4: Slot, frame: Slot, address: int, access: Entry,
    new_table: Callable[[Type], Slot],
) -> None:  # fmt: skip
    """Map ``frame`` at ``address``, with tables from ``new_table`` where there are none."""
    asid = pml4.mapping - 1
    while True:
        at, bits = find(ram, pml4.object, address, frame.bits)
        if bits == frame.bits:
            break
        table = new_table(TABLE_BELOW[bits])
        table.set_mapping(asid, address >> bits << bits)
        ram.words[at] = table.object | TABLE
    ram.words[at] = frame.object | access | (Entry.LARGE if bits > PAGE_BITS else 0)
    frame.set_mapping(asid, address)


def walk(ram: Ram, pml4: int, address: int) -> tuple[int, int] | None:
    """Return the entry that maps ``address`` for ring 3, and the size of its page; or None.

    USER and WRITE are in the entry if every level has them, NO_EXECUTE if one has it.
    """
    if address >> LOWER_BITS:
        return None
    table, allowed, forbidden = pml4, _ALLOWED, 0
    for shift in LEVELS:
        entry: int = ram.words[(table >> 3) + (address >> shift & ENTRIES - 1)]
        if not entry & _PRESENT:
            return None
        allowed &= entry
        forbidden |= entry & _NO_EXECUTE
        if shift == PAGE_BITS or entry & _LARGE:
            break
        table = entry & ADDRESS
    return entry & ~_ALLOWED | allowed | forbidden, 1 << shift
