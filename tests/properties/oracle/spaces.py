"""Address spaces: tables within tables, and pages in the last of them."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap, put
from tests.properties.oracle.cnodes import depths, find, vacant
from tests.properties.oracle.deletion import ends
from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.refusal import NotFound, Refused, argument, capability
from tests.properties.oracle.things import AsidPool, Page, Table
from tests.properties.oracle.untypeds import create
from tests.properties.oracle.world import PAGE, World
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.objects import RIGHTS, Right, Type
from vectoros.kernel.process_layout import USER_LIMIT

LEVELS = (Type.PML4, Type.PDPT, Type.PD, Type.PT)
SHIFTS = (39, 30, 21, 12)
"""Of the index into a table of each level: what an entry spans, in bits."""

POOL_SIZE = 512


def _space(call: Invocation) -> tuple[int, Table]:
    cap = call.given("vspace")
    table = cap.thing if cap else None
    if not isinstance(table, Table) or table.kind is not Type.PML4 or table.asid is None:
        raise capability(1)
    return table.asid, table


def _absent(bits: int) -> Refused:
    return NotFound(Lookup.MISSING_CAPABILITY, bits).refused()


def index(address: int, shift: int) -> int:
    """Return the index of an address into the table whose entries span ``shift`` bits."""
    return address >> shift & 0x1FF


def walk(space: Table, address: int, shift: int) -> Table:
    """Return the table in which an entry for ``address`` spans ``shift`` bits."""
    table = space
    for level in SHIFTS[: SHIFTS.index(shift)]:
        entry = table.entries.get(index(address, level))
        if not isinstance(entry, Table):
            raise _absent(level)
        table = entry
    return table


def _space_of(world: World, asid: int) -> Table | None:
    pool = world.pools[asid >> 9]
    return pool.spaces.get(asid & POOL_SIZE - 1) if pool else None


def _place(world: World, cap: Cap, shift: int) -> tuple[Table, int] | None:
    """Return the table and index where the object of ``cap`` is mapped, if it still is."""
    if cap.mapping is None:
        return None
    asid, address = cap.mapping
    space = _space_of(world, asid)
    if space is None:
        return None
    try:
        table = walk(space, address, shift)
    except Refused:
        return None
    at = index(address, shift)
    entry = table.entries.get(at)
    here = isinstance(entry, Page) and entry.address == cap.thing.address
    return (table, at) if here or entry is cap.thing else None


def unmap(world: World, cap: Cap) -> None:
    """Take the mapping of a page or table away, if it is there."""
    shift = SHIFTS[LEVELS.index(cap.kind) - 1] if cap.kind in LEVELS else cap.bits
    place = _place(world, cap, shift)
    if place is not None:
        table, at = place
        del table.entries[at]
    if isinstance(cap.thing, Table):
        cap.thing.entries.clear()
    cap.mapping = None


@method(Type.FRAME, "Map")
def _map_frame(world: World, call: Invocation) -> Done:
    return _map(world, call, call["attributes"])


@method(Type.CHANNEL, "Map")
def _map_channel(world: World, call: Invocation) -> Done:
    return _map(world, call, 0)


def _map(world: World, call: Invocation, attributes: int) -> Done:
    cap, address = call.cap, call["vaddr"]
    asid, space = _space(call)
    if cap.mapping is not None and cap.mapping[0] != asid:
        raise capability(0)
    if cap.mapping is not None and cap.mapping[1] != address:
        raise argument(0)
    if address >= USER_LIMIT - PAGE:
        raise argument(0)
    if address % (1 << cap.bits):
        raise Refused(Error.ALIGNMENT_ERROR)
    rights = call["rights"] & cap.rights
    if not rights & Right.READ:
        raise argument(1)
    writable, executable = bool(rights & Right.WRITE), bool(attributes & 1)
    if executable and (writable or cap.device):
        raise argument(2)
    table = walk(space, address, cap.bits)
    at = index(address, cap.bits)
    mine = _place(world, cap, cap.bits) == (table, at)
    if at in table.entries and not mine:
        raise Refused(Error.DELETE_FIRST)
    table.entries[at] = Page(cap.thing.address, cap.bits, writable, executable)
    cap.mapping = asid, address
    return ()


@method(Type.FRAME, "Unmap")
def _unmap_frame(world: World, call: Invocation) -> Done:
    unmap(world, call.cap)
    return ()


@method(Type.CHANNEL, "Unmap")
def _unmap_channel(world: World, call: Invocation) -> Done:
    unmap(world, call.cap)
    return ()


@method(Type.FRAME, "GetAddress")
def _address(world: World, call: Invocation) -> Done:
    return (call.cap.thing.address,)


def _map_table(world: World, call: Invocation) -> Done:
    cap, address = call.cap, call["vaddr"]
    shift = SHIFTS[LEVELS.index(cap.kind) - 1]
    if cap.mapping is not None:
        raise capability(0)
    asid, space = _space(call)
    if address >= USER_LIMIT:
        raise argument(0)
    table = walk(space, address, shift)
    at = index(address, shift)
    if at in table.entries:
        raise Refused(Error.DELETE_FIRST)
    assert isinstance(cap.thing, Table)
    table.entries[at] = cap.thing
    cap.mapping = asid, address >> shift << shift
    return ()


def _unmap_table(world: World, call: Invocation) -> Done:
    cap = call.cap
    if len(cap.thing.caps) > 1:
        raise Refused(Error.REVOKE_FIRST)
    unmap(world, cap)
    return ()


for _kind in (Type.PDPT, Type.PD, Type.PT):
    method(_kind, "Map")(_map_table)
    method(_kind, "Unmap")(_unmap_table)


@method(Type.ASID_CONTROL, "MakePool")
def _make_pool(world: World, call: Invocation) -> Done:
    if None not in world.pools:
        raise Refused(Error.DELETE_FIRST)
    memory = call.given("untyped")
    if memory is None or memory.kind is not Type.UNTYPED or memory.bits != 12 or memory.device:
        raise capability(1)
    if memory.children:
        raise Refused(Error.REVOKE_FIRST)
    depths(call["depth"])
    slot = vacant(find(call.given("root"), call["index"], call["depth"]))
    pool = create(world, Type.ASID_POOL, 12, memory.thing.address)
    assert isinstance(pool, AsidPool)
    pool.number = world.pools.index(None)
    world.pools[pool.number] = pool
    memory.badge = 1 << 12
    put(Cap(Type.ASID_POOL, pool, RIGHTS.get(Type.ASID_POOL, 0)), slot, memory)
    return ()


@method(Type.ASID_POOL, "Assign")
def _assign(world: World, call: Invocation) -> Done:
    pool, cap = call.cap.thing, call.given("vspace")
    assert isinstance(pool, AsidPool)
    table = cap.thing if cap else None
    if not isinstance(table, Table) or table.kind is not Type.PML4 or table.had_asid:
        raise capability(1)
    if len(pool.spaces) == POOL_SIZE:
        raise Refused(Error.DELETE_FIRST)
    free = next(number for number in range(POOL_SIZE) if number not in pool.spaces)
    pool.spaces[free] = table
    table.asid, table.had_asid = pool.number << 9 | free, True
    return ()


@ends(Type.FRAME)
def _end_page(world: World, cap: Cap, final: bool) -> None:
    unmap(world, cap)


@ends(Type.PDPT, Type.PD, Type.PT)
def _end_table(world: World, cap: Cap, final: bool) -> None:
    if final:
        unmap(world, cap)


@ends(Type.PML4)
def _end_space(world: World, cap: Cap, final: bool) -> None:
    table = cap.thing
    assert isinstance(table, Table)
    if final and table.asid is not None:
        pool = world.pools[table.asid >> 9]
        if pool is not None:
            del pool.spaces[table.asid & POOL_SIZE - 1]
        table.asid = None


@ends(Type.ASID_POOL)
def _end_pool(world: World, cap: Cap, final: bool) -> None:
    pool = cap.thing
    assert isinstance(pool, AsidPool)
    if final:
        for table in pool.spaces.values():
            table.asid = None
            table.entries.clear()
        world.pools[pool.number] = None
