"""What the kernel's declarations say of themselves: names for people, and members' meanings.

A member of an enumeration is explained by the string that follows it in the source.
Python keeps no such string, so it is read from the source, as the command line reads
the first lines of its commands.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from enum import Enum
from functools import cache
from itertools import pairwise

from vectoros.kernel.errors import Error
from vectoros.kernel.objects import FIXED_BITS, PAGE_SIZES, SLOT_BITS, Type

_NAMES = {
    Type.CNODE: "CNode",
    Type.ASID_POOL: "ASIDPool",
    Type.ASID_CONTROL: "ASIDControl",
    Type.IRQ_CONTROL: "IRQControl",
    Type.IRQ_HANDLER: "IRQHandler",
    Type.IO_PORT_CONTROL: "IOPortControl",
    Type.IO_PORT: "IOPort",
    Type.TCB: "TCB",
    Type.PML4: "PML4",
    Type.PDPT: "PDPT",
    Type.PD: "PD",
    Type.PT: "PT",
}


def type_name(kind: Type) -> str:
    """Return a type's name as seL4 writes it.

    >>> type_name(Type.SCHED_CONTEXT), type_name(Type.IO_PORT), type_name(Type.PML4)
    ('SchedContext', 'IOPort', 'PML4')
    """
    return _NAMES.get(kind) or camel(kind.name)


def camel(name: str) -> str:
    """Return a constant's name as one word.

    >>> camel("BLOCKED_ON_REPLY"), camel("NB_SEND")
    ('BlockedOnReply', 'NBSend')
    """
    return "".join("NB" if part == "NB" else part.capitalize() for part in name.split("_"))


def error_name(error: Error) -> str:
    """Return an error's name as the table of methods writes it."""
    return camel(error.name)


def size_text(kind: Type) -> str:
    """Return the size of objects of a type, for people; empty if they are no memory.

    >>> size_text(Type.TCB), size_text(Type.CNODE), size_text(Type.IO_PORT)
    ('2^11', '2^(n + 6) with 2^n slots', '')
    """
    if kind in FIXED_BITS:
        return f"2^{FIXED_BITS[kind]}"
    several = {
        Type.UNTYPED: "2^4 to 2^47",
        Type.CNODE: f"2^(n + {SLOT_BITS}) with 2^n slots",
        Type.FRAME: ", ".join(f"2^{bits}" for bits in PAGE_SIZES),
        Type.CHANNEL: ", ".join(f"2^{bits}" for bits in PAGE_SIZES[:2]),
    }
    return several.get(kind, "")


@cache
def meanings(kind: type[Enum]) -> dict[str, str]:
    """Return what is said of the members of an enumeration, by name, each on one line.

    >>> meanings(Error)["RANGE_ERROR"]
    '0: least, 1: greatest that is allowed.'
    """
    (declared,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    found = {}
    for member, after in pairwise(getattr(declared, "body", ())):
        match member, after:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found
