"""Interrupt lines and I/O ports."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap, Slot, put
from tests.properties.oracle.cnodes import depths, find, vacant
from tests.properties.oracle.deletion import delete, ends
from tests.properties.oracle.deriving import derive
from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.refusal import (
    ANY,
    Refused,
    argument,
    capability,
    illegal,
    within,
)
from tests.properties.oracle.things import Thing
from tests.properties.oracle.world import World
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Right, Type

LINES = 16
OWN = (0, 2)
"""The timer's, and that of the second controller."""


def _target(call: Invocation) -> Slot:
    depths(call["depth"])
    return vacant(find(call.given("root"), call["index"], call["depth"]))


@method(Type.IRQ_CONTROL, "Get")
def _get(world: World, call: Invocation) -> Done:
    line = call["irq"]
    within(line, 0, LINES - 1)
    if line in OWN:
        raise illegal()
    if any(cap.thing.address == line for cap in world.of(Type.IRQ_HANDLER)):
        raise Refused(Error.REVOKE_FIRST)
    slot = _target(call)
    thing = Thing(Type.IRQ_HANDLER, line)
    put(Cap(Type.IRQ_HANDLER, thing), slot, call.cap)
    return ()


@method(Type.IRQ_HANDLER, "Ack")
def _ack(world: World, call: Invocation) -> Done:
    world.masked &= ~(1 << call.cap.thing.address)
    return ()


@method(Type.IRQ_HANDLER, "SetNotification")
def _set(world: World, call: Invocation) -> Done:
    cap = call.given("notification")
    if cap is None or cap.kind is not Type.NOTIFICATION or not cap.rights & Right.WRITE:
        raise capability(1)
    slot = world.lines[call.cap.thing.address]
    spare = Slot(0)
    made = derive(cap, spare)
    delete(world, slot)
    slot.cap, made.slot = made, slot
    return ()


@method(Type.IRQ_HANDLER, "Clear")
def _clear(world: World, call: Invocation) -> Done:
    stop_line(world, call.cap.thing.address)
    return ()


def stop_line(world: World, line: int) -> None:
    """Let a line signal nothing."""
    delete(world, world.lines[line])
    world.masked |= 1 << line


@ends(Type.IRQ_HANDLER)
def _end(world: World, cap: Cap, final: bool) -> None:
    if final:
        stop_line(world, cap.thing.address)


@method(Type.IO_PORT_CONTROL, "Issue")
def _issue(world: World, call: Invocation) -> Done:
    first, last = call["first_port"], call["last_port"]
    within(first, 0, 65535)
    within(last, 0, 65535)
    if last < first:
        raise argument(1)
    if any(cap.thing.address <= last and first <= cap.badge for cap in world.of(Type.IO_PORT)):
        raise Refused(Error.REVOKE_FIRST)
    slot = _target(call)
    put(Cap(Type.IO_PORT, Thing(Type.IO_PORT, first), badge=last), slot, call.cap)
    return ()


def _ports(width: int, *, into: bool) -> None:
    name = f"{'In' if into else 'Out'}{width * 8}"

    @method(Type.IO_PORT, name)
    def _access(world: World, call: Invocation) -> Done:
        cap, port = call.cap, call["port"]
        if not (cap.thing.address <= port and port + width - 1 <= cap.badge):
            raise illegal()
        return (ANY,) if into else ()


for _width in (1, 2, 4):
    _ports(_width, into=True)
    _ports(_width, into=False)
