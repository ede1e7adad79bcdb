"""The methods of CNodes."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap, Slot, move
from tests.properties.oracle.deletion import delete, revoke
from tests.properties.oracle.deriving import (
    derivable,
    derive,
    guardable,
    mark,
    markable,
)
from tests.properties.oracle.endpoints import cancel_badged
from tests.properties.oracle.lookup import exactly
from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.refusal import NotFound, Refused, illegal, within
from tests.properties.oracle.things import Endpoint
from tests.properties.oracle.world import World
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.objects import ALL_RIGHTS, Type


def depths(*values: int) -> None:
    """Refuse a depth that is not 1 to 64."""
    for value in values:
        within(value, 1, 64)


def find(root: Cap | None, index: int, depth: int, *, source: bool = False) -> Slot:
    """Return the slot that index and depth lead to."""
    try:
        return exactly(root, index, depth)
    except NotFound as failure:
        raise failure.refused(source) from None


def vacant(slot: Slot) -> Slot:
    """Refuse a slot that holds a capability."""
    if slot.cap is not None:
        raise Refused(Error.DELETE_FIRST)
    return slot


def filled(slot: Slot, depth: int, *, source: bool = True) -> Cap:
    """Refuse a slot that is empty."""
    if slot.cap is None:
        raise NotFound(Lookup.MISSING_CAPABILITY, depth).refused(source)
    return slot.cap


def _both(call: Invocation) -> tuple[Slot, Cap]:
    depths(call["dest_depth"], call["src_depth"])
    target = vacant(find(call.cap, call["dest_index"], call["dest_depth"]))
    root = call.given("src_root")
    source = find(root, call["src_index"], call["src_depth"], source=True)
    return target, filled(source, call["src_depth"])


@method(Type.CNODE, "Copy", "Mint")
def _copy(world: World, call: Invocation) -> Done:
    target, cap = _both(call)
    derivable(cap)
    badge = call.args.get("badge")
    if badge is not None:
        markable(cap, badge)
    derive(cap, target, call["rights"], badge)
    return ()


@method(Type.CNODE, "Move")
def _move(world: World, call: Invocation) -> Done:
    target, cap = _both(call)
    if cap.dying:
        raise illegal()
    move(cap, target)
    return ()


@method(Type.CNODE, "Mutate")
def _mutate(world: World, call: Invocation) -> Done:
    target, cap = _both(call)
    _guard_fits(cap, call["guard"])
    move(cap, target)
    mark_guard(cap, call["guard"])
    return ()


def _guard_fits(cap: Cap, word: int) -> None:
    if cap.dying or (cap.kind is not Type.CNODE and word):
        raise illegal()
    guardable(cap, word)


def mark_guard(cap: Cap, word: int) -> None:
    """Set the guard of a CNode."""
    if cap.kind is Type.CNODE:
        mark(cap, word)


@method(Type.CNODE, "Rotate")
def _rotate(world: World, call: Invocation) -> Done:
    depths(call["dest_depth"], call["pivot_depth"], call["src_depth"])
    target = find(call.cap, call["dest_index"], call["dest_depth"])
    source = find(call.given("src_root"), call["src_index"], call["src_depth"], source=True)
    pivot = find(call.given("pivot_root"), call["pivot_index"], call["pivot_depth"])
    if pivot in (source, target):
        raise illegal()
    if target is not source:
        vacant(target)
    moved = filled(source, call["src_depth"])
    pivoted = filled(pivot, call["pivot_depth"], source=False)
    _guard_fits(moved, call["pivot_guard"])
    _guard_fits(pivoted, call["dest_guard"])
    source.cap = pivot.cap = None
    for cap, slot, word in (
        (pivoted, target, call["dest_guard"]),
        (moved, pivot, call["pivot_guard"]),
    ):
        slot.cap, cap.slot = cap, slot
        mark_guard(cap, word)
    return ()


@method(Type.CNODE, "Delete")
def _delete(world: World, call: Invocation) -> Done:
    depths(call["depth"])
    delete(world, find(call.cap, call["index"], call["depth"]))
    return ()


@method(Type.CNODE, "Revoke")
def _revoke(world: World, call: Invocation) -> Done:
    depths(call["depth"])
    revoke(world, find(call.cap, call["index"], call["depth"]))
    return ()


@method(Type.CNODE, "CancelBadgedSends")
def _cancel(world: World, call: Invocation) -> Done:
    depths(call["depth"])
    cap = find(call.cap, call["index"], call["depth"]).cap
    if cap is None or not isinstance(cap.thing, Endpoint) or cap.rights != ALL_RIGHTS:
        raise illegal()
    if cap.badge:
        cancel_badged(world, cap.thing, cap.badge)
    return ()
