"""Untyped memory: what Retype makes, in which memory, and why it refuses."""

from __future__ import annotations

import pytest

from tests.kernel.hand import DEPTH, FREE, RADIX, TABLE, Hand
from tests.kernel.tree import descendants
from vectoros.kernel import policy, untyped, vspace
from vectoros.kernel.abi import TCB_FPU
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.frame import USER_CODE, USER_DATA, USER_FLAGS
from vectoros.kernel.methods import label
from vectoros.kernel.objects import RIGHTS, Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import CSPACE, FPU_SIZE, POLICY, Tcb
from vectoros.kernel_image import inspect

SIZES = {
    Type.UNTYPED: (13, 13),
    Type.CNODE: (5, 11),
    Type.TCB: (0, 11),
    Type.ENDPOINT: (0, 4),
    Type.NOTIFICATION: (0, 6),
    Type.REPLY: (0, 5),
    Type.SCHED_CONTEXT: (0, 8),
    Type.FRAME: (12, 12),
    Type.PML4: (0, 12),
    Type.PDPT: (0, 12),
    Type.PD: (0, 12),
    Type.PT: (0, 12),
    Type.CHANNEL: (12, 12),
    Type.POLICY: (0, 8),
}
"""What is asked for, and the size of the object, as powers of two."""

NOTHING = (Type.NULL, Type.ASID_POOL, Type.AUDIT_LOG, Type.ASID_CONTROL, Type.IRQ_CONTROL,
           Type.IRQ_HANDLER, Type.IO_PORT_CONTROL, Type.IO_PORT, Type.SCHED_CONTROL, Type.DOMAIN,
           Type.LEASE, Type.ZOMBIE, Type.ZOMBIE + 1, 1 << 63)  # fmt: skip


def child(hand: Hand, bits: int, number: int = FREE) -> int:
    """Make an untyped to work with; return its slot."""
    assert hand.retype(Type.UNTYPED, bits, number) == (0,)
    return number


@pytest.mark.parametrize("kind", SIZES, ids=lambda kind: kind.name)
def test_objects_lie_one_after_another_and_are_children(hand: Hand, kind: Type) -> None:
    bits, size_bits = SIZES[kind]
    source = hand.slot(child(hand, 16))
    assert hand.retype(kind, bits, FREE + 1, 3, untyped=FREE) == (0,)
    slots = [hand.slot(FREE + 1 + index) for index in range(3)]
    assert [slot.object for slot in slots] == [
        source.object + (index << size_bits) for index in range(3)
    ]
    for slot in slots:
        assert (slot.type, slot.rights, slot.device) == (kind, RIGHTS.get(kind, 0), 0)
        assert slot.bits == (bits if bits else 0)
        assert (slot.badge, slot.mapping, slot.guard_size) == (0, 0, 0)
    below = {slot for slot, depth in descendants(hand.ram, source.address) if depth == 1}
    assert below == {slot.address for slot in slots}
    assert source.badge == 3 << size_bits
    words = hand.call(FREE, Type.UNTYPED, "Describe")
    assert words == (0, source.object, 16, 3 << size_bits, 0)
    last = inspect.audit(hand.system.root)[-1]
    assert (last.event, last.label) == (Event.INVOKED, label(Type.UNTYPED, "Retype"))


def test_a_new_thread_starts_in_ring_3_with_a_number_of_its_own(hand: Hand) -> None:
    root = hand.system.root
    number = root.next_id
    hand.thread.domain = 2
    assert hand.retype(Type.TCB, 0, FREE, 2) == (0,)
    hand.thread.domain = 0
    first, second = hand.tcb(FREE), hand.tcb(FREE + 1)
    assert (first.id, second.id, root.next_id) == (number, number + 1, number + 2)
    assert (first.cs, first.ss, first.rflags) == (USER_CODE, USER_DATA, USER_FLAGS)
    assert (first.state, first.priority, first.domain) == (0, 0, 2)
    fresh = bytes(hand.ram.view[hand.thread.address + TCB_FPU :][:FPU_SIZE])
    assert bytes(hand.ram.view[first.address + TCB_FPU :][:FPU_SIZE]) == fresh != bytes(FPU_SIZE)
    first.domain = second.domain = 0


def test_no_two_threads_of_a_system_have_one_number(hand: Hand) -> None:
    assert hand.retype(Type.TCB, 0, FREE, 2) == (0,)
    numbers = [Tcb(hand.ram, at).id for at in inspect.objects(hand.system.root, Type.TCB)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_policies_and_threads_inherit_the_mask_of_who_makes_them(hand: Hand) -> None:
    assert hand.retype(Type.POLICY, 0, FREE) == (0,)
    own = hand.slot(FREE)
    assert bytes(hand.ram.view[own.object :][:256]) == b"\xff" * 256
    hand.ram.words[(own.object >> 3) + Type.FRAME] = 2
    policy.replace(hand.thread, own)
    assert hand.retype(Type.POLICY, 0, FREE + 1) == (0,)
    assert hand.retype(Type.TCB, 0, FREE + 2) == (0,)
    copy, made = hand.slot(FREE + 1), hand.tcb(FREE + 2).slot(POLICY)
    assert hand.ram.words[(copy.object >> 3) + Type.FRAME] == 2
    assert copy.object != own.object == made.object
    assert hand.tcb(FREE + 2).restricted


def test_a_new_address_space_has_the_kernels_half_and_no_more(hand: Hand) -> None:
    assert hand.retype(Type.PML4, 0, FREE) == (0,)
    entries = hand.ram.words[hand.slot(FREE).object >> 3 :][:512].tolist()
    kernel = hand.ram.words[hand.system.root.kernel_space >> 3 :][:512].tolist()
    assert entries == [0] * vspace.HALF + kernel[vspace.HALF :]


def test_objects_go_where_index_depth_and_offset_say(hand: Hand) -> None:
    assert hand.retype(Type.ENDPOINT, 0, 14, 2, index=TABLE, depth=DEPTH) == (0,)
    assert [hand.slot(number, TABLE).type for number in (13, 14, 15)] == [0, 4, 4]
    assert hand.retype(Type.ENDPOINT, 0, 0, caps=(TABLE,)) == (0,)
    assert hand.slot(0, TABLE).type == Type.ENDPOINT


def test_memory_is_zero_whatever_it_held_before(hand: Hand) -> None:
    source = hand.slot(child(hand, 13))
    hand.ram.view[source.object : source.object + source.size] = b"\xaa" * source.size
    assert hand.retype(Type.FRAME, 12, FREE + 1, untyped=FREE) == (0,)
    frame = hand.slot(FREE + 1).object
    assert bytes(hand.ram.view[frame : frame + 4096]) == bytes(4096)
    hand.ram.view[frame : frame + 4096] = b"secret!!" * 512
    assert hand.revoke(FREE) == (0,)
    assert hand.retype(Type.CNODE, 6, FREE + 1, untyped=FREE) == (0,)
    assert bytes(hand.ram.view[frame : frame + 4096]) == bytes(4096)


def test_an_object_is_aligned_to_its_size_and_the_gap_is_lost(hand: Hand) -> None:
    source = hand.slot(child(hand, 14))
    assert hand.retype(Type.ENDPOINT, 0, FREE + 1, untyped=FREE) == (0,)
    assert hand.retype(Type.FRAME, 12, FREE + 2, untyped=FREE) == (0,)
    assert hand.slot(FREE + 2).object == source.object + 4096
    assert hand.retype(Type.ENDPOINT, 0, FREE + 3, untyped=FREE) == (0,)
    assert hand.slot(FREE + 3).object == source.object + 8192
    answer = hand.retype(Type.FRAME, 12, FREE + 4, 2, untyped=FREE)
    assert answer == (Error.NOT_ENOUGH_MEMORY, 8192 - 16)
    assert hand.retype(Type.FRAME, 12, FREE + 4, untyped=FREE) == (0,)


def test_an_untyped_starts_over_when_all_that_was_made_is_gone(hand: Hand) -> None:
    source = hand.slot(child(hand, 12))
    for _ in range(3):
        assert hand.retype(Type.FRAME, 12, FREE + 1, untyped=FREE) == (0,)
        assert hand.slot(FREE + 1).object == source.object
        answer = hand.retype(Type.ENDPOINT, 0, FREE + 2, untyped=FREE)
        assert answer == (Error.NOT_ENOUGH_MEMORY, 0)
        assert hand.delete(FREE + 1) == (0,)


def test_device_memory_is_never_touched(hand: Hand) -> None:
    source = hand.slot(child(hand, 13))
    source.device = 1
    hand.ram.view[source.object : source.object + 8192] = b"\xaa" * 8192
    assert hand.retype(Type.UNTYPED, 12, FREE + 1, untyped=FREE) == (0,)
    assert hand.retype(Type.FRAME, 12, FREE + 2, untyped=FREE + 1) == (0,)
    assert (hand.slot(FREE + 1).device, hand.slot(FREE + 2).device) == (1, 1)
    assert bytes(hand.ram.view[source.object : source.object + 8192]) == b"\xaa" * 8192
    for kind, bits in ((Type.ENDPOINT, 0), (Type.CNODE, 1), (Type.CHANNEL, 12)):
        answer = hand.retype(kind, bits, FREE + 3, untyped=FREE)
        assert answer == (Error.INVALID_ARGUMENT, 1)
    answer = hand.retype(Type.CHANNEL, 21, FREE + 3, untyped=FREE)
    assert answer == (Error.NOT_ENOUGH_MEMORY, 4096)
    for number in range(3):  # it was no device's before, and nor is what it was made of
        hand.slot(FREE + number).device = 0


def test_a_large_object_takes_many_traps_and_appears_at_the_end(hand: Hand) -> None:
    seen: list[tuple[int, int]] = []
    source = hand.slot(hand.memory)
    used = source.badge
    hand.between = lambda: seen.append((hand.slot(FREE).type, source.badge))
    assert hand.retype(Type.FRAME, 21, FREE) == (0,)
    assert hand.slot(FREE).type == Type.FRAME
    assert hand.traps > 100
    assert set(seen) == {(Type.NULL, used)}


def test_a_large_object_that_is_given_up_half_way_costs_nothing(hand: Hand) -> None:
    source = hand.slot(child(hand, 16))
    hand.ram.view[source.object : source.object + source.size] = b"\xaa" * source.size
    words = (Type.CNODE, 10, 0, 0, FREE + 1, 1)
    hand.start(FREE, Type.UNTYPED, "Retype", *words, caps=(Init.CNODE,))
    assert hand.again
    assert (source.badge, source.mapping > 0) == (0, True)
    assert hand.retype(Type.FRAME, 12, FREE + 1, 16, untyped=FREE) == (0,)
    assert bytes(hand.ram.view[source.object : source.object + source.size]) == bytes(source.size)


def test_what_is_wrong_with_the_objects_is_said_exactly(hand: Hand) -> None:
    child(hand, 12)
    for number in NOTHING:
        answer = hand.retype(number, 99, FREE + 1, untyped=FREE)
        assert answer == (Error.INVALID_ARGUMENT, 0), number
    for kind in SIZES:
        for bits in (48, 1 << 63):
            answer = hand.retype(kind, bits, FREE + 1, untyped=FREE)
            assert answer == (Error.RANGE_ERROR, 0, untyped.MAX_BITS)
    for kind, bits in (
        (Type.UNTYPED, 3), (Type.UNTYPED, 0), (Type.CNODE, 0), (Type.CNODE, 42), (Type.FRAME, 0),
        (Type.FRAME, 11), (Type.FRAME, 13), (Type.FRAME, 47), (Type.CHANNEL, 30), (Type.CHANNEL, 4),
    ):  # fmt: skip
        answer = hand.retype(kind, bits, FREE + 1, untyped=FREE)
        assert answer == (Error.INVALID_ARGUMENT, 1), (kind, bits)
    answer = hand.retype(Type.FRAME, 30, FREE + 1, untyped=FREE)
    assert answer == (Error.NOT_ENOUGH_MEMORY, 4096)
    answer = hand.retype(Type.ENDPOINT, 0, FREE + 1, 257, untyped=FREE)
    assert answer[0] == Error.RANGE_ERROR
    assert hand.retype(Type.NOTIFICATION, 12, 0, 16, untyped=FREE, caps=(TABLE,)) == (0,)


def test_what_is_wrong_with_the_slots_is_said_exactly(hand: Hand) -> None:
    child(hand, 12)
    own = hand.thread.slot(CSPACE)
    slots = 1 << own.bits

    def make(offset: int, count: int = 1, **where: int) -> tuple[int, ...]:
        caps = (where.pop("root", int(Init.CNODE)),)
        return hand.retype(Type.ENDPOINT, 0, offset, count, untyped=FREE, caps=caps, **where)

    for answer, expected in (
        (make(0, index=TABLE, depth=65), (Error.RANGE_ERROR, 1, 64)),
        (
            make(0, index=TABLE, depth=64, root=Init.TCB),
            (Error.FAILED_LOOKUP, 0, Lookup.INVALID_ROOT),
        ),
        (
            make(0, index=TABLE, depth=8),
            (Error.FAILED_LOOKUP, 0, Lookup.GUARD_MISMATCH, 8, own.badge, own.guard_size),
        ),
        (
            make(0, index=0, depth=3, root=TABLE),
            (Error.FAILED_LOOKUP, 0, Lookup.DEPTH_MISMATCH, 3, RADIX),
        ),
        (make(0, index=99, depth=64), (Error.FAILED_LOOKUP, 0, Lookup.MISSING_CAPABILITY, 64)),
        (
            make(0, index=Init.TCB, depth=64),
            (Error.FAILED_LOOKUP, 0, Lookup.MISSING_CAPABILITY, 64),
        ),
        (make(0, root=Init.TCB), (Error.FAILED_LOOKUP, 0, Lookup.MISSING_CAPABILITY, 0)),
        (make(16, root=TABLE), (Error.RANGE_ERROR, 0, 15)),
        (make(16, 0, root=TABLE), (Error.RANGE_ERROR, 0, 15)),
        (make(1 << 58, root=TABLE), (Error.RANGE_ERROR, 0, 15)),
        (make(0, 0, root=TABLE), (Error.RANGE_ERROR, 1, 256)),
        (make(0, 257, root=TABLE), (Error.RANGE_ERROR, 1, 256)),
        (make(0, 17, root=TABLE), (Error.RANGE_ERROR, 1, 16)),
        (make(15, 2, root=TABLE), (Error.RANGE_ERROR, 1, 1)),
        (make(slots - 1, 2), (Error.RANGE_ERROR, 1, 1)),
        (make(FREE - 1, 2), (Error.DELETE_FIRST,)),
    ):
        assert answer == expected
    assert make(15, 1, root=TABLE) == (0,)
    assert make(13, 3, root=TABLE) == (Error.DELETE_FIRST,)
    words = (Type.ENDPOINT, 0, 0, 0, FREE + 1, 1)
    assert hand.call(FREE, Type.UNTYPED, "Retype", *words) == (Error.TRUNCATED_MESSAGE,)
    answer = hand.call(FREE, Type.UNTYPED, "Retype", *words[:5], caps=(Init.CNODE,))
    assert answer == (Error.TRUNCATED_MESSAGE,)


def test_all_objects_are_made_or_none(hand: Hand) -> None:
    child(hand, 12)
    answer = hand.retype(Type.NOTIFICATION, 0, 0, 16, untyped=FREE, caps=(TABLE,))
    assert answer == (0,)
    assert hand.revoke(FREE) == (0,)
    answer = hand.retype(Type.TCB, 0, 0, 3, untyped=FREE, caps=(TABLE,))
    assert answer == (Error.NOT_ENOUGH_MEMORY, 4096)
    assert [hand.slot(number, TABLE).type for number in range(16)] == [0] * 16
    assert hand.retype(Type.TCB, 0, 0, 2, untyped=FREE, caps=(TABLE,)) == (0,)
