"""TCB methods: what a thread runs with, its registers, and what ends with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.invoking import DEPTH, SPARE, delete, invoke, make
from tests.kernel.system import FAR, System, pair, share
from vectoros.kernel import derivation
from vectoros.kernel.abi import Fault, State, Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.gate import Flag, Reason
from vectoros.kernel.methods.threads import REGISTERS
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import USER_LIMIT, Init
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.tcb import BUFFER, CSPACE, HANDLER, NO_FPU, TIMEOUT, VSPACE, Tcb
from vectoros.kernel_image import inspect, invariants

Two = tuple[System, Tcb, Tcb]
OTHER = Init.PROCESSES + 1
EMPTY = 99
GRANTS, WRITE, READ_ONLY = 15, 1, 2
ILLEGAL = (Error.ILLEGAL_OPERATION,)


def call(system: System, name: str, *words: int, caps: tuple[int, ...] = (), slot: int = OTHER) -> (
    tuple[int, ...]
):  # fmt: skip
    return invoke(system, slot, Type.TCB, name, *words, caps=caps)


def handler(two: Two, rights: int) -> int:
    """Return a slot with the server's endpoint, with ``rights``."""
    system, server, _ = two
    share(system, server, Init.ENDPOINT, server, SPARE, badge=3, rights=rights)
    return SPARE


def test_configure_sets_both_roots_and_the_buffer(two: Two) -> None:
    system, server, client = two
    guard = 4 << 6 | 56
    caps = (Init.CNODE, Init.PML4, Init.IPC_BUFFER)
    assert call(system, "Configure", guard, 0, 0x5000, caps=caps) == (0,)
    assert client.space == server.space
    assert client.slot(CSPACE).object == server.slot(CSPACE).object
    assert (client.slot(CSPACE).guard_size, client.slot(CSPACE).badge) == (56, 4)
    assert (client.buffer, client.buffer_address) == (server.buffer, 0x5000)
    assert call(system, "Configure", 0, 0, 0, caps=(Init.CNODE, Init.PML4, EMPTY)) == (0,)
    assert (client.slot(CSPACE).guard_size, client.slot(CSPACE).badge) == (56, 0)
    assert (client.buffer, client.buffer_address, client.slot(BUFFER).type) == (0, 0, 0)


@pytest.mark.parametrize(
    ("words", "caps", "expected"),
    [
        ((0, 0, 1), (Init.PML4, EMPTY, Init.TCB), ILLEGAL),
        ((63, 0, 1), (Init.CNODE, EMPTY, Init.TCB), ILLEGAL),
        ((0, 0, 1), (Init.CNODE, Init.CNODE, Init.TCB), ILLEGAL),
        ((0, 0, 1), (Init.CNODE, Init.PML4, Init.TCB), ILLEGAL),
        ((0, 0, 1), (Init.CNODE, Init.PML4, EMPTY), (Error.ALIGNMENT_ERROR,)),
    ],
)
def test_configure_refuses_in_order(
    two: Two, words: tuple[int, ...], caps: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert call(two[0], "Configure", *words, caps=caps) == expected


def test_a_root_without_an_identifier_is_refused(two: Two) -> None:
    system, server, _ = two
    make(system, server, Type.PML4, SPARE)
    assert call(system, "Configure", 0, 0, 0, caps=(Init.CNODE, SPARE, EMPTY)) == ILLEGAL


def test_a_thread_gets_another_address_space_at_once(two: Two) -> None:
    system, server, client = two
    share(system, client, Init.PML4, server, FAR)
    caps = (EMPTY, Init.CNODE, FAR)
    assert call(system, "SetSpace", 0, 0, caps=caps, slot=Init.TCB) == (0,)
    assert server.space == client.space == system.block.next_cr3
    assert system.root.processor.space == client.space


def test_set_space_sets_the_fault_handler(two: Two) -> None:
    system, _, client = two
    good = (handler(two, GRANTS), Init.CNODE, Init.PML4)
    assert call(system, "SetSpace", 0, 0, caps=good) == (0,)
    assert (client.slot(HANDLER).type, client.slot(HANDLER).badge) == (Type.ENDPOINT, 3)
    refused: tuple[tuple[tuple[int, int, int], tuple[int, ...]], ...] = (
        ((Init.TCB, EMPTY, EMPTY), (Error.INVALID_CAPABILITY, 1)),
        ((EMPTY, EMPTY, EMPTY), ILLEGAL),
        ((EMPTY, Init.CNODE, EMPTY), ILLEGAL),
    )
    for caps, expected in refused:
        assert call(system, "SetSpace", 0, 0, caps=caps) == expected


@pytest.mark.parametrize("rights", [0, WRITE, READ_ONLY, 2 | 4 | 8])
def test_a_handler_must_be_able_to_answer(two: Two, rights: int) -> None:
    system = two[0]
    slot = handler(two, rights)
    for name, words, caps, which in (
        ("SetTimeoutEndpoint", (), (slot,), 1),
        ("SetSpace", (0, 0), (slot, Init.CNODE, Init.PML4), 1),
        ("SetSchedParams", (1, 1), (Init.TCB, EMPTY, slot), 3),
    ):
        assert call(system, name, *words, caps=caps) == (Error.INVALID_CAPABILITY, which)


def test_a_timeout_endpoint_is_set_and_taken_away(two: Two) -> None:
    system, _, client = two
    assert call(system, "SetTimeoutEndpoint", caps=(handler(two, GRANTS),)) == (0,)
    assert client.slot(TIMEOUT).badge == 3
    assert call(system, "SetTimeoutEndpoint", caps=(EMPTY,)) == (0,)
    assert client.slot(TIMEOUT).type == 0


def test_an_ipc_buffer_is_a_small_frame_of_ram_for_reading_and_writing(two: Two) -> None:
    system, server, client = two
    assert call(system, "SetIPCBuffer", 0x7000, caps=(Init.IPC_BUFFER,)) == (0,)
    assert (client.buffer, client.buffer_address) == (server.buffer, 0x7000)
    source = system.slot(server, Init.IPC_BUFFER)
    for change in ({"rights": 2}, {"bits": 21}, {"device": 1}):
        slot = share(system, server, Init.IPC_BUFFER, server, SPARE, rights=3)
        for name, value in change.items():
            setattr(slot, name, value)
        assert call(system, "SetIPCBuffer", 1, caps=(SPARE,)) == ILLEGAL
        slot.bits = source.bits
        slot.device = 0
        delete(system, SPARE)
    assert call(system, "SetIPCBuffer", 1, caps=(Init.IPC_BUFFER,)) == (Error.ALIGNMENT_ERROR,)
    assert call(system, "SetIPCBuffer", 0, caps=(EMPTY,)) == (0,)
    assert client.buffer == 0


def test_priorities_context_and_handler_are_set_at_once(two: Two) -> None:
    system, server, client = two
    own = share(system, client, Init.SCHED_CONTEXT, server, FAR).object
    caps = (Init.TCB, FAR, handler(two, GRANTS))
    assert call(system, "SetSchedParams", 50, 40, caps=caps) == (0,)
    assert (client.max_priority, client.priority, client.sched_context) == (50, 40, own)
    assert client.slot(HANDLER).badge == 3
    assert client.queue == system.root.processor.queue(40)
    assert call(system, "SetSchedParams", 50, 40, caps=(Init.TCB, EMPTY, EMPTY)) == (0,)
    assert (client.sched_context, client.slot(HANDLER).type, client.queue) == (0, 0, 0)
    assert call(system, "SetSchedParams", 100, 100, caps=caps) == (0,)
    assert system.syscall(Trap.YIELD) == client.address


def test_sched_params_are_refused_in_order(two: Two) -> None:
    system, server, client = two
    make(system, server, Type.SCHED_CONTEXT, FAR)
    for slot, words, caps, expected in (
        (OTHER, (101, 101), (Init.CNODE, Init.CNODE, Init.CNODE), (Error.INVALID_CAPABILITY, 1)),
        (OTHER, (101, 5), (Init.TCB, Init.CNODE, Init.CNODE), (Error.RANGE_ERROR, 0, 100)),
        (OTHER, (5, 101), (Init.TCB, Init.CNODE, Init.CNODE), (Error.RANGE_ERROR, 0, 100)),
        (OTHER, (5, 5), (Init.TCB, Init.CNODE, Init.CNODE), (Error.INVALID_CAPABILITY, 2)),
        (OTHER, (5, 5), (Init.TCB, Init.SCHED_CONTEXT, Init.CNODE), ILLEGAL),
        (Init.TCB, (5, 5), (Init.TCB, EMPTY, Init.CNODE), ILLEGAL),
        (OTHER, (5, 5), (Init.TCB, FAR, Init.CNODE), (Error.INVALID_CAPABILITY, 3)),
    ):
        assert call(system, "SetSchedParams", *words, caps=caps, slot=slot) == expected
    assert (client.priority, client.max_priority) == (100, 100)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["SetPriority", "SetMCPriority"]),
                          st.integers(0, 300)), max_size=8))  # fmt: skip
def test_no_priority_is_above_the_maximum_of_who_gave_it(
    steps: list[tuple[bool, str, int]],
) -> None:
    """T11: an authority of maximum 100 cannot make anything above 100."""
    system, server, client = pair()
    for own, name, value in steps:
        running = system.running
        if running.address != server.address:
            break
        limit = server.max_priority
        slot = Init.TCB if own else OTHER
        answer = call(system, name, value, caps=(Init.TCB,), slot=slot)
        assert answer == ((0,) if value <= limit else (Error.RANGE_ERROR, 0, limit))
    for thread in (server, client):
        assert max(thread.priority, thread.max_priority) <= 100
    invariants.check(system.root)


def test_a_maximum_needs_an_authority(two: Two) -> None:
    system, _, client = two
    assert call(system, "SetMCPriority", 7, caps=(Init.TCB,)) == (0,)
    assert client.max_priority == 7
    for slot in (Init.CNODE, EMPTY):
        answer = call(system, "SetMCPriority", 300, caps=(slot,))
        assert answer == (Error.INVALID_CAPABILITY, 1)


def test_a_thread_is_bound_to_a_notification_and_unbound(two: Two) -> None:
    system, server, client = two
    own = Notification(system.ram, client.bound)
    assert call(system, "BindNotification", caps=(EMPTY,)) == ILLEGAL
    assert call(system, "UnbindNotification") == (0,)
    assert (client.bound, own.bound) == (0, 0)
    assert call(system, "UnbindNotification") == ILLEGAL
    assert call(system, "BindNotification", caps=(EMPTY,)) == (Error.INVALID_CAPABILITY, 1)
    assert call(system, "BindNotification", caps=(Init.NOTIFICATION,)) == ILLEGAL
    share(system, client, Init.NOTIFICATION, server, FAR, rights=WRITE)
    assert call(system, "BindNotification", caps=(FAR,)) == (Error.INVALID_CAPABILITY, 1)
    system.slot(server, FAR).rights = READ_ONLY
    assert call(system, "BindNotification", caps=(FAR,)) == (0,)
    assert (client.bound, own.bound) == (own.address, client.address)


def test_a_notification_that_is_waited_for_cannot_be_bound(two: Two) -> None:
    system, server, client = two
    share(system, client, Init.NOTIFICATION, server, FAR)
    call(system, "UnbindNotification")
    system.syscall(Trap.YIELD)
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == server.address
    assert call(system, "BindNotification", caps=(FAR,)) == ILLEGAL


def test_the_fs_base_is_an_address_of_the_lower_half(two: Two) -> None:
    system, _, client = two
    assert call(system, "SetTLSBase", USER_LIMIT - 1) == (0,)
    assert client.fs_base == USER_LIMIT - 1
    assert call(system, "SetTLSBase", USER_LIMIT) == (Error.INVALID_ARGUMENT, 0)


def test_who_may_not_use_the_fpu_faults(two: Two) -> None:
    system, server, _ = two
    system.trap(Reason.EXCEPTION, vector=7)
    assert system.root.processor.fpu_owner == server.address
    assert call(system, "SetFlags", 0, NO_FPU | 6, slot=Init.TCB) == (0, NO_FPU)
    assert Flag(system.block.flags) & Flag.SET_TS
    assert system.trap(Reason.EXCEPTION, vector=7) != server.address
    assert (server.fault, server.fault_address) == (Fault.USER_EXCEPTION, 7)


def test_the_fpu_can_be_allowed_again(two: Two) -> None:
    system, server, _ = two
    assert call(system, "SetFlags", 0, NO_FPU, slot=Init.TCB) == (0, NO_FPU)
    assert call(system, "SetFlags", NO_FPU, 0, slot=Init.TCB) == (0, 0)
    system.trap(Reason.EXCEPTION, vector=7)
    assert system.root.processor.fpu_owner == server.address


def test_a_policy_is_given_and_only_a_narrower_one_after_it(two: Two) -> None:
    system, server, client = two
    made = make(system, server, Type.POLICY, SPARE)
    other = make(system, server, Type.POLICY, FAR)
    for slot, mask in ((made, 0xFFFF), (other, 0xFFF)):
        for word in range(32):
            system.ram.words[(slot.object >> 3) + word] = mask
    assert call(system, "SetPolicy", caps=(Init.TCB,)) == (Error.INVALID_CAPABILITY, 1)
    assert call(system, "SetPolicy", caps=(FAR,)) == (0,)
    assert client.restricted
    assert call(system, "SetPolicy", caps=(SPARE,)) == ILLEGAL
    made.rights = WRITE
    assert call(system, "SetPolicy", caps=(SPARE,)) == (Error.INVALID_CAPABILITY, 1)


def test_a_name_counts_the_generation_up(two: Two) -> None:
    system, _, client = two
    words = [int.from_bytes(half, "little") for half in (b"sixteen-", b"letters!")]
    assert call(system, "SetName", *words) == (0,)
    assert (client.name, client.generation) == ("sixteen-letters!", 1)


def test_registers_are_read(two: Two) -> None:
    system, _, client = two
    for number, name in enumerate(REGISTERS):
        setattr(client, name, 1000 + number)
    assert call(system, "ReadRegisters", 0, 20) == (0, *range(1000, 1020))
    assert client.state == State.RUNNING
    assert call(system, "ReadRegisters", 1, 2) == (0, 1000, 1001)
    assert client.state == State.INACTIVE
    assert call(system, "ReadRegisters", 0, 1, slot=Init.TCB) == ILLEGAL
    for count in (0, 21):
        assert call(system, "ReadRegisters", 0, count) == (Error.RANGE_ERROR, 1, 20)


def test_registers_are_copied_as_far_as_the_flags_say(two: Two) -> None:
    system, server, client = two
    third = Tcb(system.ram, make(system, server, Type.TCB, SPARE).object)
    for number, name in enumerate(REGISTERS):
        setattr(client, name, 1000 + number)
    client.rflags = 0x202
    assert call(system, "CopyRegisters", 4, caps=(OTHER,), slot=SPARE) == (0,)
    assert (third.rip, third.rsp, third.rax, third.state) == (1000, 1001, 0, State.INACTIVE)
    assert call(system, "CopyRegisters", 8 | 2 | 1, caps=(OTHER,), slot=SPARE) == (0,)
    assert (third.rax, third.r15, third.fs_base) == (1003, 1017, 0)
    assert (third.state, client.state) == (State.RUNNING, State.INACTIVE)
    call(system, "Suspend", slot=SPARE)


def test_copying_registers_is_refused_in_order(two: Two) -> None:
    system, server, _ = two
    make(system, server, Type.TCB, SPARE)
    wrong = call(system, "CopyRegisters", 15, caps=(Init.CNODE,))
    assert wrong == (Error.INVALID_CAPABILITY, 1)
    assert call(system, "CopyRegisters", 15, caps=(Init.TCB,), slot=SPARE) == ILLEGAL
    assert call(system, "CopyRegisters", 15, caps=(SPARE,), slot=Init.TCB) == ILLEGAL
    assert call(system, "CopyRegisters", 15, caps=(SPARE,)) == ILLEGAL


def test_a_thread_ends_with_its_last_capability(two: Two) -> None:
    system, server, client = two
    bound, context = Notification(system.ram, client.bound), client.sched_context
    system.root.processor.fpu_owner = client.address
    before = len(inspect.objects(system.root, Type.TCB))
    delete(system, OTHER)
    assert client.state == State.RUNNING
    share(system, client, Init.CNODE, server, FAR)
    answer = invoke(system, FAR, Type.CNODE, "Delete", Init.TCB, DEPTH)
    assert answer == (0,)
    assert len(inspect.objects(system.root, Type.TCB)) == before - 1
    assert (bound.bound, Slot(system.ram, client.address + CSPACE).type) == (0, 0)
    assert system.ram.words[(context >> 3) + 3] == 0
    assert system.root.processor.fpu_owner == 0
    assert system.syscall(Trap.YIELD) == server.address


def test_a_thread_can_end_itself(two: Two) -> None:
    system, server, client = two
    delete(system, Init.PROCESSES)
    thread = system.running
    delete(system, Init.TCB)
    assert thread.address == server.address
    assert system.running.address == client.address
    assert server.address not in inspect.objects(system.root, Type.TCB)
    assert server.slot(VSPACE).type == 0
    assert system.syscall(Trap.YIELD) == client.address


def test_a_cspace_that_only_the_thread_had_ends_when_it_gets_another(two: Two) -> None:
    system, server, client = two
    cnode = make(system, server, Type.CNODE, SPARE, bits=8)
    share(system, server, Init.ENDPOINT, server, FAR)
    inside = Slot(system.ram, cnode.object + 5 * SIZE)
    derivation.move(system.ram, system.slot(server, FAR).address, inside.address)
    caps = (EMPTY, SPARE, Init.PML4)
    assert call(system, "SetSpace", 56, 0, caps=caps) == (0,)
    old = cnode.object
    delete(system, SPARE)
    assert (client.slot(CSPACE).object, inside.type) == (old, Type.ENDPOINT)
    assert call(system, "SetSpace", 56, 0, caps=(EMPTY, Init.CNODE, Init.PML4)) == (0,)
    assert client.slot(CSPACE).object == server.slot(CSPACE).object
    assert system.root.spare.type == Type.ZOMBIE
    traps = 1
    while call(system, "SetSpace", 56, 0, caps=(EMPTY, Init.CNODE, Init.PML4)) != (0,):
        traps += 1  # there were 256 slots to look at before
    assert traps > 1
    assert old not in inspect.objects(system.root, Type.CNODE)
    assert (inside.type, system.root.spare.type) == (0, 0)
