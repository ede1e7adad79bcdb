"""Guest-physical memory as the host side sees it: RAM, ROM, and nothing elsewhere.

Every host-side store goes through :meth:`Memory.write`, which tells the CPU
engine, so that code it has already translated is never run stale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vectoros.errors import ConfigError, hold
from vectoros.ram import Ram, make_ram
from vectoros.units import PAGE_SIZE, PhysAddr

OPEN_BUS = b"\xff"
"""What a byte reads as where nothing answers: the bus's pull-ups."""


@dataclass(frozen=True)
class Rom:
    """Read-only memory of whole pages at ``base``."""

    name: str
    base: PhysAddr
    data: bytes

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.base + len(self.data)

    def __str__(self) -> str:
        """Name and range, as every message about the map shows them."""
        return f"{self.name} at {self.base:#x}..{self.end - 1:#x}"


class Memory:
    """RAM from address 0, and any number of ROMs above it."""

    def __init__(self, size: int) -> None:
        """Make ``size`` bytes of RAM."""
        self.ram: Ram[Any] = make_ram(size)
        self.roms: list[Rom] = []
        self._listener: Callable[[int, int], None] | None = None

    def add_rom(self, rom: Rom) -> None:
        """Put ``rom`` in place; it must be whole pages, above RAM, and clear of other ROMs."""
        hold(self._listener is None, f"{rom} was added after the CPU had taken the map over")
        if rom.base % PAGE_SIZE or len(rom.data) % PAGE_SIZE or not rom.data:
            raise ConfigError(f"{rom}: base and size must be multiples of {PAGE_SIZE} bytes")
        if rom.base < self.ram.size:
            raise ConfigError(f"{rom} overlaps ram at 0x0..{self.ram.size - 1:#x}")
        for other in self.roms:
            if rom.base < other.end and other.base < rom.end:
                raise ConfigError(f"{rom} overlaps {other}")
        self.roms.append(rom)

    def on_write(self, listener: Callable[[int, int], None]) -> None:
        """Call ``listener(address, size)`` after each host-side store to RAM."""
        self._listener = listener

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes; where there is neither RAM nor ROM they are all ones."""
        if address + size <= self.ram.size:
            return bytes(self.ram.view[address : address + size])
        found = bytearray(OPEN_BUS * size)
        self._overlay(found, address, 0, self.ram.view)
        for rom in self.roms:
            self._overlay(found, address, rom.base, rom.data)
        return bytes(found)

    def write(self, address: int, data: bytes) -> None:
        """Store ``data``; bytes that fall outside RAM are lost, as on the bus."""
        stored = self._store(address, data)
        if stored and self._listener is not None:
            self._listener(address, stored)

    def _store(self, address: int, data: bytes) -> int:
        """Store what falls into RAM, and return how much that was."""
        stored = max(0, min(len(data), self.ram.size - address))
        self.ram.view[address : address + stored] = data[:stored]
        return stored

    @staticmethod
    def _overlay(found: bytearray, address: int, base: int, data: bytes | memoryview) -> None:
        """Put what ``data``, which lies at ``base``, has for ``found``, which is of ``address``."""
        first = max(address, base)
        end = min(address + len(found), base + len(data))
        if first < end:
            found[first - address : end - address] = data[first - base : end - base]


class CpuMemory:
    """Memory for the CPU's own stores, made for it in Python: an exception's frame.

    They do not count as changes from outside. Code that lies under such a frame
    and was translated before is not noticed.
    """

    def __init__(self, memory: Memory) -> None:
        """Store to ``memory``, and tell nobody."""
        self.read = memory.read
        self._store = memory._store

    def write(self, address: int, data: bytes) -> None:
        """Store ``data``; bytes that fall outside RAM are lost."""
        self._store(address, data)
