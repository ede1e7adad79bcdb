"""The header with which a program in C talks to the kernel, made from the kernel's tables.

    $ python -m vectoros.image.c_header docs/sdk/vectoros.h

writes it. It is committed, and a test compares it with the code. It needs nothing
but a compiler that knows GNU C for x86-64: no C library, no other header.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vectoros.errors import hold
from vectoros.files import read_text, write_atomic
from vectoros.image import kernel_constants
from vectoros.kernel.boot_info import COMMAND_LINE, MAX_NAMES, NAMES, BootInfo
from vectoros.kernel.boot_record import COMMAND_LINE_SIZE, NAME_SIZE
from vectoros.kernel.methods import METHODS
from vectoros.kernel.methods.row import Method
from vectoros.kernel.views import WORD, Field
from vectoros.layout import port_area

GROUPS = {
    "TRAP_": "Traps, for rax.",
    "METHOD_": "Methods, the label of a message to an object that is no endpoint.",
    "ERROR_": "Statuses.",
    "FAULT_": "Labels of fault messages.",
    "STATE_": "What a thread does, as TCB Describe says.",
    "INIT_": "Slots of a new process's CNode.",
    "GRANT_": "What a process was given, in the boot info.",
    "MESSAGE_": "Message info.",
    "IPC_": "Offsets in the IPC buffer.",
}
"""Constants of the kernel that are a program's business, by how they begin."""

TEMPLATE = Path(__file__).with_name("c_header.txt")
"""What no table says: types, traps, and the first things that a program does with them."""


def header() -> str:
    """Return the text of the header."""
    text = read_text(TEMPLATE)
    parts = {"@CONSTANTS@": _constants(), "@BOOT_INFO@": _boot_info(), "@CONSOLE@": _console()}
    for mark, lines in parts.items():
        hold(mark in text, f"{TEMPLATE.name} has a place for {mark}")
        text = text.replace(mark, "\n".join(lines))
    return text


def _constants() -> Iterator[str]:
    meanings = {row.constant: _signature(row) for row in METHODS}
    values = kernel_constants.constants()
    for prefix, title in GROUPS.items():
        rows = {name: value for name, value in values.items() if name.startswith(prefix)}
        yield f"/* {title} */"
        yield from _defines(rows, meanings)
        yield ""


def _signature(row: Method) -> str:
    words = row.signature.partition("(")[2].rstrip(")") or "nothing"
    return f"{words} -> {', '.join(row.results) or 'nothing'}"


def _defines(rows: Mapping[str, int], meanings: Mapping[str, str]) -> Iterator[str]:
    for name, value in rows.items():
        number = f"{value:#x}" if value > 0xFF else str(value)
        meaning = f"  /* {meanings[name]} */" if name in meanings else ""
        yield f"#define VX_{name:<34} {number}{meaning}"


def _boot_info() -> Iterator[str]:
    """Yield the members of ``struct vx_boot_info``; what lies between them is reserved."""
    fields = [(field.offset, f"vx_word {name};", field.meaning, WORD) for name, field in _fields()]
    names = NAME_SIZE * MAX_NAMES
    fields += [
        (COMMAND_LINE, f"char command_line[{COMMAND_LINE_SIZE}];", "ends with a zero",
         COMMAND_LINE_SIZE),
        (NAMES, f"char names[{MAX_NAMES}][{NAME_SIZE}];", "of the processes, in order", names),
    ]  # fmt: skip
    end = 0
    for offset, member, meaning, size in sorted(fields):
        if offset > end:
            yield f"    char reserved_{end:x}[{offset - end}];"
        yield f"    {member:<28} /* {meaning} */"
        end = offset + size


def _fields() -> Iterable[tuple[str, Field]]:
    for name, field in BootInfo.fields.items():
        hold(field.width == WORD, f"{name} of the boot info is a word")
        yield name, field


def _console() -> Iterator[str]:
    yield f"#define VX_PORT_COM1 {port_area('com1').base:#x} /* the serial line's first port */"


def main(arguments: list[str]) -> int:
    """Write the header to the file that is named, and nowhere else."""
    if len(arguments) != 1:
        print("usage: python -m vectoros.image.c_header FILE", file=sys.stderr)
        return 2
    write_atomic(arguments[0], header().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
