"""What a trap can refuse, with seL4's numbers and meanings.

An error means that nothing has changed: a decoder returns a :class:`Refusal` before
anything is performed. It is a value and not an exception, because a program that
asks for what it may not have is nothing exceptional.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Error(IntEnum):
    """Statuses in ``rax``, and what the message registers then hold."""

    NO_ERROR = 0
    INVALID_ARGUMENT = 1
    """0: which argument, from 0."""

    INVALID_CAPABILITY = 2
    """0: which capability; 0 is the invoked one, 1 the first in the message."""

    ILLEGAL_OPERATION = 3
    RANGE_ERROR = 4
    """0: least, 1: greatest that is allowed."""

    ALIGNMENT_ERROR = 5
    FAILED_LOOKUP = 6
    """0: 1 if it was the source's lookup, 1: kind of failure, 2 and on: its fields."""

    TRUNCATED_MESSAGE = 7
    DELETE_FIRST = 8
    REVOKE_FIRST = 9
    NOT_ENOUGH_MEMORY = 10
    """0: bytes left."""


class Lookup(IntEnum):
    """Kinds of lookup failure, with the numbers that libsel4 has."""

    INVALID_ROOT = 1
    MISSING_CAPABILITY = 2
    """0: bits left."""

    DEPTH_MISMATCH = 3
    """0: bits left, 1: bits found."""

    GUARD_MISMATCH = 4
    """0: bits left, 1: guard found, 2: its size."""


class Refusal(NamedTuple):
    """An error, and its message registers."""

    error: Error
    words: tuple[int, ...] = ()


class LookupFailure(NamedTuple):
    """Why a capability address leads to no slot."""

    kind: Lookup
    words: tuple[int, ...] = ()


def invalid_capability(which: int = 0) -> Refusal:
    """Say that capability ``which`` is not what it must be."""
    return Refusal(Error.INVALID_CAPABILITY, (which,))


ILLEGAL = Refusal(Error.ILLEGAL_OPERATION)
TRUNCATED = Refusal(Error.TRUNCATED_MESSAGE)
