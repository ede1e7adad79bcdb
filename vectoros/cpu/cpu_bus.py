"""Physical memory as the CPU's microcode meets it: descriptors, frames, page tables.

The same as for a program's accesses: RAM, ROM, and elsewhere the machine's
devices, asked in the pieces in which Unicorn 2.1.4 asks them. So an engine that
delivers an exception in Python leaves the same traces as one that does not.
"""

from __future__ import annotations

from collections.abc import Iterator

from vectoros.cpu.core import Surroundings
from vectoros.cpu.paging import PhysicalMemory
from vectoros.memory import Memory

_WIDEST = 4
"""Bytes of the widest access to a device; Unicorn splits a wider one."""


class CpuBus:
    """Accesses made in Python on the CPU's behalf."""

    def __init__(self, memory: Memory, surroundings: Surroundings, ram: PhysicalMemory) -> None:
        """Reach ``memory`` through ``ram``, a view of it, and the rest through ``surroundings``."""
        self._memory = memory
        self._around = surroundings
        self._ram = ram

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes at ``address``."""
        if self._is_memory(address, size):
            return self._ram.read(address, size)
        # As Unicorn loads from a device: whole words, also around what is not aligned.
        width = min(size, _WIDEST)
        first = address & -width
        words = range(first, address + size, width)
        found = b"".join(
            self._around.mmio_read(at, width).to_bytes(8, "little")[:width] for at in words
        )
        return found[address - first : address - first + size]

    def write(self, address: int, data: bytes) -> None:
        """Store ``data`` at ``address``; ROM keeps what it has."""
        if self._is_memory(address, len(data)):
            self._ram.write(address, data)
            return
        for at, width in _pieces(address, len(data)):
            value = data[at - address : at - address + width]
            self._around.mmio_write(at, width, int.from_bytes(value, "little"))

    def _is_memory(self, address: int, size: int) -> bool:
        """Whether the access is to RAM or begins in ROM; none straddles the end of either."""
        if self._memory.offset(address, size) is not None:
            return True
        return any(rom.base <= address < rom.end for rom in self._memory.roms)


def _pieces(address: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield address and width of each access to a device: aligned, and at most 4 bytes."""
    width = min(size, _WIDEST)
    if address % width:
        width = 1
    for at in range(address, address + size, width):
        yield at, min(width, address + size - at)
