"""Messages: their description, their registers, and the buffer for the rest.

The first four words of a message travel in registers, up to 116 more and the
addresses of three capabilities in the IPC buffer, whose layout is seL4's.
"""

from __future__ import annotations

MAX_LENGTH = 120
"""Words of a message."""

REGISTERS = 4
"""Words that travel in rdx, r10, r8 and r9: all four, whatever the length says."""

LENGTH_BITS = 7
EXTRA_SHIFT = 7
UNWRAPPED_SHIFT = 9
"""A bit for each capability of a received message: only its badge has arrived."""

LABEL_SHIFT = 12

IPC_MESSAGE = 8
"""Offset of word 0 in the IPC buffer; words 0 to 3 are in registers instead."""

IPC_CAPABILITIES = 8 * 122
"""Where a message's capability addresses are; in a received one, the badges of those that
were unwrapped."""

IPC_RECEIVE_CNODE = 8 * 125
"""Three words: address of a CNode, index and depth of the slot for a received capability."""

IPC_LEASE = 8 * 128
"""Three words: address, length in bytes and rights (READ, WRITE) of the memory that the
caller lends while a Call with LENDS lasts."""

IPC_BUFFER_SIZE = 1 << 12

LENDS = 1 << 9
"""In the info of a Call: the IPC buffer says what memory the caller lends. In a received
message this bit and the two after it say which of its capabilities were unwrapped."""


def info(label: int, length: int) -> int:
    """Return a message info word without capabilities.

    >>> hex(info(0x301, 2))
    '0x301002'
    """
    return label << LABEL_SHIFT | length


def length_of(word: int) -> int:
    """Return the length that a message info says: at most 120, as seL4 has it."""
    return min(word & (1 << LENGTH_BITS) - 1, MAX_LENGTH)
