"""The derivation tree: which capability came from which.

Every capability is a child of the one that it was derived from, so that revoking one
takes back all that came of it, and only that. seL4's tree is shallow in places; this
one is not.

The tree is written as a string of parentheses, ``( ( ) ( ( ) ) )``: each slot has two
nodes in one doubly linked ring, where its subtree opens and where it closes. So
insertion, removal and moving touch a fixed number of words. Removing a slot takes
its two parentheses out, and what was between them has become its parent's: nothing
else needs to be written. The descendants of a slot are what stands between its
parentheses, and no depth is stored that could be wrong.

A node is named by its physical address. The root object has the anchor, the
outermost pair.
"""

from __future__ import annotations

from collections.abc import Iterator

from vectoros.kernel.memory import Ram
from vectoros.kernel.slot import SIZE, Slot

OPEN = 0x20
CLOSE = 0x30
"""Offsets of the two nodes in a slot: each is a link back and a link forward."""


def plant(ram: Ram, anchor: int) -> None:
    """Start an empty tree: the outermost pair, closed to a ring."""
    _join(ram, anchor + OPEN, anchor + CLOSE)
    _join(ram, anchor + CLOSE, anchor + OPEN)


def insert(ram: Ram, slot: int, parent: int) -> None:
    """Make ``slot`` the first child of ``parent``."""
    opening = parent + OPEN
    following = _next(ram, opening)
    _join(ram, opening, slot + OPEN)
    _join(ram, slot + OPEN, slot + CLOSE)
    _join(ram, slot + CLOSE, following)


def remove(ram: Ram, slot: int) -> None:
    """Take ``slot`` out and empty it; its children become its parent's, in its place."""
    for node in (slot + OPEN, slot + CLOSE):
        _join(ram, _previous(ram, node), _next(ram, node))
    ram.view[slot : slot + SIZE] = bytes(SIZE)


def move(ram: Ram, source: int, target: int) -> None:
    """Let ``target``, an empty slot, be what ``source`` was, and empty ``source``."""
    insert(ram, target, source)
    moved, old = Slot(ram, target), Slot(ram, source)
    moved.copy_from(old)
    moved.mapping = old.mapping
    # ( source ( target ) children ): let the children stand inside the target.
    first, last = moved.close_next, old.close_prev
    if first != source + CLOSE:
        _join(ram, target + OPEN, first)
        _join(ram, last, target + CLOSE)
        _join(ram, target + CLOSE, source + CLOSE)
    remove(ram, source)


def derive(ram: Ram, source: int, target: int) -> Slot:
    """Copy a capability into the empty slot ``target``, as a child of ``source``."""
    slot = Slot(ram, target)
    slot.copy_from(Slot(ram, source))
    insert(ram, target, source)
    return slot


def descendants(ram: Ram, slot: int) -> Iterator[tuple[int, int]]:
    """Yield each descendant and its depth below ``slot``, parents first."""
    depth = 0
    node, end = _next(ram, slot + OPEN), slot + CLOSE
    while node != end:
        found = node - node % SIZE
        if node == found + OPEN:
            depth += 1
            yield found, depth
        else:
            depth -= 1
        node = _next(ram, node)


def has_children(ram: Ram, slot: int) -> bool:
    """Whether anything was derived from ``slot`` and is still there."""
    return _next(ram, slot + OPEN) != slot + CLOSE


def _join(ram: Ram, before: int, after: int) -> None:
    ram.words[(before >> 3) + 1] = after
    ram.words[after >> 3] = before


def _next(ram: Ram, node: int) -> int:
    return ram.words[(node >> 3) + 1]


def _previous(ram: Ram, node: int) -> int:
    return ram.words[node >> 3]
