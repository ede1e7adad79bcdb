"""Conformance programs: which there are, and how one is put together.

A subject is ``tests/guest/cpu/NAME.S``, assembled with the library in ``lib/`` to a
flat multiboot image. Where its cases are rows of a table rather than text,
``tests/conformance/tables/NAME.py`` makes the text: its ``SOURCE`` follows the subject's.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vectoros.assembler import Program, Source, assemble_sources

FOLDER = Path(__file__).parents[1] / "guest" / "cpu"
TABLES = Path(__file__).parent / "tables"
BEFORE = ("layout", "macros", "pic", "debugging", "start", "print", "enter", "catch", "home")
AFTER = ("end",)
ORIGIN = 0x10000
"""As lib/layout.S has it."""

END = 0x60000
"""Where the page tables of lib/layout.S begin: no image may reach so far."""

_CASE = "case."


@dataclass(frozen=True, slots=True)
class Subject:
    """A program, ready to run, and what it is to report on."""

    name: str
    program: Program
    cases: tuple[str, ...]
    """Names without the subject's, in the order in which they run."""


def names() -> list[str]:
    """Return the name of every subject."""
    return sorted(path.stem for path in FOLDER.glob("*.S"))


@functools.cache
def subject(name: str) -> Subject:
    """Assemble the subject called ``name``."""
    return assembled(name, list(_own_sources(name)))


def assembled(name: str, own: Sequence[Source]) -> Subject:
    """Return the subject that ``own`` and the library make."""
    sources = [*_library(BEFORE), *own, *_library(AFTER)]
    program = assemble_sources(sources, origin=ORIGIN, bits=32)
    end = program.origin + len(program.code)
    if end > END:
        raise ValueError(f"{name}: its image ends at {end:#x}, and must end by {END:#x}")
    found = {label: at for label, at in program.symbols.items() if label.startswith(_CASE)}
    cases = tuple(label.removeprefix(_CASE) for label in sorted(found, key=found.__getitem__))
    return Subject(name, program, cases)


def _library(parts: Sequence[str]) -> list[Source]:
    return [_read(FOLDER / "lib" / f"{part}.S") for part in parts]


def _own_sources(name: str) -> Iterator[Source]:
    yield _read(FOLDER / f"{name}.S")
    if (TABLES / f"{name}.py").exists():
        table = importlib.import_module(f"tests.conformance.tables.{name}")
        yield Source(f"tables/{name}.py", table.SOURCE)


def _read(path: Path) -> Source:
    return Source(path.relative_to(FOLDER).as_posix(), path.read_text(encoding="utf-8"))
