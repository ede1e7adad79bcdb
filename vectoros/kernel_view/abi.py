"""The kernel's interface, as data and as text: what ``vectoros kernel abi`` prints.

Promise: the data have a schema that only grows while :data:`SCHEMA` stays the same.
Numbers are numbers, sizes powers of two, costs units of ``cost_unit_ticks``; what a
method refuses stands in the order in which it is checked.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any

from vectoros.errors import UsageError
from vectoros.kernel.abi import COST_UNIT, TRAPS, Fault, State
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.methods import METHODS
from vectoros.kernel.methods.row import Method
from vectoros.kernel.objects import FIXED_BITS, RIGHTS, Right, Type
from vectoros.kernel_view.declared import camel, error_name, meanings, size_text, type_name
from vectoros.messages import table

SCHEMA = 1
WIDTH = 100
"""Columns of the text: it must not depend on somebody's terminal."""

COMMON = (
    ("IllegalOperation", "", "a policy forbids it, or the object has no such method"),
    ("TruncatedMessage", "", "words or capabilities are missing"),
)
"""What every method is refused for, before it looks at its arguments."""


def data() -> dict[str, Any]:
    """Return the whole interface."""
    return {
        "schema": SCHEMA,
        "cost_unit_ticks": COST_UNIT,
        "counts": {"methods": len(METHODS), "traps": len(TRAPS) - 1, "debug_traps": 1},
        "traps": [
            {
                "name": camel(trap.name),
                "number": trap.value,
                "registers": row.registers,
                "cost": row.cost,
                "meaning": row.meaning,
            }
            for trap, row in TRAPS.items()
        ],
        "types": [
            {
                **_member(kind, type_name(kind)),
                "size_bits": FIXED_BITS.get(kind),
                "size": size_text(kind),
                "rights": [camel(right.name or "") for right in Right if right & _rights(kind)],
            }
            for kind in Type
        ],
        "rights": [_member(right) for right in Right],
        "errors": [_member(error, said="words") for error in Error],
        "lookup_failures": [_member(kind, said="words") for kind in Lookup],
        "faults": [_member(fault, said="words") for fault in Fault],
        "states": [_member(state) for state in State],
        "common_conditions": [dict(zip(_CONDITION, row, strict=True)) for row in COMMON],
        "methods": [method_data(row) for row in METHODS],
    }


_CONDITION = ("error", "words", "meaning")


def _rights(kind: Type) -> int:
    return RIGHTS.get(kind, 0)


def _member(member: IntEnum | Right, name: str = "", said: str = "meaning") -> dict[str, Any]:
    text = meanings(type(member)).get(member.name or "", "").removesuffix(".")
    return {"name": name or camel(member.name or ""), "number": member.value, said: text}


def method_data(row: Method) -> dict[str, Any]:
    """Return a row of the table of methods."""
    return {
        "object": type_name(row.object),
        "name": row.name,
        "number": row.number,
        "label": row.label,
        "constant": row.constant,
        "arguments": list(row.arguments),
        "capabilities": list(row.capabilities),
        "results": list(row.results),
        "cost": row.cost,
        "audited": row.audited,
        "meaning": row.meaning,
        "conditions": [
            {"error": error_name(c.error), "words": c.words, "meaning": c.meaning}
            for c in row.conditions
        ],
    }


def chosen(name: str) -> list[Method]:
    """Return the methods of an object, or the one method, called ``name``."""
    given, _, method = name.partition(".")
    kind = given.lower()
    found = [
        row
        for row in METHODS
        if type_name(row.object).lower() == kind and method.lower() in ("", row.name.lower())
    ]
    if not found:
        own = [row for row in METHODS if type_name(row.object).lower() == kind]
        if own:
            known, rule = [row.name for row in own], f"{type_name(own[0].object)} has no method"
        else:
            known = list(dict.fromkeys(type_name(row.object) for row in METHODS))
            rule, method = "there is no object with methods called", name
        raise UsageError(f"{rule} {method!r}; there are {', '.join(known)}")
    return found


def text() -> str:
    """Return the whole interface, for people."""
    found = data()
    return "\n\n".join([*_tables(found), methods_text(METHODS), counts(found)])


def counts(found: dict[str, Any]) -> str:
    """Return the last line."""
    number = found["counts"]
    return f"{number['methods']} methods, {number['traps']}+{number['debug_traps']} traps"


def _tables(found: dict[str, Any]) -> Iterator[str]:
    yield "Traps, by rax\n" + "\n".join(map(_trap, found["traps"]))
    types = [
        (
            str(row["number"]),
            row["name"],
            row["size"] or "-",
            " ".join(row["rights"]) or "-",
            row["meaning"],
        )
        for row in found["types"]
    ]
    yield "Types\n" + table(("number", "name", "bytes", "rights", "meaning"), types)
    for title, key, said in (
        ("Rights", "rights", "meaning"),
        ("Errors", "errors", "words"),
        ("Lookup failures", "lookup_failures", "words"),
        ("Faults", "faults", "words"),
        ("States of a thread", "states", "meaning"),
    ):
        lines = [(str(row["number"]), row["name"], row[said]) for row in found[key]]
        head = "what the message words hold" if said == "words" else said
        yield f"{title}\n" + table(("number", "name", head), lines)


def _trap(row: dict[str, Any]) -> str:
    indent = " " * 8
    title = f"{row['number']:6}  {row['name']}: {row['registers']}"
    meaning = f"{indent}{row['meaning']} (cost {row['cost']})"
    return f"{_wrap(title, indent * 2)}\n{_wrap(meaning, indent)}"


def methods_text(methods: Iterable[Method]) -> str:
    """Return methods, each with what it refuses, in the order in which that is checked."""
    common = "; ".join(f"{error}, if {meaning}" for error, _, meaning in COMMON)
    head = (
        "Methods\nA name with a * is a capability. Conditions stand in the order in which they are"
        f" checked; before them: {common}."
    )
    return "\n\n".join([_wrap(head, ""), *map(method_text, methods)])


def method_text(row: Method) -> str:
    """Return one method."""
    kind = type_name(row.object)
    title = f"{row.label:#06x}  {kind}.{row.signature}"
    if row.results:
        title += " -> " + ", ".join(row.results)
    lines = [_wrap(title, " " * 12)]
    tail = f"cost {row.cost}{', audited' if row.audited else ''}"
    lines.append(_wrap(f"        {row.meaning} ({tail})", " " * 8))
    width = max((len(_short(c)) for c in method_data(row)["conditions"]), default=0)
    for condition in method_data(row)["conditions"]:
        start = f"        {_short(condition):{width}}  "
        lines.append(_wrap(start + condition["meaning"], " " * len(start)))
    return "\n".join(lines)


def _short(condition: dict[str, str]) -> str:
    words = condition["words"]
    return condition["error"] + (f"({words})" if words else "")


def _wrap(text: str, indent: str) -> str:
    lines = text.split("\n")
    wrapped = (
        textwrap.fill(
            line, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False,
            replace_whitespace=False,
        )
        for line in lines
    )  # fmt: skip
    return "\n".join(wrapped)
