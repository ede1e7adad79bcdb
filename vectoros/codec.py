"""Plain values as bytes, in exactly one way: what hashes cover and snapshots hold.

None, booleans, integers of up to 128 bits, text, bytes, lists, and tables with
text keys. Each value is a tag byte, the length of its content in eight bytes,
little endian, and the content:

    N T F   None, true, false: no content
    I       two's complement, little endian, the fewest bytes that hold it
    S       UTF-8
    B       the bytes
    L       the items, one after the other
    D       name and value in turn, the names in order

So equal values have equal encodings, and unequal ones unequal ones; whatever
:func:`decode` accepts, :func:`encode` gives back byte by byte. The data are
untrusted: no length is believed, and what is decoded takes no more memory than a
small multiple of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 32
"""Lists and tables within each other."""

MAX_INT_BYTES = 16
"""Bytes of an integer: no register, tick or count is longer, and text of it stays short."""

_HEADER_BYTES = 9
_SIMPLE: dict[bytes, bool | None] = {b"N": None, b"T": True, b"F": False}


def encode(value: object) -> bytes:
    """Return the encoding of ``value``; raise :class:`TypeError` if it has none."""
    return _encode(value, 0)


def _encode(value: object, depth: int) -> bytes:
    if depth > MAX_DEPTH:
        raise TypeError(f"a state cannot be nested more than {MAX_DEPTH} deep")
    match value:
        case None:
            return _entry(b"N")
        case bool():
            return _entry(b"T" if value else b"F")
        case int():
            return _entry(b"I", _integer(value))
        case str():
            return _entry(b"S", value.encode())
        case bytes() | bytearray() | memoryview():
            return _entry(b"B", bytes(value))
        case list() | tuple():
            return _entry(b"L", b"".join(_encode(item, depth + 1) for item in value))
        case dict() if all(isinstance(key, str) for key in value):
            pairs = (part for key in sorted(value) for part in (key, value[key]))
            return _entry(b"D", b"".join(_encode(part, depth + 1) for part in pairs))
    raise TypeError(f"a state cannot hold {type(value).__name__} {value!r:.60}")


def _entry(tag: bytes, content: bytes = b"") -> bytes:
    return tag + len(content).to_bytes(_HEADER_BYTES - 1, "little") + content


def _integer(value: int) -> bytes:
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    if size > MAX_INT_BYTES:
        raise TypeError(f"a state cannot hold an integer of {size} bytes")
    return value.to_bytes(size, "little", signed=True)


def decode(data: bytes) -> Any:  # noqa: ANN401  whatever was encoded
    """Return the value whose encoding is ``data``; raise :class:`ValueError` if there is none."""
    value, end = _decode(data, 0, len(data), 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes follow the value")
    return value


def _decode(data: bytes, at: int, limit: int, depth: int) -> tuple[Any, int]:
    """Return the value at ``at``, which ends by ``limit``, and where it ends."""
    start = at + _HEADER_BYTES
    if start > limit:
        raise ValueError(f"the value at byte {at} is cut short")
    if depth > MAX_DEPTH:
        raise ValueError(f"the value at byte {at} is nested more than {MAX_DEPTH} deep")
    tag, size = data[at : at + 1], int.from_bytes(data[at + 1 : start], "little")
    end = start + size
    if end > limit:
        raise ValueError(f"the value at byte {at} claims {size} bytes of {limit - start}")
    if tag == b"L":
        return list(_items(data, start, end, depth)), end
    if tag == b"D":
        return _table(list(_items(data, start, end, depth)), at), end
    return _leaf(tag, data[start:end], at), end


def _items(data: bytes, at: int, end: int, depth: int) -> Iterator[Any]:
    while at < end:
        item, at = _decode(data, at, end, depth + 1)
        yield item


def _leaf(tag: bytes, content: bytes, at: int) -> object:
    if tag in _SIMPLE and not content:
        return _SIMPLE[tag]
    if tag == b"I" and 0 < len(content) <= MAX_INT_BYTES:
        value = int.from_bytes(content, "little", signed=True)
        if _integer(value) == content:
            return value
    if tag == b"S":
        return content.decode()  # raises UnicodeDecodeError, a ValueError
    if tag == b"B":
        return content
    raise ValueError(f"byte {at} does not begin a value: {tag!r} and {len(content)} bytes")


def _table(items: list[Any], at: int) -> dict[str, Any]:
    keys, values = items[::2], items[1::2]
    if len(items) % 2 or not all(isinstance(key, str) for key in keys):
        raise ValueError(f"the table at byte {at} is not pairs of a name and a value")
    if keys != sorted(set(keys)):
        raise ValueError(f"the names of the table at byte {at} are not in order")
    return dict(zip(keys, values, strict=True))
