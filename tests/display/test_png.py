from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from vectoros.display.png import SIGNATURE, png
from vectoros.screen import Pixels


def opened(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and contents of each chunk, having checked its sum."""
    assert data.startswith(SIGNATURE)
    chunks, at = [], len(SIGNATURE)
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size) == (zlib.crc32(kind + body),)
        chunks.append((kind, body))
        at += 12 + size
    return chunks


def decoded(data: bytes) -> Pixels:
    (_, head), (_, body), _ = opened(data)
    width, height, *rest = struct.unpack(">IIBBBBB", head)
    assert rest == [8, 2, 0, 0, 0]  # 8 bits, truecolor, nothing optional
    lines = np.frombuffer(zlib.decompress(body), dtype=np.uint8).reshape(height, 1 + 3 * width)
    assert not lines[:, 0].any()  # no filter
    return lines[:, 1:].reshape(height, width, 3)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 2, 3), (200, 320, 3)])
def test_a_decoder_finds_the_pixels(shape: tuple[int, int, int]) -> None:
    pixels = (np.arange(np.prod(shape)) * 7 % 256).astype(np.uint8).reshape(shape)
    assert np.array_equal(decoded(png(pixels)), pixels)


def test_pixels_may_lie_in_memory_in_any_way() -> None:
    pixels = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    assert png(pixels[:, ::2, ::-1]) == png(np.ascontiguousarray(pixels[:, ::2, ::-1]))


def test_there_are_the_three_chunks_that_must_be() -> None:
    chunks = opened(png(np.zeros((2, 2, 3), dtype=np.uint8)))
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
