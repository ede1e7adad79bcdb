"""Address spaces: four levels of page tables, and frames in them.

Entries are written with A and D set and never changed by the processor, so what is in
a table is what the kernel put there. A page is writable or executable, never both.
The upper half is the kernel's, the same in every PML4, and closed to ring 3.

Source: Intel SDM Vol. 3A, "4-Level Paging".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntFlag
from itertools import pairwise
from typing import NamedTuple

from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import TABLES, Type
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
_SHIFTS = dict(zip(TABLES, (39, 30, 21, 12), strict=True))
"""Lowest bit of an address that indexes a table of the type."""


def share_kernel_half(ram: Ram, pml4: int, kernel: int) -> None:
    """Give ``pml4`` the upper half of the PML4 ``kernel``."""
    middle, end = HALF * 8, ENTRIES * 8
    ram.view[pml4 + middle : pml4 + end] = ram.view[kernel + middle : kernel + end]


def map_frame(
    ram: Ram, pml4: int, frame: Slot, address: int, access: Entry,
    new_table: Callable[[Type], Slot],
) -> None:  # fmt: skip
    """Map ``frame`` at ``address``, with tables from ``new_table`` where there are none."""
    last = Type.PT if frame.bits == _SHIFTS[Type.PT] else Type.PD
    table = pml4
    for kind, below in pairwise(TABLES):
        if kind is last:
            break
        at = (table >> 3) + index(kind, address)
        if not ram.words[at] & Entry.PRESENT:
            made = new_table(below)
            made.set_mapping(pml4, address >> _SHIFTS[kind] << _SHIFTS[kind])
            ram.words[at] = made.object | TABLE
        table = ram.words[at] & ADDRESS
    large = Entry.LARGE if last is Type.PD else 0
    ram.words[(table >> 3) + index(last, address)] = frame.object | access | large
    frame.set_mapping(pml4, address)


def index(kind: Type, address: int) -> int:
    """Return which entry of a table of type ``kind`` is for ``address``."""
    return address >> _SHIFTS[kind] & (ENTRIES - 1)


class Mapping(NamedTuple):
    """A page that a program sees."""

    address: int
    frame: int
    size: int
    access: int
    """Bits of the entry that are not its address."""


def mappings(ram: Ram, pml4: int) -> Iterator[Mapping]:
    """Yield what is mapped in the lower half of ``pml4``, by address."""
    yield from _mappings(ram, pml4, 0, 0, HALF)


def _mappings(ram: Ram, table: int, level: int, base: int, count: int) -> Iterator[Mapping]:
    shift = _SHIFTS[TABLES[level]]
    for number in range(count):
        entry = ram.words[(table >> 3) + number]
        if not entry & Entry.PRESENT:
            continue
        address = base | number << shift
        if level == len(TABLES) - 1 or entry & Entry.LARGE:
            yield Mapping(address, entry & ADDRESS, 1 << shift, entry & ~ADDRESS)
        else:
            yield from _mappings(ram, entry & ADDRESS, level + 1, address, ENTRIES)
