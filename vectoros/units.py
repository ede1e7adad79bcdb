"""Addresses, sizes and time: the units every other module speaks.

A bare ``int`` in a signature means a count. A guest-physical address is a
:data:`PhysAddr`, a size is in bytes unless its name says otherwise
(``size_pages``), and a time is in ticks of the machine's one clock unless it
ends in ``_ns``.
"""

from __future__ import annotations

import re
from typing import NewType

PhysAddr = NewType("PhysAddr", int)
"""A guest-physical address: what the bus decodes. Never a host address."""

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

PAGE_SIZE = 4096
"""Bytes in the smallest page (Intel SDM Vol. 3A, "Paging")."""

TICKS_PER_NS = 4
"""Ticks in one nanosecond of virtual time.

A tick is one byte of code retired. Compiled x86_64 code averages about four
bytes an instruction, so the machine runs at about one instruction a
nanosecond (docs/explanation/virtual-time.md).
"""

TICKS_PER_SECOND = TICKS_PER_NS * 1_000_000_000

REACTION_TICKS = 4096
"""Ticks between an access by the CPU and the first event that it may cause.

A block of translated code is at most 4,079 bytes, so nothing that an access
causes can be due inside the block that made it (docs/explanation/virtual-time.md).
"""

_UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
_UNITS_BYTES = {"": 1, "K": KIB, "M": MIB, "G": GIB}


def ticks_for(duration_ns: int) -> int:
    """Return how many ticks last ``duration_ns`` nanoseconds.

    >>> ticks_for(250)
    1000
    """
    if duration_ns < 0:
        raise ValueError(f"duration must not be negative, not {duration_ns} ns")
    return duration_ns * TICKS_PER_NS


def parse_duration(text: str) -> int:
    """Return the nanoseconds that ``text`` names; raise :class:`ValueError` if it names none.

    A fraction of a nanosecond is dropped.

    >>> parse_duration("10s"), parse_duration("1.5ms")
    (10000000000, 1500000)
    """
    match = re.fullmatch(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?(ns|us|ms|s|m)", text.strip())
    if match is None:
        raise ValueError(f"a duration is a number and one of ns, us, ms, s, m, not {text!r}")
    whole, fraction, unit = match[1], match[2] or "0", _UNITS_NS[match[3]]
    scale: int = 10 ** len(fraction)
    return int(whole) * unit + int(fraction) * unit // scale


def parse_size(text: str) -> int:
    """Return the bytes that ``text`` names; raise :class:`ValueError` if it names none.

    >>> parse_size("64M")
    67108864
    """
    # ASCII: else the Kelvin sign would do for a K.
    form = r"([0-9]{1,12})(?:([KMG])i?)?B?"
    match = re.fullmatch(form, text.strip(), re.ASCII | re.IGNORECASE)
    if match is None:
        raise ValueError(f"a size is a whole number and an optional K, M or G, not {text!r}")
    return int(match[1]) * _UNITS_BYTES[(match[2] or "").upper()]


def format_ticks(ticks: int) -> str:
    """Return ``ticks`` as virtual time for people.

    >>> format_ticks(6_000_000)
    '1.500 ms'
    """
    ns = ticks // TICKS_PER_NS
    for unit, scale in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if ns >= scale:
            return f"{ns // scale}.{ns % scale * 1000 // scale:03d} {unit}"
    return f"{ns} ns"
