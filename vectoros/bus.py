"""The buses: which device answers at which port, and at which physical address.

A device sees offsets, never its own address. Where nothing answers, reads give
all ones, as the pull-ups of the real bus do, writes go nowhere, and both are
counted by address: nothing is silently ignored.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from vectoros.devices.device import Device
from vectoros.errors import ConfigError
from vectoros.layout import Area

MAX_HOLES = 1024
"""Addresses counted one by one; a guest that touches more has the rest counted together."""

ELSEWHERE = -1
"""The address under which the rest is counted."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A device and the area where it answers."""

    area: Area
    device: Device


class Bus:
    """Devices at areas that never overlap."""

    def __init__(self, name: str, size: int, accessed: Callable[[Device], None]) -> None:
        """Decode addresses 0 to ``size`` - 1; messages call the bus ``name``.

        ``accessed`` is called after each access that reached a device.
        """
        self.name = name
        self.size = size
        self._accessed = accessed
        self.mappings: list[Mapping] = []  # sorted by base; pairwise disjoint
        self.holes: Counter[int] = Counter()
        self.accesses: Counter[str] = Counter()
        self._bases: list[int] = []
        self._strobes: dict[int, tuple[str, Callable[[], None]]] = {}

    def attach(self, area: Area, device: Device) -> None:
        """Let ``device`` answer at ``area``; raise :class:`ConfigError` if it cannot."""
        if area.size <= 0 or area.base < 0 or area.last >= self.size:
            raise ConfigError(f"{area} is outside the {self.name} bus, 0x0..{self.size - 1:#x}")
        for other in self.mappings:
            if area.base <= other.area.last and other.area.base <= area.last:
                raise ConfigError(f"{area} overlaps {other.area}")
        self.mappings.append(Mapping(area, device))
        self.mappings.sort(key=lambda mapping: mapping.area.base)
        self._bases = [mapping.area.base for mapping in self.mappings]

    def strobe(self, address: int, action: Callable[[], None]) -> None:
        """Let a write to ``address``, of any width, do ``action`` and nothing else.

        The short way for a device's register that is written very often. The action
        may neither change when the device's next event is due, nor move a line, nor
        stop the machine; ``accessed`` is not called.
        """
        mapping = self.find(address)
        if mapping is None:
            raise ConfigError(f"nothing answers at {address:#x} of the {self.name} bus")
        self._strobes[address] = mapping.area.name, action

    def struck(self, address: int) -> bool:
        """Do the action of the strobe at ``address``; return False if there is none."""
        found = self._strobes.get(address)
        if found is None:
            return False
        self.accesses[found[0]] += 1
        found[1]()
        return True

    def find(self, address: int) -> Mapping | None:
        """Return the mapping that holds ``address``, if there is one."""
        index = bisect_right(self._bases, address) - 1
        if index < 0 or address > self.mappings[index].area.last:
            return None
        return self.mappings[index]

    def read(self, address: int, width: int) -> int:
        """Return the ``width`` bytes at ``address``."""
        mapping = self.find(address)
        if mapping is not None and address + width - 1 <= mapping.area.last:
            self.accesses[mapping.area.name] += 1
            value = mapping.device.read(address - mapping.area.base, width)
            self._accessed(mapping.device)
            return value
        if width == 1 or self._nothing_at(address, width):
            self._count_hole(address)
            return (1 << 8 * width) - 1
        return sum(self.read(address + byte, 1) << 8 * byte for byte in range(width))

    def write(self, address: int, width: int, value: int) -> None:
        """Write ``width`` bytes to ``address``."""
        mapping = self.find(address)
        if mapping is not None and address + width - 1 <= mapping.area.last:
            self.accesses[mapping.area.name] += 1
            mapping.device.write(address - mapping.area.base, width, value)
            self._accessed(mapping.device)
        elif width == 1 or self._nothing_at(address, width):
            self._count_hole(address)
        else:
            for byte in range(width):
                self.write(address + byte, 1, value >> 8 * byte & 0xFF)

    def _nothing_at(self, address: int, width: int) -> bool:
        return all(self.find(address + byte) is None for byte in range(width))

    def _count_hole(self, address: int) -> None:
        known = address in self.holes or len(self.holes) < MAX_HOLES
        self.holes[address if known else ELSEWHERE] += 1
