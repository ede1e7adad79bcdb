"""The end of capabilities, and of objects with the last of theirs."""

from __future__ import annotations

from collections.abc import Callable

from tests.properties.oracle.capability import Cap, Slot, take
from tests.properties.oracle.world import World
from vectoros.kernel.objects import Type

End = Callable[[World, Cap, bool], None]

ENDS: dict[Type, End] = {}
"""What the end of a capability, and whether it is the last, means for its object."""


def ends(*kinds: Type) -> Callable[[End], End]:
    """Say of which types the function that follows is."""

    def register(function: End) -> End:
        for kind in kinds:
            ENDS[kind] = function
        return function

    return register


def delete(world: World, slot: Slot) -> None:
    """Empty a slot. A CNode or thread that nothing leads to any more loses what it holds."""
    cap = slot.cap
    if cap is None or cap.dying:
        return
    world.works = True
    final = cap.final
    if cap.kind in ENDS:
        ENDS[cap.kind](world, cap, final)
    if final and cap.kind in (Type.CNODE, Type.TCB):
        cap.dying = True
        for inner in reversed([*cap.thing.slots()]):
            delete(world, inner)
    if cap.slot is not None:
        take(cap)
    if not cap.thing.caps:
        world.things.pop((cap.kind, cap.thing.address), None)


def revoke(world: World, slot: Slot) -> None:
    """Delete all that was derived from the capability in a slot."""
    cap = slot.cap
    while cap is not None and cap.slot is slot and cap.children:
        delete(world, cap.children[0].home)
