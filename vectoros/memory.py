"""Guest-physical memory as the host side sees it: RAM, ROM, and nothing elsewhere.

All RAM is one store of the host's, :class:`vectoros.ram.Ram`. The CPU sees it
through *windows*: one at address 0, and one for each further piece, such as
video memory. Snapshots and hashes know the store, and its own page numbers;
everything else knows physical addresses. Only this module turns one into the other.

Every host-side store goes through :meth:`Memory.write`, which tells the CPU
engine, so that code it has already translated is never run stale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vectoros.errors import ConfigError, hold
from vectoros.layout import Area
from vectoros.ram import PageNumbers, Ram, make_ram
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


@dataclass(frozen=True, slots=True)
class Window:
    """Physical addresses behind which the store lies, from byte ``offset`` of it on."""

    area: Area
    offset: int


class Memory:
    """RAM from address 0, further pieces of it above, and any number of ROMs."""

    def __init__(self, size: int, *further: Area) -> None:
        """Make ``size`` bytes of RAM at address 0, and more at each of ``further``."""
        self.size = size
        """Bytes of RAM from address 0 on."""
        self.ram: Ram[Any] = make_ram(size, sum(area.size for area in further))
        self.roms: list[Rom] = []
        self.windows: list[Window] = []
        self._listener: Callable[[int, int], None] | None = None
        offset = 0
        for area in (Area("ram", 0, size, "main memory"), *further):
            hold(area.base % PAGE_SIZE == area.size % PAGE_SIZE == 0, f"{area}: no whole pages")
            self._check_free(str(area), area.base, area.base + area.size)
            self.windows.append(Window(area, offset))
            offset += area.size

    def add_rom(self, rom: Rom) -> None:
        """Put ``rom`` in place; it must be whole pages, and clear of RAM and other ROMs."""
        hold(self._listener is None, f"{rom} was added after the CPU had taken the map over")
        if rom.base % PAGE_SIZE or len(rom.data) % PAGE_SIZE or not rom.data:
            raise ConfigError(f"{rom}: base and size must be multiples of {PAGE_SIZE} bytes")
        self._check_free(str(rom), rom.base, rom.end)
        self.roms.append(rom)

    def _check_free(self, name: str, base: int, end: int) -> None:
        for other in (window.area for window in self.windows):
            if base <= other.last and other.base < end:
                raise ConfigError(f"{name} overlaps {other}")
        for rom in self.roms:
            if base < rom.end and rom.base < end:
                raise ConfigError(f"{name} overlaps {rom}")

    def on_write(self, listener: Callable[[int, int], None]) -> None:
        """Call ``listener(address, size)`` after each host-side store to RAM."""
        self._listener = listener

    def offset(self, address: int, size: int) -> int | None:
        """Return where in the store ``size`` bytes lie; None if they are not in one window."""
        if address + size <= self.size:
            return address
        for area, offset in ((window.area, window.offset) for window in self.windows):
            if area.base <= address and address + size <= area.base + area.size:
                return address - area.base + offset
        return None

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes; where there is neither RAM nor ROM they are all ones."""
        if address + size <= self.size:  # written out: nearly every read is one of these
            return bytes(self.ram.view[address : address + size])
        offset = self.offset(address, size)
        if offset is not None:
            return bytes(self.ram.view[offset : offset + size])
        found = bytearray(OPEN_BUS * size)
        for start, at, count in self._inside(address, size):
            found[start - address : start - address + count] = self.ram.view[at : at + count]
        for rom in self.roms:
            self._overlay(found, address, rom.base, rom.data)
        return bytes(found)

    def write(self, address: int, data: bytes) -> None:
        """Store ``data``; bytes that fall outside RAM are lost, as on the bus."""
        size = len(data)
        if 0 < size <= self.size - address:  # written out: nearly every write is one of these
            self.ram.view[address : address + size] = data
            if self._listener is not None:
                self._listener(address, size)
            return
        for start, stored in self._store(address, data):
            if self._listener is not None:
                self._listener(start, stored)

    def clear(self, address: int, size: int) -> None:
        """Store zeros. Pages that hold nothing but zeros are not touched."""
        for start, at, count in self._inside(address, size):
            for page in self.ram.pages_in_use(at // PAGE_SIZE, -(-(at + count) // PAGE_SIZE)):
                first = max(at, page * PAGE_SIZE)
                end = min(at + count, (page + 1) * PAGE_SIZE)
                self.write(start + first - at, bytes(end - first))

    def physical_pages(self, pages: Sequence[int] | PageNumbers) -> list[int]:
        """Return the physical page numbers of ``pages`` of the store, such as it says changed."""
        import numpy as np  # here, and not above: see vectoros/ram.py

        numbers = np.asarray(pages, dtype=np.int64)
        starts = [window.offset // PAGE_SIZE for window in self.windows]
        bases = np.array([window.area.base // PAGE_SIZE for window in self.windows])
        window = np.searchsorted(starts, numbers, side="right") - 1
        found: list[int] = (numbers + (bases - starts)[window]).tolist()
        return found

    def _store(self, address: int, data: bytes) -> list[tuple[int, int]]:
        """Store what falls into RAM; return address and size of each part of it."""
        size = len(data)
        if address + size <= self.size:
            self.ram.view[address : address + size] = data
            return [(address, size)] if size else []
        stored = []
        for start, at, count in self._inside(address, size):
            self.ram.view[at : at + count] = data[start - address : start - address + count]
            stored.append((start, count))
        return stored

    def _inside(self, address: int, size: int) -> list[tuple[int, int, int]]:
        """Return what of these addresses is RAM: address, offset in the store, and size."""
        found = []
        for window in self.windows:
            start = max(address, window.area.base)
            end = min(address + size, window.area.base + window.area.size)
            if start < end:
                found.append((start, start - window.area.base + window.offset, end - start))
        return found

    @staticmethod
    def _overlay(found: bytearray, address: int, base: int, data: bytes | memoryview) -> None:
        """Put what ``data``, which lies at ``base``, has for ``found``, which is of ``address``."""
        first = max(address, base)
        end = min(address + len(found), base + len(data))
        if first < end:
            found[first - address : end - address] = data[first - base : end - base]


class CpuMemory:
    """Memory for the CPU's own stores, made for it in Python: an exception's frame.

    They do not count as changes from outside, and whoever makes them is told.
    """

    def __init__(self, memory: Memory, stored: Callable[[int, int], None]) -> None:
        """Store to ``memory``, and call ``stored(address, size)`` after each store to RAM."""
        self.read = memory.read
        self._store = memory._store
        self._stored = stored

    def write(self, address: int, data: bytes) -> None:
        """Store ``data``; bytes that fall outside RAM are lost."""
        for start, size in self._store(address, data):
            self._stored(start, size)
