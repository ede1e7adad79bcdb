"""What a machine is made of: the choices that its user has."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime

from vectoros.errors import UsageError
from vectoros.files import HostFile
from vectoros.layout import MAXIMUM_RAM, MINIMUM_RAM
from vectoros.machine_info import COMMAND_LINE_SIZE, check_command_line
from vectoros.units import MIB, PAGE_SIZE, parse_duration, parse_size, ticks_for

ENGINES = ("auto", "fast", "portable")

RTC_START = datetime(2026, 1, 1)
"""What the real-time clock tells at power-on, in UTC, unless told otherwise.

Fixed, as a run must not depend on the day of the host.
"""

KERNEL_COMMAND_LINE_SIZE = 2048
"""Bytes of room for the command line of a kernel file, a zero included (Linux's limit)."""

KERNEL_MEMORY = "256M"
"""RAM of a machine with a kernel file, unless told otherwise: Linux wants 96M at least."""

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?Z?")


@dataclass(frozen=True, slots=True)
class Config:
    """The choices for one machine, checked."""

    memory: int = 64 * MIB
    """Bytes of RAM."""

    engine: str = "auto"
    """One of :data:`ENGINES`."""

    rtc: datetime = RTC_START
    """What the real-time clock tells at power-on: whole seconds, UTC."""

    reboot: bool = True
    """Whether the machine goes on when the guest resets it. If not, that is a stop."""

    append: str = ""
    """The command line: text for the kernel file if there is one, else in the machine-info page."""

    firmware: bool = True
    """Whether there is a BIOS. If not, the machine starts at the disk's first sector."""

    kernel: HostFile | None = None
    """A kernel file, which then starts at once; there is no BIOS, and a disk is only a disk."""

    initrd: HostFile | None = None
    """What the kernel file finds in memory besides."""

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
        if self.rtc.tzinfo is not None or self.rtc.microsecond:
            raise UsageError(f"--rtc must be whole seconds in UTC, without a zone, not {self.rtc}")
        room = COMMAND_LINE_SIZE if self.kernel is None else KERNEL_COMMAND_LINE_SIZE
        check_command_line(self.append, room)
        if self.kernel is not None and self.firmware:
            raise UsageError("a machine with a kernel file has no BIOS")
        if self.initrd is not None and self.kernel is None:
            raise UsageError("--initrd needs --kernel: nobody else would look for it")


def host_file(path: str | os.PathLike[str]) -> HostFile:
    """Read a kernel file or an initrd."""
    return HostFile.load(path, MAXIMUM_RAM)


def memory_size(size: int | str) -> int:
    """Return ``size`` in bytes, given as a number or as text such as ``64M``."""
    if isinstance(size, int):
        return size
    try:
        return parse_size(size)
    except ValueError as reason:
        raise UsageError(f"--memory: {reason}") from None


def rtc_start(moment: datetime | str) -> datetime:
    """Return ``moment``, given as such or as text such as ``2030-05-01T12:00:00``."""
    if isinstance(moment, datetime):
        return moment
    if _MOMENT.fullmatch(moment):
        try:
            return datetime.fromisoformat(moment.removesuffix("Z"))
        except ValueError as reason:
            raise UsageError(f"--rtc: {moment!r} is on no calendar: {reason}") from None
    raise UsageError(
        f"--rtc: a date and time is written 2030-05-01T12:00:00 and is UTC, not {moment!r:.60}"
    )


def duration_ticks(duration: int | str) -> int:
    """Return ticks for text such as ``2s``, or for nanoseconds."""
    try:
        return ticks_for(parse_duration(duration) if isinstance(duration, str) else duration)
    except ValueError as reason:
        raise UsageError(str(reason)) from None
