"""An oracle for a system that runs: built from the system's abstract state."""

from __future__ import annotations

from typing import Any

from tests.properties.oracle.capability import Cap, Slot
from tests.properties.oracle.things import (
    SLOT_SIZE,
    AsidPool,
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
from tests.properties.oracle.untypeds import create
from tests.properties.oracle.world import PAGE, Record, World
from vectoros.kernel.abi import Fault
from vectoros.kernel.abi import State as ThreadState
from vectoros.kernel.methods.threads import REGISTERS
from vectoros.kernel.objects import Type

State = dict[tuple[Any, ...], Any]
Found = Any
"""A thing of the class that the type asked for has."""

Value = Any
"""What the state says of something: a number, a name, or a tuple of them."""


def world_of(state: State) -> World:
    """Return a world in which everything is as in ``state``."""
    world = World(Cap(Type.NULL, Thing(Type.NULL, 0)))
    slots = {key[1]: value for key, value in state.items() if key[0] == "slot"}
    _things(world, slots)
    places = {slot.address: slot for thing in world.things.values() for slot in thing.slots()}
    for key, value in state.items():
        if key[0] == "line":
            world.lines[key[1]] = places.setdefault(value, Slot(value))
    world.log = places.setdefault(state["log",], Slot(state["log",]))
    _bells(world, places, *state["bells",])
    caps: dict[int, Cap] = {}
    for address in state["tree",]:
        kind, thing, rights, badge, guard_size, bits, device, mapping, parent = slots[address]
        cap = Cap(
            Type[kind], world.things[Type[kind], thing], rights, badge, guard_size, bits,
            bool(device), mapping,
        )  # fmt: skip
        cap.slot = places.setdefault(address, Slot(address))
        cap.slot.cap, cap.parent = cap, caps.get(parent, world.top)
        cap.parent.children.append(cap)
        cap.thing.caps.append(cap)
        caps[address] = cap
    _connect(world, state)
    return world


def _things(world: World, slots: dict[int, tuple[Any, ...]]) -> None:
    for kind, address, _, _, _, bits, *_ in slots.values():
        if (Type[kind], address) not in world.things:
            size = bits + 6 if kind == "CNODE" else min(bits, 12)
            create(world, Type[kind], size, address)


def _bells(world: World, places: dict[int, Slot], base: int, owners: tuple[int, ...]) -> None:
    for index, owner in enumerate(owners):
        address = base + index * SLOT_SIZE
        slot = places.setdefault(address, Slot(address))
        world.bells.append((slot, world.things[Type.CHANNEL, owner] if owner else None))


class _Connecting:
    """Puts into things what the state says of them."""

    def __init__(self, world: World, state: State) -> None:
        self.world, self.state = world, state
        self.things = {(thing.kind, thing.address): thing for thing in world.things.values()}
        self.tables = {t.address: t for t in self.things.values() if isinstance(t, Table)}
        self.threads = {t.address: t for t in self.things.values() if isinstance(t, Tcb)}

    def find(self, kind: Type, address: int) -> Found:
        """Return a thing, or None for address 0."""
        return self.things[kind, address] if address else None

    def tcbs(self, addresses: tuple[int, ...]) -> list[Tcb]:
        """Return several threads."""
        return [self.threads[address] for address in addresses]

    def endpoint(self, value: Value, address: int) -> None:
        found: Endpoint = self.find(Type.ENDPOINT, address)
        found.queue = self.tcbs(value)
        for thread in found.queue:
            thread.at = found

    def notification(self, value: Value, address: int) -> None:
        found: Notification = self.find(Type.NOTIFICATION, address)
        found.queue = self.tcbs(value[0])
        for thread in found.queue:
            thread.at = found
        found.active, found.signals = value[1:3]
        found.broadcast, found.broadcast_badge = value[5:]
        found.bound = self.threads.get(value[3])
        found.context = self.find(Type.SCHED_CONTEXT, value[4])

    def reply(self, value: Value, address: int) -> None:
        found: Reply = self.find(Type.REPLY, address)
        waits = self.threads.get(value)
        blocked = waits and self.state["thread", value, "state"] == "BLOCKED_ON_REPLY"
        found.caller, found.receiver = (waits, None) if blocked else (None, waits)

    def context(self, value: Value, address: int) -> None:
        found: SchedContext = self.find(Type.SCHED_CONTEXT, address)
        found.tcb = self.threads.get(value[0])
        found.notification = self.find(Type.NOTIFICATION, value[1])
        found.stack = [self.find(Type.REPLY, reply) for reply in value[2]]
        for reply in found.stack:
            reply.context = found
        found.budget, found.period, found.badge, found.most = value[3:]

    def account(self, value: Value, address: int) -> None:
        found: SchedContext = self.find(Type.SCHED_CONTEXT, address)
        found.consumed, time = value
        if found.configured and found.round_robin:
            (found.turn,) = time
        else:
            found.spans = [*time]

    def policy(self, value: Value, address: int) -> None:
        found: Policy = self.find(Type.POLICY, address)
        found.masks = [*value]

    def entry(self, value: Value, address: int, index: int) -> None:
        leads = Page(*value[1:]) if value[0] == "page" else self.tables[value[1]]
        self.tables[address].entries[index] = leads

    def pool(self, value: Value, number: int) -> None:
        if value:
            found: AsidPool = self.find(Type.ASID_POOL, value[0])
            found.number, self.world.pools[number] = number, found
            for low, space in value[1]:
                found.spaces[low] = self.tables[space]
                self.tables[space].asid = number << 9 | low
                self.tables[space].had_asid = True

    def channel(self, value: Value, address: int) -> None:
        for index, word in enumerate(value):
            self.world.set_word(address + 8 * index, word)

    def page(self, value: Value, address: int) -> None:
        self.world.pages[address // PAGE] = [*value]

    def ready(self, value: Value, domain: int, priority: int) -> None:
        self.world.ready[domain, priority] = self.tcbs(value)

    def waiting(self, value: Value) -> None:
        self.world.waiting = self.tcbs(value)

    def charged(self, value: Value) -> None:
        self.world.charged = value

    def turn(self, value: Value) -> None:
        world = self.world
        world.domain, world.turn, world.turn_end, world.first_turn = value

    def schedule(self, value: Value, entry: int) -> None:
        self.world.turns[entry] = value

    def thread(self, value: Value, address: int, name: str) -> None:
        thread = self.threads[address]
        match name:
            case "context":
                thread.context = self.find(Type.SCHED_CONTEXT, value)
            case "bound":
                thread.bound = self.find(Type.NOTIFICATION, value)
            case "reply":
                thread.reply = self.find(Type.REPLY, value)
            case "state":
                thread.state = ThreadState[value]
            case "sending":
                thread.answerable = len(value) < 3 and bool(value and value[0])
            case "fault":
                thread.fault = Fault(value)
            case "maximum":
                thread.max_priority = value
            case _ if name in REGISTERS:
                thread.registers[name] = value
            case _ if name not in ("at", "buffer"):
                setattr(thread, name, value)


def _connect(world: World, state: State) -> None:
    connecting = _Connecting(world, state)
    for (name, *where), value in state.items():
        read = getattr(connecting, name, None)
        if read is not None:
            read(value, *where)
    world.broadcasts = state["broadcasts",]
    world.masked, world.next_id = state["masked",], state["next id",]
    world.current = connecting.threads.get(state["current",])
    world.time = world.current.context if world.current else None
    world.audit = [Record(*record) for record in state["audit",]]
