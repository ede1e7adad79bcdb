"""CMPPS, CMPPD, CMPSS and CMPSD on vectors of bytes.

Source: Intel SDM Vol. 2A, "CMPPS", the table of predicates 0 to 7.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

_PREDICATES: tuple[Callable[[float, float], bool], ...] = (
    lambda a, b: a == b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: math.isnan(a) or math.isnan(b),
)
"""EQ, LT, LE and UNORD; the other four are their contraries."""

_SMALLEST = {4: 2.0**-126, 8: 2.0**-1022}
"""The least normal number, by the size of an element."""


def compare(left: bytes, right: bytes, predicate: int, prefixes: bytes, *, daz: bool) -> bytes:
    """Return the 16 bytes that the instruction leaves in the register that held ``left``.

    ``daz`` takes denormal numbers for zero.
    """
    wide, scalar = _shape(prefixes)
    size = 8 if wide else 4
    form = f"<{16 // size}{'d' if wide else 'f'}"
    result = bytearray(left)
    pairs = zip(struct.unpack(form, left), struct.unpack(form, right), strict=True)
    for number, (one, other) in enumerate(pairs):
        if scalar and number:
            break
        values = [0.0 if daz and abs(v) < _SMALLEST[size] else v for v in (one, other)]
        holds = _PREDICATES[predicate & 3](*values) != (predicate >= 4)
        result[number * size : (number + 1) * size] = (b"\xff" if holds else b"\0") * size
    return bytes(result)


def _shape(prefixes: bytes) -> tuple[bool, bool]:
    """Return whether elements are doubles, and whether there is only one."""
    repeat = next((byte for byte in reversed(prefixes) if byte in b"\xf2\xf3"), 0)
    if repeat:
        return repeat == 0xF2, True
    return 0x66 in prefixes, False
