"""The font of text modes: code page 437, 8 by 16 dots, and the same characters as text.

The dots are in ``font8x16.hex``, whose head says where they are from.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 8, 16
"""Dots of a character."""

CHARACTERS = 256
FILE = Path(__file__).with_name("font8x16.hex")

_SYMBOLS = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
"""What a PC shows for 00h to 1Fh."""

_OTHERS = str.maketrans({0x7F: "⌂", 0xA0: " "})

TEXT = "".join(
    _SYMBOLS[number] if number < len(_SYMBOLS) else bytes([number]).decode("cp437")
    for number in range(CHARACTERS)
).translate(_OTHERS)
"""What each character is in Unicode; those that show nothing are spaces."""


@functools.cache
def glyphs() -> npt.NDArray[np.bool_]:
    """Return the dots, by character, line and column."""
    rows = FILE.read_text(encoding="ascii").splitlines()
    lines = b"".join(bytes.fromhex(row.partition(":")[2]) for row in rows if row[0] != "#")
    dots = np.unpackbits(np.frombuffer(lines, dtype=np.uint8))
    found = dots.reshape(CHARACTERS, HEIGHT, WIDTH).astype(np.bool_)
    found.flags.writeable = False
    return found
