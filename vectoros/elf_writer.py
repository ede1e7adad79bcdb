"""From assembled sections to a static ELF64 executable.

Each section becomes one segment at its own pages, and keeps its name and its
labels, so that readelf, objdump and gdb show a program as its source does. The
same sections give the same bytes.

Source: System V ABI, "Object Files"; names of fields as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vectoros.elf import (
    EM_X86_64,
    ET_EXEC,
    HEADER,
    IDENT,
    PROGRAM_HEADER,
    FileHeader,
    Flags,
    ProgramHeader,
    ProgramType,
)
from vectoros.elf_symbols import (
    SECTION_HEADER,
    SYMBOL,
    SectionFlags,
    SectionHeader,
    SectionType,
)
from vectoros.units import PAGE_SIZE

_GLOBAL = 1 << 4
"""``st_info`` of a label: STB_GLOBAL, STT_NOTYPE."""

_SHN_ABS = 0xFFF1

_ROUND = 16
"""What the file holds of a section ends at a multiple of this, so that it cuts no number."""


@dataclass(frozen=True, slots=True)
class Section:
    """A named piece of a program, to be mapped at ``address``, the start of a page."""

    name: str
    address: int
    content: bytes
    flags: Flags

    @property
    def end(self) -> int:
        """The address after its last byte."""
        return self.address + len(self.content)

    @property
    def stored(self) -> bytes:
        """The bytes that the file must hold: zeros at the end are left out from a page on."""
        used = len(self.content.rstrip(b"\0"))
        short = self.content[: -(-used // _ROUND) * _ROUND]
        return short if len(self.content) - len(short) >= PAGE_SIZE else self.content


def write(sections: Sequence[Section], symbols: Mapping[str, int], entry: int) -> bytes:
    """Return an executable of ``sections``, which starts at ``entry``.

    The file is: headers, the sections' bytes, each at a page, then symbols, names
    and section headers, which no segment includes.
    """
    ordered = sorted(sections, key=lambda section: section.address)
    body = bytearray(HEADER.size + len(ordered) * PROGRAM_HEADER.size)
    segments: list[ProgramHeader] = []
    table = _Sections()
    for section in ordered:
        stored = section.stored
        if stored:
            body += bytes(-len(body) % PAGE_SIZE)
        segments.append(
            ProgramHeader(
                ProgramType.LOAD,
                section.flags,
                len(body) if stored else 0,
                section.address,
                section.address,
                len(stored),
                len(section.content),
                PAGE_SIZE,
            )
        )
        table.add_memory(section, len(body), len(stored))
        body += stored
    table.add_symbols(body, symbols)
    body += bytes(-len(body) % 8)
    header = FileHeader(
        IDENT.ljust(16, b"\0"), ET_EXEC, EM_X86_64, 1, entry, HEADER.size, len(body), 0,
        HEADER.size, PROGRAM_HEADER.size, len(segments),
        SECTION_HEADER.size, len(table.rows), len(table.rows) - 1,
    )  # fmt: skip
    headers = HEADER.pack(*header) + b"".join(PROGRAM_HEADER.pack(*row) for row in segments)
    body[: len(headers)] = headers
    return bytes(body) + b"".join(SECTION_HEADER.pack(*row) for row in table.rows)


class _Sections:
    """The section headers of a file in the making, and their names."""

    def __init__(self) -> None:
        """Start with the null section, which every table has."""
        self.rows = [SectionHeader(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)]
        self._names = bytearray(1)

    def add_memory(self, section: Section, offset: int, stored: int) -> None:
        """Add ``section``, of which ``stored`` bytes are at ``offset`` of the file.

        What the file does not hold is a section of its own, as ``.bss`` is.
        """
        flags = SectionFlags.ALLOC
        if section.flags & Flags.WRITE:
            flags |= SectionFlags.WRITE
        if section.flags & Flags.EXECUTE:
            flags |= SectionFlags.EXECINSTR
        zeros = len(section.content) - stored
        if stored:
            self._add(f".{section.name}", SectionType.PROGBITS, flags, section.address, offset,
                      stored)  # fmt: skip
        if zeros:
            name = f".{section.name}.zero" if stored else f".{section.name}"
            start = section.address + stored
            self._add(name, SectionType.NOBITS, flags, start, offset + stored, zeros)

    def add_symbols(self, body: bytearray, symbols: Mapping[str, int]) -> None:
        """Append symbols and names to ``body``, and their sections."""
        names = bytearray(1)
        table = bytearray(SYMBOL.size)  # the null symbol
        for name, value in sorted(symbols.items(), key=lambda item: (item[1], item[0])):
            table += SYMBOL.pack(len(names), _GLOBAL, 0, self._home(value), value, 0)
            names += name.encode() + b"\0"
        body += bytes(-len(body) % 8)
        none = SectionFlags(0)
        strings = len(self.rows) + 1
        self._add(".symtab", SectionType.SYMTAB, none, 0, len(body), len(table),
                  sh_link=strings, sh_info=1, sh_addralign=8, sh_entsize=SYMBOL.size)  # fmt: skip
        body += table
        self._add(".strtab", SectionType.STRTAB, none, 0, len(body), len(names))
        body += names
        size = len(self._names) + len(".shstrtab") + 1
        self._add(".shstrtab", SectionType.STRTAB, none, 0, len(body), size)
        body += self._names

    def _home(self, address: int) -> int:
        """Return the section of the label at ``address``, which may be just after its end."""
        rows = [(n, row) for n, row in enumerate(self.rows) if row.sh_flags & SectionFlags.ALLOC]
        for index, row in rows:
            if row.sh_addr <= address < row.sh_addr + row.sh_size:
                return index
        ends = [index for index, row in rows if address == row.sh_addr + row.sh_size]
        return ends[0] if ends else _SHN_ABS

    def _add(
        self, name: str, kind: SectionType, flags: SectionFlags, address: int, offset: int,
        size: int, *, sh_link: int = 0, sh_info: int = 0, sh_addralign: int = 1,
        sh_entsize: int = 0,
    ) -> None:  # fmt: skip
        self.rows.append(
            SectionHeader(
                len(self._names),
                kind,
                flags,
                address,
                offset,
                size,
                sh_link,
                sh_info,
                sh_addralign,
                sh_entsize,
            )
        )
        self._names += name.encode() + b"\0"
