"""Snapshots as files: versioned, validated, compressed, and written whole or not at all.

    offset  size  content
    0       7     "VXSNAP" and a zero byte
    7       1     version of the format
    8       32    SHA-256 of everything behind it
    40      8     length of the head, little endian
    48            the head: a table (vectoros.codec), see below
    then          pages of RAM and video memory, 4096 bytes each, as one zlib stream

The head has ``version``, the project's; ``fingerprint``, ``state`` and
``history`` of the snapshot; and ``pages``, the numbers of the pages that follow,
in order, four bytes each, little endian; video memory counts on behind RAM.

A file is untrusted: every length is checked against what is there, and the pages
stay packed until a machine that has so much RAM asks for them.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from vectoros import __version__
from vectoros.codec import decode, encode
from vectoros.errors import BadFileError
from vectoros.files import reading, write_atomic
from vectoros.layout import FRAMEBUFFER_SIZE
from vectoros.snapshot import Snapshot
from vectoros.units import KIB, MIB, PAGE_SIZE

MAGIC = b"VXSNAP\0"
VERSION = 1

_PREFIX = struct.Struct("<7sB32s")
_LENGTH = struct.Struct("<Q")

_COMPRESSION = 1
"""zlib level: RAM images are mostly text and code, which level 1 packs well and fast."""

_PACKED_PIECE = 64 * KIB
_UNPACKED_PIECE = 1 * MIB
"""Bytes that are unpacked at a time."""

_HEAD = {"version": str, "fingerprint": dict, "state": dict, "history": dict, "pages": bytes}


@dataclass(frozen=True)
class PackedPages:
    """Pages of RAM, packed."""

    numbers: tuple[int, ...]
    packed: bytes = field(repr=False)

    def contents(self) -> dict[int, bytes]:
        """Return the pages by number."""
        data = b"".join(_unpack(self.packed))
        starts = range(0, len(data), PAGE_SIZE)
        pages = (data[start : start + PAGE_SIZE] for start in starts)
        return dict(zip(self.numbers, pages, strict=True))

    def check(self, memory: int) -> None:
        """Raise :class:`ValueError` unless a machine with ``memory`` bytes of RAM has them."""
        if list(self.numbers) != sorted(set(self.numbers)):
            raise ValueError("its page numbers are not in order")
        if self.numbers and self.numbers[-1] >= (memory + FRAMEBUFFER_SIZE) // PAGE_SIZE:
            rest = f"{FRAMEBUFFER_SIZE} of video memory"
            raise ValueError(
                f"page {self.numbers[-1]} is not one of {memory} bytes of RAM and {rest}"
            )
        expected, found = len(self.numbers) * PAGE_SIZE, 0
        for piece in _unpack(self.packed):
            found += len(piece)
            if found > expected:
                break
        if found != expected:
            raise ValueError(f"its pages do not unpack to {expected} bytes")


def save(snapshot: Snapshot, path: str | os.PathLike[str]) -> int:
    """Write ``snapshot`` to ``path``, replacing what is there only once it is complete.

    Return the size in bytes. Raises :class:`BadFileError` if the file cannot be written.
    """
    pages = snapshot.ram.contents()
    head = encode(
        {
            "version": __version__,
            "fingerprint": snapshot.fingerprint,
            "state": snapshot.state,
            "history": snapshot.history,
            "pages": struct.pack(f"<{len(pages)}I", *pages),
        }
    )
    body = _LENGTH.pack(len(head)) + head + zlib.compress(b"".join(pages.values()), _COMPRESSION)
    data = _PREFIX.pack(MAGIC, VERSION, hashlib.sha256(body).digest()) + body
    write_atomic(path, data)
    return len(data)


def load(path: str | os.PathLike[str]) -> Snapshot:
    """Return the snapshot in ``path``; raise :class:`BadFileError` if it holds none of ours."""
    with reading(path) as file:
        prefix = file.read(_PREFIX.size)
        digest = _check_prefix(path, prefix)
        body = file.read()
    if hashlib.sha256(body).digest() != digest:
        raise BadFileError(path, "is damaged: its SHA-256 does not match its contents")
    try:
        head, packed = _split(body)
        _check_head(head)
        if head["version"] == __version__:
            return _snapshot(head, packed, os.fspath(path))
    except (ValueError, zlib.error) as reason:
        raise BadFileError(path, f"is not a snapshot that VectorOS wrote: {reason}") from None
    theirs = head["version"]
    raise BadFileError(path, f"was saved by VectorOS {theirs:.20}, and this is {__version__}")


def _check_prefix(path: str | os.PathLike[str], prefix: bytes) -> bytes:
    """Return the digest in ``prefix``, which must be the beginning of a snapshot."""
    if prefix[: len(MAGIC)] != MAGIC:
        raise BadFileError(path, "is not a VectorOS snapshot: it does not start with VXSNAP")
    if len(prefix) < _PREFIX.size:
        raise BadFileError(path, "is cut short: it has not even a whole header")
    _, version, digest = _PREFIX.unpack(prefix)
    if version != VERSION:
        raise BadFileError(path, f"has snapshot format {version}, and this is format {VERSION}")
    found: bytes = digest
    return found


def _split(body: bytes) -> tuple[Any, bytes]:
    """Return the head, and the packed pages behind it."""
    if len(body) < _LENGTH.size:
        raise ValueError("it has no head")
    start = _LENGTH.size
    (size,) = _LENGTH.unpack_from(body)
    if size > len(body) - start:
        raise ValueError(f"its head claims {size} bytes of {len(body) - start}")
    return decode(body[start : start + size]), body[start + size :]


def _check_head(head: Any) -> None:  # noqa: ANN401  whatever the file holds
    if not isinstance(head, dict) or set(head) != set(_HEAD):
        raise ValueError(f"its head does not have {', '.join(_HEAD)}")
    for name, kind in _HEAD.items():
        if not isinstance(head[name], kind):
            raise ValueError(f"{name} is not a {kind.__name__}")


def _snapshot(head: dict[str, Any], packed: bytes, name: str) -> Snapshot:
    fingerprint, numbers = head["fingerprint"], head["pages"]
    memory, tick = fingerprint.get("memory"), head["state"].get("tick")
    if type(memory) is not int or type(tick) is not int:
        raise ValueError("it names no memory size, or no tick")
    if len(numbers) % 4:
        raise ValueError("its list of pages is cut short")
    pages = PackedPages(struct.unpack(f"<{len(numbers) // 4}I", numbers), packed)
    pages.check(memory)
    if not isinstance(fingerprint.get("command_line"), str):
        raise ValueError("it names no command line")
    if not isinstance(fingerprint.get("firmware"), bool):
        raise ValueError("it does not say whether there is a BIOS")
    return Snapshot(fingerprint, head["state"], _history(head["history"]), pages, name)


def _history(history: dict[str, Any]) -> dict[str, Any]:
    """Return ``history`` if it is one: serial output, milestones, and where its files were."""
    serial, milestones = history.get("serial"), history.get("milestones")
    if not isinstance(serial, bytes):
        raise ValueError("its serial output is not bytes")
    if not isinstance(milestones, list) or not all(_types(row) == [int, str] for row in milestones):
        raise ValueError("its milestones are not ticks and texts")
    files = {name: history.get(name) for name in ("disk", "kernel", "initrd")}
    for name, file in files.items():
        if file is not None and _types(file) != [str, str]:
            raise ValueError(f"its {name} is not a path and a digest")
    return {"serial": serial, "milestones": milestones, **files}


def _types(row: object) -> list[type] | None:
    return [*map(type, row)] if isinstance(row, list) else None


def _unpack(packed: bytes) -> Iterator[bytes]:
    """Yield what ``packed`` holds, a limited piece at a time; it must be one whole stream."""
    unpacker = zlib.decompressobj()
    for start in range(0, len(packed), _PACKED_PIECE):
        piece = packed[start : start + _PACKED_PIECE]
        while piece:
            yield unpacker.decompress(piece, _UNPACKED_PIECE)
            piece = unpacker.unconsumed_tail
    yield unpacker.flush()
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("its pages are not one whole zlib stream")
