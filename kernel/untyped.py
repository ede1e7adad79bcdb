"""Untyped memory: where every kernel object comes from.

An untyped is a power of two of bytes with a watermark, which is in its capability.
Below the watermark is what has been retyped; above is free. There is no other
allocator in the kernel, and memory comes back only when all that was made of an
untyped is gone: then the next Retype starts over.

Objects start as zeros. Clearing much memory takes many traps; how far it has come is
in the capability, too, and the objects appear all at once at the end.
"""

from __future__ import annotations

from vectoros.kernel import deletion, derivation, policy, preemption, vspace
from vectoros.kernel.cnode import lookup
from vectoros.kernel.errors import Error, Lookup, Refusal
from vectoros.kernel.frame import USER_CODE, USER_DATA, USER_FLAGS
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.objects import FIXED_BITS, PAGE_SIZES, RIGHTS, SLOT_BITS, Type
from vectoros.kernel.root import Root
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap

MIN_BITS, MAX_BITS = 4, 47
"""Sizes of an untyped, as powers of two."""

MAX_COUNT = 256
"""Objects that one Retype can make."""

CHUNK, CLEARED_IN_A_UNIT = 4096, 64
"""Bytes that are cleared between two looks at the time, and those that cost a unit of it."""

OBJECT_COST = 2
"""Units of an object, besides clearing it."""

_SIZES = {
    Type.UNTYPED: range(MIN_BITS, MAX_BITS + 1),
    Type.CNODE: range(1, MAX_BITS - SLOT_BITS + 1),
    Type.FRAME: PAGE_SIZES,
    Type.CHANNEL: PAGE_SIZES[:2],
}
"""What ``size_bits`` can be where it counts."""

_MADE = {int(t): t for t in ({*_SIZES, *FIXED_BITS} - {Type.ASID_POOL, Type.AUDIT_LOG})}
_OF_DEVICES = (Type.FRAME, Type.UNTYPED)


def object_bits(kind: Type, bits: int) -> int:
    """Return the size of an object, as a power of two; ``bits`` is what was asked for."""
    return bits + SLOT_BITS if kind is Type.CNODE else FIXED_BITS.get(kind, bits)


def used(untyped: Slot) -> int:
    """Return how many bytes are not free: none, once all that was made is gone."""
    return untyped.badge if derivation.has_children(untyped.ram, untyped.address) else 0


def _start(untyped: Slot, size: int) -> int:
    return -(-untyped.badge // size) * size


def room(untyped: Slot, size: int) -> int | None:
    """Return where the next object of ``size`` would lie, or None if it does not fit."""
    start = _start(untyped, size)
    return untyped.object + start if start + size <= untyped.size else None


def retype(root: Root, untyped: Slot, kind: Type, bits: int, target: int) -> int:
    """Make an object at BOOT, for which there is room; return its address.

    Its capability goes to the empty slot ``target``.
    """
    size = 1 << object_bits(kind, bits)
    address = untyped.object + _start(untyped, size)
    if _starts_as_zeros(untyped, kind):
        root.ram.write(address, bytes(size))
    _make(root, untyped, kind, bits, address, target)
    return address


def _starts_as_zeros(untyped: Slot, kind: Type) -> bool:
    return kind is not Type.UNTYPED and not untyped.device


def _make(root: Root, untyped: Slot, kind: Type, bits: int, address: int, target: int) -> None:
    """Make the object at ``address``, where there are zeros, and the capability to it."""
    ram, at = root.ram, target >> 3
    untyped.badge = address + (1 << object_bits(kind, bits)) - untyped.object
    head = kind | RIGHTS.get(kind, 0) << 8 | bits << 16 | untyped.device << 32
    ram.words[at], ram.words[at + 2] = head, address
    derivation.insert(ram, target, untyped.address)
    if kind is Type.TCB:
        tcb = Tcb(ram, address)
        tcb.reset_fpu()
        tcb.cs, tcb.ss, tcb.rflags = USER_CODE, USER_DATA, USER_FLAGS
        tcb.id = root.next_id
        root.next_id += 1
    elif kind is Type.PML4:
        vspace.share_kernel_half(ram, address, root.kernel_space)


def _inherit(trap: Trap, kind: Type, made: int) -> None:
    """Let a new object be bound as the thread that makes it is."""
    if kind is Type.TCB:
        Tcb(trap.ram, made).domain = trap.thread.domain
        policy.inherit(trap, made)
    elif kind is Type.POLICY:
        policy.initial_mask(trap, made)


def start_over(untyped: Slot) -> None:
    """Forget what was made of ``untyped`` if all of it is gone, and no zombie has slots there."""
    if untyped.badge and not used(untyped):
        untyped.badge = untyped.mapping = 0


def _clear(trap: Trap, untyped: Slot, end: int) -> bool:
    """Have zeros from the watermark to the offset ``end``; False: not in this trap."""
    at = max(untyped.badge, untyped.mapping)
    while at < end:
        size = min(CHUNK, end - at)
        # Programs may have run code that was here.
        trap.ram.write(untyped.object + at, bytes(size))
        at += size
        untyped.mapping = at
        if preemption.spend(trap, size // CLEARED_IN_A_UNIT) and at < end:
            return False
    return True


@decodes(Type.UNTYPED, "Retype")
def _decode_retype(invocation: Invocation) -> Action | Refusal:
    number, bits, index, depth, offset, count = invocation.words
    (root,), untyped = invocation.capabilities, invocation.slot
    kind = _MADE.get(number)
    if kind is None:
        return Refusal(Error.INVALID_ARGUMENT, (0,))
    if bits > MAX_BITS:
        return Refusal(Error.RANGE_ERROR, (0, MAX_BITS))
    if kind in _SIZES and bits not in _SIZES[kind]:
        return Refusal(Error.INVALID_ARGUMENT, (1,))
    cnode = lookup(root, index, depth) if depth else root
    if isinstance(cnode, Refusal):
        return cnode
    if cnode.type != Type.CNODE:
        return Refusal(Error.FAILED_LOOKUP, (0, Lookup.MISSING_CAPABILITY, depth))
    first = cnode.object + (offset << SLOT_BITS)
    refusal = _window_refusal(cnode, offset, count) or _room_refusal(untyped, kind, bits, count)
    return refusal or deletion.when_drained(
        invocation.trap, lambda: _retype(invocation, kind, bits, first, count)
    )


def _window_refusal(cnode: Slot, offset: int, count: int) -> Refusal | None:
    """Return why the slots cannot take the new capabilities; None: they can."""
    slots = 1 << cnode.bits
    if offset >= slots:
        return Refusal(Error.RANGE_ERROR, (0, slots - 1))
    if not 1 <= count <= MAX_COUNT:
        return Refusal(Error.RANGE_ERROR, (1, MAX_COUNT))
    if count > slots - offset:
        return Refusal(Error.RANGE_ERROR, (1, slots - offset))
    first, step = cnode.object + (offset << SLOT_BITS) >> 3, 1 << SLOT_BITS - 3
    if any(cnode.words[first : first + count * step : step].tolist()):
        return Refusal(Error.DELETE_FIRST)
    return None


def _room_refusal(untyped: Slot, kind: Type, bits: int, count: int) -> Refusal | None:
    """Return why the objects cannot be made of ``untyped``; None: they can."""
    left = untyped.size - used(untyped)
    # Its end is aligned, so what is lost at the start is no object.
    if left >> object_bits(kind, bits) < count:
        return Refusal(Error.NOT_ENOUGH_MEMORY, (left,))
    if untyped.device and kind not in _OF_DEVICES:
        return Refusal(Error.INVALID_ARGUMENT, (1,))
    return None


def _retype(
    invocation: Invocation, kind: Type, bits: int, first: int, count: int
) -> tuple[int, ...] | None:
    trap, untyped, size = invocation.trap, invocation.slot, 1 << object_bits(kind, bits)
    start_over(untyped)
    start = _start(untyped, size)
    if _starts_as_zeros(untyped, kind) and not _clear(trap, untyped, start + size * count):
        return preemption.finish(trap, False)
    for index in range(count):
        address = untyped.object + start + size * index
        _make(trap.root, untyped, kind, bits, address, first + (index << SLOT_BITS))
        _inherit(trap, kind, address)
    trap.cost += OBJECT_COST * count
    return ()


@decodes(Type.UNTYPED, "Describe")
def _describe(invocation: Invocation) -> Action | Refusal:
    untyped = invocation.slot
    return lambda: (untyped.object, untyped.bits, untyped.badge, untyped.device)
