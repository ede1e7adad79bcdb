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

(_OBJECT,) = Slot.indices("object")


def plant(ram: Ram, anchor: int) -> None:
    """Start an empty tree: the outermost pair, closed to a ring."""
    _join(ram, anchor + OPEN, anchor + CLOSE)
    _join(ram, anchor + CLOSE, anchor + OPEN)


def insert(ram: Ram, slot: int, parent: int) -> None:
    """Make ``slot`` the first child of ``parent``."""
    words, opening, at = ram.words, parent + OPEN, slot + OPEN >> 3
    following = words[(opening >> 3) + 1]
    words[at], words[at + 1] = opening, slot + CLOSE
    words[at + 2], words[at + 3] = slot + OPEN, following
    words[(opening >> 3) + 1], words[following >> 3] = slot + OPEN, slot + CLOSE


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


def children(ram: Ram, slot: int) -> Iterator[int]:
    """Yield what was derived from ``slot`` itself, the latest first."""
    node = _next(ram, slot + OPEN)
    while node != slot + CLOSE:
        yield node - OPEN
        node = _next(ram, node - OPEN + CLOSE)


def is_final(ram: Ram, slot: int) -> bool:
    """Whether the capability in ``slot`` is the only one to its object.

    All capabilities to an object stand together, because only such are derived from
    one. So if there is another it is next to one of this one's parentheses.
    """
    words, at = ram.words, slot >> 3
    for node in (_previous(ram, slot + OPEN), _next(ram, slot + OPEN), _next(ram, slot + CLOSE)):
        other = node - node % SIZE >> 3
        if (
            other != at
            and words[other + _OBJECT] == words[at + _OBJECT]
            and not ((words[other] ^ words[at]) & 0xFF)
        ):
            return False
    return True


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
