"""The tables of a kernel's own symbols, as Linux's scripts/kallsyms.c lays them out."""

from __future__ import annotations

import struct

from vectoros.symbols.kallsyms import FEWEST

BASE = 0xFFFF_FFFF_9A00_0000
ABSOLUTE = [("D__per_cpu_start", 0), ("dcpu_tss", 0x4000)]
CODE = [(f"tfunction_{number}", BASE + 0x40 * number) for number in range(3 * FEWEST)]
CODE[7] = ("T" + "long" * 50, CODE[7][1])  # its length takes two bytes
CODE[9] = ("Tsecond", CODE[8][1])  # of two names for one address the first counts
SYMBOLS = [*ABSOLUTE, *CODE]
TOKENS = {0x01: b"function_", 0x02: b"long"}


def aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def compressed(name: str) -> bytes:
    data = name.encode()
    for code, text in TOKENS.items():
        data = data.replace(text, bytes([code]))
    size = len(data)
    return (bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])) + data


def tables(symbols: list[tuple[str, int]], *, new: bool = False, per_cpu: bool = True) -> bytes:
    """Return the tables of a kernel with ``symbols``, as 6.1 has them, or as 6.5 has."""
    if per_cpu:
        offsets = [at if at < BASE else BASE - 1 - at for _, at in symbols]
        places = b"".join(offset.to_bytes(4, "little", signed=True) for offset in offsets)
    else:
        places = b"".join((at - BASE).to_bytes(4, "little") for _, at in symbols)
    names, markers = b"", b""
    for number, (name, _) in enumerate(symbols):
        if number % 256 == 0:
            markers += struct.pack("<I", len(names))
        names += compressed(name)
    texts = [
        TOKENS.get(code, bytes([code]) if 0x20 < code < 0x7F else b"??") for code in range(256)
    ]
    index = b"".join(struct.pack("<H", sum(map(len, texts[:n])) + n) for n in range(256))
    places = aligned(places) + struct.pack("<Q", BASE)
    middle = struct.pack("<Q", len(symbols)) + aligned(names) + aligned(markers)
    middle += aligned(b"".join(text + b"\0" for text in texts)) + aligned(index)
    return middle + places if new else places + middle
