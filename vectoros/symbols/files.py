"""Files with symbols: ELF programs, System.map, our own maps. Their contents tell them apart.

What the user names as ``--symbols FILE`` must be one of them, and a wrong one is
refused in a sentence. Behind the name may stand how much higher than it was linked
the code runs: ``vmlinux@+0x1f000000``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from vectoros import elf_symbols, symbol_map
from vectoros.elf import IDENT, ElfError
from vectoros.elf_symbols import SectionFlags, SymbolType
from vectoros.errors import BadFileError
from vectoros.files import read_bytes
from vectoros.symbol_map import SYSTEM_PROGRAMS, SymbolMap
from vectoros.symbols import system_map
from vectoros.symbols.table import Name, Table

ELF_MAGIC = IDENT[:4]
_MOVED = re.compile(r"(.+)@([+-]0x[0-9a-fA-F]{1,16})")
_GLOBAL = 1
_BINDING_SHIFT = 4
"""STB_GLOBAL, and where in ``st_info`` the binding stands."""

_KINDS = (SymbolType.FUNC, SymbolType.GNU_IFUNC, SymbolType.OBJECT, SymbolType.NOTYPE)
"""Types of symbols that name an address, the most telling ones first."""


def parse(text: str) -> tuple[Path, int]:
    """Return the file and the offset that ``FILE`` or ``FILE@+0xOFFSET`` names.

    >>> parse("vmlinux@+0x1000000")[1] == 0x1000000
    True
    """
    moved = _MOVED.fullmatch(text)
    if moved is None or Path(text).exists():
        return Path(text), 0
    return Path(moved[1]), int(moved[2], 16)


def load(path: Path, offset: int = 0) -> Table:
    """Return the symbols of the file at ``path``; raise :class:`BadFileError` if it has none."""
    data = read_bytes(path)
    where = str(path)
    known = None
    if data.startswith(ELF_MAGIC):
        names = _of_elf(path, data)
        known = _lines(data)
        if not names:
            raise BadFileError(path, "has no symbols: it was stripped")
    elif data.startswith(symbol_map.HEAD.encode()):
        return of_map(symbol_map.load(path), where, offset)
    else:
        names = _of_system_map(path, data)
    table = Table(names, where, lines=known)
    return table.moved(offset) if offset else table


def of_map(found: SymbolMap, where: str, offset: int = 0) -> Table:
    """Return the labels of code that runs in ring 0. Programs in ring 3 share addresses."""
    names = [
        Name(symbol.address, symbol.name, source=f"{symbol.file}:{symbol.line}")
        for program in SYSTEM_PROGRAMS
        for symbol in found.symbols.get(program, [])
    ]
    table = Table(names, where, any_ring=False)
    return table.moved(offset) if offset else table


def of_program(path: Path) -> Table | None:
    """Return the symbols of the ELF file at ``path``; None if it has none, or is no ELF file."""
    data = read_bytes(path)
    if not data.startswith(ELF_MAGIC):
        return None
    names = _of_elf(path, data)
    return Table(names, str(path), lines=_lines(data)) if names else None


def _of_elf(path: Path, data: bytes) -> list[Name]:
    try:
        return list(_names(data))
    except ElfError as error:
        raise BadFileError(path, error.rule) from None


def _names(data: bytes) -> Iterator[Name]:
    """Yield the symbols that name a place in memory."""
    sections = elf_symbols.sections(data)
    ranks = {int(kind): rank for rank, kind in enumerate(_KINDS)}
    for symbol in elf_symbols.symbols(data):
        rank = ranks.get(symbol.info & 0xF)
        if rank is None or not 0 < symbol.section < len(sections):
            continue
        if sections[symbol.section].flags & SectionFlags.ALLOC:
            local = symbol.info >> _BINDING_SHIFT != _GLOBAL
            yield Name(symbol.value, symbol.name, symbol.size, rank=2 * rank + local)


def _lines(data: bytes) -> Callable[[int], str]:
    """Return what tells file and line of an address in an ELF file that was read before."""
    # Loaded here: `vectoros boot --help` parses the name of a file, and needs no numpy.
    from vectoros.symbols import lines

    parts = {section.name: section for section in elf_symbols.sections(data)}
    found = [
        data[parts[name].offset : parts[name].offset + parts[name].size] if name in parts else b""
        for name in (".debug_line", ".debug_line_str", ".debug_str")
    ]
    return lines.read(*found).find


def _of_system_map(path: Path, data: bytes) -> list[Name]:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        rule = "has no symbols: it is neither an ELF program, nor a System.map, nor a map of ours"
        raise BadFileError(path, rule) from None
    try:
        return system_map.read(text)
    except system_map.MapError as error:
        raise BadFileError(path, str(error)) from None
