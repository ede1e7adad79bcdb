"""A picture as a PNG file (W3C, "Portable Network Graphics (PNG) Specification").

Equal pictures give equal files on one host; what zlib makes of them may differ
from release to release.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from vectoros.screen import Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BIT_DEPTH, _TRUECOLOR = 8, 2


def png(pixels: Pixels) -> bytes:
    """Return ``pixels`` as the contents of a PNG file."""
    return SIGNATURE + b"".join(_chunks(pixels))


def _chunks(pixels: Pixels) -> Iterator[bytes]:
    height, width, _ = pixels.shape
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, _BIT_DEPTH, _TRUECOLOR, 0, 0, 0))
    # Each line begins with the number of its filter: none.
    lines = np.zeros((height, 1 + 3 * width), dtype=np.uint8)
    lines[:, 1:] = pixels.reshape(height, 3 * width)
    yield _chunk(b"IDAT", zlib.compress(lines.tobytes()))
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
