"""The oracle's world as an abstract state: the same keys as tests/properties/abstraction.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.properties.oracle.answers import buffer_of
from tests.properties.oracle.capability import Cap
from tests.properties.oracle.channels import HEADER
from tests.properties.oracle.things import (
    Endpoint,
    Notification,
    Page,
    Policy,
    Reply,
    SchedContext,
    Table,
    Tcb,
    Thing,
)
from tests.properties.oracle.world import PAGE, World
from vectoros.kernel.abi import State as ThreadState
from vectoros.kernel.audit import CAPACITY
from vectoros.kernel.objects import Right, Type

State = dict[tuple[Any, ...], Any]

MARKED = (Type.UNTYPED, Type.CNODE, Type.ENDPOINT, Type.NOTIFICATION, Type.IO_PORT)


def state(world: World) -> State:
    """Return the state of ``world``."""
    found: State = {}
    order: list[int] = []
    things: dict[int, Thing] = {}
    for cap in world.caps():
        found["slot", cap.home.address] = _cap(cap)
        order.append(cap.home.address)
        things[id(cap.thing)] = cap.thing
    found["tree",] = tuple(order)
    for thing in things.values():
        found.update(_thing(world, thing))
    for number, pool in enumerate(world.pools):
        spaces = (
            tuple((n, space.address) for n, space in sorted(pool.spaces.items())) if pool else ()
        )
        found["pool", number] = (pool.address, spaces) if pool else None
    for line, slot in world.lines.items():
        found["line", line] = slot.address
    found["log",] = world.log.address
    found["masked",] = world.masked
    found["next id",] = world.next_id
    found["current",] = name(world.current)
    for key, queue in world.ready.items():
        if queue:
            found["ready", *key] = names(queue)
    owners = tuple(name(owner) if slot.cap else 0 for slot, owner in world.bells)
    found["bells",] = world.bells[0][0].address, owners
    found["broadcasts",] = world.broadcasts
    found["waiting",] = names(world.waiting)
    found["charged",] = world.charged
    found["turn",] = world.domain, world.turn, world.turn_end, world.first_turn
    for entry, turn in world.turns.items():
        found["schedule", entry] = turn
    found["audit",] = tuple(
        (each.event, each.subject, each.object, each.label, each.status, each.words)
        for each in (world.audit[-CAPACITY:] if world.log.cap else ())
    )
    return found


def name(thing: Thing | None) -> int:
    """Return the address of a thing, or 0."""
    return thing.address if thing else 0


def names(things: list[Any]) -> tuple[int, ...]:
    """Return the addresses of several."""
    return tuple(thing.address for thing in things)


def _cap(cap: Cap) -> tuple[Any, ...]:
    parent = cap.parent.slot if cap.parent else None
    return (
        "ZOMBIE" if cap.dying else cap.kind.name,
        cap.thing.address,
        cap.rights,
        cap.badge if cap.kind in MARKED else 0,
        cap.guard_size,
        cap.bits,
        int(cap.device),
        cap.mapping,
        parent.address if parent else 0,
    )


def _thing(world: World, thing: Thing) -> Iterator[tuple[tuple[Any, ...], Any]]:
    kind = thing.kind.name.lower()
    match thing:
        case Tcb():
            for key, value in _tcb(world, thing).items():
                yield ("thread", thing.address, key), value
        case Table():
            for index, entry in thing.entries.items():
                yield ("entry", thing.address, index), _entry(entry)
        case SchedContext():
            yield ("context", thing.address), _value(thing)
            yield ("account", thing.address), (thing.consumed, _time(thing))
        case Thing(kind=Type.CHANNEL):
            words = (world.word(thing.address + 8 * index) for index in range(HEADER))
            yield ("channel", thing.address), tuple(words)
        case Endpoint() | Notification() | Reply() | Policy():
            yield (kind, thing.address), _value(thing)


def _value(thing: Endpoint | Notification | Reply | SchedContext | Policy) -> object:
    match thing:
        case Endpoint():
            return names(thing.queue)
        case Notification():
            queue, bound, context = names(thing.queue), name(thing.bound), name(thing.context)
            broadcast = thing.broadcast, thing.broadcast_badge
            return queue, thing.active, thing.signals, bound, context, *broadcast
        case Reply():
            return name(thing.caller or thing.receiver)
        case SchedContext():
            tcb, notification = name(thing.tcb), name(thing.notification)
            stack = names(thing.stack)
            worth = thing.budget, thing.period, thing.badge, thing.most
            return tcb, notification, stack, *worth
        case Policy():
            return tuple(thing.masks)


def _time(context: SchedContext) -> tuple[Any, ...]:
    if not context.configured:
        return ()
    return (context.turn,) if context.round_robin else tuple(context.spans)


def _entry(entry: Table | Page) -> tuple[Any, ...]:
    if isinstance(entry, Table):
        return "table", entry.address
    return "page", entry.address, entry.bits, entry.writable, entry.executable


def _tcb(world: World, tcb: Tcb) -> dict[str, Any]:
    buffer = buffer_of(tcb)
    return {
        "state": tcb.state.name,
        "priority": tcb.priority,
        "maximum": tcb.max_priority,
        "domain": tcb.domain,
        "id": tcb.id,
        "flags": tcb.flags,
        "name": tcb.name,
        "generation": tcb.generation,
        "context": name(tcb.context),
        "bound": name(tcb.bound),
        "reply": name(tcb.reply),
        "at": name(tcb.at),
        "fault": tcb.fault.value,
        "seen": tcb.seen,
        "lease": tcb.lease,
        "consumed": tcb.consumed,
        "heard": tcb.heard,
        "sending": _sending(tcb),
        "buffer": tuple(world.pages.get(buffer // PAGE, [0] * 512)) if buffer else (),
        **tcb.registers,
    }


CALLS = 1 << 4


def _sending(tcb: Tcb) -> tuple[int, ...]:
    grant = Right.GRANT * tcb.answerable
    match tcb.state:
        case ThreadState.BLOCKED_ON_SEND:
            found = tcb.sending
            calls = CALLS * (found.call or tcb.faulting)
            flags = Right.GRANT * found.grant | Right.GRANT_REPLY * found.grant_reply | calls
            return found.badge, flags, int(tcb.faulting)
        case ThreadState.BLOCKED_ON_RECEIVE:
            return (grant,)
        case ThreadState.BLOCKED_ON_REPLY:
            return grant, int(tcb.faulting)
    return ()
