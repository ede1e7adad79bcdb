"""Programs that try to get more than they were given, and do not.

V1 to V10 are defects that were found by reading VeridianOS, whose goals this kernel shares
(its source of 2026-03-10, ``kernel/src/cap`` and ``kernel/src/ipc``). Each docstring says
what that kernel did. tests/kernel/test_authority.py tries at random what is tried here by hand.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.kernel.hand import DEPTH, FREE, Hand
from tests.kernel.plain_memory import PlainMemory
from tests.kernel.system import FAR, System, pair
from vectoros.kernel import deletion, policy
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import Error
from vectoros.kernel.message import UNWRAPPED_SHIFT, info
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.policy import Policy
from vectoros.kernel.process_layout import Init
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import HANDLER, POLICY, SLOTS, Tcb
from vectoros.kernel.views import MASK
from vectoros.kernel_image import inspect

ILLEGAL = (Error.ILLEGAL_OPERATION,)
A, B, C, D, E = range(FREE, FREE + 5)
LINE = 3
UNWRAPPED = 7 << UNWRAPPED_SHIFT
"""Bits of a message info: which capabilities were unwrapped to their badges."""


def listening() -> tuple[System, Tcb, Tcb]:
    """Return a system whose server waits for messages, and whose client runs."""
    system, server, client = pair()
    system.syscall(Trap.RECV, Init.ENDPOINT)
    assert system.running.address == client.address
    return system, server, client


_SYSTEM, _SERVER, _CLIENT = listening()
_HELD = {n for n in range(256) if _SYSTEM.slot(_CLIENT, n).type}
_PLACES = sorted(
    {_SERVER.address, _CLIENT.address, _SERVER.id, _SERVER.process, _SYSTEM.root.address}
    | {cap.object for cap in inspect.tree(_SYSTEM.root)}
    | {cap.slot for cap in inspect.tree(_SYSTEM.root)}
)


@given(address=st.integers(0, MASK) | st.integers(0, 1 << 32) | st.sampled_from(_PLACES))
@example(1 << 16)
@settings(max_examples=60, deadline=None)
def test_v1_a_number_is_no_capability(address: int) -> None:
    """``validate_capability_fast`` took any number below 2^32, and cached it with all rights."""
    assume(address not in _HELD)
    system = _SYSTEM.copy()
    client = system.running
    for _ in range(2):
        system.syscall(Trap.NB_SEND, address, info(label(Type.TCB, "Suspend"), 0))
        assert client.rax in (Error.FAILED_LOOKUP, Error.INVALID_CAPABILITY)
    after, before = bytearray(system.data), bytearray(_SYSTEM.data)
    clocks = inspect.objects(system.root, Type.SCHED_CONTEXT)
    changing = [
        (at, 0x100)
        for at in (client.address, client.buffer, system.root.processor.address, *clocks)
    ]
    for start, size in (*changing, (system.block.address, 4096)):
        after[start : start + size] = before[start : start + size] = bytes(size)
    assert after == before


@given(address=st.sampled_from(_PLACES))
@settings(max_examples=60, deadline=None)
def test_v2_a_message_goes_through_a_capability_and_to_no_number(address: int) -> None:
    """``fast_send`` took the capability's number for the number of a process to send to."""
    assume(address != FAR)
    system = _SYSTEM.copy()
    server = Tcb(system.ram, _SERVER.address)
    system.syscall(Trap.NB_SEND, address, info(0, 1), (1,))
    assert server.state == State.BLOCKED_ON_RECEIVE
    system.syscall(Trap.NB_SEND, FAR, info(0, 1), (1,))
    assert server.state == State.RUNNING


def test_v3_who_sent_is_the_badge_whatever_the_message_says() -> None:
    """The receiver was given a field of the message, which the sender had filled in."""
    system, server, _ = listening()
    message = info(5, 4) | UNWRAPPED
    system.syscall(Trap.NB_SEND, FAR, message, (99, 99, 99, 99), r12=99)
    assert (server.rdi, server.rsi & UNWRAPPED) == (7, 0)
    assert system.words(server) == (99, 99, 99, 99)


def test_v4_a_delegated_capability_is_revoked_and_its_source_is_not(hand: Hand) -> None:
    """``delegate`` gave the copy its source's number, so that both were revoked or none."""
    hand.retype(Type.NOTIFICATION, 0, A)
    for source, target in ((A, B), (B, C), (A, D)):
        hand.mint(source, target)
    assert hand.revoke(B) == (0,)
    assert [bool(hand.slot(n).type) for n in (A, B, C, D)] == [True, True, False, True]
    assert hand.delete(B) == (0,)
    assert [bool(hand.slot(n).type) for n in (A, B, C, D)] == [True, False, False, True]


@pytest.mark.parametrize("rights", [15, 3, 1, 0])
def test_v5_revoking_goes_by_derivation_and_not_by_rights(hand: Hand, rights: int) -> None:
    """``revoke_cascading`` looked for fewer rights, and so passed over equal copies."""
    hand.retype(Type.ENDPOINT, 0, A)
    hand.mint(A, B, rights=3)
    hand.mint(B, C, rights=rights)
    hand.mint(A, D, rights=rights & 3)
    assert hand.revoke(B) == (0,)
    assert [bool(hand.slot(n).type) for n in (A, B, C, D)] == [True, True, False, True]


def test_v6_every_way_of_giving_is_recorded_and_taken_back(hand: Hand) -> None:
    """``record_derivation`` was never called, so that revoking found nothing."""
    system, root = hand.system, hand.system.root
    hand.retype(Type.NOTIFICATION, 0, A)
    hand.retype(Type.CHANNEL, 12, B)
    hand.call(Init.IRQ_CONTROL, Type.IRQ_CONTROL, "Get", LINE, C, DEPTH, caps=(Init.CNODE,))
    hand.call(C, Type.IRQ_HANDLER, "SetNotification", caps=(A,))
    hand.call(B, Type.CHANNEL, "SetNotification", caps=(A,))
    assert root.interrupt(LINE).type == Type.NOTIFICATION
    assert root.bell(hand.slot(B).object)
    assert hand.revoke(A) == (0,)
    assert not root.interrupt(LINE).type
    assert root.bell(hand.slot(B).object) is None
    client = system.processes(hand.thread, 2)[1]
    assert client.slot(HANDLER).type
    assert hand.revoke(Init.ENDPOINT) == (0,)
    assert not client.slot(HANDLER).type
    assert not system.slot(client, FAR).type


def test_v6_who_was_given_a_capability_revokes_only_what_came_of_it() -> None:
    """``sys_capability_revoke`` asked for no right to revoke."""
    system, server, client = listening()
    system.call(Init.CNODE, label(Type.CNODE, "Revoke"), FAR, DEPTH)
    system.call(Init.CNODE, label(Type.CNODE, "Delete"), FAR, DEPTH)
    assert client.rax == 0
    assert system.slot(server, Init.ENDPOINT).type == Type.ENDPOINT
    assert server.state == State.BLOCKED_ON_RECEIVE
    found = system.call(FAR, label(Type.CNODE, "Revoke"), Init.ENDPOINT, DEPTH)
    assert found == (Error.INVALID_CAPABILITY, 0)


def test_v7_an_old_name_does_not_touch_what_is_there_now(hand: Hand) -> None:
    """``remove`` emptied the slot before it looked whether the number was right."""
    hand.retype(Type.CHANNEL, 12, A)
    hand.delete(A)
    hand.mint(Init.TCB, A)
    now = bytes(hand.ram.view[hand.slot(A).address :][:32])
    for name in ("Unmap", "Wake", "Describe"):
        assert hand.call(A, Type.CHANNEL, name) == ILLEGAL
    assert hand.cnode("Delete", A, 0) == (Error.RANGE_ERROR, 1, 64)
    assert hand.cnode("Delete", A, DEPTH - 1)[0] == Error.FAILED_LOOKUP
    assert bytes(hand.ram.view[hand.slot(A).address :][:32]) == now


def test_v8_who_is_made_has_nothing(hand: Hand) -> None:
    """``fork`` copied every capability to the child."""
    hand.retype(Type.CNODE, 6, A)
    hand.retype(Type.TCB, 0, B)
    assert not any(hand.slot(n, A).type for n in range(64))
    made = hand.tcb(B)
    assert not any(made.slot(offset).type for offset in SLOTS)
    assert (made.state, made.max_priority, made.sched_context) == (State.INACTIVE, 0, 0)


def test_v9_what_was_revoked_stays_so_however_often(hand: Hand) -> None:
    """The list of revoked numbers forgot the lowest ones, and counted generations in 8 bits."""
    hand.retype(Type.UNTYPED, 11, A)
    seen = set()
    for _ in range(300):
        assert hand.retype(Type.TCB, 0, B, untyped=A) == (0,)
        hand.mint(B, C)
        seen.add((hand.tcb(B).address, hand.tcb(B).id))
        assert hand.revoke(A) == (0,)
        assert not hand.slot(B).type
        assert not hand.slot(C).type
    assert len({address for address, _ in seen}) == 1
    assert len({number for _, number in seen}) == 300


@pytest.mark.parametrize("how", ["deleted", "forbidden"])
def test_v10_a_long_operation_has_its_authority_to_the_end(hand: Hand, how: str) -> None:
    """Between looking a capability up and using it, another thread could take it away."""
    hand.retype(Type.UNTYPED, 21, A)
    hand.retype(Type.POLICY, 0, B)
    hand.call(Init.TCB, Type.TCB, "SetPolicy", caps=(B,))
    words = (Type.FRAME, 21, 0, 0, C, 1)
    hand.start(A, Type.UNTYPED, "Retype", *words, caps=(Init.CNODE,))
    assert hand.again
    if how == "deleted":
        assert deletion.delete(hand.system.inside(), hand.slot(A).address)
        expected: tuple[int, ...] = (Error.INVALID_CAPABILITY, 0)
    else:
        hand.system.ram.words[(hand.slot(B).object >> 3) + Type.UNTYPED] = 0
        expected = ILLEGAL
    hand.repeat()
    assert not hand.again
    assert (hand.thread.rax, *hand.system.words(hand.thread)) == expected
    assert not hand.slot(C).type


def restrict(hand: Hand, slot: int, kind: Type, *methods: int) -> None:
    """Make a policy that lacks these methods in ``slot``."""
    assert hand.retype(Type.POLICY, 0, slot) == (0,)
    mask = MASK - sum(1 << method for method in methods)
    assert hand.call(slot, Type.POLICY, "Restrict", kind, mask) == (0,)


def set_policy(hand: Hand, thread: int, slot: int) -> tuple[int, ...]:
    return hand.call(thread, Type.TCB, "SetPolicy", caps=(slot,))


def test_a_restricted_process_and_all_that_it_makes_stay_restricted(hand: Hand) -> None:
    forbidden = label(Type.UNTYPED, "Describe")
    hand.retype(Type.POLICY, 0, D)  # a wide one, from before
    restrict(hand, A, Type.UNTYPED, forbidden & 0xFF)
    assert set_policy(hand, Init.TCB, A) == (0,)
    assert hand.call(hand.memory, Type.UNTYPED, "Describe") == ILLEGAL
    assert set_policy(hand, Init.TCB, D) == ILLEGAL
    assert hand.retype(Type.TCB, 0, B) == (0,)
    assert hand.retype(Type.POLICY, 0, C) == (0,)
    child = hand.tcb(B)
    assert (child.restricted, child.slot(POLICY).object) == (1, hand.slot(A).object)
    assert set_policy(hand, B, D) == ILLEGAL
    ours, made = (Policy(hand.ram, hand.slot(n).object).masks for n in (A, C))
    assert made == ours
    assert set_policy(hand, B, C) == set_policy(hand, Init.TCB, C) == (0,)
    denied = [row for row in inspect.audit(hand.system.root) if row.event is Event.DENIED]
    assert {(row.subject, row.label) for row in denied} == {(hand.thread.id, forbidden)}


def test_a_policy_of_ones_own_memory_is_no_way_out(hand: Hand) -> None:
    """A narrower policy may be set; revoking its memory must not free who is under it."""
    restrict(hand, A, Type.UNTYPED, 1)
    hand.retype(Type.POLICY, 0, E)
    set_policy(hand, Init.TCB, A)
    hand.retype(Type.UNTYPED, 8, B)
    hand.retype(Type.POLICY, 0, C, untyped=B)
    hand.retype(Type.TCB, 0, D)
    assert set_policy(hand, D, C) == (0,)
    assert hand.revoke(B) == (0,)
    child = hand.tcb(D)
    assert (child.slot(POLICY).type, child.restricted) == (0, 1)
    assert set_policy(hand, D, E) == set_policy(hand, D, A) == ILLEGAL
    trap = hand.system.inside()
    trap.caller = child.address
    assert not any(policy.allows(trap, number) for number in (*Trap, label(Type.TCB, "Resume")))


@pytest.mark.parametrize("number", [Init.IPC_BUFFER, Init.TCB, Init.PML4, Init.REPLY, A, D])
def test_a_badge_or_whatever_lies_in_its_place_cannot_be_forged(hand: Hand, number: int) -> None:
    hand.retype(Type.ENDPOINT, 0, B)
    hand.mint(B, A, badge=7)
    ports = (0x300, 0x303, D, DEPTH)
    hand.call(Init.IO_PORT_CONTROL, Type.IO_PORT_CONTROL, "Issue", *ports, caps=(Init.CNODE,))
    source, words = hand.slot(number), (C, DEPTH, number, DEPTH)
    if number == A:
        assert hand.cnode("Mint", *words, 15, 0xFFFF) == ILLEGAL
        assert hand.cnode("Mint", *words, 15, 0) == ILLEGAL
    else:
        hand.cnode("Mint", *words, 15, 0xFFFF)
        assert hand.slot(C).badge == source.badge
        hand.delete(C)
    assert hand.cnode("Mutate", *words, 0xFFFF) == ILLEGAL
    badge = source.badge
    assert hand.cnode("Copy", *words, 15) == hand.cnode("Move", E, DEPTH, C, DEPTH) == (0,)
    assert hand.slot(E).badge == badge


def test_nobody_gives_a_priority_above_its_own_maximum(hand: Hand) -> None:
    hand.retype(Type.TCB, 0, A)
    limit = hand.thread.max_priority
    refused = (Error.RANGE_ERROR, 0, limit)
    for target in (A, Init.TCB):
        own = (Init.TCB,)
        assert hand.call(target, Type.TCB, "SetPriority", limit + 1, caps=own) == refused
        assert hand.call(target, Type.TCB, "SetMCPriority", limit + 1, caps=own) == refused
        for pair_ in ((limit + 1, 0), (0, limit + 1)):
            caps = (Init.TCB, Init.SCHED_CONTEXT, 0)
            assert hand.call(target, Type.TCB, "SetSchedParams", *pair_, caps=caps) == refused
    assert hand.call(A, Type.TCB, "SetMCPriority", 5, caps=(Init.TCB,)) == (0,)
    assert hand.call(A, Type.TCB, "SetPriority", 6, caps=(A,)) == (Error.RANGE_ERROR, 0, 5)
    assert hand.call(A, Type.TCB, "SetMCPriority", 6, caps=(A,)) == (Error.RANGE_ERROR, 0, 5)
    assert (hand.tcb(A).priority, hand.tcb(A).max_priority) == (0, 5)


def test_device_memory_is_not_touched_and_holds_no_kernel_object_and_no_code(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = PlainMemory.write

    def watched(memory: PlainMemory, address: int, data: bytes) -> None:
        written.append(address)
        write(memory, address, data)

    monkeypatch.setattr(PlainMemory, "write", watched)
    hand.system = System(hand.system.data)
    device = next(n for n in range(Init.UNTYPEDS, Init.MEMORY) if hand.slot(n).device)
    for kind, bits in ((Type.TCB, 0), (Type.CNODE, 4), (Type.CHANNEL, 12), (Type.PT, 0)):
        assert hand.retype(kind, bits, A, untyped=device) == (Error.INVALID_ARGUMENT, 1)
    assert hand.retype(Type.FRAME, 12, A, untyped=device) == (0,)
    assert hand.slot(A).device
    mapping = (0x41_0000, Right.READ, 1)
    assert hand.call(A, Type.FRAME, "Map", *mapping, caps=(Init.PML4,)) == (
        Error.INVALID_ARGUMENT, 2,
    )  # fmt: skip
    hand.mint(A, B)
    assert hand.slot(B).device
    assert hand.call(B, Type.FRAME, "Map", *mapping, caps=(Init.PML4,))[0] != 0
    assert not [address for address in written if address >= hand.ram.size]


def test_memory_that_changes_hands_is_empty(hand: Hand) -> None:
    hand.retype(Type.UNTYPED, 12, A)
    hand.retype(Type.FRAME, 12, B, untyped=A)
    frame = hand.slot(B).object
    hand.ram.write(frame, b"secret" * 100)
    hand.revoke(A)
    for kind, bits in ((Type.FRAME, 12), (Type.CHANNEL, 12), (Type.CNODE, 6)):
        assert hand.retype(kind, bits, B, untyped=A) == (0,)
        assert hand.slot(B).object == frame
        assert bytes(hand.ram.view[frame : frame + 4096]) == bytes(4096)
        hand.revoke(A)


def test_nothing_is_mapped_where_the_kernel_is(hand: Hand) -> None:
    hand.retype(Type.FRAME, 12, A)
    for vaddr in (1 << 47, (1 << 48) - 4096, 0xFFFF_8000_0000_0000, 0xFFFF_FFFF_8010_0000):
        found = hand.call(A, Type.FRAME, "Map", vaddr, 3, 0, caps=(Init.PML4,))
        assert found == (Error.INVALID_ARGUMENT, 0)


def test_slots_are_in_memory_that_nobody_maps(hand: Hand) -> None:
    """A capability cannot be forged in memory because none is where a program can write."""
    root = hand.system.root
    frames = {
        cap.object + offset
        for cap in inspect.tree(root)
        if cap.type in (Type.FRAME, Type.CHANNEL)
        for offset in range(0, 1 << cap.bits, 4096)
    }
    slots = [Slot(hand.ram, cap.slot).address & ~0xFFF for cap in inspect.tree(root)]
    assert slots
    assert not frames & {*slots}
