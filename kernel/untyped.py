"""Untyped memory: where every kernel object comes from.

An untyped is a power of two of bytes with a watermark, which is in its capability.
Below the watermark is what has been retyped; above is free. There is no other
allocator in the kernel, and memory comes back only when all that was made of an
untyped is gone: then the next Retype starts over.

Objects start as zeros. Clearing much memory takes many traps; how far it has come is
in the capability, too, and the objects appear all at once at the end.
"""

from __future__ import annotations

from functools import partial

from vectoros.kernel import cnode, deletion, derivation, policy, preemption, vspace
from vectoros.kernel.errors import Error, Lookup, Refusal
from vectoros.kernel.frame import USER_CODE, USER_DATA, USER_FLAGS
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import FIXED_BITS, PAGE_SIZES, RIGHTS, SLOT_BITS, Type
from vectoros.kernel.root import Root
from vectoros.kernel.slot import Slot, read_head
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

_MADE = {
    int(kind): (kind, _SIZES.get(kind, range(MAX_BITS + 1)))
    for kind in {*_SIZES, *FIXED_BITS} - {Type.ASID_POOL, Type.AUDIT_LOG}
}
"""What Retype makes, and its sizes."""

_CNODE, _UNTYPED = int(Type.CNODE), Type.UNTYPED
_OF_DEVICES = (Type.FRAME, Type.UNTYPED)
_CLEAN = bytes(CHUNK)
_DEVICE = 32
"""Bit of the first word of a slot: the memory is a device's."""


def object_bits(kind: Type, bits: int) -> int:
    """Return the size of an object, as a power of two; ``bits`` is what was asked for."""
    return bits + SLOT_BITS if kind is Type.CNODE else FIXED_BITS.get(kind, bits)


def used(ram: Ram, untyped: int) -> int:
    """Return how many bytes are not free: none, once all that was made is gone."""
    mark: int = ram.words[(untyped >> 3) + 1]
    return mark if mark and derivation.has_children(ram, untyped) else 0


def room(untyped: Slot, size: int) -> int | None:
    """Return where the next object of ``size`` would lie, or None if it does not fit."""
    start = _aligned(untyped.badge, size)
    return untyped.object + start if start + size <= untyped.size else None


def _aligned(offset: int, size: int) -> int:
    return -(-offset // size) * size


def retype(root: Root, untyped: Slot, kind: Type, bits: int, target: int) -> int:
    """Make an object at BOOT, for which there is room; return its address.

    Its capability goes to the empty slot ``target``.
    """
    size = 1 << object_bits(kind, bits)
    start = _aligned(untyped.badge, size)
    address, device = untyped.object + start, untyped.device
    if kind is not Type.UNTYPED and not device:
        root.ram.write(address, bytes(size))
    untyped.badge = start + size
    _make(root.ram, untyped.address, _head(kind, bits, device), address, target)
    if kind in _STARTS:
        _STARTS[kind](root, address)
    return address


def _head(kind: Type, bits: int, device: int) -> int:
    """Return the first word of a capability to a new object."""
    return kind | RIGHTS.get(kind, 0) << 8 | bits << 16 | device << _DEVICE


def _make(ram: Ram, untyped: int, head: int, address: int, target: int) -> None:
    """Make the capability to a new object, where there are zeros, in the slot ``target``."""
    ram.words[target >> 3], ram.words[(target >> 3) + 2] = head, address
    derivation.insert(ram, target, untyped)


def _start_thread(root: Root, address: int) -> None:
    tcb = Tcb(root.ram, address)
    tcb.reset_fpu()
    tcb.cs, tcb.ss, tcb.rflags = USER_CODE, USER_DATA, USER_FLAGS
    tcb.id = root.next_id
    root.next_id += 1


def _start_space(root: Root, address: int) -> None:
    vspace.share_kernel_half(root.ram, address, root.kernel_space)


def _inherit_thread(trap: Trap, made: int) -> None:
    Tcb(trap.ram, made).domain = trap.thread.domain
    policy.inherit(trap, made)


_STARTS = {Type.TCB: _start_thread, Type.PML4: _start_space}
"""What a new object needs that is not zeros."""

_INHERITS = {Type.TCB: _inherit_thread, Type.POLICY: policy.initial_mask}
"""How it is bound as the thread that makes it is."""


def start_over(ram: Ram, untyped: int) -> None:
    """Forget what was made of ``untyped`` if all of it is gone, and no zombie has slots there."""
    at = untyped >> 3
    if ram.words[at + 1] and not used(ram, untyped):
        ram.words[at + 1] = ram.words[at + 3] = 0


def _clear(trap: Trap, untyped: int, base: int, at: int, end: int) -> bool:
    """Have zeros from the offset ``at`` to ``end``; False: not in this trap."""
    while at < end:
        size = min(CHUNK, end - at)
        # Programs may have run code that was here.
        trap.ram.write(base + at, _CLEAN[:size])
        at += size
        trap.words[(untyped >> 3) + 3] = at
        if preemption.spend(trap, size // CLEARED_IN_A_UNIT) and at < end:
            return False
    return True


@decodes(Type.UNTYPED, "Retype")
def _decode_retype(invocation: Invocation) -> Action | Refusal:
    number, bits, index, depth, offset, count = invocation.words
    trap, node, made = invocation.trap, invocation.extras[0], _MADE.get(number)
    if made is None:
        return Refusal(Error.INVALID_ARGUMENT, (0,))
    if bits > MAX_BITS:
        return Refusal(Error.RANGE_ERROR, (0, MAX_BITS))
    kind, sizes = made
    if bits not in sizes:
        return Refusal(Error.INVALID_ARGUMENT, (1,))
    if depth:
        found = cnode.find(trap.words, node, index, depth)
        if isinstance(found, Refusal):
            return found
        node = found
    head, _, slots, _ = read_head(trap.ram.view, node)
    if head & 0xFF != _CNODE:
        return Refusal(Error.FAILED_LOOKUP, (0, Lookup.MISSING_CAPABILITY, depth))
    left = (1 << (head >> 16 & 0xFF)) - offset
    first = slots + (offset << SLOT_BITS)
    refusal = _window_refusal(trap.words, first, left, offset, count)
    untyped, size_bits = invocation.place, object_bits(kind, bits)
    refusal = refusal or _room_refusal(trap.ram, untyped, kind, size_bits, count)
    change = partial(_retype, trap, untyped, kind, bits, 1 << size_bits, first, count)
    return refusal or deletion.when_drained(trap, change)


def _window_refusal(
    words: memoryview, first: int, left: int, offset: int, count: int
) -> Refusal | None:
    """Return why the slots, of which there are ``left``, cannot take the new capabilities."""
    if left <= 0:
        return Refusal(Error.RANGE_ERROR, (0, left + offset - 1))
    if not 1 <= count <= MAX_COUNT:
        return Refusal(Error.RANGE_ERROR, (1, MAX_COUNT))
    if count > left:
        return Refusal(Error.RANGE_ERROR, (1, left))
    at, step = first >> 3, 1 << SLOT_BITS - 3
    if words[at] or (count > 1 and any(words[at : at + count * step : step].tolist())):
        return Refusal(Error.DELETE_FIRST)
    return None


def _room_refusal(ram: Ram, untyped: int, kind: Type, size_bits: int, count: int) -> Refusal | None:
    """Return why the objects cannot be made of ``untyped``; None: they can."""
    head = ram.words[untyped >> 3]
    left = (1 << (head >> 16 & 0xFF)) - used(ram, untyped)
    # Its end is aligned, so what is lost at the start is no object.
    if left >> size_bits < count:
        return Refusal(Error.NOT_ENOUGH_MEMORY, (left,))
    if head >> _DEVICE & 1 and kind not in _OF_DEVICES:
        return Refusal(Error.INVALID_ARGUMENT, (1,))
    return None


def _retype(
    trap: Trap, untyped: int, kind: Type, bits: int, size: int, first: int, count: int
) -> tuple[int, ...] | None:
    ram = trap.ram
    start_over(ram, untyped)
    head, mark, base, clean = read_head(ram.view, untyped)
    device, start = head >> _DEVICE & 1, _aligned(mark, size)
    end = start + size * count
    zeros = kind is not _UNTYPED and not device
    if zeros and not _clear(trap, untyped, base, max(mark, clean), end):
        return preemption.finish(trap, False)
    ram.words[(untyped >> 3) + 1] = end
    made, address = _head(kind, bits, device), base + start
    begin, inherit = _STARTS.get(kind), _INHERITS.get(kind)
    for target in range(first, first + (count << SLOT_BITS), 1 << SLOT_BITS):
        _make(ram, untyped, made, address, target)
        if begin:
            begin(trap.root, address)
        if inherit:
            inherit(trap, address)
        address += size
    trap.cost += OBJECT_COST * count
    return ()


@decodes(Type.UNTYPED, "Describe")
def _describe(invocation: Invocation) -> Action | Refusal:
    untyped, ram = invocation.slot, invocation.trap.ram
    return lambda: (untyped.object, untyped.bits, used(ram, untyped.address), untyped.device)
