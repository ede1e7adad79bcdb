"""From an address to a slot: guards and indices, level by level."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap, Slot
from tests.properties.oracle.refusal import NotFound
from tests.properties.oracle.things import CNode
from vectoros.kernel.errors import Lookup

WORD_BITS = 64


def resolve(root: Cap | None, address: int, bits: int) -> tuple[Slot, int]:
    """Return the slot that the low ``bits`` of ``address`` lead to, and how many are left."""
    if root is None or not isinstance(root.thing, CNode) or root.dying:
        raise NotFound(Lookup.INVALID_ROOT)
    cap = root
    while True:
        node = cap.thing
        assert isinstance(node, CNode)
        guard = address >> (bits - cap.guard_size) if cap.guard_size <= bits else None
        if guard is not None:
            guard &= (1 << cap.guard_size) - 1
        if guard != cap.badge:
            raise NotFound(Lookup.GUARD_MISMATCH, bits, cap.badge, cap.guard_size)
        used = cap.guard_size + node.radix
        if used > bits:
            raise NotFound(Lookup.DEPTH_MISMATCH, bits, used)
        bits -= used
        slot = node.table[address >> bits & (1 << node.radix) - 1]
        inner = slot.cap
        if not bits or inner is None or not isinstance(inner.thing, CNode) or inner.dying:
            return slot, bits
        cap = inner


def named(root: Cap | None, address: int) -> Slot:
    """Return the slot that a trap names; bits that are left over do not matter."""
    return resolve(root, address, WORD_BITS)[0]


def exactly(root: Cap | None, index: int, depth: int) -> Slot:
    """Return the slot at ``index``, ``depth`` bits deep, which must use all of them."""
    slot, left = resolve(root, index, depth)
    if left:
        raise NotFound(Lookup.DEPTH_MISMATCH, left, 0)
    return slot
