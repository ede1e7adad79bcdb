"""Leases: memory that a caller lends while its call lasts."""

from __future__ import annotations

from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.refusal import argument, illegal, outside
from tests.properties.oracle.spaces import SHIFTS, index
from tests.properties.oracle.things import Page, Reply, Table, Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.methods.services import MAX_COPY
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.process_layout import USER_LIMIT


def _lender(call: Invocation, right: int) -> Tcb:
    assert isinstance(call.cap.thing, Reply)
    caller = call.cap.thing.caller
    if caller is None or not caller.lease[1] or (right and not caller.lease[2] & right):
        raise illegal()
    return caller


@method(Type.LEASE, "Describe")
def _describe(world: World, call: Invocation) -> Done:
    _, length, rights = _lender(call, 0).lease
    return length, rights & (Right.READ | Right.WRITE)


@method(Type.LEASE, "Read")
def _read(world: World, call: Invocation) -> Done:
    lender = _lender(call, Right.READ)
    theirs, ours = _ranges(call, lender, to_write=True)
    _copy(world, theirs, ours)
    return ()


@method(Type.LEASE, "Write")
def _write(world: World, call: Invocation) -> Done:
    lender = _lender(call, Right.WRITE)
    theirs, ours = _ranges(call, lender, to_write=False)
    _copy(world, ours, theirs)
    return ()


def _ranges(call: Invocation, lender: Tcb, *, to_write: bool) -> tuple[list[int], list[int]]:
    offset, address, length = call["offset"], call["address"], call["length"]
    base, size, _ = lender.lease
    if offset + length > size:
        raise outside(0, size)
    if length > MAX_COPY:
        raise argument(2)
    ours = physical(call.thread, address, length, writing=to_write)
    if ours is None:
        raise argument(1)
    theirs = physical(lender, base + offset, length, writing=not to_write)
    if theirs is None:
        raise argument(0)
    return theirs, ours


def physical(thread: Tcb, address: int, length: int, *, writing: bool) -> list[int] | None:
    """Return the physical address of each byte, or None: the thread may not use them all."""
    if length and address + length > USER_LIMIT:
        return None
    found: list[int] = []
    space = thread.cap("vspace")
    while length:
        page = _page(space.thing if space else None, address)
        if page is None or (writing and not page.writable):
            return None
        offset = address % (1 << page.bits)
        count = min(length, (1 << page.bits) - offset)
        found += range(page.address + offset, page.address + offset + count)
        address, length = address + count, length - count
    return found


def _page(table: object, address: int) -> Page | None:
    for shift in SHIFTS:
        if not isinstance(table, Table):
            return None
        table = table.entries.get(index(address, shift))
        if isinstance(table, Page):
            return table
    return None


def _copy(world: World, source: list[int], target: list[int]) -> None:
    world.works = True
    values = [world.word(at & ~7) >> at % 8 * 8 & 0xFF for at in source]
    for at, value in zip(target, values, strict=True):
        shift = at % 8 * 8
        word = world.word(at & ~7)
        world.set_word(at & ~7, word & ~(0xFF << shift) | value << shift)
