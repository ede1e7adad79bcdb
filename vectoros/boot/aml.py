r"""AML, the byte code of ACPI: as much of it as describes devices.

Each function returns the bytes of one term, so a program is an expression::

    name("\\_S5_", package(integer(0), integer(0)))

Source: ACPI 6.5, section 20.2, "AML Grammar Definition", and 6.4.2 for resources.
"""

from __future__ import annotations

import re

from vectoros.errors import InvariantError, hold

# Section 20.2.3, "Data Objects Encoding", and 20.2.5, "Term Objects Encoding".
ZERO, ONE, NAME, BYTE, WORD, DWORD = 0x00, 0x01, 0x08, 0x0A, 0x0B, 0x0C
SCOPE, BUFFER, PACKAGE = 0x10, 0x11, 0x12
EXTENDED, DEVICE = 0x5B, 0x82

# Section 6.4.2, "Small Resource Data Type": bits 6:3 are the type, 2:0 the length.
IRQ_NO_FLAGS, IO_PORT, END_TAG = 0x22, 0x47, 0x79
DECODE_16 = 1
"""Of an I/O port descriptor: all 16 address bits are decoded."""

NO_CHECKSUM = 0
"""Of the end tag: the resources need no sum of their own."""

_SEGMENT = re.compile(r"[A-Z_][A-Z0-9_]{3}")
_EISA_ID = re.compile(r"([A-Z]{3})([0-9A-F]{4})")


def path(text: str) -> bytes:
    r"""Return a name of one segment, from the root if it starts with a backslash (20.2.2)."""
    segment = text.removeprefix("\\")
    hold(_SEGMENT.fullmatch(segment) is not None, f"{text!r} is no name of four characters")
    return text.encode("ascii")


def integer(value: int) -> bytes:
    """Return an integer, in the shortest form (20.2.3)."""
    if value in (ZERO, ONE):
        return bytes([value])
    for opcode, size in ((BYTE, 1), (WORD, 2), (DWORD, 4)):
        if value < 1 << 8 * size:
            return bytes([opcode]) + value.to_bytes(size, "little")
    raise OverflowError(f"{value:#x} is wider than 32 bits")


def length(body: bytes) -> bytes:
    """Return the package length that comes before ``body``; it counts itself (20.2.4)."""
    if len(body) + 1 < 1 << 6:
        return bytes([len(body) + 1])
    for extra in (1, 2, 3):
        total = len(body) + 1 + extra
        if total < 1 << 4 + 8 * extra:
            return bytes([extra << 6 | total & 0xF]) + (total >> 4).to_bytes(extra, "little")
    raise OverflowError(f"{len(body)} bytes are too many for one term")


def name(where: str, value: bytes) -> bytes:
    """Return ``Name (where, value)``."""
    return bytes([NAME]) + path(where) + value


def package(*elements: bytes) -> bytes:
    """Return ``Package () {elements}``."""
    body = bytes([len(elements)]) + b"".join(elements)
    return bytes([PACKAGE]) + length(body) + body


def buffer(data: bytes) -> bytes:
    """Return ``Buffer () {data}``."""
    body = integer(len(data)) + data
    return bytes([BUFFER]) + length(body) + body


def scope(where: str, *terms: bytes) -> bytes:
    """Return ``Scope (where) {terms}``."""
    body = path(where) + b"".join(terms)
    return bytes([SCOPE]) + length(body) + body


def device(where: str, *terms: bytes) -> bytes:
    """Return ``Device (where) {terms}``."""
    body = path(where) + b"".join(terms)
    return bytes([EXTENDED, DEVICE]) + length(body) + body


def eisa_id(text: str) -> bytes:
    """Return ``EisaId (text)``: three letters of five bits, four digits, big-endian (19.3.4).

    >>> eisa_id("PNP0501").hex()
    '0c41d00501'
    """
    found = _EISA_ID.fullmatch(text)
    if found is None:
        raise InvariantError(f"{text!r} is no EISA ID")
    letters = 0
    for letter in found[1]:
        letters = letters << 5 | ord(letter) - ord("A") + 1
    number = letters << 16 | int(found[2], 16)
    return integer(int.from_bytes(number.to_bytes(4, "big"), "little"))


def resources(*descriptors: bytes) -> bytes:
    """Return ``ResourceTemplate () {descriptors}``."""
    return buffer(b"".join(descriptors) + bytes([END_TAG, NO_CHECKSUM]))


def ports(first: int, count: int) -> bytes:
    """Return ``IO (Decode16, first, first, 1, count)`` (6.4.2.5)."""
    base = first.to_bytes(2, "little")
    return bytes([IO_PORT, DECODE_16]) + base + base + bytes([1, count])


def irq(number: int) -> bytes:
    """Return ``IRQNoFlags () {number}``: an edge, not shared (6.4.2.1)."""
    return bytes([IRQ_NO_FLAGS]) + (1 << number).to_bytes(2, "little")
