"""CNodes: tables of capabilities, and how an address finds a slot in them.

A capability address is read from the top: first the guard, which must match, then as
many bits as the CNode has slots for; what is left goes on in the CNode found there.
Everything is bounded, because each level uses at least one bit of 64.
"""

from __future__ import annotations

from vectoros.kernel.errors import Lookup, LookupFailure
from vectoros.kernel.objects import SLOT_BITS, Type

ADDRESS_BITS = 64
_CNODE = int(Type.CNODE)


def resolve(words: memoryview, root: int, address: int) -> int | LookupFailure:
    """Return the slot at ``address`` in the CNode of the slot ``root``.

    Bits that are left over when a slot is not a CNode are ignored, as seL4 does for
    the address of an invoked capability.
    """
    at, left, rest = root >> 3, ADDRESS_BITS, address
    head = words[at]
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
            return slot
        rest &= (1 << left) - 1
