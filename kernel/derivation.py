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

import struct
from collections.abc import Iterator

from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import SLOT_BITS
from vectoros.kernel.slot import SIZE, Slot

OPEN = 0x20
CLOSE = 0x30
"""Offsets of the two nodes in a slot: each is a link back and a link forward."""

(_OBJECT,) = Slot.indices("object")
_ZEROS = bytes(SIZE)
_read_links, _write_links = struct.Struct("<4Q").unpack_from, struct.Struct("<4Q").pack_into


def plant(ram: Ram, anchor: int) -> None:
    """Start an empty tree: the outermost pair, closed to a ring."""
    _join(ram, anchor + OPEN, anchor + CLOSE)
    _join(ram, anchor + CLOSE, anchor + OPEN)


def insert(ram: Ram, slot: int, parent: int) -> None:
    """Make ``slot`` the first child of ``parent``."""
    words, before, opening, closing = ram.words, parent + OPEN, slot + OPEN, slot + CLOSE
    after = words[(before >> 3) + 1]
    _write_links(ram.view, opening, before, closing, opening, after)
    words[(before >> 3) + 1], words[after >> 3] = opening, closing


def remove(ram: Ram, slot: int) -> None:
    """Take ``slot`` out and empty it; its children become its parent's, in its place."""
    words, closing = ram.words, slot + CLOSE
    before, first, last, after = _read_links(ram.view, slot + OPEN)
    if first == closing:  # it has no children
        first, last = after, before
    words[(before >> 3) + 1], words[first >> 3] = first, before
    words[(last >> 3) + 1], words[after >> 3] = after, last
    ram.view[slot : slot + SIZE] = _ZEROS


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
    before, first, _, after = _read_links(ram.view, slot + OPEN)
    kind, target = words[at] & 0xFF, words[at + _OBJECT]
    for node in (before, first, after):
        other = node >> SLOT_BITS << SLOT_BITS - 3
        if words[other + _OBJECT] == target and words[other] & 0xFF == kind and other != at:
            return False
    return True


def has_children(ram: Ram, slot: int) -> bool:
    """Whether anything was derived from ``slot`` and is still there."""
    return bool(ram.words[(slot + OPEN >> 3) + 1] != slot + CLOSE)


def _join(ram: Ram, before: int, after: int) -> None:
    ram.words[(before >> 3) + 1] = after
    ram.words[after >> 3] = before


def _next(ram: Ram, node: int) -> int:
    return ram.words[(node >> 3) + 1]
