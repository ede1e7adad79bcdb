"""Symbols: which name an address belongs to, and which address a name has.

Whatever the names come from, :class:`Symbols` is how they are asked for. An
address belongs to the last symbol at or before it, unless that symbol is known
to end before, or begins further away than any function or table is long.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_REACH = 1 << 20
"""Bytes behind a symbol of unknown size that may still be its own.

Code is never so long, and of tables only the largest buffers are.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address lies."""

    name: str
    offset: int
    size: int = 0
    """Of what the name stands for, in bytes; 0 if unknown."""
    source: str = ""
    """File and line of the code, or else of the name, if known."""

    @property
    def short(self) -> str:
        """Name and offset."""
        return f"{self.name}+{self.offset:#x}" if self.offset else self.name

    def __str__(self) -> str:
        """The place as Linux writes it, and the source if there is one.

        >>> str(Place("panic", 0x12, 0x340)), str(Place("start", 0, 0, "start.S:7"))
        ('panic+0x12/0x340', 'start (start.S:7)')
        """
        size = f"/{self.size:#x}" if self.size else ""
        where = f"+{self.offset:#x}{size}" if self.offset or self.size else ""
        return f"{self.name}{where}" + (f" ({self.source})" if self.source else "")


@dataclass(frozen=True, slots=True)
class Name:
    """One row of a table."""

    address: int
    name: str
    size: int = 0
    """0: up to the next one."""
    source: str = ""
    rank: int = 0
    """Of several names for one address that of the lowest rank counts."""


class Symbols(Protocol):
    """Whoever can name addresses."""

    source: str
    """What the names come from, for people."""

    def find(self, address: int, ring: int = 0) -> Place | None:
        """Return the place of ``address`` in code of ``ring``, or None if it has no name."""

    def address(self, name: str) -> int | None:
        """Return the address of ``name``, or None."""

    def __len__(self) -> int:
        """Return how many names there are."""


class Table:
    """Symbols in the order of their addresses."""

    def __init__(
        self,
        names: Iterable[Name],
        source: str,
        *,
        offset: int = 0,
        any_ring: bool = True,
        lines: Callable[[int], str] | None = None,
    ) -> None:
        """Hold ``names``, each ``offset`` above where its row says.

        With ``any_ring`` off they are names for ring 0 only. ``lines`` knows file and
        line of an address, or returns nothing.
        """
        self.source = source
        self._any_ring = any_ring
        self._offset = offset
        self._lines = lines
        self._names = sorted(names, key=lambda name: (name.address, name.rank, name.name))
        self._starts = [name.address for name in self._names]

    def find(self, address: int, ring: int = 0) -> Place | None:
        """See :class:`Symbols`."""
        if ring and not self._any_ring:
            return None
        inside = address - self._offset
        end = bisect_right(self._starts, inside)
        if not end:
            return None
        start = self._starts[end - 1]
        first = bisect_right(self._starts, start - 1, 0, end)
        name = self._names[first]
        behind = self._starts[end] - start if end < len(self._starts) else 0
        reach = name.size or min(behind or MAX_REACH, MAX_REACH)
        if inside - start >= reach:
            return None
        size = name.size or (behind if behind <= MAX_REACH else 0)
        line = self._lines(inside) if self._lines is not None else ""
        return Place(name.name, inside - start, size, line or name.source)

    def address(self, name: str) -> int | None:
        """See :class:`Symbols`."""
        found = (row.address + self._offset for row in self._names if row.name == name)
        return next(found, None)

    def moved(self, offset: int) -> Table:
        """Return the same symbols, ``offset`` higher: code was not loaded where it was linked."""
        where = f"{self.source}, moved by {offset:+#x}"
        return Table(
            self._names,
            where,
            offset=self._offset + offset,
            any_ring=self._any_ring,
            lines=self._lines,
        )

    def __len__(self) -> int:
        """See :class:`Symbols`."""
        return len(self._names)


class Union:
    """Several sources of names; the first that knows counts."""

    def __init__(self, parts: Sequence[Symbols]) -> None:
        """Ask ``parts`` in this order."""
        self.parts = tuple(parts)
        self.source = "; ".join(part.source for part in self.parts)

    def find(self, address: int, ring: int = 0) -> Place | None:
        """See :class:`Symbols`."""
        found = (part.find(address, ring) for part in self.parts)
        return next((place for place in found if place is not None), None)

    def address(self, name: str) -> int | None:
        """See :class:`Symbols`."""
        found = (part.address(name) for part in self.parts)
        return next((address for address in found if address is not None), None)

    def __len__(self) -> int:
        """See :class:`Symbols`."""
        return sum(map(len, self.parts))


NONE = Union(())
"""No names at all."""
