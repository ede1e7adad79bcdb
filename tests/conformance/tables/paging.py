"""How rows of page tables become cases: what six accesses to one page do.

A row says what is special about its entries and gives six outcomes, in the order of
:data:`ACCESSES`: supervisor's read, write and fetch, then user's. An outcome is the
error code that the page fault pushes, in hex, or ``-`` where there is no fault. The
macros that it uses are those of the subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ACCESSES = ("sr", "sw", "sx", "ur", "uw", "ux")
"""Names of the six cases of a row."""

P, W, U, PS, G, NX = 1 << 0, 1 << 1, 1 << 2, 1 << 7, 1 << 8, 1 << 63

_BODY = {"r": "DO_READ", "w": "DO_WRITE", "x": "DO_FETCH"}


@dataclass(frozen=True, slots=True)
class Change:
    """Bits of an entry that a row clears, then sets."""

    clear: int = 0
    set: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One state of the page tables."""

    name: str
    outcomes: str
    """Six words."""
    entries: Mapping[str, Change] = field(default_factory=dict)
    """Which entries differ from present, writable, user and executable, by their symbols."""
    setup: tuple[str, ...] = ()
    """Lines in front, of ring 0."""


def source(rows: Iterable[Row], *, case: str, prepare: str, entry_bits: int, to_ring3: str) -> str:
    """Return the text of all cases.

    ``prepare`` are lines before a row's changes; entries have ``entry_bits`` bits.
    """
    return "\n".join(
        line for row in rows for line in _cases(row, case, prepare, entry_bits, to_ring3)
    )


def _cases(row: Row, case: str, prepare: str, entry_bits: int, to_ring3: str) -> list[str]:
    lines = []
    every = (1 << entry_bits) - 1
    for access, outcome in zip(ACCESSES, row.outcomes.split(), strict=True):
        lines += [f"{case} {row.name}.{access}", prepare]
        lines += [
            f"CHANGE {entry}, {every & ~change.clear:#x}, {change.set:#x}"
            for entry, change in row.entries.items()
        ]
        lines += row.setup
        if access[0] == "u":
            lines.append(to_ring3)
        lines.append(_BODY[access[1]])
        if outcome != "-":
            kind = "FETCH" if access[1] == "x" else "DATA"
            lines.append(f"WANT_{kind}_FAULT 0x{outcome}")
    return lines
