"""CNode methods: each does what it says, and each refusal says exactly why."""

from __future__ import annotations

import pytest

from tests.kernel.hand import DEPTH, FREE, RADIX, TABLE, Hand
from tests.kernel.tree import descendants
from vectoros.kernel import derivation
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.methods import label
from vectoros.kernel.objects import ALL_RIGHTS, Right, Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import CSPACE
from vectoros.kernel_image import inspect

TWO = ("Copy", "Mint", "Move", "Mutate")
"""Methods with a target and a source."""

EXTRA = {"Copy": (15,), "Mint": (15, 0), "Move": (), "Mutate": (0,)}
HIGH = 1 << 63


def two(
    hand: Hand, name: str, *words: int, caps: tuple[int, ...] = (Init.CNODE,)
) -> tuple[int, ...]:
    """Invoke the table with target and source, and harmless other arguments."""
    return hand.cnode(name, *words, *EXTRA[name], caps=caps, cnode=TABLE)


def children(hand: Hand, number: int) -> list[int]:
    assert hand.slot(number).type
    return [slot for slot, _ in descendants(hand.ram, hand.slot(number).address)]


def test_a_copy_has_the_rights_that_both_have_and_is_a_child(hand: Hand) -> None:
    rights = Right.WRITE | Right.GRANT
    assert hand.cnode("Copy", FREE, DEPTH, Init.ENDPOINT, DEPTH, rights) == (0,)
    assert hand.cnode("Copy", FREE + 1, DEPTH, FREE, DEPTH, Right.READ | Right.WRITE) == (0,)
    source, first, second = (hand.slot(number) for number in (Init.ENDPOINT, FREE, FREE + 1))
    assert (first.type, first.object, first.rights) == (Type.ENDPOINT, source.object, rights)
    assert (second.object, second.rights) == (source.object, Right.WRITE)
    assert children(hand, FREE) == [second.address]
    assert first.address in children(hand, Init.ENDPOINT)
    last = inspect.audit(hand.system.root)[-1]
    assert (last.event, last.label, last.status) == (Event.INVOKED, label(Type.CNODE, "Copy"), 0)


def test_rights_mean_nothing_to_what_has_none(hand: Hand) -> None:
    assert hand.cnode("Copy", FREE, DEPTH, Init.TCB, DEPTH, 0) == (0,)
    assert hand.cnode("Delete", FREE, DEPTH) == (0,)


def test_a_copied_frame_is_mapped_nowhere(hand: Hand) -> None:
    assert hand.slot(Init.IPC_BUFFER).mapping
    assert hand.cnode("Copy", FREE, DEPTH, Init.IPC_BUFFER, DEPTH, Right.READ) == (0,)
    assert (hand.slot(FREE).mapping, hand.slot(FREE).rights) == (0, Right.READ)


def test_a_copied_untyped_is_all_that_is_left_of_its_source(hand: Hand) -> None:
    assert hand.retype(Type.UNTYPED, 12, FREE) == (0,)
    assert hand.cnode("Copy", FREE + 1, DEPTH, FREE, DEPTH, 15) == (0,)
    assert (hand.slot(FREE).badge, hand.slot(FREE + 1).badge) == (4096, 0)
    assert hand.retype(Type.ENDPOINT, 0, FREE + 2, untyped=FREE) == (Error.NOT_ENOUGH_MEMORY, 0)
    assert hand.retype(Type.ENDPOINT, 0, FREE + 2, untyped=FREE + 1) == (0,)
    assert hand.cnode("Copy", FREE + 3, DEPTH, FREE, DEPTH, 15) == (Error.REVOKE_FIRST,)
    assert hand.delete(FREE + 1) == (0,)
    assert children(hand, FREE) == [hand.slot(FREE + 2).address]
    assert hand.revoke(FREE) == (0,)
    assert hand.retype(Type.ENDPOINT, 0, FREE + 2, untyped=FREE) == (0,)


def test_mint_sets_the_badge_once(hand: Hand) -> None:
    made = hand.mint(Init.ENDPOINT, FREE, badge=2**64 - 1, rights=Right.WRITE)
    assert (made.badge, made.rights) == (2**64 - 1, Right.WRITE)
    assert hand.mint(Init.NOTIFICATION, FREE + 1, badge=5).badge == 5
    for badge in (7, 0):
        answer = hand.cnode("Mint", FREE + 2, DEPTH, FREE, DEPTH, 15, badge)
        assert answer == (Error.ILLEGAL_OPERATION,)
    assert hand.cnode("Copy", FREE + 2, DEPTH, FREE, DEPTH, 15) == (0,)
    assert hand.slot(FREE + 2).badge == 2**64 - 1
    assert hand.mint(Init.TCB, FREE + 3, badge=7).badge == 0


def test_mint_sets_the_guard_of_a_cnode(hand: Hand) -> None:
    made = hand.mint(TABLE, FREE, badge=0b101 << 6 | 3)
    assert (made.guard_size, made.badge, made.bits) == (3, 0b101, RADIX)
    assert hand.cnode("Copy", 0b101_0001, 7, Init.TCB, DEPTH, 15, cnode=FREE) == (0,)
    assert hand.slot(1, TABLE).type == Type.TCB
    assert hand.mint(TABLE, FREE + 1, badge=60).guard_size == 60
    for guard in (61, 0b1000 << 6 | 3, 1 << 6):
        answer = hand.cnode("Mint", FREE + 2, DEPTH, TABLE, DEPTH, 15, guard)
        assert answer == (Error.ILLEGAL_OPERATION,)


def test_move_takes_badge_children_and_mapping_along(hand: Hand) -> None:
    hand.mint(Init.ENDPOINT, FREE, badge=9)
    hand.mint(Init.IPC_BUFFER, FREE + 2)
    assert hand.cnode("Copy", FREE + 1, DEPTH, FREE, DEPTH, 15) == (0,)
    assert hand.cnode("Move", 3, RADIX, FREE, DEPTH, cnode=TABLE) == (0,)
    moved = hand.slot(3, TABLE)
    assert (moved.type, moved.badge, hand.slot(FREE).type) == (Type.ENDPOINT, 9, Type.NULL)
    below = [slot for slot, _ in descendants(hand.ram, moved.address)]
    assert below == [hand.slot(FREE + 1).address]
    mapping = hand.slot(Init.IPC_BUFFER).mapping
    assert hand.cnode("Move", FREE, DEPTH, Init.IPC_BUFFER, DEPTH) == (0,)
    assert hand.slot(FREE).mapping == mapping
    assert hand.slot(FREE + 2).address in children(hand, FREE)


def test_an_untyped_with_children_can_be_moved(hand: Hand) -> None:
    memory = hand.memory
    assert hand.cnode("Move", FREE, DEPTH, memory, DEPTH) == (0,)
    assert children(hand, FREE) == [hand.slot(TABLE).address]


def test_mutate_sets_the_guard_of_a_cnode_and_moves_what_has_none(hand: Hand) -> None:
    assert hand.cnode("Mutate", FREE, DEPTH, TABLE, DEPTH, 1 << 6 | 2) == (0,)
    assert (hand.slot(FREE).guard_size, hand.slot(FREE).badge) == (2, 1)
    assert hand.cnode("Mutate", TABLE, DEPTH, FREE, DEPTH, 0) == (0,)
    assert (hand.slot(TABLE).guard_size, hand.slot(TABLE).badge) == (0, 0)
    assert hand.cnode("Mutate", FREE, DEPTH, TABLE, DEPTH, 61) == (Error.ILLEGAL_OPERATION,)
    hand.mint(Init.ENDPOINT, FREE, badge=9)
    answer = hand.cnode("Mutate", FREE + 1, DEPTH, FREE, DEPTH, 1 << 6 | 2)
    assert answer == (Error.ILLEGAL_OPERATION,)
    assert hand.cnode("Mutate", FREE + 1, DEPTH, FREE, DEPTH, 0) == (0,)
    assert hand.slot(FREE + 1).badge == 9


@pytest.mark.parametrize("name", TWO)
def test_what_is_wrong_with_target_or_source_is_said_exactly(hand: Hand, name: str) -> None:
    own = hand.thread.slot(CSPACE)
    guard = (own.badge, own.guard_size)
    hand.cnode("Copy", 0, RADIX, Init.TCB, DEPTH, 15, cnode=TABLE)
    hand.mint(Init.ENDPOINT, FREE)
    for words, expected in (
        ((1, 0, FREE, DEPTH), (Error.RANGE_ERROR, 1, 64)),
        ((1, 65, FREE, DEPTH), (Error.RANGE_ERROR, 1, 64)),
        ((1, RADIX, FREE, 0), (Error.RANGE_ERROR, 1, 64)),
        ((1, RADIX, FREE, 65), (Error.RANGE_ERROR, 1, 64)),
        ((0, RADIX, FREE, HIGH), (Error.RANGE_ERROR, 1, 64)),
        ((1, 3, FREE, DEPTH), (Error.FAILED_LOOKUP, 0, Lookup.DEPTH_MISMATCH, 3, RADIX)),
        ((0, 6, FREE, DEPTH), (Error.FAILED_LOOKUP, 0, Lookup.DEPTH_MISMATCH, 2, 0)),
        ((0, RADIX, 99, DEPTH), (Error.DELETE_FIRST,)),
        ((16, RADIX, FREE, 7), (Error.DELETE_FIRST,)),
        ((1, RADIX, FREE, 7), (Error.FAILED_LOOKUP, 1, Lookup.GUARD_MISMATCH, 7, *guard)),
        (
            (1, RADIX, HIGH | FREE, 64),
            (Error.FAILED_LOOKUP, 1, Lookup.GUARD_MISMATCH, 64, *guard),
        ),
        ((1, RADIX, Init.PROCESSES + 1, DEPTH), (0,)),
        ((1, RADIX, 25, DEPTH), (Error.FAILED_LOOKUP, 1, Lookup.MISSING_CAPABILITY, 64)),
    ):
        before = bytes(hand.system.data)
        assert two(hand, name, *words) == expected, words
        if expected[0]:
            unchanged(hand, before)
        else:
            assert hand.cnode("Delete", 1, RADIX, cnode=TABLE) == (0,)
    answer = two(hand, name, 1, RADIX, FREE, DEPTH, caps=(Init.TCB,))
    assert answer == (Error.FAILED_LOOKUP, 1, Lookup.INVALID_ROOT)
    assert two(hand, name, 1, RADIX, FREE, DEPTH, caps=()) == (Error.TRUNCATED_MESSAGE,)
    answer = hand.cnode(name, 1, RADIX, FREE, cnode=TABLE)
    assert answer == (Error.TRUNCATED_MESSAGE,)
    assert two(hand, name, 1, RADIX, FREE, DEPTH) == (0,)


def unchanged(hand: Hand, before: bytes) -> None:
    """Check that only accounts, the audit log and the thread's own pages have changed."""
    root, thread = hand.system.root, hand.thread
    own = (
        (thread.address, 0x200),
        (thread.buffer, 4096),
        (root.audit.object, 4096),
        (root.processor.address, 0x40),
        (hand.system.block.address, 4096),
    )
    after = bytearray(hand.system.data)
    for start, size in own:
        after[start : start + size] = before[start : start + size]
    pages = range(0, len(after), 4096)
    assert [hex(at) for at in pages if after[at : at + 4096] != before[at : at + 4096]] == []


@pytest.mark.parametrize("name", ["Copy", "Mint"])
def test_what_may_not_be_copied_is_refused(hand: Hand, name: str) -> None:
    assert two(hand, name, 1, RADIX, hand.memory, DEPTH) == (Error.REVOKE_FIRST,)
    assert hand.retype(Type.PT, 0, FREE) == (0,)
    assert hand.retype(Type.PML4, 0, FREE + 1) == (0,)
    controls = (Init.IRQ_CONTROL, Init.IO_PORT_CONTROL, Init.ASID_CONTROL)
    for source in (*controls, FREE, FREE + 1):
        assert two(hand, name, 1, RADIX, source, DEPTH) == (Error.ILLEGAL_OPERATION,)
    for source in (Init.SCHED_CONTROL, Init.DOMAIN):
        assert two(hand, name, 1, RADIX, source, DEPTH) == (0,)
        assert hand.cnode("Delete", 1, RADIX, cnode=TABLE) == (0,)


def rotate(hand: Hand, target: int, pivot: int, source: int, *, guard: int = 0,
           pivot_guard: int = 0) -> tuple[int, ...]:  # fmt: skip
    return hand.cnode(
        "Rotate", target, DEPTH, guard, pivot, DEPTH, pivot_guard, source, DEPTH,
    )  # fmt: skip


def test_rotate_moves_two_capabilities_at_once(hand: Hand) -> None:
    hand.mint(Init.ENDPOINT, FREE, badge=1)
    hand.mint(FREE, FREE + 1)
    hand.mint(TABLE, FREE + 2)
    assert rotate(hand, FREE + 3, FREE, FREE + 2, pivot_guard=1 << 6 | 1) == (0,)
    pivot, target = hand.slot(FREE), hand.slot(FREE + 3)
    assert (target.type, target.badge) == (Type.ENDPOINT, 1)
    assert (pivot.type, pivot.guard_size, pivot.badge) == (Type.CNODE, 1, 1)
    assert hand.slot(FREE + 2).type == Type.NULL
    assert children(hand, FREE + 3) == [hand.slot(FREE + 1).address]


@pytest.mark.parametrize("badged", [True, False])
def test_rotate_swaps_a_capability_and_its_child(hand: Hand, badged: bool) -> None:
    hand.mint(Init.ENDPOINT, FREE)
    hand.mint(FREE, FREE + 1, badge=3)
    first, second = (FREE + 1, FREE) if badged else (FREE, FREE + 1)
    assert rotate(hand, first, second, first) == (0,)
    assert (hand.slot(FREE).badge, hand.slot(FREE + 1).badge) == (3, 0)
    assert children(hand, FREE + 1) == [hand.slot(FREE).address]


def test_what_is_wrong_with_a_rotation_is_said_exactly(hand: Hand) -> None:
    for number in (FREE, FREE + 1):
        hand.mint(TABLE, number)
    hand.mint(Init.TCB, FREE + 2)
    for change, expected in (
        ({1: 0}, (Error.RANGE_ERROR, 1, 64)),
        ({4: 65}, (Error.RANGE_ERROR, 1, 64)),
        ({7: 0}, (Error.RANGE_ERROR, 1, 64)),
        ({1: 3, 7: 3}, (Error.FAILED_LOOKUP, 0, Lookup.DEPTH_MISMATCH, 3, RADIX)),
        ({4: 9, 7: 9}, (Error.FAILED_LOOKUP, 1, Lookup.GUARD_MISMATCH, 9)),
        ({4: 9}, (Error.FAILED_LOOKUP, 0, Lookup.GUARD_MISMATCH, 9)),
        ({3: FREE + 1}, (Error.ILLEGAL_OPERATION,)),
        ({6: 99}, (Error.FAILED_LOOKUP, 1, Lookup.MISSING_CAPABILITY, DEPTH)),
        ({3: 99}, (Error.FAILED_LOOKUP, 0, Lookup.MISSING_CAPABILITY, DEPTH)),
        ({2: 61}, (Error.ILLEGAL_OPERATION,)),
        ({5: 61}, (Error.ILLEGAL_OPERATION,)),
        ({3: FREE + 2, 2: 1}, (Error.ILLEGAL_OPERATION,)),
    ):
        words = [1, RADIX, 0, FREE, DEPTH, 0, FREE + 1, DEPTH]
        for index, word in change.items():
            words[index] = word
        answer = hand.cnode("Rotate", *words, cnode=TABLE)
        assert answer[: len(expected)] == expected, change
        assert hand.cnode("Rotate", *words[:7], cnode=TABLE) == (Error.TRUNCATED_MESSAGE,)
        assert hand.cnode("Rotate", *words, caps=(Init.CNODE,)) == (Error.TRUNCATED_MESSAGE,)
    assert rotate(hand, FREE, FREE, FREE + 1) == (Error.ILLEGAL_OPERATION,)
    assert rotate(hand, FREE + 2, FREE, FREE + 1) == (Error.DELETE_FIRST,)
    assert rotate(hand, FREE + 2, FREE, 99) == (Error.DELETE_FIRST,)
    assert rotate(hand, FREE + 3, FREE, FREE + 1) == (0,)


def test_a_deleted_slot_is_empty_and_its_children_are_its_parents(hand: Hand) -> None:
    hand.mint(Init.ENDPOINT, FREE)
    hand.mint(FREE, FREE + 1)
    assert hand.delete(FREE) == (0,)
    assert bytes(hand.ram.view[hand.slot(FREE).address :][:64]) == bytes(64)
    assert hand.slot(FREE + 1).address in children(hand, Init.ENDPOINT)
    assert hand.delete(FREE) == (0,)


def test_revoke_takes_back_all_descendants_and_nothing_else(hand: Hand) -> None:
    for source, target in ((Init.ENDPOINT, 0), (FREE, 1), (FREE + 1, 2), (FREE, 3)):
        hand.mint(source, FREE + target)
    mine = bytes(hand.ram.view[hand.slot(FREE).address :][:32])
    assert hand.revoke(FREE) == (0,)
    assert [hand.slot(FREE + n).type for n in range(4)] == [Type.ENDPOINT, 0, 0, 0]
    assert bytes(hand.ram.view[hand.slot(FREE).address :][:32]) == mine
    for number in (FREE, FREE + 1):  # nothing to take back, and nothing there
        assert hand.revoke(number) == (0,)


@pytest.mark.parametrize("name", ["Delete", "Revoke", "CancelBadgedSends"])
def test_what_is_wrong_with_a_slot_is_said_exactly(hand: Hand, name: str) -> None:
    for words, expected in (
        ((0,), (Error.TRUNCATED_MESSAGE,)),
        ((0, 0), (Error.RANGE_ERROR, 1, 64)),
        ((0, 65), (Error.RANGE_ERROR, 1, 64)),
        ((0, 3), (Error.FAILED_LOOKUP, 0, Lookup.DEPTH_MISMATCH, 3, RADIX)),
        ((0, 5), (Error.FAILED_LOOKUP, 0, Lookup.DEPTH_MISMATCH, 1, 0)),
    ):
        assert hand.cnode(name, *words, cnode=TABLE) == expected


def test_senders_with_a_badge_are_cancelled_and_make_their_traps_again(hand: Hand) -> None:
    system, server = hand.system, hand.thread
    _, client = system.processes(server, 2)
    hand.mint(Init.ENDPOINT, FREE, badge=7)
    target = derivation.derive(system.ram, hand.slot(FREE).address, system.slot(client, 29).address)
    assert target.badge == 7
    system.syscall(Trap.YIELD)
    client.rip = 0x40_0002
    assert system.syscall(Trap.SEND, 29) == server.address
    hand.mint(Init.ENDPOINT, FREE + 1, badge=8)
    for slot in (FREE + 1, Init.ENDPOINT):
        assert hand.cnode("CancelBadgedSends", slot, DEPTH) == (0,)
        assert client.state == State.BLOCKED_ON_SEND
    assert hand.cnode("CancelBadgedSends", FREE, DEPTH) == (0,)
    assert (client.state, client.rip, client.rax) == (State.RUNNING, 0x40_0000, Trap.SEND)
    assert inspect.waiting(system.root) == {}
    assert system.syscall(Trap.YIELD) == client.address


def test_only_an_endpoint_with_all_rights_can_cancel(hand: Hand) -> None:
    hand.mint(Init.ENDPOINT, FREE, badge=7, rights=ALL_RIGHTS & ~Right.GRANT)
    for slot in (FREE, Init.NOTIFICATION, 99):
        assert hand.cnode("CancelBadgedSends", slot, DEPTH) == (Error.ILLEGAL_OPERATION,)
