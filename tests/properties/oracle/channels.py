"""Channels: memory that the kernel divides into messages, and a bell that wakes who waits."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap, Slot
from tests.properties.oracle.deletion import delete, ends
from tests.properties.oracle.deriving import derive
from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.notifications import signal
from tests.properties.oracle.refusal import Refused, capability, illegal, within
from tests.properties.oracle.spaces import unmap
from tests.properties.oracle.things import Notification, Thing
from tests.properties.oracle.world import World
from vectoros.kernel.abi import State
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Right, Type

MAGIC = int.from_bytes(b"VXCHAN\x01\0", "little")
HEADER = 16
"""Words before the first message."""
WORD = 8


def _must_write(call: Invocation) -> None:
    if not call.cap.rights & Right.WRITE:
        raise illegal()


@method(Type.CHANNEL, "Configure")
def _configure(world: World, call: Invocation) -> Done:
    _must_write(call)
    address, size = call.cap.thing.address, call["message_size"]
    if world.word(address) == MAGIC:
        raise illegal()
    room = (1 << call.cap.bits) - HEADER * WORD
    within(size, WORD, room // 2 // WORD * WORD)
    if size % WORD:
        raise Refused(Error.ALIGNMENT_ERROR)
    header = MAGIC, call["name0"], call["name1"], size, room // size
    for index in range(HEADER):
        world.set_word(address + WORD * index, (*header, *[0] * HEADER)[index])
    return ()


@method(Type.CHANNEL, "Describe")
def _describe(world: World, call: Invocation) -> Done:
    return tuple(world.word(call.cap.thing.address + WORD * index) for index in range(1, 5))


def _bell(world: World, channel: Thing) -> Slot | None:
    """Return the slot with what Wake signals."""
    return next((slot for slot, owner in world.bells if slot.cap and owner is channel), None)


@method(Type.CHANNEL, "SetNotification")
def _set_notification(world: World, call: Invocation) -> Done:
    cap, channel = call.given("notification"), call.cap.thing
    _must_write(call)
    if cap and (cap.kind is not Type.NOTIFICATION or not cap.rights & Right.WRITE):
        raise capability(1)
    if cap and not _bell(world, channel) and all(slot.cap for slot, _ in world.bells):
        raise Refused(Error.DELETE_FIRST)
    _silence(world, channel)
    if cap:
        index = next(index for index, (slot, _) in enumerate(world.bells) if not slot.cap)
        slot = world.bells[index][0]
        world.bells[index] = slot, channel
        derive(cap, slot)
    return ()


def _silence(world: World, channel: Thing) -> None:
    bell = _bell(world, channel)
    if bell:
        delete(world, bell)


@method(Type.CHANNEL, "Wake")
def _wake(world: World, call: Invocation) -> Done:
    _must_write(call)
    bell = _bell(world, call.cap.thing)
    if not bell or not bell.cap:
        raise illegal()
    found = bell.cap.thing
    assert isinstance(found, Notification)
    return (broadcast(world, found, bell.cap.badge),)


def broadcast(world: World, found: Notification, badge: int) -> int:
    """Wake all who wait, and whoever comes to wait and has not heard of it; say how many wait."""
    world.broadcasts += 1
    found.broadcast, found.broadcast_badge = world.broadcasts, badge
    hear = [*found.queue]
    bound = found.bound
    if bound and not found.active and bound.state is State.BLOCKED_ON_RECEIVE:
        hear.append(bound)
    for thread in hear:
        thread.heard = world.broadcasts
        signal(world, found, badge)
    world.cost += len(hear)
    return len(hear)


@ends(Type.CHANNEL)
def _end(world: World, cap: Cap, final: bool) -> None:
    unmap(world, cap)
    if final:
        _silence(world, cap.thing)
