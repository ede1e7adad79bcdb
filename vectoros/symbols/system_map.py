"""System.map: the names of a Linux kernel, as nm writes them and its build installs them.

A line a symbol: address in hexadecimal, type letter, name::

    ffffffff81000000 T _text

Types are those of nm(1). Per-CPU variables stand there with their offsets in each
CPU's area, from 0 on, which are addresses of nothing: they are left out.

Debian installs a file of one line in its place, which says where the real one is.
"""

from __future__ import annotations

import re

from vectoros.symbols.table import Name

ROW = re.compile(r"([0-9a-f]{8}|[0-9a-f]{16}) ([A-Za-z?-]) (\S+)(?:\s+\[\S+\])?")
"""A line; behind the name of a module's symbol stands the module."""

STUB = "The real System.map is in the "
_PER_CPU = ("__per_cpu_start", "__per_cpu_end")
_LOCAL = 1
"""Rank of a local symbol (lower-case letter): a global one at the same address counts."""


class MapError(ValueError):
    """A file is no System.map. The message reads on from the file's name."""


def read(text: str) -> list[Name]:
    """Return the symbols of a System.map with the contents ``text``."""
    lines = text.splitlines()
    if len(lines) == 1 and STUB in lines[0]:
        package = lines[0].partition(STUB)[2].removesuffix(" package")
        raise MapError(f"is only a note: the symbols are in Debian's package {package}")
    names, bounds = [], {}
    for number, line in enumerate(lines, 1):
        row = ROW.fullmatch(line)
        if row is None:
            raise MapError(f"line {number} is no row of a System.map: {line[:60]!r}")
        address, kind, name = int(row[1], 16), row[2], row[3]
        if name in _PER_CPU:
            bounds[name] = address
        if kind not in "UNaAwv?-":
            names.append(Name(address, name, rank=_LOCAL if kind.islower() else 0))
    if not names:
        raise MapError("has no symbol")
    first, end = (bounds.get(name, -1) for name in _PER_CPU)
    return [name for name in names if not first <= name.address <= end]
