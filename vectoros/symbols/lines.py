"""Source lines: which file and line an address was compiled from, by an ELF file's DWARF.

Only the line tables are read (``.debug_line``), of versions 2 to 5 in the 32-bit
format, as gcc, clang and gas write them with ``-g``. Whatever does not make sense
ends the reading of its unit, and what was read up to there counts: a report with
fewer lines is better than none.

Source: DWARF Debugging Information Format, Version 5, "Line Number Information".
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

MOST_BYTES = 8 << 20
"""Of line tables. Those of a whole Linux kernel are larger, and would take a minute."""

_MASK_64, _MASK_32 = (1 << 64) - 1, (1 << 32) - 1

_VERSIONS = range(2, 6)
_DWARF64 = 0xFFFF_FFF0
_PATH, _DIRECTORY = 1, 2
"""DW_LNCT_path, DW_LNCT_directory_index."""

_FIXED = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}
"""Forms of so many bytes: DW_FORM_data1 to data16."""

_STRING, _UDATA, _BLOCK, _STRP, _LINE_STRP = 0x08, 0x0F, 0x09, 0x0E, 0x1F


class _Damaged(Exception):
    """The table does not make sense from here on."""


class Row(NamedTuple):
    """From ``address`` on the code is of this file and line; of none, if ``file`` is empty."""

    address: int
    file: str
    line: int


class Lines:
    """The lines of one file, by address. A row takes 16 bytes."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Hold ``rows``. Where one sequence ends and another begins, the latter counts."""
        self._files: list[str] = [""]
        numbers = {"": 0}
        addresses, files, lines = array("Q"), array("I"), array("I")
        for row in rows:
            if row.file not in numbers:
                numbers[row.file] = len(self._files)
                self._files.append(row.file)
            addresses.append(row.address & _MASK_64)
            files.append(numbers[row.file])
            lines.append(row.line & _MASK_32)
        starts = np.array(addresses, dtype=np.uint64)
        order = np.lexsort((np.array(files, dtype=np.uint32) > 0, starts))
        self._starts = starts[order]
        self._file = np.array(files, dtype=np.uint32)[order]
        self._line = np.array(lines, dtype=np.uint32)[order]

    def find(self, address: int) -> str:
        """Return file and line of the code at ``address``; empty if unknown."""
        if not 0 <= address <= _MASK_64:
            return ""
        index = int(np.searchsorted(self._starts, np.uint64(address), side="right")) - 1
        file = self._files[self._file[index]] if index >= 0 else ""
        return f"{file}:{self._line[index]}" if file else ""

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._starts)


def read(lines: bytes, line_strings: bytes = b"", strings: bytes = b"") -> Lines:
    """Return what ``.debug_line`` says, with ``.debug_line_str`` and ``.debug_str``."""
    return Lines(_rows(lines if len(lines) <= MOST_BYTES else b"", line_strings, strings))


def _rows(lines: bytes, line_strings: bytes, strings: bytes) -> Iterator[Row]:
    """Yield the rows of all units."""
    at = 0
    while at + 4 <= len(lines):
        length = int.from_bytes(lines[at : at + 4], "little")
        if not length or length >= _DWARF64:
            break
        unit = _Unit(_Reader(lines[at + 4 : at + 4 + length]), line_strings, strings)
        with suppress(_Damaged):
            yield from unit.rows()
        at += 4 + length


@dataclass
class _Reader:
    """Bytes, read one after the other."""

    data: bytes
    at: int = 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        if self.at + size > len(self.data):
            raise _Damaged
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int, *, signed: bool = False) -> int:
        """Return the next number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def uleb(self) -> int:
        """Return the next number in LEB128, unsigned."""
        value, shift = 0, 0
        while shift < 70:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
        raise _Damaged

    def sleb(self) -> int:
        """Return the next number in LEB128, signed."""
        start = self.at
        value = self.uleb()
        bits = 7 * (self.at - start)
        return value - (1 << bits) if value >> bits - 1 else value

    def string(self) -> str:
        """Return the next string, which a zero ends."""
        return _string(self.data, self.at, self._skip)

    def _skip(self, end: int) -> None:
        self.at = end


@dataclass
class _Unit:
    """The line table of one compilation unit, and the state of its program."""

    reader: _Reader
    line_strings: bytes
    strings: bytes
    files: list[str] = field(default_factory=list)
    address: int = 0
    file: int = 1
    line: int = 1

    def rows(self) -> Iterator[Row]:
        """Yield the rows, up to where the table does not make sense."""
        self._header()
        yield from self._program()

    def _header(self) -> None:
        read = self.reader
        version = read.number(2)
        if version not in _VERSIONS:
            raise _Damaged
        if version >= 5:
            read.take(2)  # address_size, segment_selector_size
        program = read.number(4) + read.at
        self.least = read.number(1)
        if version >= 4:
            read.take(1)  # maximum_operations_per_instruction
        read.take(1)  # default_is_stmt
        self.line_base, self.line_range = read.number(1, signed=True), read.number(1)
        self.opcode_base = read.number(1)
        self.lengths = read.take(max(self.opcode_base - 1, 0))
        if not self.line_range:
            raise _Damaged
        self.files = self._files_5() if version >= 5 else self._files_2()
        read.at = program

    def _files_2(self) -> list[str]:
        """Return the files by their numbers, which begin at 1."""
        read = self.reader
        folders = [""]
        while folder := read.string():
            folders.append(folder)
        files = [""]
        while name := read.string():
            files.append(_joined(folders, read.uleb(), name))
            read.uleb()  # time
            read.uleb()  # length
        return files

    def _files_5(self) -> list[str]:
        folders = [name for name, _ in self._entries()]
        return [_joined(folders, folder, name) for name, folder in self._entries()]

    def _entries(self) -> list[tuple[str, int]]:
        """Return path and directory of each entry of a list that says how it is written."""
        read = self.reader
        forms = [(read.uleb(), read.uleb()) for _ in range(read.number(1))]
        count = read.uleb()
        if count > len(read.data):
            raise _Damaged
        found = []
        for _ in range(count):
            values = {kind: self._value(form) for kind, form in forms}
            path, folder = values.get(_PATH, ""), values.get(_DIRECTORY, 0)
            found.append((path if isinstance(path, str) else "", int(folder or 0)))
        return found

    def _value(self, form: int) -> str | int:
        read = self.reader
        if form in _FIXED:
            return read.number(_FIXED[form])
        if form == _UDATA:
            return read.uleb()
        if form == _STRING:
            return read.string()
        if form == _BLOCK:
            read.take(read.uleb())
            return 0
        if form in (_STRP, _LINE_STRP):
            return _string(self.strings if form == _STRP else self.line_strings, read.number(4))
        raise _Damaged

    def _program(self) -> Iterator[Row]:
        """Run the line-number program."""
        read = self.reader
        while read.at < len(read.data):
            opcode = read.number(1)
            if opcode >= self.opcode_base:
                step = opcode - self.opcode_base
                self.address += step // self.line_range * self.least
                self.line += self.line_base + step % self.line_range
                yield self._row()
            elif opcode:
                yield from self._standard(opcode)
            else:
                yield from self._extended(read.uleb())

    def _standard(self, opcode: int) -> Iterator[Row]:
        read = self.reader
        if opcode == 1:  # DW_LNS_copy
            yield self._row()
        elif opcode == 2:  # DW_LNS_advance_pc
            self.address += read.uleb() * self.least
        elif opcode == 3:  # DW_LNS_advance_line
            self.line += read.sleb()
        elif opcode == 4:  # DW_LNS_set_file
            self.file = read.uleb()
        elif opcode == 8:  # DW_LNS_const_add_pc
            self.address += (255 - self.opcode_base) // self.line_range * self.least
        elif opcode == 9:  # DW_LNS_fixed_advance_pc
            self.address += read.number(2)
        else:  # of no concern here
            for _ in range(self.lengths[opcode - 1]):
                read.uleb()

    def _extended(self, length: int) -> Iterator[Row]:
        read = self.reader
        body = _Reader(read.take(length))
        opcode = body.number(1)
        if opcode == 1:  # DW_LNE_end_sequence
            yield Row(self.address, "", 0)
            self.address, self.file, self.line = 0, 1, 1
        elif opcode == 2:  # DW_LNE_set_address
            self.address = body.number(length - 1)

    def _row(self) -> Row:
        name = self.files[self.file] if self.file < len(self.files) else ""
        return Row(self.address, name, self.line)


def _joined(folders: Sequence[str], folder: int, name: str) -> str:
    """Return the path of a file, from the folder where the compiler ran if it is below."""
    if name.startswith("/") or not 0 <= folder < len(folders):
        return name
    path = f"{folders[folder]}/{name}" if folders[folder] else name
    return path.removeprefix(f"{folders[0]}/") if folders[0] else path


def _string(data: bytes, start: int, behind: Callable[[int], None] | None = None) -> str:
    """Return the string at ``start`` of ``data``; tell ``behind`` where the next byte is."""
    end = data.find(b"\0", start)
    if end < 0:
        raise _Damaged
    if behind is not None:
        behind(end + 1)
    return data[start:end].decode("utf-8", "backslashreplace")
