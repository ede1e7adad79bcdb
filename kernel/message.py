"""Messages: their description, their registers, and the buffer for the rest.

The first four words of a message travel in registers, up to 116 more and the
addresses of three capabilities in the IPC buffer, whose layout is seL4's.
"""

from __future__ import annotations

MAX_LENGTH = 120
"""Words of a message."""

REGISTERS = 4
"""Words that travel in rdx, r10, r8 and r9."""

LENGTH_BITS = 7
EXTRA_SHIFT = 7
LABEL_SHIFT = 12

IPC_MESSAGE = 8
"""Offset of word 0 in the IPC buffer; words 0 to 3 are in registers instead."""

IPC_CAPABILITIES = 8 * 122
IPC_BUFFER_SIZE = 1 << 10


def info(label: int, length: int) -> int:
    """Return a message info word without capabilities.

    >>> hex(info(0x301, 2))
    '0x301002'
    """
    return label << LABEL_SHIFT | length


def length_of(word: int) -> int:
    """Return the length that a message info says: at most 120, as seL4 has it."""
    return min(word & (1 << LENGTH_BITS) - 1, MAX_LENGTH)


def extra_of(word: int) -> int:
    """Return how many capabilities a message info announces."""
    return word >> EXTRA_SHIFT & 3


def message_constants() -> dict[str, int]:
    """Return the layout under the names that assembly uses."""
    return {
        "MESSAGE_MAX_LENGTH": MAX_LENGTH,
        "MESSAGE_EXTRA": 1 << EXTRA_SHIFT,
        "MESSAGE_LABEL_SHIFT": LABEL_SHIFT,
        "IPC_MESSAGE": IPC_MESSAGE,
        "IPC_CAPABILITIES": IPC_CAPABILITIES,
        "IPC_BUFFER_SIZE": IPC_BUFFER_SIZE,
    }
