"""Page tables by invocation; and what remains when tables and address spaces end."""

from __future__ import annotations

import pytest

from tests.kernel.mapping_rig import PLACE, SHIFTS, Rig
from vectoros.kernel import vspace
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.gate import Flag
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import USER_LIMIT, Init

OK = (0,)
MISSING = (Error.FAILED_LOOKUP, 0, Lookup.MISSING_CAPABILITY)
KINDS = tuple(SHIFTS)


def map_table(rig: Rig, number: int, vaddr: int = PLACE, space: int = Init.PML4) -> tuple[int, ...]:
    return rig.call(number, "Map", vaddr, capabilities=(space,))


def reload(rig: Rig) -> bool:
    return bool(rig.system.block.flags & Flag.RELOAD_CR3)


def test_tables_are_put_where_an_address_needs_them(rig: Rig) -> None:
    made = rig.tables(PLACE + 4096)
    assert list(made) == list(KINDS)
    for kind, number in made.items():
        table, shift = rig.slot(number), SHIFTS[kind]
        assert table.mapped_at == (0, PLACE >> shift << shift)
        at, _ = vspace.find(rig.ram, rig.space, PLACE, shift)
        assert rig.ram.words[at] == table.object | vspace.TABLE
    assert rig.walk(PLACE) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_that_is_taken_away_is_empty(rig: Rig, kind: Type) -> None:
    made = rig.tables(PLACE)
    frame = rig.new(Type.FRAME)
    rig.map(frame, PLACE)
    assert rig.call(made[kind], "Unmap") == OK
    assert reload(rig)
    table = rig.slot(made[kind])
    assert table.mapping == 0
    assert not any(rig.ram.view[table.object : table.object + 4096])
    assert rig.walk(PLACE) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_mapped_through_it_unmaps_without_harm(rig: Rig, kind: Type) -> None:
    made = rig.tables(PLACE)
    old, new = rig.new(Type.FRAME), rig.new(Type.FRAME)
    rig.map(old, PLACE)
    for each in list(made)[list(made).index(kind) :]:
        assert rig.call(made[each], "Unmap") == OK
        assert map_table(rig, made[each]) == OK
    assert rig.map(new, PLACE) == OK
    assert rig.call(old, "Unmap") == OK
    assert rig.walk(PLACE) == (rig.slot(new).object | vspace.READ_WRITE, 4096)


def test_a_table_below_one_that_was_taken_away_comes_back_empty(rig: Rig) -> None:
    made = rig.tables(PLACE)
    rig.map(rig.new(Type.FRAME), PLACE)
    rig.call(made[Type.PD], "Unmap")
    assert map_table(rig, made[Type.PT]) == (Error.INVALID_CAPABILITY, 0)
    assert rig.call(made[Type.PT], "Unmap") == OK
    assert map_table(rig, made[Type.PD]) == OK
    assert map_table(rig, made[Type.PT]) == OK
    assert rig.walk(PLACE) is None


def test_a_page_whose_table_came_back_can_be_mapped_there_again(rig: Rig) -> None:
    made = rig.tables(PLACE)
    frame = rig.new(Type.FRAME)
    rig.map(frame, PLACE)
    rig.call(made[Type.PT], "Unmap")
    map_table(rig, made[Type.PT])
    assert rig.map(frame, PLACE) == OK
    assert rig.walk(PLACE) == (rig.slot(frame).object | vspace.READ_WRITE, 4096)


def test_a_page_does_not_take_the_place_of_another_that_came_there(rig: Rig) -> None:
    made = rig.tables(PLACE)
    old = rig.new(Type.FRAME)
    rig.map(old, PLACE)
    rig.call(made[Type.PT], "Unmap")
    map_table(rig, made[Type.PT])
    rig.map(rig.new(Type.FRAME), PLACE)
    assert rig.map(old, PLACE) == (Error.DELETE_FIRST,)


def test_a_table_of_another_space_is_taken_away_without_a_reload(rig: Rig) -> None:
    other = rig.new_space()
    made = rig.tables(PLACE, space=other)
    assert rig.call(made[Type.PT], "Unmap") == OK
    assert not reload(rig)


# Errors, in the order in which they are checked.


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_mapped_once(rig: Rig, kind: Type) -> None:
    made = rig.tables(PLACE)
    assert map_table(rig, made[kind], PLACE, Init.CNODE) == (Error.INVALID_CAPABILITY, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_tables_are_for_address_spaces_with_a_number(rig: Rig, kind: Type) -> None:
    for space in (rig.new(Type.PML4), Init.CNODE, 7):
        assert map_table(rig, rig.new(kind), USER_LIMIT, space) == (Error.INVALID_CAPABILITY, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_tables_are_for_the_lower_half(rig: Rig, kind: Type) -> None:
    for vaddr in (USER_LIMIT, (1 << 64) - 1):
        assert map_table(rig, rig.new(kind), vaddr) == (Error.INVALID_ARGUMENT, 0)


def test_a_table_needs_those_above_it(rig: Rig) -> None:
    pdpt, pd, pt = (rig.new(kind) for kind in KINDS)
    assert map_table(rig, pd) == (*MISSING, 39)
    assert map_table(rig, pt) == (*MISSING, 39)
    assert map_table(rig, pdpt) == OK
    assert map_table(rig, pt) == (*MISSING, 30)


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_has_one_table(rig: Rig, kind: Type) -> None:
    rig.tables(PLACE)
    assert map_table(rig, rig.new(kind), PLACE + 0x123) == (Error.DELETE_FIRST,)


def test_a_table_does_not_replace_a_large_page(rig: Rig) -> None:
    rig.tables(PLACE, bits=21)
    rig.map(rig.device_frame(21), PLACE >> 21 << 21)
    assert map_table(rig, rig.new(Type.PT)) == (Error.DELETE_FIRST,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_with_two_capabilities_is_not_taken_away(rig: Rig, kind: Type) -> None:
    made = rig.tables(PLACE)
    copy = rig.copy(made[kind])
    for number in (made[kind], copy):
        assert rig.call(number, "Unmap") == (Error.REVOKE_FIRST,)
    rig.delete(made[kind])
    assert rig.call(copy, "Unmap") == OK


# The end of a capability.


def test_a_page_goes_with_the_capability_that_mapped_it(rig: Rig) -> None:
    rig.tables(PLACE)
    frame = rig.new(Type.FRAME)
    rig.map(frame, PLACE)
    copy = rig.copy(frame)
    rig.delete(copy)
    assert rig.walk(PLACE)
    assert rig.delete(frame).ops == 1
    assert rig.walk(PLACE) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_goes_with_its_last_capability(rig: Rig, kind: Type) -> None:
    made = rig.tables(PLACE)
    rig.map(rig.new(Type.FRAME), PLACE)
    copy = rig.copy(made[kind])
    assert rig.delete(made[kind]).flags == 0
    assert rig.walk(PLACE)
    assert rig.delete(copy).flags == Flag.RELOAD_CR3
    assert rig.walk(PLACE) is None
