"""Address space identifiers: numbers by which capabilities name a PML4.

A capability to a frame remembers where the frame is mapped. It does so by a number and
not by the PML4's address, because the PML4 may end, and its memory become something
else, before anybody asks: then the number leads to no PML4, or to another one in which
the frame is not found. A PML4 gets a number once, before it can be copied, so that all
capabilities to it agree.

The root object names up to 8 pools, each of them a page of 512 PML4s.
"""

from __future__ import annotations

from vectoros.kernel import deletion, derivation, vspace
from vectoros.kernel.cnode import OCCUPIED, lookup_empty
from vectoros.kernel.deletion import finalises
from vectoros.kernel.errors import Error, Refusal, invalid_capability
from vectoros.kernel.gate import Flag, GateBlock
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import PAGE_BITS, Type
from vectoros.kernel.root import ASID_POOLS, MAX_ASID_POOLS, Root
from vectoros.kernel.slot import Slot
from vectoros.kernel.trap import Trap
from vectoros.kernel.untyped import retype, start_over
from vectoros.units import PAGE_SIZE

POOL_BITS = 9
POOL_SIZE = 1 << POOL_BITS

CLEAR_COST = 32
"""Units of emptying an address space: 64 bytes in each."""

_POOLS = ASID_POOLS >> 3
(_NEXT_CR3,) = GateBlock.indices("next_cr3")


def lookup(root: Root, asid: int) -> int:
    """Return the PML4 that has ``asid``, or 0."""
    pool: int = root.words[root.at + _POOLS + (asid >> POOL_BITS)]
    return root.words[(pool >> 3) + asid % POOL_SIZE] if pool else 0


def of(root: Root, space: Slot) -> int | None:
    """Return the number of the PML4 that ``space`` is a capability to; None: there is none."""
    asid = space.mapping - 1
    if space.type != Type.PML4 or asid < 0 or lookup(root, asid) != space.object:
        return None
    return asid


def enter(root: Root, pool: Slot) -> None:
    """Let the root object know ``pool``, a new one, in the first place that is free."""
    pool.badge = number = _first_zero(root.ram, root.address + ASID_POOLS, MAX_ASID_POOLS)
    root.words[root.at + _POOLS + number] = pool.object


def assign(ram: Ram, pool: Slot, space: Slot) -> tuple[int, ...]:
    """Give ``space`` the first number that is free in ``pool``; there must be one."""
    index = _first_zero(ram, pool.object, POOL_SIZE)
    ram.words[(pool.object >> 3) + index] = space.object
    space.mapping = (pool.badge << POOL_BITS | index) + 1
    return ()


def _first_zero(ram: Ram, start: int, count: int) -> int:
    """Return which of ``count`` words is the first that is zero; ``count``: none is."""
    words = ram.words[start >> 3 : (start >> 3) + count].tolist()
    return words.index(0) if 0 in words else count


@decodes(Type.ASID_CONTROL, "MakePool")
def _decode_make_pool(invocation: Invocation) -> Action | Refusal:
    trap, (index, depth) = invocation.trap, invocation.words
    untyped, cnode = invocation.capabilities
    if _first_zero(trap.ram, trap.root.address + ASID_POOLS, MAX_ASID_POOLS) == MAX_ASID_POOLS:
        return OCCUPIED
    if untyped.type != Type.UNTYPED or untyped.bits != PAGE_BITS or untyped.device:
        return invalid_capability(1)
    if derivation.has_children(trap.ram, untyped.address):
        return Refusal(Error.REVOKE_FIRST)
    target = lookup_empty(cnode, index, depth)
    if isinstance(target, Refusal):
        return target
    return deletion.when_drained(trap, lambda: _make_pool(trap, untyped, target))


def _make_pool(trap: Trap, untyped: Slot, pool: Slot) -> tuple[int, ...]:
    start_over(trap.ram, untyped.address)
    retype(trap.root, untyped, Type.ASID_POOL, 0, pool.address)
    untyped.mapping = PAGE_SIZE
    enter(trap.root, pool)
    return ()


@decodes(Type.ASID_POOL, "Assign")
def _decode_assign(invocation: Invocation) -> Action | Refusal:
    (space,), pool, ram = invocation.capabilities, invocation.slot, invocation.trap.ram
    if space.type != Type.PML4 or space.mapping:
        return invalid_capability(1)
    if _first_zero(ram, pool.object, POOL_SIZE) == POOL_SIZE:
        return OCCUPIED
    return lambda: assign(ram, pool, space)


@finalises(Type.ASID_POOL)
def _end_pool(trap: Trap, slot: Slot, final: bool) -> None:
    """Empty the address spaces of the pool: what is mapped in them could not be found again."""
    if not final:
        return
    root, at = trap.root, slot.object >> 3
    root.words[root.at + _POOLS + slot.badge] = 0
    for space in filter(None, trap.words[at : at + POOL_SIZE].tolist()):
        vspace.clear_user_half(trap.ram, space)
        trap.cost += CLEAR_COST
    trap.flags |= Flag.RELOAD_CR3


@finalises(Type.PML4)
def _end_space(trap: Trap, slot: Slot, final: bool) -> None:
    if not final:
        return
    root, processor = trap.root, trap.processor
    asid = of(root, slot)
    if asid is not None:
        pool = root.words[root.at + _POOLS + (asid >> POOL_BITS)]
        root.words[(pool >> 3) + asid % POOL_SIZE] = 0
    if processor.space == slot.object:
        processor.space = root.kernel_space
        trap.words[(trap.block >> 3) + _NEXT_CR3] = root.kernel_space
