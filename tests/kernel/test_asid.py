"""Address space identifiers: pools, who has which, and what ends with them."""

from __future__ import annotations

import pytest

from tests.kernel.mapping_rig import PLACE, Rig
from tests.kernel.system import DEV, KERNEL_PML4, Spec, boot
from vectoros.kernel import asid, derivation
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.gate import Flag
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.root import MAX_ASID_POOLS
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import VSPACE
from vectoros.kernel_image import inspect, invariants, walks

OK = (0,)
TARGET = 250
DEPTH = 64


def assign(rig: Rig, space: int, pool: int = Init.ASID_POOL) -> tuple[int, ...]:
    return rig.call(pool, "Assign", capabilities=(space,))


def make_pool(rig: Rig, untyped: int, target: int = TARGET, depth: int = DEPTH,
              cnode: int = Init.CNODE) -> tuple[int, ...]:  # fmt: skip
    return rig.call(Init.ASID_CONTROL, "MakePool", target, depth, capabilities=(untyped, cnode))


# At boot.


def test_every_process_has_a_number_of_the_first_pool() -> None:
    system = boot(DEV)
    spaces = inspect.objects(system.root, Type.PML4)
    assert sorted(asid.lookup(system.root, number) for number in range(3)) == spaces
    assert asid.lookup(system.root, 3) == 0
    for cap in inspect.tree(system.root):
        if cap.type is Type.PML4:
            number = asid.of(system.root, Slot(system.ram, cap.slot))
            assert number is not None
            assert asid.lookup(system.root, number) == cap.object


def test_the_pool_stays_with_the_kernel_if_nobody_inspects() -> None:
    system = boot([Spec()])
    assert system.root.first_pool.type == Type.ASID_POOL
    invariants.check(system.root)


# Assign.


def test_an_address_space_gets_the_first_number_that_is_free(rig: Rig) -> None:
    first, second = rig.new(Type.PML4), rig.new(Type.PML4)
    assert asid.of(rig.root, rig.slot(first)) is None
    assert (assign(rig, first), assign(rig, second)) == (OK, OK)
    assert [asid.of(rig.root, rig.slot(space)) for space in (first, second)] == [2, 3]
    rig.delete(first)
    third = rig.new(Type.PML4)
    assert assign(rig, third) == OK
    assert rig.slot(third).mapping == 2 + 1


def test_an_address_space_gets_one_number(rig: Rig) -> None:
    space = rig.new_space()
    assert assign(rig, space) == (Error.INVALID_CAPABILITY, 1)
    assert assign(rig, rig.copy(space)) == (Error.INVALID_CAPABILITY, 1)


def test_only_address_spaces_get_numbers(rig: Rig) -> None:
    for number in (Init.CNODE, 7, rig.new(Type.PDPT), rig.new(Type.FRAME)):
        assert assign(rig, number) == (Error.INVALID_CAPABILITY, 1)


def test_a_pool_has_512_numbers(rig: Rig) -> None:
    pool = rig.slot(Init.ASID_POOL).object >> 3
    rig.ram.words[pool + 2 : pool + 512] = memoryview(b"\x01" * 510 * 8).cast("Q")
    space = rig.new(Type.PML4)
    assert assign(rig, space) == (Error.DELETE_FIRST,)
    rig.ram.words[pool + 511] = 0
    assert assign(rig, space) == OK
    assert asid.of(rig.root, rig.slot(space)) == 511
    rig.ram.words[pool + 2 : pool + 511] = memoryview(bytes(509 * 8)).cast("Q")


# MakePool.


def test_a_page_becomes_a_pool(rig: Rig) -> None:
    untyped = rig.new(Type.UNTYPED)
    page = rig.slot(untyped)
    rig.ram.view[page.object : page.object + 4096] = b"\xff" * 4096
    page.badge = 64  # retyped once, and revoked
    assert make_pool(rig, untyped) == OK
    pool = rig.slot(TARGET)
    assert (pool.type, pool.object, pool.badge) == (Type.ASID_POOL, page.object, 1)
    assert (page.badge, page.mapping) == (4096, 4096)
    assert derivation.has_children(rig.ram, page.address)
    space = rig.new(Type.PML4)
    assert assign(rig, space, TARGET) == OK
    assert asid.of(rig.root, rig.slot(space)) == 1 << 9


def test_there_are_8_pools(rig: Rig) -> None:
    for number in range(1, MAX_ASID_POOLS):
        assert make_pool(rig, rig.new(Type.UNTYPED), TARGET - number) == OK
    assert make_pool(rig, rig.new(Type.UNTYPED), 0, 0) == (Error.DELETE_FIRST,)
    rig.delete(TARGET - 3)
    assert make_pool(rig, rig.new(Type.UNTYPED)) == OK
    assert rig.slot(TARGET).badge == 3


def test_a_pool_is_made_of_a_page_of_ram(rig: Rig) -> None:
    device = rig.new(Type.UNTYPED)
    rig.slot(device).device = 1
    for number in (
        device,
        rig.new(Type.UNTYPED, 13),
        rig.new(Type.UNTYPED, 11),
        rig.new(Type.FRAME),
        7,
    ):
        assert make_pool(rig, number, 0, 0) == (Error.INVALID_CAPABILITY, 1)
    rig.slot(device).device = 0


def test_an_untyped_with_children_is_not_taken(rig: Rig) -> None:
    untyped = rig.new(Type.UNTYPED)
    rig.new(Type.ENDPOINT, source=rig.slot(untyped))
    assert make_pool(rig, untyped, 0, 0) == (Error.REVOKE_FIRST,)


@pytest.mark.parametrize("depth", [0, 65, 1 << 63])
def test_a_depth_is_1_to_64(rig: Rig, depth: int) -> None:
    assert make_pool(rig, rig.new(Type.UNTYPED), depth=depth) == (Error.RANGE_ERROR, 1, 64)


def test_the_slot_must_be_found(rig: Rig) -> None:
    untyped = rig.new(Type.UNTYPED)
    nothing = (Error.FAILED_LOOKUP, 0, Lookup.INVALID_ROOT)
    assert make_pool(rig, untyped, cnode=7) == nothing
    assert make_pool(rig, untyped, 1 << 40)[:3] == (Error.FAILED_LOOKUP, 0, Lookup.GUARD_MISMATCH)


def test_the_slot_must_be_empty(rig: Rig) -> None:
    assert make_pool(rig, rig.new(Type.UNTYPED), Init.TCB) == (Error.DELETE_FIRST,)


# The end of pools and address spaces.


def test_a_number_is_free_when_its_address_space_ends(rig: Rig) -> None:
    space = rig.new_space()
    copy = rig.copy(space)
    rig.delete(space)
    assert asid.of(rig.root, rig.slot(copy)) == 2
    rig.delete(copy)
    assert asid.lookup(rig.root, 2) == 0


def test_a_page_of_a_space_that_ended_is_not_looked_for_in_the_next(rig: Rig) -> None:
    space = rig.new_space()
    rig.tables(PLACE, space=space)
    old, new = rig.new(Type.FRAME), rig.new(Type.FRAME)
    rig.map(old, PLACE, space=space)
    rig.delete(space)
    assert rig.call(rig.copy(old), "Unmap") == OK
    following = rig.new_space()
    rig.tables(PLACE, space=following)
    rig.map(new, PLACE, space=following)
    assert rig.call(old, "Unmap") == OK
    assert rig.walk(PLACE, following)


def test_the_processor_leaves_an_address_space_that_ends(rig: Rig) -> None:
    space = rig.new_space()
    rig.system.root.processor.space = rig.slot(space).object
    rig.delete(space)
    assert rig.system.block.next_cr3 == KERNEL_PML4
    assert rig.system.root.processor.space == KERNEL_PML4


def test_the_processor_stays_while_there_is_a_capability(rig: Rig) -> None:
    rig.delete(Init.PML4)
    assert rig.thread.slot(VSPACE).type == Type.PML4
    assert rig.system.block.next_cr3 == 0
    assert rig.root.processor.space == rig.space


def test_with_a_pool_goes_what_is_mapped_in_its_spaces(rig: Rig) -> None:
    make_pool(rig, rig.new(Type.UNTYPED))
    space = rig.new(Type.PML4)
    assign(rig, space, TARGET)
    made = rig.tables(PLACE, space=space)
    frame = rig.new(Type.FRAME)
    rig.map(frame, PLACE, space=space)
    copy = rig.copy(TARGET)
    assert rig.delete(TARGET).flags == 0
    assert rig.walk(PLACE, space)
    trap = rig.delete(copy)
    assert (trap.flags, trap.cost) == (Flag.RELOAD_CR3, 32)
    assert list(walks.mappings(rig.ram, rig.slot(space).object)) == []
    assert asid.of(rig.root, rig.slot(space)) is None
    assert rig.map(frame, PLACE, space=space) == (Error.INVALID_CAPABILITY, 1)
    assert assign(rig, space) == (Error.INVALID_CAPABILITY, 1)
    assert rig.call(frame, "Unmap") == OK
    assert all(rig.call(number, "Unmap") == OK for number in made.values())
    rig.delete(space)  # nothing is left of its number, and nobody else's is taken
