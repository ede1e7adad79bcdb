"""A symbol map: which label and which line of source an address belongs to.

The image builder writes one next to the image (``dev.map`` for ``dev.img``), a
line a label, in the order of the programs and then of the addresses::

    # VectorOS symbol map 1
    stage2 8000 stage2 firmware/stage2.S:35

that is: the program, the address in hexadecimal, the label, file and line. It
says nothing that the guest could see, so the image does not hold it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vectoros.errors import BadFileError
from vectoros.files import read_text

HEAD = "# VectorOS symbol map 1"
SUFFIX = ".map"

SYSTEM_PROGRAMS = ("bios", "boot_sector", "stage2", "kernel")
"""Programs of a map that run in ring 0; every other one is a process."""

_ROW = re.compile(r"(\S+) ([0-9a-f]{1,16}) (\S+) (\S+):([1-9][0-9]*)")


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A label: its program, its address, and where it is written."""

    program: str
    address: int
    name: str
    file: str
    line: int

    def __str__(self) -> str:
        """The row of the file."""
        return f"{self.program} {self.address:x} {self.name} {self.file}:{self.line}"

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.file}:{self.line}, {self.name}"


class SymbolMap:
    """The labels of an image, by program."""

    def __init__(self, symbols: Iterable[Symbol] = ()) -> None:
        """Hold ``symbols``."""
        self._symbols: dict[str, list[Symbol]] = {}
        for symbol in symbols:
            self._symbols.setdefault(symbol.program, []).append(symbol)
        for found in self._symbols.values():
            found.sort(key=lambda symbol: symbol.address)

    @property
    def symbols(self) -> Mapping[str, list[Symbol]]:
        """Every label by its program, in the order of the addresses."""
        return self._symbols

    def find(self, address: int, programs: Iterable[str]) -> Symbol | None:
        """Return the last label at or before ``address`` in one of ``programs``.

        Of several programs that has it which begins last: an address behind the
        last label of one may belong to the next.
        """
        found = [hit for program in programs if (hit := self._before(program, address))]
        return max(found, key=lambda symbol: symbol.address, default=None)

    def _before(self, program: str, address: int) -> Symbol | None:
        symbols = self._symbols.get(program, [])
        index = bisect_right(symbols, address, key=lambda symbol: symbol.address)
        return symbols[index - 1] if index else None

    def text(self) -> str:
        """Return the map as a file holds it."""
        rows = [str(symbol) for found in self._symbols.values() for symbol in found]
        return "\n".join([HEAD, *rows]) + "\n"


def load(path: Path) -> SymbolMap:
    """Read the map at ``path``; raise :class:`BadFileError` if it is none."""
    lines = read_text(path).splitlines()
    if not lines or lines[0] != HEAD:
        raise BadFileError(path, f"is no symbol map: its first line is not {HEAD!r}")
    symbols = []
    for number, line in enumerate(lines[1:], 2):
        row = _ROW.fullmatch(line)
        if row is None:
            raise BadFileError(path, f"line {number} is no row of a symbol map: {line:.60}")
        program, address, name, file, place = row.groups()
        symbols.append(Symbol(program, int(address, 16), name, file, int(place)))
    return SymbolMap(symbols)


def beside(image: Path) -> SymbolMap:
    """Return the map next to ``image``, or an empty one if there is none."""
    path = image.with_suffix(SUFFIX)
    return load(path) if path != image and path.is_file() else SymbolMap()
