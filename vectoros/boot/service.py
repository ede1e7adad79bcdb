"""What a BIOS service is: a function of a frame, and the row of a table that names it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vectoros.boot.bda import DataArea
from vectoros.boot.frame import Frame, RamLike


class Sectors(Protocol):
    """A disk: :class:`vectoros.devices.disk.Overlay` is one."""

    @property
    def sectors(self) -> int:
        """How many it has."""

    def read(self, lba: int) -> bytes:
        """Return the sector ``lba``, which must exist."""

    def write(self, lba: int, data: bytes) -> None:
        """Replace the sector ``lba``, which must exist."""


class Host:
    """What services work on. It holds no state of its own: all of that is the guest's."""

    def __init__(self, memory: RamLike, ram_size: int, disk: Sectors | None) -> None:
        """Serve a machine with ``ram_size`` bytes of ``memory`` and perhaps a ``disk``."""
        self.memory = memory
        self.ram_size = ram_size
        self.disk = disk
        self.area = DataArea(memory)


@dataclass(frozen=True, slots=True)
class Service:
    """One service: the interrupt, the function number, what it is called, what it does."""

    vector: int
    function: int | None
    """AH; or all of AX, if above FFh; None for an interrupt that has no functions."""

    name: str
    run: Callable[[Host, Frame], None]

    @property
    def selector(self) -> str:
        """The registers that select it, as a manual writes them."""
        if self.function is None:
            return "-"
        whole = self.function > 0xFF
        return f"AX={self.function:04X}h" if whole else f"AH={self.function:02X}h"


def nothing(host: Host, frame: Frame) -> None:
    """Do nothing: what is asked for is so already."""
