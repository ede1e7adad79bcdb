"""Make the pages about the kernel's interface and invariants, from the code that defines them.

    $ python -m vectoros.kernel_manual abi > docs/reference/kernel-abi.md
    $ python -m vectoros.kernel_manual invariants > docs/explanation/invariants.md

write the pages. They are committed, and tests compare them with the code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from vectoros.kernel.abi import COST_UNIT, TRAPS, Fault, State
from vectoros.kernel.boot_info import BootInfo
from vectoros.kernel.boot_record import BootRecord, MemoryRange, Module
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.frame import TrapFrame
from vectoros.kernel.gate import Flag, GateBlock, Operation
from vectoros.kernel.methods import METHODS
from vectoros.kernel.methods.row import Method
from vectoros.kernel.objects import RIGHTS, Right, Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.ring import Ring, Subscriber
from vectoros.kernel.views import View
from vectoros.kernel_image.invariants import INVARIANTS
from vectoros.kernel_view.abi import COMMON
from vectoros.kernel_view.declared import camel, error_name, meanings, size_text, type_name

GENERATED = "<!-- Made by `python -m vectoros.kernel_manual {}`. Do not edit. -->"

INTRODUCTION = f"""\
# The kernel's interface

All numbers that ring 3 and the kernel share. Each table is made from the code that the
kernel runs with and the assembler reads; `vectoros kernel abi` prints the same, with `--json`
for programs. How a trap goes is in [the explanation](../explanation/kernel.md).

In: `rax` trap, `rdi` capability address, `rsi` message info (length 7 bits, capabilities 2,
unwrapped 3, label 52), `rdx r10 r8 r9` message words 0 to 3. Out: `rax` status, `rdi` badge,
`rsi` message info, the same words. `rcx` and `r11` are lost to SYSCALL. Words 4 to 119 and
the addresses of up to three capabilities are in the IPC buffer. An error means that
nothing has changed but these registers. A cost is in units of {COST_UNIT} ticks; that of a
method comes on top of the trap's."""

METHOD_RULES = """\
A method is invoked by sending a message to a capability: the label is the method's number. A
name with a `*` is a capability, whose address is in the IPC buffer; the others are message
words, in their order. The conditions of a method stand in the order in which they are checked,
and *words* are what the message registers of the answer then hold. Two come first, for every
method:"""

INVARIANTS_INTRODUCTION = """\
# What is always true

Between any two traps, whatever programs have asked for, all of this holds of the kernel's
memory. Each rule is a function of `vectoros/kernel_image/invariants` over a RAM image; `check`
calls them all. Tests call it when they are done with a system, property tests after every
step, and for
each rule there is a test that breaks it by hand and sees the rule notice. The numbers are those
of the list that was read out of seL4's proofs, and the names in `code` are the ones that the
same rule has there (l4v, `proof/invariant-abstract`), for whoever wants to look them up."""

VIEWS: tuple[tuple[str, type[View]], ...] = (
    ("Trap frame", TrapFrame),
    ("Gate block", GateBlock),
    ("Operation of the gate block", Operation),
    ("Boot info", BootInfo),
    ("Boot record", BootRecord),
    ("Boot record: memory range", MemoryRange),
    ("Boot record: module", Module),
    ("Channel", Ring),
    ("Channel: what a reader keeps", Subscriber),
)


class Rule(NamedTuple):
    """An invariant, as its function's docstring tells it."""

    numbers: str
    names: tuple[str, ...]
    """l4v's."""
    sentence: str
    function: str


def page() -> str:
    """Return the reference page of the interface."""
    return "\n\n".join([GENERATED.format("abi"), INTRODUCTION, *_sections()]) + "\n"


def invariants_page() -> str:
    """Return the page of the invariants."""
    rows = [
        (rule.numbers, ", ".join(f"`{name}`" for name in rule.names), rule.sentence,
         f"`{rule.function}`")
        for rule in sorted(rules(), key=_number)
    ]  # fmt: skip
    shown = _table(("number", "in l4v", "rule", "function"), rows)
    parts = [GENERATED.format("invariants"), INVARIANTS_INTRODUCTION, shown]
    return "\n\n".join(parts) + "\n"


def rules() -> list[Rule]:
    """Return the invariants, in the order in which they are checked."""
    return [_rule(check.__name__, check.__doc__ or "") for check in INVARIANTS]


def _rule(function: str, text: str) -> Rule:
    """Read ``I1, I2 (``name``, ``name``): sentence.``, or the same with a full stop between.

    >>> _rule("f", "I38 (``equal_kernel_mappings``): one half. It is closed.")[:3]
    ('I38', ('equal_kernel_mappings',), 'One half. It is closed.')
    """
    form = r"((?:W\^X|I\d+|and|[,; ])+?) *(\(.*?\))?[:.] (.*)"
    found = re.fullmatch(form, " ".join(text.split()))
    if found is None:
        raise ValueError(f"the docstring of {function} does not begin with its number")
    names = tuple(re.findall(r"``(\w+)``", found[2] or "")) or (function,)
    return Rule(found[1], names, found[3][:1].upper() + found[3][1:], function)


def _number(rule: Rule) -> int:
    """Return the first number of a rule."""
    return min(map(int, re.findall(r"I(\d+)", rule.numbers)), default=0)


def _sections() -> Iterator[str]:
    yield "## Traps"
    rows = [(f"`TRAP_{t.name}`", t, r.registers, r.meaning, r.cost) for t, r in TRAPS.items()]
    yield _table(("name", "rax", "registers", "meaning", "cost"), rows)
    yield "## Methods"
    yield METHOD_RULES
    yield _table(("error", "words", "condition"), COMMON)
    yield _table(("method", "label", "arguments", "answer", "cost"), map(_summary, METHODS))
    for kind, methods in groupby(METHODS, lambda row: row.object):
        yield f"### {type_name(kind)}"
        for row in methods:
            yield from _method(row)
    yield from _numbers()
    yield "## Layouts"
    for title, view in VIEWS:
        yield f"### {title}"
        fields = view.fields.items()
        yield _table(
            ("offset", "bytes", "name", "meaning"),
            [(f"{f.offset:#05x}", f.width, f"`{name}`", f.meaning) for name, f in fields],
        )


def _summary(row: Method) -> tuple[object, ...]:
    name, _, arguments = row.signature.partition("(")
    return (
        f"{type_name(row.object)}.{name}",
        f"`{row.label:#x}`",
        arguments.removesuffix(")"),
        ", ".join(row.results),
        row.cost,
    )


def _method(row: Method) -> Iterator[str]:
    name = type_name(row.object)
    yield f"#### {name}.{row.name}"
    answer = f" → {', '.join(row.results)}" if row.results else ""
    facts = [f"`{row.constant}` = `{row.label:#x}`", f"cost {row.cost}"]
    if row.audited:
        facts.append("audited")
    yield f"`{row.signature}`{answer}"
    yield f"{row.meaning[:1].upper()}{row.meaning[1:]}. ({', '.join(facts)})"
    if row.conditions:
        rows = [(error_name(c.error), c.words, c.meaning) for c in row.conditions]
        yield _table(("error", "words", "condition"), rows)


def _numbers() -> Iterator[str]:
    yield "## Numbers"
    yield "### Types of objects (`TYPE_`)"
    sizes = [(f"`{t.name}`", t.value, size_text(t), _rights(t)) for t in Type]
    yield _table(("name", "value", "bytes", "rights"), sizes)
    yield "Without a right there is nothing that a mask could take away."
    for title, enum in (
        ("Rights (`RIGHT_`)", Right),
        ("Errors (`ERROR_`), and what the message words hold", Error),
        ("Lookup failures (`LOOKUP_`), and their fields", Lookup),
        ("Faults (`FAULT_`): labels of fault messages, and their words", Fault),
        ("States of a thread (`STATE_`)", State),
        ("Slots of a new process (`INIT_`)", Init),
        ("Grants (`GRANT_`)", Grant),
        ("Flags of the gate block (`GATE_`)", Flag),
    ):
        yield f"### {title}"
        said = meanings(enum)
        head = ("name", "value", "meaning")[: 3 if said else 2]
        rows = [(f"`{m.name}`", m.value, said.get(m.name or "", "")) for m in enum]
        yield _table(head, [row[: len(head)] for row in rows])


def _rights(kind: Type) -> str:
    return ", ".join(camel(right.name or "") for right in Right if right & RIGHTS.get(kind, 0))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: object) -> str:
    return str(int(value) if isinstance(value, int) else value).replace("|", "\\|")


PAGES = {"abi": page, "invariants": invariants_page}

if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in PAGES:
        sys.exit(f"usage: python -m vectoros.kernel_manual {'|'.join(PAGES)}")
    sys.stdout.write(PAGES[sys.argv[1]]())
