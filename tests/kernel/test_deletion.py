"""Deletion: objects end with their last capability, however they hold each other."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.hand import DEPTH, FREE, TABLE, Hand
from tests.kernel.system import System
from tests.kernel.tree import descendants
from vectoros.kernel import derivation, preemption
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.gate import Reason
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE, HANDLER, Tcb
from vectoros.kernel_image import inspect, invariants


def cnode(hand: Hand, number: int, radix: int = 2) -> int:
    """Make a CNode; return its slot."""
    assert hand.retype(Type.CNODE, radix, number) == (0,)
    return number


def into(hand: Hand, source: int, table: int, index: int, *, radix: int = 2) -> Slot:
    """Move what is in a slot into a CNode."""
    assert hand.cnode("Move", index, radix, source, DEPTH, cnode=table) == (0,)
    return hand.slot(index, table)


def below(hand: Hand, number: int) -> set[int]:
    """Return the types of what comes of the capability in a slot."""
    slots = descendants(hand.ram, hand.slot(number).address)
    return {Slot(hand.ram, slot).type for slot, _ in slots}


def test_the_last_capability_to_a_cnode_takes_what_is_in_it_along(hand: Hand) -> None:
    table = cnode(hand, FREE)
    hand.mint(table, FREE + 1)
    hand.mint(Init.ENDPOINT, FREE + 2)
    inner = into(hand, FREE + 2, table, 3)
    assert hand.delete(FREE) == (0,)
    assert inner.type == Type.ENDPOINT
    assert hand.delete(FREE + 1) == (0,)
    assert inner.type == Type.NULL
    assert hand.system.root.dying == 0


def test_the_last_capability_to_a_thread_stops_it_and_empties_its_slots(hand: Hand) -> None:
    assert hand.retype(Type.TCB, 0, FREE) == (0,)
    thread, root = hand.tcb(FREE), hand.system.root
    for offset, number in ((CSPACE, TABLE), (HANDLER, Init.ENDPOINT)):
        derivation.derive(hand.ram, hand.slot(number).address, thread.address + offset)
    hand.mint(FREE, FREE + 1)
    assert hand.delete(FREE) == (0,)
    assert thread.slot(CSPACE).type == Type.CNODE
    assert hand.delete(FREE + 1) == (0,)
    assert [thread.slot(offset).type for offset in (CSPACE, HANDLER)] == [0, 0]
    assert thread.address not in inspect.objects(root, Type.TCB)


def test_a_cnode_in_a_thread_ends_with_it(hand: Hand) -> None:
    assert hand.retype(Type.TCB, 0, FREE) == (0,)
    thread = hand.tcb(FREE)
    table = cnode(hand, FREE + 1)
    hand.mint(Init.ENDPOINT, FREE + 2)
    inner = into(hand, FREE + 2, table, 0)
    derivation.move(hand.ram, hand.slot(table).address, thread.address + CSPACE)
    assert hand.delete(FREE) == (0,)
    assert (inner.type, thread.slot(CSPACE).type) == (Type.NULL, Type.NULL)


def test_cnodes_nested_5000_deep_end_without_recursion(hand: Hand) -> None:
    depth, first = 5000, cnode(hand, FREE, 1)
    for _ in range(depth):
        cnode(hand, FREE + 1, 1)
        into(hand, FREE, FREE + 1, 1, radix=1)
        assert hand.cnode("Move", FREE, DEPTH, FREE + 1, DEPTH) == (0,)
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(120)
        assert hand.delete(first) == (0,)
    finally:
        sys.setrecursionlimit(limit)
    assert hand.traps > depth * 4 // preemption.LIMIT
    assert hand.revoke(hand.memory) == (0,)


def test_a_cnode_that_holds_its_own_last_capability_ends(hand: Hand) -> None:
    assert hand.retype(Type.UNTYPED, 12, FREE) == (0,)
    assert hand.retype(Type.CNODE, 2, FREE + 1, untyped=FREE) == (0,)
    hand.mint(FREE + 1, FREE + 2)
    own = into(hand, FREE + 2, FREE + 1, 3)
    assert hand.delete(FREE + 1) == (0,)
    assert (own.type, below(hand, FREE)) == (Type.CNODE, {Type.CNODE})
    assert hand.revoke(FREE) == (0,)
    assert (own.type, below(hand, FREE)) == (Type.NULL, set())


@pytest.mark.parametrize("limit", [1, 6, 100])
def test_cnodes_that_hold_each_others_last_capabilities_end(
    hand: Hand, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hand.retype(Type.UNTYPED, 13, FREE) == (0,)
    assert hand.retype(Type.CNODE, 2, FREE + 1, 3, untyped=FREE) == (0,)
    for index in range(3):  # each goes into the next, and all have a copy to get there
        hand.mint(FREE + 1 + index, FREE + 4 + index)
    held = [into(hand, FREE + 1 + index, FREE + 4 + (index + 1) % 3, 1) for index in range(3)]
    for index in range(3):
        assert hand.delete(FREE + 4 + index) == (0,)
    assert {slot.type for slot in held} == {Type.CNODE}
    monkeypatch.setattr(preemption, "LIMIT", limit)
    assert hand.revoke(FREE) == (0,)
    assert {slot.type for slot in held} == {Type.NULL}
    assert below(hand, FREE) == set()


def test_memory_is_not_used_again_while_a_zombie_is_in_it(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B's memory is free before A, whose last capability lies in B, has ended."""
    for index in range(2):
        assert hand.retype(Type.UNTYPED, 12, FREE + index) == (0,)
        assert hand.retype(Type.CNODE, 2, FREE + 2 + index, untyped=FREE + index) == (0,)
        hand.mint(FREE + 2 + index, FREE + 4 + index)
    into(hand, FREE + 2, FREE + 5, 0)
    into(hand, FREE + 3, FREE + 4, 3)
    for index in range(2):
        assert hand.delete(FREE + 4 + index) == (0,)
    monkeypatch.setattr(preemption, "LIMIT", 1)
    hand.start(Init.CNODE, Type.CNODE, "Revoke", FREE, DEPTH)
    while derivation.has_children(hand.ram, hand.slot(FREE + 1).address):
        assert hand.again
        hand.repeat()
    assert hand.again
    assert hand.system.root.dying
    assert hand.retype(Type.FRAME, 12, FREE + 6, untyped=FREE + 1) == (0,)
    assert hand.system.root.dying == 0
    assert not derivation.has_children(hand.ram, hand.slot(FREE).address)


def test_what_is_being_deleted_is_neither_copied_nor_moved(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    cnode(hand, FREE, 8)
    monkeypatch.setattr(preemption, "LIMIT", 1)
    hand.start(Init.CNODE, Type.CNODE, "Delete", FREE, DEPTH)
    assert hand.slot(FREE).type == Type.ZOMBIE
    place = (FREE + 1, DEPTH, FREE, DEPTH)
    for name, words in (
        ("Copy", (*place, 15)),
        ("Mint", (*place, 15, 0)),
        ("Move", place),
        ("Mutate", (*place, 0)),
        ("Rotate", (FREE + 1, DEPTH, 0, FREE, DEPTH, 0, TABLE, DEPTH)),
        ("Rotate", (FREE + 1, DEPTH, 0, TABLE, DEPTH, 0, FREE, DEPTH)),
    ):
        assert hand.cnode(name, *words) == (Error.ILLEGAL_OPERATION,)
    assert hand.cnode("Move", FREE, DEPTH, TABLE, DEPTH) == (Error.DELETE_FIRST,)
    assert hand.cnode("Delete", 0, 8, cnode=FREE)[0] == Error.ILLEGAL_OPERATION
    assert hand.slot(FREE).type == Type.ZOMBIE
    assert hand.delete(FREE + 1) == (0,)  # whoever deletes next goes on with it
    assert hand.slot(FREE).type == Type.NULL


@pytest.mark.parametrize("name", ["Delete", "Revoke"])
def test_others_run_while_thousands_of_slots_are_emptied(hand: Hand, name: str) -> None:
    system, server = hand.system, hand.thread
    _, client = system.processes(server, 2)
    cnode(hand, FREE, 12)
    if name == "Revoke":
        assert hand.cnode("Move", FREE + 1, DEPTH, hand.memory, DEPTH) == (0,)
    turns = 0

    def interrupt() -> None:
        """Let the timer interrupt when the server's slice is over; the client yields at once."""
        nonlocal turns
        now = system.block.now + 100_000_000
        if system.trap(Reason.INTERRUPT, vector=32, now=now) == client.address:
            turns += 1
            assert system.syscall(Trap.YIELD) == server.address

    hand.between = interrupt
    assert hand.cnode(name, FREE + (name == "Revoke"), DEPTH) == (0,)
    assert hand.traps > 4096 // preemption.LIMIT
    assert turns > 10
    assert hand.slot(FREE).type == Type.NULL


def own_untyped(hand: Hand, *kinds: Type) -> int:
    """Return the boot untyped that the thread's own objects of these kinds came from."""
    addresses = {hand.slot(Init[kind.name]).object for kind in kinds}
    return next(
        number
        for number in range(Init.UNTYPEDS, Init.MEMORY)
        if hand.slot(number).type == Type.UNTYPED
        and any(0 <= at - hand.slot(number).object < hand.slot(number).size for at in addresses)
    )


@pytest.mark.parametrize("kind", [Type.TCB, Type.CNODE, Type.PML4], ids=lambda kind: kind.name)
@pytest.mark.parametrize("limit", [1, 100, 10**9])
def test_a_thread_can_take_away_what_it_runs_with(
    kind: Type, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand()
    system, root = hand.system, hand.system.root
    number = own_untyped(hand, kind)
    monkeypatch.setattr(preemption, "LIMIT", limit)
    hand.start(Init.CNODE, Type.CNODE, "Revoke", number, DEPTH)
    for _ in range(20_000):
        invariants.check(root)
        if system.block.next != hand.thread.address or not hand.again:
            break
        hand.repeat()
    for _ in range(3):  # whoever is left goes on
        if system.block.next:
            system.syscall(Trap.YIELD)
    invariants.check(root)
    if kind is Type.TCB and limit > 100:
        assert hand.thread.state == State.INACTIVE
        assert system.block.next != hand.thread.address


def test_a_thread_can_delete_itself(hand: Hand) -> None:
    system, server = hand.system, hand.thread
    for number in (Init.PROCESSES, Init.TCB):
        hand.start(Init.CNODE, Type.CNODE, "Delete", number, DEPTH)
    assert system.block.next not in (0, server.address)
    assert server.state == State.INACTIVE
    assert server.address not in inspect.objects(system.root, Type.TCB)


def state_of(system: System) -> bytes:
    """Return the memory without accounts: times, and what the last trap's block says."""
    root, data = system.root, bytearray(system.data)
    accounts = [
        (system.block.address, 4096),
        (root.audit.object, 4096),
        (root.processor.address, 0x40),
    ]
    accounts += [(at, 0x100) for at in inspect.objects(root, Type.SCHED_CONTEXT)]
    for start, size in accounts:
        data[start : start + size] = bytes(size)
    for at in inspect.objects(root, Type.TCB):
        Tcb(System(data).ram, at).consumed = 0
    return bytes(data)


PLACES = st.integers(0, 7)
STEPS = st.one_of(
    st.tuples(st.just("retype"), st.sampled_from((1, 2, 2, 2, 3, 4, 8, 9)), PLACES, PLACES),
    st.tuples(
        st.sampled_from(("Copy", "Move", "Move", "Delete", "Revoke", "Rotate")),
        st.integers(0, 15), PLACES, PLACES,
    ),
)  # fmt: skip
"""What is done, with what, to which place, from which."""


def address(hand: Hand, place: int, inside: int) -> tuple[int, int, int]:
    """Return CNode, index and depth of a place: a slot of one's own, or one in a CNode there."""
    if inside & 8 and hand.slot(FREE + place).type == Type.CNODE:
        return FREE + place, inside & 3, 2
    return Init.CNODE, FREE + place, DEPTH


def step(hand: Hand, what: str, how: int, target: int, source: int) -> tuple[int, ...]:
    """Do one thing, if it is possible."""
    if what == "retype":
        bits = {1: 12, 2: 2, 8: 12}.get(how, 0)
        untyped = FREE + source if hand.slot(FREE + source).type == Type.UNTYPED else FREE + 8
        return hand.retype(how, bits, FREE + target, untyped=untyped)
    root, index, depth = address(hand, target, how)
    if what in ("Delete", "Revoke"):
        return hand.cnode(what, index, depth, cnode=root)
    place = (FREE + source, DEPTH)
    if what == "Rotate":
        pivot = (FREE + (source + 1) % 8, DEPTH)
        return hand.cnode(what, index, depth, 0, *pivot, 0, *place, cnode=root)
    return hand.cnode(what, index, depth, *place, *((15,) if what == "Copy" else ()), cnode=root)


@settings(max_examples=15, deadline=None)
@given(st.lists(STEPS, min_size=10, max_size=40))
def test_no_sequence_of_methods_breaks_an_invariant(steps: list[tuple[str, int, int, int]]) -> None:
    hand = Hand()
    assert hand.retype(Type.UNTYPED, 16, FREE + 8) == (0,)
    for what in steps:
        step(hand, *what)
        invariants.check(hand.system.root)
    assert hand.revoke(FREE + 8) == (0,)
    assert below(hand, FREE + 8) == set()
    invariants.check(hand.system.root)


LAST: dict[str, Callable[[Hand], object]] = {
    "Revoke": lambda hand: hand.revoke(FREE + 8),
    "Delete": lambda hand: hand.delete(FREE),
    "Retype": lambda hand: hand.retype(Type.FRAME, 12, FREE + 9, 8, untyped=FREE + 8),
    "Rotate": lambda hand: step(hand, "Rotate", 0, 0, 1),
}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(STEPS, min_size=10, max_size=30), st.sampled_from(sorted(LAST)), st.integers(1, 150)
)
def test_a_trap_that_is_made_again_ends_as_if_it_had_not_been_stopped(
    steps: list[tuple[str, int, int, int]], name: str, limit: int
) -> None:
    """T10, the accounts apart."""
    hand = Hand()
    assert hand.retype(Type.UNTYPED, 16, FREE + 8) == (0,)
    for what in steps:
        step(hand, *what)
    other = hand.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preemption, "LIMIT", 10**9)
        expected = LAST[name](hand)
        assert hand.traps == 1
        patch.setattr(preemption, "LIMIT", limit)
        assert LAST[name](other) == expected
    assert state_of(other.system) == state_of(hand.system)
