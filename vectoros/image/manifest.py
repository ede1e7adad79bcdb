"""The manifest of an image: what goes into it, as a TOML file says.

    [boot_sector]
    sources = ["boot_sector.S"]

    [[program]]
    name = "kernel"
    kind = "kernel"              # once; or "stage2", first, once; or "program", the default
    load = 0x100000              # physical address; not for a program
    virtual = 0xffffffff80100000 # where its code expects to be
    sources = ["entry.S"]        # assembled as one, in this order
    sections = { text = "rx", stack = "rw" }

    [[program]]
    name = "shell"
    virtual = 0x400000
    sources = ["shell.S"]
    sections = { text = "rx", stack = "rw" }
    priority = 100               # of its first thread, 0 to 255
    grants = ["console"]         # what it is given at boot

    [[program]]
    name = "hello"
    elf = "hello"                # made by another compiler; instead of sources

    [[data]]
    name = "logo"
    source = "logo.bin"

Paths are relative to the manifest. Everything is checked here, so that the
builder only meets manifests that make sense; each rule broken is one
:class:`~vectoros.errors.BadFileError`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vectoros.assembler import Source
from vectoros.errors import BadFileError
from vectoros.files import check_regular, read_bytes, read_text
from vectoros.image.format import (
    ADDRESS_LIMIT,
    MAX_PRIORITY,
    MODULE_NAME_SIZE,
    MODULES_ADDRESS,
    NAME_SIZE,
    NO_GRANTS,
    Access,
    Kind,
)
from vectoros.image.manifest_table import Table
from vectoros.kernel.process_layout import SCREEN, USER_FIRST, Grant

DEFAULT_PRIORITY = 100
"""Of a program whose manifest names none."""

_MODULE_LIMIT = ADDRESS_LIMIT - MODULES_ADDRESS
_KINDS = {kind.name.lower(): kind for kind in Kind if kind is not Kind.DATA}
_GRANTS = {str(grant.name).lower(): grant for grant in Grant}
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
    sources: tuple[str, ...] = ()
    sections: Mapping[str, Access | None] = field(default_factory=dict)
    """Access by section; None is a hole."""
    load: int = 0
    """Physical address; 0 for what the kernel loads."""
    virtual: int = 0
    elf: str | None = None
    """The file that has the program ready made, instead of sources."""
    priority: int = 0
    grants: Grant = NO_GRANTS


@dataclass(frozen=True, slots=True)
class DataPlan:
    """A file that goes in as it is."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked manifest."""

    path: Path
    boot_sector: tuple[str, ...]
    programs: tuple[ProgramPlan, ...]
    data: tuple[DataPlan, ...] = ()

    def read(self, names: Sequence[str]) -> list[Source]:
        """Return the sources called ``names``, paths as the manifest gives them."""
        paths = [self.file(name) for name in names]
        return [Source(str(path), read_text(path)) for path in paths]

    def read_module(self, name: str) -> bytes:
        """Return the file called ``name``, which must fit where modules go."""
        path = self.file(name)
        size = check_regular(path).st_size
        if not 0 < size <= _MODULE_LIMIT:
            raise BadFileError(path, f"has {size} bytes; a module has 1 to {_MODULE_LIMIT}")
        return read_bytes(path)

    def file(self, name: str) -> Path:
        """Return the path of the file that the manifest calls ``name``, which must exist."""
        path = Path(os.path.normpath(self.path.parent / name))
        if "\0" in name or not path.exists():
            raise BadFileError(self.path, f"names the source {name!a}, which does not exist")
        return path


def load(path: Path) -> Manifest:
    """Read and check the manifest at ``path``."""
    try:
        document = tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond Python's limits
        raise BadFileError(path, f"is not TOML: {error}") from None
    table = Table(path, "the manifest", document)
    table.check_known("boot_sector", "program", "data")
    boot = table.table("boot_sector")
    boot.check_known("sources")
    programs = tuple(map(_program, table.rows("program")))
    if not programs:
        raise BadFileError(path, "has no [[program]]")
    data = tuple(map(_data, table.rows("data")))
    _check_together(path, programs, data)
    return Manifest(path, boot.files("sources"), programs, data)


def _program(table: Table) -> ProgramPlan:
    name = table.name("a program's name")
    table = table.called(f"program {name}")
    kind = table.word("kind", _KINDS, "program")
    if kind is Kind.PROGRAM:
        return _user_program(name, table)
    table.check_known("name", "kind", "load", "virtual", "sources", "sections")
    return ProgramPlan(
        name, kind, table.files("sources"), _sections(name, table, are_entries=True),
        table.address("load", 0, ADDRESS_LIMIT), table.address("virtual", 0, 1 << 64),
    )  # fmt: skip


def _user_program(name: str, table: Table) -> ProgramPlan:
    """Return the plan of what runs in ring 3: assembled here, or by somebody else."""
    _check_module_name(table, name)
    priority = table.number("priority", DEFAULT_PRIORITY, MAX_PRIORITY)
    grants = NO_GRANTS
    for grant in table.words("grants", _GRANTS):
        grants |= grant
    if table.has("elf"):
        table.check_known("name", "kind", "elf", "priority", "grants")
        elf = table.file("elf")
        return ProgramPlan(name, Kind.PROGRAM, elf=elf, priority=priority, grants=grants)
    table.check_known("name", "kind", "virtual", "sources", "sections", "priority", "grants")
    sections = _sections(name, table, are_entries=False)
    if Access(0) in sections.values():
        table.refuse("only stage 2 has access boot")
    return ProgramPlan(
        name, Kind.PROGRAM, table.files("sources"), sections,
        virtual=table.address("virtual", USER_FIRST, SCREEN),
        priority=priority, grants=grants,
    )  # fmt: skip


def _data(table: Table) -> DataPlan:
    name = table.name("a data file's name")
    table = table.called(f"data {name}")
    table.check_known("name", "source")
    _check_module_name(table, name)
    return DataPlan(name, table.file("source"))


def _check_module_name(table: Table, name: str) -> None:
    if len(name) > MODULE_NAME_SIZE:
        table.refuse(f"the name is longer than {MODULE_NAME_SIZE} characters")


def _sections(name: str, table: Table, *, are_entries: bool) -> dict[str, Access | None]:
    """Return the access by section; entries of the directory have names that must fit there."""
    sections = table.words_by_name("sections", "access", _ACCESS)
    for section in sections if are_entries else ():
        if len(f"{name}.{section}") > NAME_SIZE:
            table.refuse(f"the name {name}.{section} is longer than {NAME_SIZE} characters")
    return sections


def _check_together(path: Path, programs: Sequence[ProgramPlan], data: Sequence[DataPlan]) -> None:
    kinds = [program.kind for program in programs]
    if kinds[0] is not Kind.STAGE2 or kinds.count(Kind.STAGE2) != 1:
        raise BadFileError(path, "the first program, and no other, must be of kind stage2")
    if kinds.count(Kind.KERNEL) != 1:
        raise BadFileError(path, "exactly one program must be of kind kernel")
    names = [program.name for program in programs] + [item.name for item in data]
    for name in names:
        if names.count(name) > 1:
            raise BadFileError(path, f"two programs or files are called {name}")
