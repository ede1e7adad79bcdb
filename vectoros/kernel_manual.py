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

from vectoros.kernel import message
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

All numbers that ring 3, the stubs and the kernel share. Each table is made from the code that
the kernel runs with and the assembler reads. `vectoros kernel abi` prints traps, methods and
the numbers that they use, with `--json` for programs. How a trap goes is in
[the explanation](../explanation/kernel.md).

In: `rax` trap, `rdi` capability address, `rsi` message info, `rdx r10 r8 r9` message words 0 to
3. Out: `rax` status, `rdi` badge, `rsi` message info, the same words. `rcx` and `r11` are lost
to SYSCALL. An error means that nothing has changed but these registers, the audit log and the
time; it is the status, the label of the message info too, and the message holds its words. A
cost is in units of {COST_UNIT} ticks; that of a method comes on top of the trap's."""

TRAP_RULES = """\
A capability address, in a register or in the message, that leads to no slot is a fault in Call
and Send, and the error FailedLookup in the other traps that send. To send to an empty slot, or
to an endpoint or notification without Write, is InvalidCapability. It is a fault to receive from
anything but an endpoint or notification with Read, from a notification that is bound to another
thread, or from an endpoint with anything in `r12` but a Reply object or an empty slot."""

MESSAGE_RULES = f"""\
The message info has, from bit 0: the length, 7 bits, at most {message.MAX_LENGTH}; the number of
capabilities, 2 bits; 3 bits, of which in a Call the first says that the caller lends memory, and
which in a received message say which of its capabilities have arrived as badges; and the label,
52 bits. Between threads all four registers arrive, whatever the length says: who sends clears
what it would keep to itself.

Words from 4 on, capabilities and what is lent are in the IPC buffer; between threads they travel
if both have one. A message takes capabilities along only if what it is sent through has Grant.
Those to the very endpoint arrive as badges; of the others one is copied, to the slot that the
receiver has named, and the first that cannot go keeps those after it back."""

IPC_BUFFER = (
    (message.IPC_MESSAGE, message.MAX_LENGTH, "the message; words 0 to 3 are in registers instead"),
    (message.IPC_CAPABILITIES, 3, "sent: addresses of capabilities; received: badges of those that"
     " arrived as badges"),
    (message.IPC_RECEIVE_CNODE, 3, "where a received capability goes: address of a CNode, index and"
     " depth of a slot in it"),
    (message.IPC_LEASE, 3, "what a Call lends: address, length in bytes, and rights, Read and"
     " Write"),
)  # fmt: skip
"""Offset, words, meaning."""

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
step, and for each rule there is a test that breaks it by hand and sees the rule notice. The
numbers are those of a list that was read out of seL4's proofs; a function has the name that the
rule has there (l4v, `proof/invariant-abstract`), where there is such a rule."""

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

    number: str
    sentence: str
    function: str


def page() -> str:
    """Return the reference page of the interface."""
    return "\n\n".join([GENERATED.format("abi"), INTRODUCTION, *_sections()]) + "\n"


def invariants_page() -> str:
    """Return the page of the invariants."""
    rows = [
        (rule.number, f"`{rule.function}`", rule.sentence) for rule in sorted(rules(), key=_number)
    ]
    shown = _table(("number", "function", "rule"), rows)
    parts = [GENERATED.format("invariants"), INVARIANTS_INTRODUCTION, shown]
    return "\n\n".join(parts) + "\n"


def rules() -> list[Rule]:
    """Return the invariants, in the order in which they are checked."""
    return [_rule(check.__name__, check.__doc__ or "") for check in INVARIANTS]


def _rule(function: str, text: str) -> Rule:
    """Read ``I38: sentence.``.

    >>> _rule("equal_kernel_mappings", "I38: one half. It is closed.")[:2]
    ('I38', 'One half. It is closed.')
    """
    form = r"(I\d+): (.*)"
    found = re.fullmatch(form, " ".join(text.split()))
    if found is None:
        raise ValueError(f"the docstring of {function} does not begin with its number")
    return Rule(found[1], found[2][:1].upper() + found[2][1:], function)


def _number(rule: Rule) -> int:
    return int(rule.number.removeprefix("I"))


def _sections() -> Iterator[str]:
    yield "## Traps"
    rows = [(f"`TRAP_{t.name}`", t, r.registers, r.meaning, r.cost) for t, r in TRAPS.items()]
    yield _table(("name", "rax", "registers", "meaning", "cost"), rows)
    yield TRAP_RULES
    yield "## Messages"
    yield MESSAGE_RULES
    words = [(f"{at:#05x}", count, meaning) for at, count, meaning in IPC_BUFFER]
    yield _table(("offset in the buffer", "words", "meaning"), words)
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
    said = meanings(Type)
    types = [(f"`{t.name}`", t.value, size_text(t), _rights(t), said.get(t.name, "")) for t in Type]
    yield _table(("name", "value", "bytes", "rights", "meaning"), types)
    yield "A capability to an object whose type has no rights permits all its methods, always."
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
