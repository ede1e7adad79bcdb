"""Untyped memory: where every kernel object comes from.

An untyped is a power of two of bytes with a watermark, which is in its capability.
Below the watermark is what has been retyped; above is free. There is no other
allocator in the kernel, and memory comes back only when all that was made of an
untyped is gone.
"""

from __future__ import annotations

from vectoros.kernel import derivation
from vectoros.kernel.errors import ILLEGAL, Refusal
from vectoros.kernel.invocation import Action, Invocation
from vectoros.kernel.memory import Ram
from vectoros.kernel.methods import label
from vectoros.kernel.objects import ALL_RIGHTS, FIXED_BITS, READ_WRITE, SLOT_BITS, Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb

_RIGHTS = {
    Type.ENDPOINT: int(ALL_RIGHTS),
    Type.NOTIFICATION: int(READ_WRITE),
    Type.FRAME: int(READ_WRITE),
}
"""Rights of a new capability, where rights mean something."""

DESCRIBE = label(Type.UNTYPED, "Describe")


def object_bits(kind: Type, bits: int) -> int:
    """Return the size of an object, as a power of two; ``bits`` is what was asked for."""
    return bits + SLOT_BITS if kind is Type.CNODE else FIXED_BITS.get(kind, bits)


def room(untyped: Slot, size: int) -> int | None:
    """Return where the next object of ``size`` would lie, or None if it does not fit."""
    start = untyped.object + -(-untyped.badge // size) * size
    return start if start + size <= untyped.object + untyped.size else None


def retype(ram: Ram, untyped: Slot, kind: Type, bits: int, target: int) -> int | None:
    """Make an object, with its capability in the empty slot ``target``.

    Return its address, or None if there is not enough memory. The object is zero.
    """
    size = 1 << object_bits(kind, bits)
    address = room(untyped, size)
    if address is None:
        return None
    untyped.badge = address + size - untyped.object
    slot = Slot(ram, target)
    slot.fill(kind, address, bits=bits, rights=_RIGHTS.get(kind, 0))
    slot.device = untyped.device
    derivation.insert(ram, target, untyped.address)
    if kind is Type.FRAME and not untyped.device:
        ram.write(address, bytes(size))
    elif kind not in (Type.FRAME, Type.UNTYPED):
        ram.view[address : address + size] = bytes(size)
    if kind is Type.TCB:
        Tcb(ram, address).reset_fpu()
    return address


def decode(invocation: Invocation) -> Action | Refusal:
    """Prepare an invocation of an untyped."""
    if invocation.label != DESCRIBE:
        return ILLEGAL
    return lambda: _describe(invocation.slot)


def _describe(untyped: Slot) -> tuple[int, ...]:
    return untyped.object, untyped.bits, untyped.badge, untyped.device
