"""Channels: memory for messages from one to many, with a name and a bell.

The kernel makes a channel, maps it and takes it back. Publishing and reading are the
programs' own (kernel/ring.py): it is on no message's way. Wake rings the bell: it wakes
all who wait for the channel's notification, whose capability is in a slot of the root
object, because the channel's memory is its publishers'. For the same reason the kernel
believes nothing that it reads there.
"""

from __future__ import annotations

import struct

from vectoros.kernel import deletion, derivation, mapping, notification
from vectoros.kernel.cnode import OCCUPIED
from vectoros.kernel.deletion import finalises
from vectoros.kernel.errors import ILLEGAL, Error, Refusal, invalid_capability
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.ring import MAGIC, RING, Ring
from vectoros.kernel.slot import Slot
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import WORD


def _writable(invocation: Invocation) -> bool:
    return bool(invocation.slot.rights & Right.WRITE)


@decodes(Type.CHANNEL, "Configure")
def _decode_configure(invocation: Invocation) -> Action | Refusal:
    (name0, name1, size), slot = invocation.words, invocation.slot
    room = slot.size - RING
    greatest = room // 2 // WORD * WORD
    if not _writable(invocation) or Ring(slot.ram, slot.object).magic == MAGIC:
        return ILLEGAL
    if not WORD <= size <= greatest:
        return Refusal(Error.RANGE_ERROR, (WORD, greatest))
    if size % WORD:
        return Refusal(Error.ALIGNMENT_ERROR)

    def perform() -> tuple[int, ...]:
        header = struct.pack("<5Q", MAGIC, name0, name1, size, room // size)
        slot.ram.write(slot.object, header.ljust(RING, b"\0"))
        return ()

    return perform


@decodes(Type.CHANNEL, "SetNotification")
def _decode_set_notification(invocation: Invocation) -> Action | Refusal:
    trap, channel, (given,) = invocation.trap, invocation.slot.object, invocation.capabilities
    if not _writable(invocation):
        return ILLEGAL
    if given.type and (given.type != Type.NOTIFICATION or not given.rights & Right.WRITE):
        return invalid_capability(1)
    bell = trap.root.bell(channel) or trap.root.bell(0)
    if given.type and not bell:
        return OCCUPIED
    return lambda: _set_bell(trap, channel, given)


def _set_bell(trap: Trap, channel: int, given: Slot) -> tuple[int, ...]:
    _remove_bell(trap, channel)
    bell = trap.root.bell(0)
    if given.type and bell:
        derivation.derive(trap.ram, given.address, bell.address).mapping = channel
    return ()


def _remove_bell(trap: Trap, channel: int) -> None:
    bell = trap.root.bell(channel)
    if bell:
        deletion.empty(trap, bell.address)


@decodes(Type.CHANNEL, "Wake")
def _decode_wake(invocation: Invocation) -> Action | Refusal:
    trap = invocation.trap
    bell = trap.root.bell(invocation.slot.object)
    if not _writable(invocation) or not bell:
        return ILLEGAL
    return lambda: (notification.broadcast(trap, bell.object, bell.badge),)


@decodes(Type.CHANNEL, "Describe")
def _decode_describe(invocation: Invocation) -> Action | Refusal:
    ring = Ring(invocation.trap.ram, invocation.slot.object)
    return lambda: (ring.name0, ring.name1, ring.message_size, ring.capacity)


@finalises(Type.CHANNEL)
def _finalise(trap: Trap, slot: Slot, final: bool) -> None:
    mapping.unmap(trap, slot)
    if final:
        _remove_bell(trap, slot.object)
