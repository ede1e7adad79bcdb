"""The machine-info page: what a guest can read about the machine it is in.

One page of ROM at :data:`vectoros.layout.MACHINE_INFO`. Firmware and kernels find
the size of RAM, the clock's frequency, the address map and the user's command line
there, without a probe. docs/reference/machine-info.md is the same in prose.

All numbers are little-endian. What the page does not use is zero.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from vectoros.errors import UsageError
from vectoros.layout import IRQS, MACHINE_INFO, MEMORY, PORTS, Area
from vectoros.units import PAGE_SIZE, TICKS_PER_SECOND

MAGIC = b"VXMACH\x01\0"
VERSION = 1

HEADER_FIELDS = {
    "MAGIC": "8s",
    "VERSION": "I",
    "PORT_COUNT": "I",
    "MEMORY_COUNT": "I",
    "RESERVED": "I",
    "RAM_SIZE": "Q",  # bytes, from address 0
    "TICK_HZ": "Q",  # of the clock and the time-stamp counter
}
COMMAND_LINE = 0x80
"""Offset of the command line, which a zero ends."""

COMMAND_LINE_SIZE = 128
"""Bytes of room, the zero included."""

AREAS = 0x100
"""Offset of the table of areas: ports first, then physical addresses."""

AREA_FIELDS = {
    "NAME": "16s",
    "BASE": "Q",
    "SIZE": "I",
    "IRQ": "i",  # interrupt input, -1 if there is none
}

_HEADER = struct.Struct("<" + "".join(HEADER_FIELDS.values()))
_AREA = struct.Struct("<" + "".join(AREA_FIELDS.values()))
NO_IRQ = -1


def page(ram_size: int, command_line: str = "") -> bytes:
    """Return the page of a machine with ``ram_size`` bytes of RAM, told ``command_line``."""
    header = _HEADER.pack(
        MAGIC, VERSION, len(PORTS), len(MEMORY), 0, ram_size, TICKS_PER_SECOND
    )  # fmt: skip
    text = check_command_line(command_line).encode("ascii")
    areas = b"".join(_rows((*PORTS, *MEMORY)))
    found = header.ljust(COMMAND_LINE, b"\0") + text.ljust(AREAS - COMMAND_LINE, b"\0") + areas
    return found.ljust(PAGE_SIZE, b"\0")


def check_command_line(text: str, room: int = COMMAND_LINE_SIZE) -> str:
    """Return ``text`` if a guest can be given it; raise :class:`UsageError` if not.

    ``room`` is in bytes, with that for the zero behind it.
    """
    if len(text) >= room:
        raise UsageError(f"--append takes at most {room - 1} characters, not {len(text)}")
    if not all(" " <= letter <= "~" for letter in text):
        raise UsageError(f"--append takes printable ASCII only, not {text!r}")
    return text


def _rows(areas: Iterable[Area]) -> Iterable[bytes]:
    for area in areas:
        irq = IRQS.get(area.name, NO_IRQ)
        yield _AREA.pack(area.name.encode("ascii"), area.base, area.size, irq)


def _offsets(fields: dict[str, str]) -> dict[str, int]:
    types = list(fields.values())
    return {
        name: struct.calcsize("<" + "".join(types[:index])) for index, name in enumerate(fields)
    }


def constants() -> dict[str, int]:
    """Return the page's address and layout under the names that assembly uses.

    >>> constants()["MACHINE_INFO_COMMAND_LINE"]
    128
    """
    return {
        "MACHINE_INFO": MACHINE_INFO,
        "MACHINE_INFO_MAGIC_LOW": int.from_bytes(MAGIC[:4], "little"),
        "MACHINE_INFO_MAGIC_HIGH": int.from_bytes(MAGIC[4:], "little"),
        **{f"MACHINE_INFO_{name}": at for name, at in _offsets(HEADER_FIELDS).items()},
        **{f"MACHINE_INFO_AREA_{name}": at for name, at in _offsets(AREA_FIELDS).items()},
        "MACHINE_INFO_COMMAND_LINE": COMMAND_LINE,
        "MACHINE_INFO_AREAS": AREAS,
        "MACHINE_INFO_AREA_BYTES": _AREA.size,
    }
