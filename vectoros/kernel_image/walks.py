"""What an address space holds: walks that the kernel itself never makes.

They are for images that a kernel wrote; :mod:`vectoros.kernel_image.inspect` doubts what
it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import PAGE_BITS
from vectoros.kernel.vspace import ADDRESS, ENTRIES, HALF, LEVELS, Entry

_PRESENT, _LARGE = int(Entry.PRESENT), int(Entry.LARGE)
"""As numbers: with an IntFlag each of the thousands of entries would cost a microsecond more."""


class Mapping(NamedTuple):
    """A page that a program sees."""

    address: int
    frame: int
    size: int
    access: int
    """Bits of the entry that are not its address."""


def mappings(ram: Ram, pml4: int) -> Iterator[Mapping]:
    """Yield what is mapped in the lower half of ``pml4``, by address."""
    for address, bits, entry in entries(ram, pml4):
        if bits == PAGE_BITS or entry & _LARGE:
            yield Mapping(address, entry & ADDRESS, 1 << bits, entry & ~ADDRESS)


def entries(
    ram: Ram, table: int, bits: int = LEVELS[0], base: int = 0, count: int = HALF
) -> Iterator[tuple[int, int, int]]:
    """Yield the entries of a PML4's lower half, and of all tables below, before what they lead to.

    Each comes with the first address that it translates, and the bits that it leaves of it.
    """
    at = table >> 3
    for number, entry in enumerate(ram.words[at : at + count].tolist()):
        if entry & _PRESENT:
            address = base | number << bits
            yield address, bits, entry
            if bits > PAGE_BITS and not entry & _LARGE:
                yield from entries(ram, entry & ADDRESS, bits - 9, address, ENTRIES)
