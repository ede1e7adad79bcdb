"""The assembler: x86 source in Intel syntax to bytes, symbols and a listing.

A thin wrapper on keystone, which knows the encodings. It adds what keystone
lacks: constants, the addresses of labels, errors that name the line, and a
refusal of every form that keystone is known to encode wrongly
(:mod:`vectoros.assembly_source`). 16-, 32- and 64-bit code may share a source.

A program may have sections. They follow one another in the order in which the
sources first name them, and each but the first starts a new page, so that each
can be mapped with rights of its own.

>>> assemble("start: mov eax, SIZE", origin=0x7C00, constants={"SIZE": 4}).symbols
{'start': 31744}
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vectoros.assembly_source import AssemblyError, Line, Reader, Source, Statement
from vectoros.units import PAGE_SIZE

if TYPE_CHECKING:
    from keystone import Ks

__all__ = ["AssemblyError", "Program", "Source", "assemble", "assemble_sources"]

_END = 0x564F532D454E4421
"""Last word of what keystone is given. It stops at some errors without reporting them."""

_BYTES_A_ROW = 8  # of code, in a listing


@dataclass(frozen=True, slots=True)
class Program:
    """Assembled code, to be placed at ``origin`` and nowhere else."""

    origin: int
    code: bytes
    symbols: dict[str, int]
    """Address of every label."""
    lines: tuple[tuple[int, Line], ...]
    """Address of every statement and where it was written, in order."""
    sections: dict[str, tuple[int, int]]
    """First address of every section, and the address after its last byte."""

    def listing(self) -> str:
        """Return address, bytes and source, a row a statement."""
        return "\n".join(self._rows())

    def _rows(self) -> Iterator[str]:
        ends = [address for address, _ in self.lines[1:]] + [self.origin + len(self.code)]
        for (address, line), end in zip(self.lines, ends, strict=True):
            code = self.code[address - self.origin : end - self.origin]
            shown = code[:_BYTES_A_ROW].hex(" ") + (" ..." if len(code) > _BYTES_A_ROW else "")
            yield f"{address:016x}  {shown:<28}{line.text.rstrip()}"


def assemble(
    text: str,
    *,
    origin: int = 0,
    constants: Mapping[str, int] | None = None,
    name: str = "<assembly>",
    bits: int = 64,
) -> Program:
    """Assemble ``text``, which starts in ``bits``-bit code; messages call it ``name``."""
    return assemble_sources([Source(name, text)], origin=origin, constants=constants, bits=bits)


def assemble_sources(
    sources: Sequence[Source],
    *,
    origin: int = 0,
    constants: Mapping[str, int] | None = None,
    bits: int = 64,
) -> Program:
    """Assemble ``sources`` one after the other as one program, in which all labels are common."""
    statements = _by_section(Reader(constants or {}, bits).read(sources))
    keystone = _keystone(bits)
    output = _encode(keystone, _text(statements, len(statements)), origin)
    if isinstance(output, str):
        raise _first_error(keystone, statements, origin)
    labels = [label for statement in statements for label in statement.labels]
    words = len(labels) + 2 * len(statements) + 1
    code = output[: len(output) - 8 * words]
    table = iter(struct.unpack_from(f"<{words}Q", output, len(code)))
    symbols = {label: next(table) for label in labels}
    spans = [(next(table), next(table)) for _ in statements]
    sections: dict[str, tuple[int, int]] = {}
    for statement, (start, end) in zip(statements, spans, strict=True):
        sections[statement.section] = (sections.get(statement.section, (start, 0))[0], end)
    lines = tuple(
        (span[0], statement.line) for span, statement in zip(spans, statements, strict=True)
    )
    return Program(origin, code, symbols, lines, sections)


def _by_section(statements: Sequence[Statement]) -> list[Statement]:
    order = list(dict.fromkeys(statement.section for statement in statements))
    return sorted(statements, key=lambda statement: order.index(statement.section))


def _keystone(bits: int) -> Ks:
    # Loaded here: most commands assemble nothing, and the library takes 10 ms to load.
    from keystone import KS_ARCH_X86, KS_MODE_16, KS_MODE_32, KS_MODE_64, Ks

    return Ks(KS_ARCH_X86, {16: KS_MODE_16, 32: KS_MODE_32, 64: KS_MODE_64}[bits])


def _text(statements: Sequence[Statement], count: int) -> str:
    """Return the first ``count`` statements, every label, and a table of all their addresses.

    Keystone does not tell addresses, so the program is made to: after it come
    the addresses of its labels and of its statements, as data.
    """
    rows: list[str] = []
    table: list[str] = []
    previous: Statement | None = None
    for index, statement in enumerate(statements):
        if previous is None or statement.bits != previous.bits:
            rows.append(f".code{statement.bits}")
        if previous is not None and statement.section != previous.section:
            rows.append(f".balign {PAGE_SIZE:#x}")
        rows.append(f"vx.{index}:")
        rows.extend(f"{label}:" for label in statement.labels)
        table.extend(f".quad {label}" for label in statement.labels)
        if index < count:
            rows.append(statement.body)
        rows.append(f"vx.{index}.end:")
        previous = statement
    table.extend(f".quad vx.{index}, vx.{index}.end" for index in range(len(statements)))
    return "\n".join([*rows, *table, f".quad {_END:#x}"])


def _encode(keystone: Ks, text: str, origin: int) -> bytes | str:
    """Return the bytes of ``text``, or why there are none."""
    from keystone import KsError

    try:
        code, _ = keystone.asm(text, origin, as_bytes=True)
    except KsError as error:
        return str(error).partition(" (")[0].lower()
    if code is None or not bytes(code).endswith(struct.pack("<Q", _END)):
        return "not understood"
    return bytes(code)


def _first_error(keystone: Ks, statements: Sequence[Statement], origin: int) -> AssemblyError:
    """Find the statement that cannot be encoded: the first without which all before it can.

    Keystone reports no position. Labels stay in place, so that only what is
    really undefined is missing.
    """
    good, bad = 0, len(statements)
    while bad - good > 1:
        middle = (good + bad) // 2
        if isinstance(_encode(keystone, _text(statements, middle), origin), str):
            bad = middle
        else:
            good = middle
    why = str(_encode(keystone, _text(statements, bad), origin))
    if why == "invalid fixup":
        why = "loop or jecxz cannot reach its label over this line"
    return AssemblyError(statements[bad - 1].line, why)
