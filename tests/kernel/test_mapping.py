"""Frame.Map and the rest: success first, then each error with its registers, in order."""

from __future__ import annotations

import pytest

from tests.kernel.mapping_rig import EXECUTE, PLACE, RW, SHIFTS, R, Rig, W
from vectoros.kernel import vspace
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.gate import Flag
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import STACK_TOP, USER_LIMIT, USER_TOP, Init
from vectoros.kernel.vspace import Entry

OK = (0,)
MISSING = (Error.FAILED_LOOKUP, 0, Lookup.MISSING_CAPABILITY)
SIZES = (12, 21, 30)
BASE = 0x1234_4000_0000
"""Multiple of every size."""


@pytest.fixture
def frame(rig: Rig) -> int:
    """A page, and the tables that it needs at PLACE."""
    rig.tables(PLACE)
    return rig.new(Type.FRAME)


def test_a_frame_is_mapped_where_and_as_asked(rig: Rig, frame: int) -> None:
    assert rig.map(frame, PLACE) == OK
    assert rig.walk(PLACE) == (rig.slot(frame).object | vspace.READ_WRITE, 4096)
    assert rig.slot(frame).mapped_at == (0, PLACE)
    assert rig.forgotten() == []  # the processor remembers nothing that was not there


@pytest.mark.parametrize(
    ("rights", "attributes", "access"),
    [
        (RW, 0, vspace.READ_WRITE),
        (R, 0, vspace.READ_ONLY),
        (R, EXECUTE, vspace.EXECUTABLE),
        (R | 4 | 8, 0, vspace.READ_ONLY),
    ],
)
def test_a_mapping_at_the_same_address_changes_the_rights(
    rig: Rig, frame: int, rights: int, attributes: int, access: Entry
) -> None:
    assert rig.map(frame, PLACE, R) == OK
    assert rig.map(frame, PLACE, rights, attributes) == OK
    assert rig.walk(PLACE) == (rig.slot(frame).object | access, 4096)
    assert rig.forgotten() == [PLACE]


def test_the_capability_limits_the_rights(rig: Rig, frame: int) -> None:
    copy = rig.copy(frame, rights=R)
    assert rig.map(copy, PLACE, RW) == OK
    assert rig.walk(PLACE) == (rig.slot(frame).object | vspace.READ_ONLY, 4096)
    assert rig.map(copy, PLACE, RW, EXECUTE) == OK
    assert rig.walk(PLACE) == (rig.slot(frame).object | vspace.EXECUTABLE, 4096)


@pytest.mark.parametrize("bits", SIZES)
def test_a_page_has_the_size_of_its_frame(rig: Rig, bits: int) -> None:
    rig.tables(BASE, bits=bits)
    frame = rig.device_frame(bits)
    assert rig.map(frame, BASE) == OK
    large = Entry.LARGE if bits > 12 else 0
    assert rig.walk(BASE + (1 << bits) - 1) == (1 << 32 | vspace.READ_WRITE | large, 1 << bits)
    assert rig.walk(BASE + (1 << bits)) is None
    assert rig.call(frame, "Unmap") == OK
    assert rig.walk(BASE) is None


def test_unmapping_takes_the_page_away(rig: Rig, frame: int) -> None:
    rig.map(frame, PLACE)
    assert rig.call(frame, "Unmap") == OK
    assert rig.walk(PLACE) is None
    assert rig.slot(frame).mapped_at is None
    assert rig.forgotten() == [PLACE]


def test_unmapping_what_is_not_mapped_does_nothing(rig: Rig, frame: int) -> None:
    assert rig.call(frame, "Unmap") == OK
    assert rig.forgotten() == []


def test_a_frame_says_its_physical_address(rig: Rig, frame: int) -> None:
    assert rig.call(frame, "GetAddress") == (0, rig.slot(frame).object)


def test_each_capability_maps_the_frame_in_a_place_of_its_own(rig: Rig, frame: int) -> None:
    rig.map(frame, PLACE)
    copy = rig.copy(frame)
    assert rig.slot(copy).mapped_at is None
    assert rig.map(copy, PLACE + 4096) == OK
    assert rig.call(frame, "Unmap") == OK
    assert (rig.walk(PLACE), bool(rig.walk(PLACE + 4096))) == (None, True)


def test_the_processor_forgets_only_what_it_can_have_remembered(rig: Rig, frame: int) -> None:
    other = rig.new_space()
    rig.tables(PLACE, space=other)
    assert rig.map(frame, PLACE, space=other) == OK
    assert rig.map(frame, PLACE, R, space=other) == OK
    assert rig.call(frame, "Unmap") == OK
    assert (rig.forgotten(), rig.system.block.flags & Flag.RELOAD_CR3) == ([], 0)


def test_after_eight_pages_the_processor_forgets_all(rig: Rig) -> None:
    trap = rig.delete(rig.new(Type.FRAME))
    for page in range(9):
        trap.invalidate(page << 12)
    assert (trap.ops, trap.flags) == (8, Flag.RELOAD_CR3)


# Errors of Frame.Map, in the order in which they are checked.


def test_only_an_address_space_with_a_number_has_pages(rig: Rig, frame: int) -> None:
    for space in (rig.new(Type.PML4), Init.CNODE, 7, frame):
        assert rig.map(frame, PLACE, space=space) == (Error.INVALID_CAPABILITY, 1)
    rig.system.slot(rig.thread, Init.PML4).mapping += 1  # somebody else's number
    assert rig.map(frame, PLACE) == (Error.INVALID_CAPABILITY, 1)
    rig.system.slot(rig.thread, Init.PML4).mapping -= 1


def test_a_capability_maps_in_one_address_space(rig: Rig, frame: int) -> None:
    other = rig.new_space()
    rig.map(frame, PLACE)
    assert rig.map(frame, PLACE + 4096, space=other) == (Error.INVALID_CAPABILITY, 0)


def test_a_capability_maps_at_one_address(rig: Rig, frame: int) -> None:
    rig.map(frame, PLACE)
    for address in (PLACE + 4096, PLACE + 1, USER_LIMIT):
        assert rig.map(frame, address) == (Error.INVALID_ARGUMENT, 0)


@pytest.mark.parametrize("address", [USER_LIMIT, USER_LIMIT + 1, 1 << 63, (1 << 64) - 4096])
def test_ring_3_has_the_lower_half(rig: Rig, frame: int, address: int) -> None:
    assert rig.map(frame, address) == (Error.INVALID_ARGUMENT, 0)


@pytest.mark.parametrize("bits", SIZES)
def test_nothing_covers_the_last_page_of_the_lower_half(rig: Rig, bits: int) -> None:
    frame = rig.device_frame(bits)
    assert rig.map(frame, USER_LIMIT - (1 << bits)) == (Error.INVALID_ARGUMENT, 0)
    assert rig.map(frame, USER_TOP) == (Error.INVALID_ARGUMENT, 0)


def test_the_page_below_the_last_can_be_mapped(rig: Rig, frame: int) -> None:
    stack = STACK_TOP - 4096
    assert rig.map(frame, stack) == (Error.DELETE_FIRST,)  # everybody's stack is there


@pytest.mark.parametrize("bits", SIZES)
def test_a_page_is_aligned(rig: Rig, bits: int) -> None:
    frame = rig.device_frame(bits)
    for offset in (1, 8, (1 << bits) - 1, (1 << bits) // 2):
        assert rig.map(frame, BASE + offset, 0) == (Error.ALIGNMENT_ERROR,)


def test_a_page_must_be_readable(rig: Rig, frame: int) -> None:
    assert rig.map(frame, PLACE, W) == (Error.INVALID_ARGUMENT, 1)
    assert rig.map(frame, PLACE, 0, EXECUTE) == (Error.INVALID_ARGUMENT, 1)
    assert rig.map(rig.copy(frame, rights=W), PLACE, RW) == (Error.INVALID_ARGUMENT, 1)


def test_no_page_is_writable_and_executable(rig: Rig, frame: int) -> None:
    assert rig.map(frame, PLACE, RW, EXECUTE) == (Error.INVALID_ARGUMENT, 2)
    assert rig.map(frame, BASE, RW, EXECUTE) == (Error.INVALID_ARGUMENT, 2)


def test_no_device_is_executable(rig: Rig) -> None:
    assert rig.map(rig.device_frame(12), PLACE, R, EXECUTE) == (Error.INVALID_ARGUMENT, 2)


@pytest.mark.parametrize("bits", SIZES)
def test_a_missing_table_is_named_by_the_bits_left(rig: Rig, bits: int) -> None:
    frame = rig.device_frame(bits)
    for kind, shift in SHIFTS.items():
        if shift > bits:
            assert rig.map(frame, BASE) == (*MISSING, shift)
            assert rig.call(rig.new(kind), "Map", BASE, capabilities=(Init.PML4,)) == OK
    assert rig.map(frame, BASE) == OK


def test_a_large_page_is_no_table(rig: Rig) -> None:
    rig.tables(BASE, bits=21)
    assert rig.map(rig.device_frame(21), BASE) == OK
    small = rig.new(Type.FRAME)
    assert rig.map(small, BASE + 4096) == (*MISSING, 21)


def test_what_is_mapped_is_not_replaced(rig: Rig, frame: int) -> None:
    rig.map(frame, PLACE)
    assert rig.map(rig.new(Type.FRAME), PLACE) == (Error.DELETE_FIRST,)
    assert rig.map(rig.copy(frame), PLACE) == (Error.DELETE_FIRST,)


def test_a_large_page_does_not_replace_a_table(rig: Rig) -> None:
    rig.tables(BASE)
    assert rig.map(rig.device_frame(21), BASE) == (Error.DELETE_FIRST,)
    assert rig.map(rig.device_frame(30, 8 << 30), BASE) == (Error.DELETE_FIRST,)
