"""The manifest of an image: what goes into it, as a TOML file says.

    [boot_sector]
    sources = ["boot_sector.S"]

    [[program]]
    name = "shell"
    kind = "program"             # or "stage2", first, once; or "kernel", once
    load = 0x140000              # physical address
    virtual = 0x440000           # where its code expects to be
    sources = ["shell.S"]        # assembled as one, in this order
    sections = { text = "rx", stack = "rw" }

Paths are relative to the manifest. Everything is checked here, so that the
builder only meets manifests that make sense; each rule broken is one
:class:`~vectoros.errors.BadFileError`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vectoros.assembler import Source
from vectoros.errors import BadFileError
from vectoros.files import read_text
from vectoros.image.format import ADDRESS_LIMIT, NAME_SIZE, Access, Kind
from vectoros.units import PAGE_SIZE

_KINDS = {kind.name.lower(): kind for kind in Kind}
_ACCESS: dict[str, Access | None] = {
    "boot": Access(0),
    "guard": None,
    "r": Access.READ,
    "rw": Access.READ | Access.WRITE,
    "rx": Access.READ | Access.EXECUTE,
}
"""By word. There is no word for writable and executable."""


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """One program of the image: its sources, and where it goes."""

    name: str
    kind: Kind
    load: int
    virtual: int
    sources: tuple[str, ...]
    sections: Mapping[str, Access | None]
    """Access by section; None is a hole."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked manifest."""

    path: Path
    boot_sector: tuple[str, ...]
    programs: tuple[ProgramPlan, ...]

    def read(self, names: Sequence[str]) -> list[Source]:
        """Return the sources called ``names``, paths as the manifest gives them."""
        sources = []
        for name in names:
            path = Path(os.path.normpath(self.path.parent / name))
            if not path.exists():
                raise BadFileError(self.path, f"names the source {name}, which does not exist")
            sources.append(Source(str(path), read_text(path)))
        return sources


def load(path: Path) -> Manifest:
    """Read and check the manifest at ``path``."""
    try:
        table = tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond Python's limits
        raise BadFileError(path, f"is not TOML: {error}") from None
    _known(path, "the manifest", table, {"boot_sector", "program"})
    boot = table.get("boot_sector")
    if not isinstance(boot, dict):
        raise BadFileError(path, "has no [boot_sector]")
    _known(path, "[boot_sector]", boot, {"sources"})
    rows = table.get("program")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadFileError(path, "has no [[program]]")
    programs = tuple(_program(path, row) for row in rows)
    _check_programs(path, programs)
    return Manifest(path, _sources(path, "[boot_sector]", boot), programs)


def _program(path: Path, row: dict[str, Any]) -> ProgramPlan:
    name = row.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise BadFileError(
            path, f"a program's name is lower-case letters, digits and _, not {name!r}"
        )
    where = f"program {name}"
    _known(path, where, row, {"name", "kind", "load", "virtual", "sources", "sections"})
    kind = _KINDS.get(str(row.get("kind")))
    if kind is None:
        raise BadFileError(path, f"{where}: kind is one of {', '.join(_KINDS)}")
    load = _address(path, where, row, "load", ADDRESS_LIMIT)
    virtual = _address(path, where, row, "virtual", 1 << 64)
    return ProgramPlan(
        name, kind, load, virtual, _sources(path, where, row), _sections(path, name, row)
    )


def _sections(path: Path, name: str, row: dict[str, Any]) -> dict[str, Access | None]:
    table = row.get("sections")
    if not isinstance(table, dict) or not table:
        raise BadFileError(path, f"program {name}: sections must be a table of access by section")
    for section, access in table.items():
        if not isinstance(access, str) or access not in _ACCESS:
            words = ", ".join(sorted(_ACCESS))
            raise BadFileError(
                path, f"program {name}: access of {section} is one of {words}, not {access!r}"
            )
        if len(f"{name}.{section}") > NAME_SIZE:
            raise BadFileError(path, f"{name}.{section} is longer than {NAME_SIZE} characters")
    return {section: _ACCESS[access] for section, access in table.items()}


def _sources(path: Path, where: str, table: dict[str, Any]) -> tuple[str, ...]:
    sources = table.get("sources")
    if not isinstance(sources, list) or not sources:
        raise BadFileError(path, f"{where}: sources must be a list of files")
    for source in sources:
        if not isinstance(source, str):
            raise BadFileError(path, f"{where}: a source is a file name, not {source!r}")
    return tuple(sources)


def _address(path: Path, where: str, row: dict[str, Any], key: str, limit: int) -> int:
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise BadFileError(path, f"{where}: {key} must be an address below {limit:#x}")
    if value % PAGE_SIZE:
        raise BadFileError(path, f"{where}: {key} {value:#x} is not the start of a page")
    return value


def _known(path: Path, where: str, table: Mapping[str, object], known: set[str]) -> None:
    for key in table:
        if key not in known:
            words = ", ".join(sorted(known))
            raise BadFileError(path, f"{where}: unknown key {key!r}; known are {words}")


def _check_programs(path: Path, programs: tuple[ProgramPlan, ...]) -> None:
    kinds = [program.kind for program in programs]
    if not kinds or kinds[0] is not Kind.STAGE2 or kinds.count(Kind.STAGE2) != 1:
        raise BadFileError(path, "the first program, and no other, must be of kind stage2")
    if kinds.count(Kind.KERNEL) != 1:
        raise BadFileError(path, "exactly one program must be of kind kernel")
    names = [program.name for program in programs]
    for name in names:
        if names.count(name) > 1:
            raise BadFileError(path, f"two programs are called {name}")
