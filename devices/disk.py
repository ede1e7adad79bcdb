"""A disk as a controller sees it: sectors that can be read, and an overlay for writes.

Promise: the disk below is never changed. What a guest writes stays in memory, and
only that is part of the machine's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from vectoros.devices.state import State, Stateful
from vectoros.errors import hold

SECTOR_BYTES = 512


class Disk(Protocol):
    """Something with sectors: an image file, usually."""

    @property
    def sectors(self) -> int:
        """How many there are."""

    def read(self, lba: int, count: int) -> bytes:
        """Return ``count`` sectors from ``lba`` on; both are in range."""


class Overlay(Stateful):
    """Copy on write: sectors that were written, above a disk that was not."""

    def __init__(self, disk: Disk) -> None:
        """Show ``disk`` unchanged."""
        self._disk = disk
        self._written: dict[int, bytes] = {}

    @property
    def sectors(self) -> int:
        """How many sectors the disk has."""
        return self._disk.sectors

    def read(self, lba: int) -> bytes:
        """Return sector ``lba``, which must exist."""
        found = self._written.get(lba)
        if found is None:
            found = self._disk.read(lba, 1)
            hold(len(found) == SECTOR_BYTES, f"sector {lba} has {len(found)} bytes, not 512")
        return found

    def write(self, lba: int, data: bytes) -> None:
        """Replace sector ``lba``, which must exist."""
        hold(lba < self.sectors and len(data) == SECTOR_BYTES, f"write of sector {lba}")
        self._written[lba] = data

    def reset(self) -> None:
        """Keep everything: a disk does not forget when the machine is switched off."""

    def state(self) -> dict[str, State]:
        """Return the written sectors by number, lowest first."""
        return {str(lba): self._written[lba] for lba in sorted(self._written)}

    def check(self, state: object, where: str) -> None:
        """Raise :class:`ValueError` unless ``state`` is sectors of this disk."""
        if not isinstance(state, dict):
            raise ValueError(f"{where} must be a table, not {type(state).__name__}")
        for key, data in state.items():
            lba = int(key) if isinstance(key, str) and key.isdecimal() and len(key) < 20 else -1
            if str(lba) != key or lba >= self.sectors:
                raise ValueError(f"{where}.{key} is not a sector below {self.sectors}")
            if not isinstance(data, bytes) or len(data) != SECTOR_BYTES:
                raise ValueError(f"{where}.{key} must be {SECTOR_BYTES} bytes")

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`check` has accepted."""
        self._written = {int(lba): cast(bytes, data) for lba, data in state.items()}
