"""What a machine is made of: the choices that its user has."""

from __future__ import annotations

from dataclasses import dataclass

from vectoros.errors import UsageError
from vectoros.layout import MAXIMUM_RAM, MINIMUM_RAM
from vectoros.machine_info import check_command_line
from vectoros.units import MIB, PAGE_SIZE, parse_size

ENGINES = ("auto", "fast", "portable")


@dataclass(frozen=True, slots=True)
class Config:
    """The choices for one machine, checked."""

    memory: int = 64 * MIB
    """Bytes of RAM."""

    engine: str = "auto"
    """One of :data:`ENGINES`."""

    append: str = ""
    """The command line: text for the guest, in the machine-info page."""

    def __post_init__(self) -> None:
        """Raise :class:`UsageError` if no such machine can be built."""
        if not MINIMUM_RAM <= self.memory <= MAXIMUM_RAM:
            raise UsageError(
                f"--memory must be from {MINIMUM_RAM // MIB}M to {MAXIMUM_RAM // MIB}M, "
                f"not {self.memory} bytes"
            )
        if self.memory % PAGE_SIZE:
            raise UsageError(f"--memory must be a multiple of {PAGE_SIZE} bytes, not {self.memory}")
        if self.engine not in ENGINES:
            raise UsageError(f"--engine must be one of {', '.join(ENGINES)}, not {self.engine!r}")
        check_command_line(self.append)


def memory_size(size: int | str) -> int:
    """Return ``size`` in bytes, given as a number or as text such as ``64M``."""
    if isinstance(size, int):
        return size
    try:
        return parse_size(size)
    except ValueError as reason:
        raise UsageError(f"--memory: {reason}") from None
