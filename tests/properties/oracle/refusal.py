"""How a trap is refused, and words of which the oracle does not know the value."""

from __future__ import annotations

from typing import Any

from vectoros.kernel.errors import Error, Lookup

MASK = (1 << 64) - 1


class Refused(Exception):
    """An error, and its message registers."""

    def __init__(self, error: Error, *words: int) -> None:
        super().__init__(error, words)
        self.error, self.words = error, words


class NotFound(Exception):
    """Why a capability address leads to no slot."""

    def __init__(self, kind: Lookup, *words: int) -> None:
        super().__init__(kind, words)
        self.kind, self.words = kind, words

    def refused(self, source: bool = False) -> Refused:
        """Return the error that says so."""
        return Refused(Error.FAILED_LOOKUP, int(source), self.kind, *self.words)


class _Any(int):
    """A number that the oracle does not know: ticks."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int)

    def __ne__(self, other: object) -> bool:
        return not isinstance(other, int)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "ANY"


ANY: Any = _Any()
"""Equal to every number."""


def illegal() -> Refused:
    return Refused(Error.ILLEGAL_OPERATION)


def argument(which: int) -> Refused:
    return Refused(Error.INVALID_ARGUMENT, which)


def capability(which: int) -> Refused:
    return Refused(Error.INVALID_CAPABILITY, which)


def outside(least: int, greatest: int) -> Refused:
    return Refused(Error.RANGE_ERROR, least, greatest)


def within(value: int, least: int, greatest: int) -> None:
    """Refuse a value that is not from ``least`` to ``greatest``."""
    if not least <= value <= greatest:
        raise outside(least, greatest)
