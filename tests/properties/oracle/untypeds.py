"""Untyped memory: what it is made into."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap, Slot, put
from tests.properties.oracle.deriving import derive
from tests.properties.oracle.lookup import exactly
from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.refusal import NotFound, Refused, argument, outside, within
from tests.properties.oracle.things import (
    SLOT_SIZE,
    TCB_SLOTS,
    THINGS,
    CNode,
    Policy,
    Tcb,
    Thing,
)
from tests.properties.oracle.world import PAGE, World
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.objects import FIXED_BITS, RIGHTS, Type

SIZED = (Type.UNTYPED, Type.CNODE, Type.FRAME, Type.CHANNEL)
MAKEABLE = {*FIXED_BITS, *SIZED} - {Type.ASID_POOL, Type.AUDIT_LOG}
SIZES = {
    Type.UNTYPED: range(4, 48),
    Type.CNODE: range(1, 42),
    Type.FRAME: (12, 21, 30),
    Type.CHANNEL: (12, 21),
}
"""In bits; a CNode's are of its number of slots."""


@method(Type.UNTYPED, "Describe")
def _describe(world: World, call: Invocation) -> Done:
    cap = call.cap
    return cap.thing.address, cap.bits, cap.badge if cap.children else 0, int(cap.device)


@method(Type.UNTYPED, "Retype")
def _retype(world: World, call: Invocation) -> Done:
    cap = call.cap
    kind, bits = _shape(call["type"], call["size_bits"])
    window = _window(call)
    start = cap.badge if cap.children else 0
    left = (1 << cap.bits) - start
    if left >> bits < len(window):
        raise Refused(Error.NOT_ENOUGH_MEMORY, left)
    if cap.device and kind not in (Type.FRAME, Type.UNTYPED):
        raise argument(1)
    world.works = True
    start = -(-start >> bits) << bits
    for index, slot in enumerate(window):
        _make(world, call, kind, bits, cap.thing.address + start + (index << bits), slot)
    cap.badge = start + (len(window) << bits)
    return ()


def _shape(number: int, size: int) -> tuple[Type, int]:
    """Return type and size of the objects, in bits."""
    if number not in list(MAKEABLE):
        raise argument(0)
    within(size, 0, 47)
    kind = Type(number)
    if kind not in SIZES:
        return kind, FIXED_BITS[kind]
    if size not in SIZES[kind]:
        raise argument(1)
    return kind, size + (6 if kind is Type.CNODE else 0)


def _window(call: Invocation) -> list[Slot]:
    """Return the slots for the capabilities."""
    depth, offset, count = call["node_depth"], call["node_offset"], call["count"]
    node = call.given("root")
    if depth:
        within(depth, 1, 64)
        try:
            node = exactly(node, call["node_index"], depth).cap
        except NotFound as failure:
            raise failure.refused() from None
    if node is None or not isinstance(node.thing, CNode) or node.dying:
        raise NotFound(Lookup.MISSING_CAPABILITY, depth).refused()
    table = node.thing.table
    within(offset, 0, len(table) - 1)
    within(count, 1, 256)
    if count > len(table) - offset:
        raise outside(1, len(table) - offset)
    window = table[offset : offset + count]
    if any(slot.cap for slot in window):
        raise Refused(Error.DELETE_FIRST)
    return window


def _make(world: World, call: Invocation, kind: Type, bits: int, address: int, slot: Slot) -> None:
    cap = call.cap
    thing = create(world, kind, bits, address)
    size = bits - 6 if kind is Type.CNODE else bits if kind in SIZED else 0
    made = Cap(kind, thing, RIGHTS.get(kind, 0), bits=size, device=cap.device)
    put(made, slot, cap)
    policy = call.thread.cap("policy")
    if isinstance(thing, Tcb):
        thing.domain = call.thread.domain
        thing.id = world.next_id
        world.next_id += 1
        if policy is not None:
            derive(policy, thing.own["policy"])
    if isinstance(thing, Policy) and policy is not None:
        assert isinstance(policy.thing, Policy)
        thing.masks = [*policy.thing.masks]


def create(world: World, kind: Type, bits: int, address: int) -> Thing:
    """Make a new object, or describe memory."""
    if (kind, address) in world.things and kind is Type.UNTYPED:
        return world.things[kind, address]
    thing = THINGS.get(kind, Thing)(kind, address)
    if isinstance(thing, CNode):
        thing.table = [Slot(address + n * SLOT_SIZE) for n in range(1 << bits - 6)]
    if isinstance(thing, Tcb):
        thing.own = {name: Slot(address + offset) for name, offset in TCB_SLOTS.items()}
    world.things[kind, address] = thing
    for page in range(address // PAGE, -(-(address + (1 << bits)) // PAGE)):
        if kind is Type.FRAME or kind is Type.CHANNEL:
            world.pages.pop(page, None)
    return thing
