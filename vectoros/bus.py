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


MAX_FOUND = 4096
"""Addresses whose device is remembered; a guest that touches more has all looked up anew."""


@dataclass(slots=True)
class Mapping:
    """A device, the area where it answers, and how often it has been accessed."""

    area: Area
    device: Device
    has_deadlines: bool
    """Whether an access to it can move a deadline."""

    accesses: int = 0

    def holds(self, address: int, width: int) -> bool:
        """Whether all of an access of ``width`` bytes to ``address`` falls into the area."""
        base = self.area.base
        return base <= address and address + width <= base + self.area.size


class Bus:
    """Devices at areas that never overlap."""

    def __init__(self, name: str, size: int, accessed: Callable[[Device], None]) -> None:
        """Decode addresses 0 to ``size`` - 1; messages call the bus ``name``.

        ``accessed`` is called after each access that may have moved a device's deadline.
        """
        self.name = name
        self.size = size
        self._accessed = accessed
        self.mappings: list[Mapping] = []  # sorted by base; pairwise disjoint
        self.holes: Counter[int] = Counter()
        self._bases: list[int] = []
        self._found: dict[tuple[int, int], tuple[Mapping, int]] = {}  # what find_whole() gave

    @property
    def accesses(self) -> Counter[str]:
        """Accesses that reached a device, by the name of its area."""
        return Counter({m.area.name: m.accesses for m in self.mappings if m.accesses})

    def attach(self, area: Area, device: Device) -> None:
        """Let ``device`` answer at ``area``; raise :class:`ConfigError` if it cannot."""
        if area.size <= 0 or area.base < 0 or area.last >= self.size:
            raise ConfigError(f"{area} is outside the {self.name} bus, 0x0..{self.size - 1:#x}")
        for other in self.mappings:
            if area.base <= other.area.last and other.area.base <= area.last:
                raise ConfigError(f"{area} overlaps {other.area}")
        has_deadlines = type(device.timekeeper).next_event is not Device.next_event
        self.mappings.append(Mapping(area, device, has_deadlines))
        self.mappings.sort(key=lambda mapping: mapping.area.base)
        self._bases = [mapping.area.base for mapping in self.mappings]
        self._found.clear()

    def find(self, address: int) -> Mapping | None:
        """Return the mapping that holds ``address``, if there is one."""
        index = bisect_right(self._bases, address) - 1
        if index < 0 or address > self.mappings[index].area.last:
            return None
        return self.mappings[index]

    def read(self, address: int, width: int) -> int:
        """Return the ``width`` bytes at ``address``."""
        found = self._found.get((address, width)) or self._find_whole(address, width)
        if found is not None:
            mapping, offset = found
            mapping.accesses += 1
            value = mapping.device.read(offset, width)
            if mapping.has_deadlines:
                self._accessed(mapping.device)
            return value
        if width == 1 or self._nothing_at(address, width):
            self._count_hole(address)
            return (1 << 8 * width) - 1
        return sum(self.read(address + byte, 1) << 8 * byte for byte in range(width))

    def write(self, address: int, width: int, value: int) -> None:
        """Write ``width`` bytes to ``address``."""
        found = self._found.get((address, width)) or self._find_whole(address, width)
        if found is not None:
            mapping, offset = found
            mapping.accesses += 1
            mapping.device.write(offset, width, value)
            if mapping.has_deadlines:
                self._accessed(mapping.device)
        elif width == 1 or self._nothing_at(address, width):
            self._count_hole(address)
        else:
            for byte in range(width):
                self.write(address + byte, 1, value >> 8 * byte & 0xFF)

    def _find_whole(self, address: int, width: int) -> tuple[Mapping, int] | None:
        """Return the mapping that holds a whole access, and the offset there; remember it."""
        mapping = self.find(address)
        if mapping is None or not mapping.holds(address, width):
            return None
        if len(self._found) == MAX_FOUND:
            self._found.clear()
        self._found[address, width] = found = mapping, address - mapping.area.base
        return found

    def _nothing_at(self, address: int, width: int) -> bool:
        return all(self.find(address + byte) is None for byte in range(width))

    def _count_hole(self, address: int) -> None:
        known = address in self.holes or len(self.holes) < MAX_HOLES
        self.holes[address if known else ELSEWHERE] += 1
