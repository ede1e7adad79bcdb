"""Mapping: frames and page tables into address spaces, and out again.

A capability to a frame maps it in one place, and remembers that. What it remembers may
be out of date, because a table above it was taken away, or the address space is gone.
So nothing is believed: who unmaps walks there, and takes away no entry but the object's
own. A table is emptied when it is taken away, and can only be put elsewhere empty: so
no page is reached on a way that no capability knows of.

Source: Intel SDM Vol. 3A, "4-Level Paging" and "Invalidation of TLBs".
"""

from __future__ import annotations

from vectoros.kernel import asid as asids
from vectoros.kernel import derivation, vspace
from vectoros.kernel.cnode import OCCUPIED
from vectoros.kernel.deletion import finalises
from vectoros.kernel.errors import Error, Lookup, Refusal, invalid_capability
from vectoros.kernel.gate import Flag
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.objects import PAGE_BITS, Right, Type
from vectoros.kernel.process_layout import USER_TOP
from vectoros.kernel.slot import Slot
from vectoros.kernel.trap import Trap
from vectoros.kernel.vspace import Entry
from vectoros.units import PAGE_SIZE

EXECUTE = 1
"""Bit of the attributes of a mapping."""

_READ, _WRITE = int(Right.READ), int(Right.WRITE)
_PRESENT, _LARGE, _TABLE = int(Entry.PRESENT), int(Entry.LARGE), int(vspace.TABLE)
_OWN = vspace.ADDRESS | _PRESENT | _LARGE
"""Bits of an entry that say whose it is."""

_ENTRY_BITS = {int(kind): bits for bits, kind in vspace.TABLE_BELOW.items()}

_BAD_ADDRESS = Refusal(Error.INVALID_ARGUMENT, (0,))


@decodes(Type.FRAME, "Map")
@decodes(Type.CHANNEL, "Map")
def _decode_map(invocation: Invocation) -> Action | Refusal:
    (space,), trap, slot = invocation.capabilities, invocation.trap, invocation.slot
    vaddr, rights, *attributes = invocation.words
    asid = _asid_for(trap, slot, vaddr, space)
    if isinstance(asid, Refusal):
        return asid
    access = _access(slot, rights, *attributes)
    if isinstance(access, Refusal):
        return access
    at, reached = vspace.find(trap.ram, space.object, vaddr, slot.bits)
    if reached != slot.bits:
        return _absent(reached)
    old: int = trap.words[at]
    if old & _PRESENT and not (slot.mapping and old & _OWN == _own(slot)):
        return OCCUPIED

    def perform() -> tuple[int, ...]:
        trap.words[at] = access | _own(slot)
        slot.set_mapping(asid, vaddr)
        if old & _PRESENT and trap.processor.space == space.object:
            trap.invalidate(vaddr)
        return ()

    return perform


def _asid_for(trap: Trap, slot: Slot, vaddr: int, space: Slot) -> int | Refusal:
    """Return the number of ``space`` if the object of ``slot`` may have its place at ``vaddr``."""
    asid, before = asids.of(trap.root, space), slot.mapped_at
    if asid is None:
        return invalid_capability(1)
    if before and before[0] != asid:
        return invalid_capability(0)
    # The last page would let a program end in a SYSCALL from which SYSRET cannot return.
    if (before and before[1] != vaddr) or vaddr | slot.size - 1 >= USER_TOP:
        return _BAD_ADDRESS
    return Refusal(Error.ALIGNMENT_ERROR) if vaddr % slot.size else asid


def _access(slot: Slot, rights: int, attributes: int = 0) -> int | Refusal:
    """Return the bits of an entry with what ``rights`` and the capability both permit."""
    allowed = rights & slot.rights
    if not allowed & _READ:
        return Refusal(Error.INVALID_ARGUMENT, (1,))
    if not attributes & EXECUTE:
        return int(vspace.READ_WRITE if allowed & _WRITE else vspace.READ_ONLY)
    if allowed & _WRITE or slot.device:
        return Refusal(Error.INVALID_ARGUMENT, (2,))
    return int(vspace.EXECUTABLE)


def _own(slot: Slot) -> int:
    """Return the bits of an entry that say that it is the object's, a frame or a table."""
    large = _LARGE if slot.bits > PAGE_BITS else 0
    return slot.object | _PRESENT | large


def _absent(reached: int) -> Refusal:
    return Refusal(Error.FAILED_LOOKUP, (0, Lookup.MISSING_CAPABILITY, reached))


@decodes(Type.FRAME, "Unmap")
@decodes(Type.CHANNEL, "Unmap")
def _decode_unmap(invocation: Invocation) -> Action | Refusal:
    return lambda: unmap(invocation.trap, invocation.slot)


def unmap(trap: Trap, slot: Slot) -> tuple[int, ...]:
    """Take away the mapping that the capability to a frame or channel in ``slot`` has."""
    vaddr = _take_away(trap, slot, slot.bits)
    if vaddr is not None:
        trap.invalidate(vaddr)
    return ()


def _take_away(trap: Trap, slot: Slot, bits: int) -> int | None:
    """Empty the entry, for ``bits`` of address, of the object of ``slot``; and forget it.

    Return the address if the address space that runs has changed there.
    """
    before, slot.mapping = slot.mapped_at, 0
    asid, vaddr = before or (0, 0)
    space = asids.lookup(trap.root, asid) if before else 0
    if space:
        at, reached = vspace.find(trap.ram, space, vaddr, bits)
        if reached == bits and trap.words[at] & _OWN == _own(slot):
            trap.words[at] = 0
            return vaddr if trap.processor.space == space else None
    return None


@decodes(Type.FRAME, "GetAddress")
def _get_address(invocation: Invocation) -> Action | Refusal:
    return lambda: (invocation.slot.object,)


@finalises(Type.FRAME)
def _end_frame(trap: Trap, slot: Slot, final: bool) -> None:
    unmap(trap, slot)


def _decode_map_table(invocation: Invocation) -> Action | Refusal:
    trap, slot = invocation.trap, invocation.slot
    (vaddr,), (space,) = invocation.words, invocation.capabilities
    if slot.mapping:
        return invalid_capability(0)
    asid = asids.of(trap.root, space)
    if asid is None:
        return invalid_capability(1)
    if vaddr >> vspace.LOWER_BITS:
        return _BAD_ADDRESS
    bits = _ENTRY_BITS[slot.type]
    at, reached = vspace.find(trap.ram, space.object, vaddr, bits)
    if reached != bits:
        return _absent(reached)
    if trap.words[at] & _PRESENT:
        return OCCUPIED

    def perform() -> tuple[int, ...]:
        trap.words[at] = slot.object | _TABLE
        slot.set_mapping(asid, vaddr >> bits << bits)
        return ()

    return perform


def _decode_unmap_table(invocation: Invocation) -> Action | Refusal:
    trap, slot = invocation.trap, invocation.slot
    if not derivation.is_final(trap.ram, slot.address):
        return Refusal(Error.REVOKE_FIRST)

    def perform() -> tuple[int, ...]:
        _end_table(trap, slot, True)
        trap.ram.view[slot.object : slot.object + PAGE_SIZE] = bytes(PAGE_SIZE)
        return ()

    return perform


def _end_table(trap: Trap, slot: Slot, final: bool) -> None:
    if final and _take_away(trap, slot, _ENTRY_BITS[slot.type]) is not None:
        trap.flags |= Flag.RELOAD_CR3


for _kind in vspace.TABLE_BELOW.values():
    decodes(_kind, "Map")(_decode_map_table)
    decodes(_kind, "Unmap")(_decode_unmap_table)
    finalises(_kind)(_end_table)
