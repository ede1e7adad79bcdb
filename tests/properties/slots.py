"""The capabilities of an abstract state: what was derived from which, and what lies in what."""

from __future__ import annotations

from typing import Any

from tests.properties.abstraction import State
from vectoros.kernel.objects import FIXED_BITS, SLOT_BITS, Type

KIND, OBJECT, RIGHTS, BADGE, BITS, PARENT = 0, 1, 2, 3, 5, 8
"""Columns of a slot in the abstract state."""

Slots = dict[int, tuple[Any, ...]]


def slots(state: State) -> Slots:
    return {key[1]: value for key, value in state.items() if key[0] == "slot"}


def children(found: Slots) -> dict[int, set[int]]:
    lines: dict[int, set[int]] = {address: set() for address in found}
    for address, row in found.items():
        lines.setdefault(row[PARENT], set()).add(address)
    return lines


def below(found: Slots, slot: int) -> set[int]:
    lines = children(found)
    left, seen = [slot], set[int]()
    while left:
        inner = lines.get(left.pop(), set())
        seen |= inner
        left += inner
    return seen


def held(found: Slots, slot: int) -> set[int]:
    """Return the slots that lie in the objects of the capabilities in ``slot`` and below it."""
    spans = []
    for address in {slot, *below(found, slot)}:
        row = found[address]
        if row[KIND] in ("CNODE", "TCB"):
            size = 1 << (row[BITS] + SLOT_BITS if row[KIND] == "CNODE" else FIXED_BITS[Type.TCB])
            spans.append(range(row[OBJECT], row[OBJECT] + size))
    return {address for address in found if any(address in span for span in spans)}


def signalled(state: State) -> set[int]:
    """Return the kernel's own slots that are full: what lines and channels signal."""
    base, owners = state["bells",]
    bells = {base + (index << SLOT_BITS) for index, owner in enumerate(owners) if owner}
    return bells | {value for key, value in state.items() if key[0] == "line"}
