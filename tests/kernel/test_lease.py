"""Leases: what a server may copy from and to who calls it, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.invoking import invoke
from tests.kernel.system import DATA, FAR, RODATA, TEXT, System, pair, share
from vectoros.kernel import vspace
from vectoros.kernel.abi import COST_UNIT, TRAPS, State, Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.message import IPC_LEASE, LENDS
from vectoros.kernel.methods import BY_LABEL, label
from vectoros.kernel.methods.services import MAX_COPY
from vectoros.kernel.objects import READ_WRITE, Right, Type
from vectoros.kernel.process_layout import STACK_SIZE, STACK_TOP, USER_LIMIT, Init
from vectoros.kernel.tcb import VSPACE, Tcb
from vectoros.kernel_image import inspect, invariants

Two = tuple[System, Tcb, Tcb]
DESCRIBE, READ, WRITE = (label(Type.LEASE, name) for name in ("Describe", "Read", "Write"))
STACK = STACK_TOP - STACK_SIZE
SPAN = DATA + 0xFF0
"""An address 16 bytes before the end of a page that another one follows."""

ILLEGAL = (Error.ILLEGAL_OPERATION,)


def lend(system: System, client: Tcb, base: int, length: int, rights: int = READ_WRITE) -> None:
    at = client.buffer + IPC_LEASE >> 3
    for index, word in enumerate((base, length, rights)):
        system.ram.words[at + index] = word


def lent(system: System, server: Tcb, client: Tcb, base: int = SPAN, length: int = 64,
         rights: int = READ_WRITE) -> None:  # fmt: skip
    """Let the server receive a call of the client's, which lends something."""
    lend(system, client, base, length, rights)
    assert system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY) == client.address
    assert system.syscall(Trap.CALL, FAR, LENDS) == server.address


def memory(system: System, thread: Tcb, address: int, data: bytes = b"", length: int = 0) -> bytes:
    """Write bytes where the thread sees them, or read; a byte at a time, to be sure of pages."""
    found = bytearray()
    for offset in range(len(data) or length):
        page = vspace.walk(system.ram, thread.space, address + offset)
        assert page
        at = (page[0] & vspace.ADDRESS) + (address + offset) % 4096
        if data:
            system.data[at] = data[offset]
        found.append(system.data[at])
    return bytes(found)


PATTERN = bytes(range(1, 65))


def test_a_server_reads_what_was_lent_across_pages(two: Two) -> None:
    system, server, client = two
    memory(system, client, SPAN, PATTERN)
    lent(*two)
    assert system.call(Init.REPLY, DESCRIBE) == (0, 64, READ_WRITE)
    assert system.call(Init.REPLY, READ, 8, SPAN - 8, 40) == (0,)
    assert memory(system, server, SPAN - 8, length=41) == PATTERN[8:48] + b"\0"


def test_a_server_writes_to_what_was_lent(two: Two) -> None:
    system, server, client = two
    memory(system, server, STACK, PATTERN)
    lent(*two)
    assert system.call(Init.REPLY, WRITE, 4, STACK, 60) == (0,)
    assert memory(system, client, SPAN, length=64) == bytes(4) + PATTERN[:60]


def test_nothing_may_be_copied_anywhere(two: Two) -> None:
    system, _, _ = two
    lent(*two)
    assert system.call(Init.REPLY, READ, 64, USER_LIMIT, 0) == (0,)


def test_who_lends_to_itself_gets_the_bytes_as_they_were(two: Two) -> None:
    system, server, client = two
    memory(system, client, SPAN, PATTERN)
    lent(*two)
    server.slot(VSPACE).object = client.space
    assert system.call(Init.REPLY, READ, 0, SPAN + 8, 48) == (0,)
    assert memory(system, client, SPAN, length=64) == PATTERN[:8] + PATTERN[:48] + PATTERN[56:]
    server.slot(VSPACE).object = system.slot(server, Init.PML4).object


def test_a_copy_costs_what_it_moves(two: Two) -> None:
    system, _, _ = two
    lent(*two, base=STACK, length=STACK_SIZE)
    system.call(Init.REPLY, READ, 0, STACK, STACK_SIZE)
    fixed = TRAPS[Trap.CALL].cost + BY_LABEL[READ].cost
    assert system.block.cost == fixed + STACK_SIZE // COST_UNIT


def test_a_caller_that_waits_to_be_received_has_lent_too(two: Two) -> None:
    system, _, client = two
    lend(system, client, SPAN, 64)
    system.syscall(Trap.YIELD)
    system.syscall(Trap.CALL, FAR, LENDS)
    assert system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert system.call(Init.REPLY, DESCRIBE) == (0, 64, READ_WRITE)


@pytest.mark.parametrize("method", [DESCRIBE, READ, WRITE])
def test_a_lease_is_gone_when_the_call_is_answered(two: Two, method: int) -> None:
    system, _, client = two
    lent(*two)
    system.call(Init.REPLY, 0, trap=Trap.SEND)
    assert system.call(Init.REPLY, method, 0, 0, 0) == ILLEGAL
    assert client.lease_length == 0
    lend(system, client, 0, 0)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.syscall(Trap.CALL, FAR, LENDS)
    assert system.call(Init.REPLY, method, 0, 0, 0) == ILLEGAL


@pytest.mark.parametrize("before", [True, False])
def test_a_lease_is_gone_when_the_caller_is_suspended(two: Two, before: bool) -> None:
    system, _, client = two
    if before:
        lend(system, client, SPAN, 64)
        system.syscall(Trap.YIELD)
        system.syscall(Trap.CALL, FAR, LENDS)
    else:
        lent(*two)
    assert invoke(system, Init.PROCESSES + 1, Type.TCB, "Suspend") == (0,)
    assert (client.state, client.lease_length) == (State.INACTIVE, 0)
    assert system.call(Init.REPLY, DESCRIBE) == ILLEGAL


@pytest.mark.parametrize("trap", [Trap.SEND, Trap.NB_SEND])
def test_only_a_call_lends(two: Two, trap: Trap) -> None:
    system, _, client = two
    lend(system, client, SPAN, 64)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.syscall(trap, FAR, LENDS)
    assert client.lease_length == 0


def test_a_call_lends_only_if_it_says_so(two: Two) -> None:
    system, _, client = two
    lend(system, client, SPAN, 64)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.syscall(Trap.CALL, FAR)
    assert system.call(Init.REPLY, DESCRIBE) == ILLEGAL


def test_a_fault_lends_nothing(two: Two) -> None:
    system, _, client = two
    lend(system, client, SPAN, 64)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.syscall(99, 0, LENDS)
    assert system.call(Init.REPLY, DESCRIBE) == ILLEGAL


def test_the_methods_need_their_arguments(two: Two) -> None:
    system, _, _ = two
    for method in (READ, WRITE):
        assert system.call(Init.REPLY, method, 0, 0) == (Error.TRUNCATED_MESSAGE,)
    for number in (0, 4, label(Type.TCB, "Suspend")):
        assert system.call(Init.REPLY, number, 0, 0, 0) == ILLEGAL


@pytest.mark.parametrize(
    ("rights", "allowed"), [(0, ()), (Right.READ, (READ,)), (Right.WRITE, (WRITE,))]
)
def test_a_lease_allows_what_it_says(two: Two, rights: int, allowed: tuple[int, ...]) -> None:
    system, _, _ = two
    lent(*two, rights=rights | 0x10)
    described = (0, 64, rights) if rights else ILLEGAL
    assert system.call(Init.REPLY, DESCRIBE) == described
    for method in (READ, WRITE):
        expected = (0,) if method in allowed else ILLEGAL
        assert system.call(Init.REPLY, method, 0, DATA, 8) == expected


@pytest.mark.parametrize("method", [READ, WRITE])
@pytest.mark.parametrize(("offset", "length"), [(0, 65), (64, 1), (65, 0), (2**64 - 1, 2)])
def test_nobody_gets_beyond_a_lease(two: Two, method: int, offset: int, length: int) -> None:
    system, _, _ = two
    lent(*two)
    assert system.call(Init.REPLY, method, offset, DATA, length) == (Error.RANGE_ERROR, 0, 64)


@pytest.mark.parametrize("method", [READ, WRITE])
def test_a_copy_has_a_limit(two: Two, method: int) -> None:
    system, _, _ = two
    lent(*two, length=2 * MAX_COPY)
    expected = (Error.INVALID_ARGUMENT, 2)
    assert system.call(Init.REPLY, method, 0, USER_LIMIT, MAX_COPY + 1) == expected
    expected = (Error.INVALID_ARGUMENT, 1)
    assert system.call(Init.REPLY, method, 0, USER_LIMIT, MAX_COPY) == expected


@pytest.mark.parametrize(
    ("method", "address"),
    [
        (READ, TEXT),
        (READ, RODATA),
        (READ, DATA + 0x1FF8),
        *((method, at) for method in (READ, WRITE) for at in (0, USER_LIMIT - 8, 2**64 - 8)),
        *((method, STACK - 8) for method in (READ, WRITE)),
    ],
)
def test_the_caller_must_be_able_to_use_its_own_side(two: Two, method: int, address: int) -> None:
    system, server, client = two
    memory(system, client, SPAN, PATTERN)
    memory(system, server, DATA + 0x1FF8, PATTERN[:8])
    lent(*two)
    expected = (Error.INVALID_ARGUMENT, 1)
    assert system.call(Init.REPLY, method, 0, address, 16) == expected
    assert memory(system, server, DATA + 0x1FF8, length=8) == PATTERN[:8]
    assert memory(system, client, SPAN, length=64) == PATTERN


def test_what_the_caller_may_only_read_it_may_write_from(two: Two) -> None:
    system, _, _ = two
    lent(*two)
    assert system.call(Init.REPLY, WRITE, 0, RODATA, 8) == (0,)


@pytest.mark.parametrize(
    ("method", "base"),
    [
        (WRITE, TEXT),
        (WRITE, RODATA),
        *((method, at) for method in (READ, WRITE) for at in (0, USER_LIMIT - 8, 2**64 - 8)),
        *((method, DATA + 0x1FF8) for method in (READ, WRITE)),
    ],
)
def test_nobody_lends_what_it_could_not_use_itself(two: Two, method: int, base: int) -> None:
    system, _, _ = two
    lent(*two, base=base)
    expected = (Error.INVALID_ARGUMENT, 0)
    assert system.call(Init.REPLY, method, 0, DATA, 16) == expected


def test_a_lender_without_address_space_lends_nothing(two: Two) -> None:
    system, _, client = two
    lent(*two)
    space, client.slot(VSPACE).object = client.space, 0
    assert system.call(Init.REPLY, READ, 0, DATA, 8) == (Error.INVALID_ARGUMENT, 0)
    client.slot(VSPACE).object = space


def test_memory_of_a_device_is_not_touched(two: Two) -> None:
    system, _, client = two
    lent(*two)
    at, _ = vspace.find(system.ram, client.space, DATA, 12)
    before, system.ram.words[at] = system.ram.words[at], 0xE000_0000 | vspace.READ_WRITE
    assert system.call(Init.REPLY, READ, 0, DATA, 8) == (Error.INVALID_ARGUMENT, 0)
    system.ram.words[at] = before


def test_whoever_has_the_reply_capability_may_use_the_lease_and_nobody_is_audited(
    two: Two,
) -> None:
    system, server, client = two
    share(system, server, Init.REPLY, server, FAR)
    lent(*two)
    assert system.call(FAR, READ, 0, DATA, 8) == (0,)
    assert inspect.audit(system.root) == []
    assert client.state == State.BLOCKED_ON_REPLY


@given(
    st.integers(0, 0x1FF0), st.integers(0, 0x2000), st.integers(0, 0x2000), st.integers(0, 0x2000)
)
def test_exactly_the_bytes_that_were_asked_for_change(
    base: int, offset: int, target: int, length: int
) -> None:
    system, server, client = pair()
    data = bytes(index % 251 + 1 for index in range(0x2000))
    memory(system, client, DATA, data)
    lent(system, server, client, base=DATA + base, length=0x2000 - base)
    status, *_ = system.call(Init.REPLY, READ, offset, STACK + target, length)
    assert (status == 0) == (offset + length <= 0x2000 - base)
    moved = data[base + offset :][:length] if status == 0 else bytes(length)
    seen = memory(system, server, STACK, length=0x4002)
    assert seen == bytes(target) + moved + bytes(0x4002 - target - length)
    invariants.check(system.root)
