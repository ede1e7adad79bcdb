"""CNodes: tables of capabilities, and how an address finds a slot in them.

A capability address is read from the top: first the guard, which must match, then as
many bits as the CNode has slots for; what is left goes on in the CNode found there.
Everything is bounded, because each level uses at least one bit of 64.
"""

from __future__ import annotations

from vectoros.kernel.errors import Error, Lookup, LookupFailure, Refusal
from vectoros.kernel.objects import SLOT_BITS, Type
from vectoros.kernel.slot import Slot

ADDRESS_BITS = 64
_ONE_LEVEL = {
    Type.CNODE | radix << 16 | ADDRESS_BITS - radix << 24: radix for radix in range(1, ADDRESS_BITS)
}
"""Radices of CNodes that with their guards use all of an address, by the words where those are."""

_SHAPE = 0xFFFF00FF
"""Bits of the first word of a slot: type, radix and size of the guard."""

BAD_DEPTH = Refusal(Error.RANGE_ERROR, (1, ADDRESS_BITS))
OCCUPIED = Refusal(Error.DELETE_FIRST)
_CNODE = int(Type.CNODE)


def resolve(
    words: memoryview, root: int, address: int, depth: int = ADDRESS_BITS, *, exact: bool = False
) -> int | LookupFailure:
    """Return the slot at ``address``, of ``depth`` bits, in the CNode of the slot ``root``.

    Bits that are left over when a slot is not a CNode are ignored, as seL4 does for
    the address of an invoked capability, unless the address must be ``exact``.
    """
    at, left, rest = root >> 3, depth, address
    head = words[at]
    radix = _ONE_LEVEL.get(head & _SHAPE)  # of one level, as nearly all are
    if radix and depth == ADDRESS_BITS and address >> radix == words[at + 1]:
        return words[at + 2] + ((address & (1 << radix) - 1) << SLOT_BITS)
    if head & 0xFF != _CNODE:
        return LookupFailure(Lookup.INVALID_ROOT)
    while True:
        radix, guard_size = head >> 16 & 0xFF, head >> 24 & 0xFF
        if guard_size > left or rest >> left - guard_size != words[at + 1]:
            return LookupFailure(Lookup.GUARD_MISMATCH, (left, words[at + 1], guard_size))
        if guard_size + radix > left:
            return LookupFailure(Lookup.DEPTH_MISMATCH, (left, guard_size + radix))
        left -= guard_size + radix
        slot = words[at + 2] + ((rest >> left & (1 << radix) - 1) << SLOT_BITS)
        at = slot >> 3
        head = words[at]
        if not left or head & 0xFF != _CNODE:
            if left and exact:
                return LookupFailure(Lookup.DEPTH_MISMATCH, (left, 0))
            return slot
        rest &= (1 << left) - 1


def find(
    words: memoryview, root: int, index: int, depth: int, source: bool = False
) -> int | Refusal:
    """Return the slot that the last ``depth`` bits of ``index`` lead to from the CNode in ``root``.

    It may be empty. ``source`` is what a refusal says that the slot was for. This is for the
    arguments of methods, which are refused whatever the trap: only the address of the invoked
    capability, and of those that a message carries, can be a fault.
    """
    if not 1 <= depth <= ADDRESS_BITS:
        return BAD_DEPTH
    found = resolve(words, root, index & (1 << depth) - 1, depth, exact=True)
    if isinstance(found, LookupFailure):
        return Refusal(Error.FAILED_LOOKUP, (int(source), found.kind, *found.words))
    return found


def lookup(root: Slot, index: int, depth: int, source: bool = False) -> Slot | Refusal:
    """Return the slot that :func:`find` finds."""
    found = find(root.words, root.address, index, depth, source)
    return found if isinstance(found, Refusal) else Slot(root.ram, found)


def lookup_empty(root: Slot, index: int, depth: int) -> Slot | Refusal:
    """Return the slot for a new capability, as :func:`lookup` does, if it holds none."""
    slot = lookup(root, index, depth)
    return OCCUPIED if isinstance(slot, Slot) and slot.type else slot
