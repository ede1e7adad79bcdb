"""What is known not to be architectural: the rows of ``allowlist.toml``.

A row names a deviation once, and pins what each case that shows it prints today.
``ours`` are deviations of our engines, which QEMU may share; ``witness`` are those of
QEMU alone, which say nothing of us. ``pinned`` are deviations that a test of the engines
pins, because no program shows them well.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.machines import MACHINES, OURS, QEMU

PATH = Path(__file__).parent / "allowlist.toml"


@dataclass(frozen=True, slots=True)
class Row:
    """A deviation."""

    machines: Sequence[str]
    source: str
    """Where the SDM says otherwise."""
    reason: str
    cases: Mapping[str, str]
    """Today's outcome of each case that shows it, by its full name."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """A deviation that no case shows."""

    source: str
    reason: str
    test: str | None
    """The test that pins it, as pytest names it; or nothing can."""


@dataclass(frozen=True, slots=True)
class AllowList:
    """All rows."""

    ours: tuple[Row, ...]
    witness: tuple[Row, ...]
    pinned: tuple[Pinned, ...]

    @property
    def length(self) -> int:
        """How many cases our engines, either of them, are allowed not to pass."""
        rows = (row for row in self.ours if set(row.machines) & set(OURS))
        return len({case for row in rows for case in row.cases})

    def expected(self, case: str, machine: str) -> str:
        """Return the outcome that ``case`` must have on ``machine``."""
        rows = [row for row in (*self.ours, *self.witness) if machine in row.machines]
        return next((row.cases[case] for row in rows if case in row.cases), "ok")


def load(path: Path = PATH) -> AllowList:
    """Read the file at ``path``."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    ours = tuple(_row(row, row.get("machines", MACHINES)) for row in found.get("ours", []))
    witness = tuple(_row(row, (QEMU,)) for row in found.get("witness", []))
    pinned = (
        Pinned(row["source"], row["reason"], row.get("test")) for row in found.get("pinned", [])
    )
    return AllowList(ours, witness, tuple(pinned))


def _row(row: Mapping[str, Any], machines: Sequence[str]) -> Row:
    return Row(tuple(machines), row["source"], row["reason"], row["cases"])
