"""Make the reference page of the kernel's interface, from the tables that define it.

    $ python -m vectoros.kernel.manual > docs/reference/kernel-abi.md

writes the page. It is committed, and a test compares it with the code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from vectoros.kernel.abi import COST_UNIT, TRAPS, Fault, State
from vectoros.kernel.boot_info import BootInfo
from vectoros.kernel.boot_record import BootRecord, MemoryRange, Module
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.frame import TrapFrame
from vectoros.kernel.gate import Flag, GateBlock, Operation
from vectoros.kernel.methods import METHODS
from vectoros.kernel.objects import FIXED_BITS, Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.views import View

GENERATED = "<!-- Made by `python -m vectoros.kernel.manual`. Do not edit. -->"

INTRODUCTION = f"""\
# The kernel's interface

All numbers that ring 3 and the kernel share. Each table is made from the code that the
kernel runs with and the assembler reads; how a trap goes is in
[the explanation](../explanation/kernel.md).

In: `rax` trap, `rdi` capability address, `rsi` message info (length 7 bits, capabilities 2,
unwrapped 3, label 52), `rdx r10 r8 r9` message words 0 to 3. Out: `rax` status, `rdi` badge,
`rsi` message info, the same words. `rcx` and `r11` are lost to SYSCALL. Words 4 to 119 and
the addresses of up to three capabilities are in the IPC buffer. An error means that
nothing has changed but these registers. A cost is in units of {COST_UNIT} ticks; that of a
method comes on top of the trap's."""

VIEWS: tuple[tuple[str, type[View]], ...] = (
    ("Trap frame", TrapFrame),
    ("Gate block", GateBlock),
    ("Operation of the gate block", Operation),
    ("Boot info", BootInfo),
    ("Boot record", BootRecord),
    ("Boot record: memory range", MemoryRange),
    ("Boot record: module", Module),
)


def page() -> str:
    """Return the page."""
    return "\n\n".join([GENERATED, INTRODUCTION, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    yield "## Traps"
    rows = [(f"`TRAP_{t.name}`", t, r.registers, r.meaning, r.cost) for t, r in TRAPS.items()]
    yield _table(("name", "rax", "registers", "meaning", "cost"), rows)
    yield "## Methods"
    yield "A method that an object does not have is IllegalOperation."
    yield _table(("name", "label", "arguments", "answer", "errors", "meaning", "cost"), _methods())
    yield "## Numbers"
    for title, enum in (
        ("Errors (`ERROR_`)", Error),
        ("Lookup failures (`LOOKUP_`)", Lookup),
        ("Faults (`FAULT_`): labels of fault messages", Fault),
        ("States of a thread (`STATE_`)", State),
        ("Slots of a new process (`INIT_`)", Init),
        ("Grants (`GRANT_`)", Grant),
        ("Flags of the gate block (`GATE_`)", Flag),
    ):
        yield f"### {title}"
        yield _table(("name", "value"), [(f"`{member.name}`", member.value) for member in enum])
    yield "### Types of objects (`TYPE_`)"
    sizes = [(f"`{t.name}`", t.value, _size(t)) for t in Type]
    yield _table(("name", "value", "size"), sizes)
    yield "## Layouts"
    for title, view in VIEWS:
        yield f"### {title}"
        fields = view.fields.items()
        yield _table(
            ("offset", "bytes", "name", "meaning"),
            [(f"{f.offset:#05x}", f.width, f"`{name}`", f.meaning) for name, f in fields],
        )


def _size(kind: Type) -> str:
    return f"2^{FIXED_BITS[kind]}" if kind in FIXED_BITS else ""


def _methods() -> Iterator[tuple[object, ...]]:
    for row in METHODS:
        yield (
            f"`{row.constant}`",
            f"{row.label:#x}",
            ", ".join(row.arguments),
            ", ".join(row.results),
            ", ".join(error.name for error in row.errors),
            row.meaning,
            row.cost,
        )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: object) -> str:
    return str(int(value) if isinstance(value, int) else value).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
