"""Capabilities in messages: which arrive, where, and what the message says of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.system import FAR, System, pair, share
from tests.kernel.tree import descendants
from vectoros.kernel import derivation, message
from vectoros.kernel.abi import COST_CAPABILITY, Fault, State, Trap
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.message import IPC_CAPABILITIES, IPC_RECEIVE_CNODE, info
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import BUFFER, CSPACE, Tcb
from vectoros.kernel_image import invariants

Two = tuple[System, Tcb, Tcb]
TARGET = FAR + 2
"""Slot in which the server receives."""

DEPTH = 64


def will_receive(system: System, thread: Tcb, *words: int) -> None:
    """Name the slot for received capabilities: CNode, index, depth."""
    at = thread.buffer + IPC_RECEIVE_CNODE >> 3
    for index, word in enumerate(words or (Init.CNODE, TARGET, DEPTH)):
        system.ram.words[at + index] = word


def attach(system: System, thread: Tcb, *addresses: int) -> int:
    """Put capabilities into a message of label 5; return its info."""
    return info(5, 0) | system.attach(thread, *addresses)


def arrived(thread: Tcb) -> tuple[int, int]:
    """How many capabilities the message says have arrived, and which were unwrapped."""
    return thread.rsi >> message.EXTRA_SHIFT & 3, thread.rsi >> message.UNWRAPPED_SHIFT & 7


@pytest.fixture
def ready(two: Two) -> Two:
    """A server that waits, with a Reply object and a slot for a capability."""
    system, server, _ = two
    will_receive(system, server)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    return two


@pytest.mark.parametrize("trap", [Trap.CALL, Trap.SEND, Trap.NB_SEND])
def test_a_capability_arrives_as_a_child_of_the_senders(ready: Two, trap: Trap) -> None:
    system, server, client = ready
    source = system.slot(client, Init.NOTIFICATION)
    source.badge = 9
    system.syscall(trap, FAR, attach(system, client, Init.NOTIFICATION))
    target = system.slot(server, TARGET)
    assert (arrived(server), server.rsi >> message.LABEL_SHIFT) == ((1, 0), 5)
    assert (target.type, target.object, target.badge, target.rights) == (
        Type.NOTIFICATION, source.object, 9, source.rights,
    )  # fmt: skip
    children = [slot for slot, _ in descendants(system.ram, source.address)]
    assert children == [target.address]


def test_a_sender_that_waits_transfers_when_it_is_received_from(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.YIELD)
    system.syscall(Trap.SEND, FAR, attach(system, client, Init.NOTIFICATION))
    assert client.state == State.BLOCKED_ON_SEND
    will_receive(system, server)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    assert (arrived(server), system.slot(server, TARGET).type) == ((1, 0), Type.NOTIFICATION)


def test_what_was_deleted_while_the_sender_waited_stays_behind(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.YIELD)
    system.syscall(Trap.SEND, FAR, attach(system, client, FAR + 1))
    will_receive(system, server)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    assert (arrived(server), system.slot(server, TARGET).type) == ((0, 0), 0)


@pytest.mark.parametrize("rights", [1, 9, 11])
def test_without_grant_no_capability_arrives(two: Two, rights: int) -> None:
    system, server, client = two
    share(system, server, Init.ENDPOINT, client, FAR + 1, rights=rights)
    will_receive(system, server)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.syscall(Trap.CALL, FAR + 1, attach(system, client, Init.NOTIFICATION, FAR))
    assert (arrived(server), system.slot(server, TARGET).type) == ((0, 0), 0)


def test_one_capability_to_the_endpoint_itself_is_unwrapped_to_its_badge(ready: Two) -> None:
    system, server, client = ready
    system.syscall(Trap.CALL, FAR, attach(system, client, FAR, Init.NOTIFICATION, FAR))
    assert arrived(server) == (3, 0b101)
    at = server.buffer + IPC_CAPABILITIES >> 3
    assert (system.ram.words[at], system.ram.words[at + 2]) == (7, 7)
    assert system.slot(server, TARGET).type == Type.NOTIFICATION


def test_of_two_capabilities_the_first_arrives(ready: Two) -> None:
    system, server, client = ready
    system.syscall(Trap.CALL, FAR, attach(system, client, Init.NOTIFICATION, Init.REPLY, FAR))
    assert (arrived(server), system.slot(server, TARGET).type) == ((1, 0), Type.NOTIFICATION)


def test_at_an_empty_slot_the_rest_stays_behind(ready: Two) -> None:
    system, server, client = ready
    system.syscall(Trap.CALL, FAR, attach(system, client, FAR, FAR + 5, FAR))
    assert (arrived(server), system.slot(server, TARGET).type) == ((1, 1), 0)


def test_what_may_not_be_copied_stays_behind(two: Two) -> None:
    system, server, client = two
    control = system.slot(server, Init.IRQ_CONTROL)
    derivation.move(system.ram, control.address, system.slot(client, FAR + 1).address)
    will_receive(system, server)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(Trap.SEND, FAR, attach(system, client, FAR + 1))
    assert (arrived(server), system.slot(server, TARGET).type) == ((0, 0), 0)


@pytest.mark.parametrize(
    "words",
    [
        (99, TARGET, DEPTH),
        (1 << 20, TARGET, DEPTH),
        (Init.TCB, TARGET, DEPTH),
        (Init.CNODE, Init.TCB, DEPTH),
        (Init.CNODE, TARGET, 0),
        (Init.CNODE, TARGET, 65),
        (Init.CNODE, TARGET, 8),
        (0, 0, 0),
    ],
)
def test_without_an_empty_slot_to_receive_in_only_badges_arrive(
    two: Two, words: tuple[int, ...]
) -> None:
    system, server, client = two
    will_receive(system, server, *words)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(Trap.SEND, FAR, attach(system, client, FAR, Init.NOTIFICATION))
    assert arrived(server) == (1, 1)


def test_bits_above_the_depth_mean_nothing(two: Two) -> None:
    system, server, client = two
    cnode = system.slot(server, Init.CNODE)
    guard, cnode.guard_size = cnode.guard_size, 0
    will_receive(system, server, Init.CNODE, TARGET | 1 << 40, cnode.bits)
    cspace = server.slot(CSPACE)
    assert cspace.guard_size == guard
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(Trap.SEND, FAR, attach(system, client, Init.NOTIFICATION))
    assert arrived(server) == (1, 0)


@pytest.mark.parametrize("who", [0, 1])
def test_without_a_buffer_no_capability_arrives(two: Two, who: int) -> None:
    system, server, client = two
    will_receive(system, server)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    sent = attach(system, client, Init.NOTIFICATION)
    derivation.remove(system.ram, (server, client)[who].slot(BUFFER).address)
    system.syscall(Trap.SEND, FAR, sent)
    assert arrived(server) == (0, 0)


def test_who_names_a_capability_that_leads_nowhere_faults(ready: Two) -> None:
    system, server, client = ready
    client.rip = 0x40_0002
    system.syscall(Trap.CALL, FAR, attach(system, client, 1 << 20))
    assert server.rsi == info(Fault.CAP_FAULT, 7)
    assert system.words(server)[1:4] == (1 << 20, 0, Lookup.GUARD_MISMATCH)


def test_who_will_not_wait_is_refused_instead(ready: Two) -> None:
    system, server, client = ready
    system.syscall(Trap.NB_SEND, FAR, attach(system, client, 1 << 20))
    assert (client.rax, server.state) == (Error.FAILED_LOOKUP, State.BLOCKED_ON_RECEIVE)


def answer_with(system: System, server: Tcb, client: Tcb, *, endpoint: int, reply: int) -> None:
    """Answer a call with a capability; the rights are the server's endpoint's and reply's."""
    will_receive(system, client)
    system.slot(server, Init.ENDPOINT).rights = endpoint
    system.slot(server, Init.REPLY).rights = reply
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.syscall(Trap.CALL, FAR)
    sent = attach(system, server, Init.NOTIFICATION)
    system.syscall(Trap.REPLY_RECV, Init.ENDPOINT, sent, r12=Init.REPLY)


def test_an_answer_carries_a_capability(two: Two) -> None:
    system, server, client = two
    answer_with(system, server, client, endpoint=15, reply=4)
    assert (arrived(client), system.slot(client, TARGET).type) == ((1, 0), Type.NOTIFICATION)


@pytest.mark.parametrize(("endpoint", "reply"), [(11, 4), (15, 0)])
def test_an_answer_needs_grant_of_reply_and_endpoint_to_carry_one(
    two: Two, endpoint: int, reply: int
) -> None:
    system, server, client = two
    answer_with(system, server, client, endpoint=endpoint, reply=reply)
    assert (arrived(client), system.slot(client, TARGET).type) == ((0, 0), 0)
    system.slot(server, Init.ENDPOINT).rights = 15  # as the client's, which came from it


def test_a_capability_to_the_endpoint_is_no_badge_in_an_answer(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.ENDPOINT, server, FAR, badge=3)
    will_receive(system, client)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.syscall(Trap.CALL, FAR)
    system.syscall(Trap.SEND, Init.REPLY, attach(system, server, FAR))
    assert (arrived(client), system.slot(client, TARGET).badge) == ((1, 0), 3)


def test_capabilities_cost_more(ready: Two) -> None:
    system, _, client = ready
    other = system.copy()
    system.syscall(Trap.NB_SEND, FAR, attach(system, client, Init.NOTIFICATION, FAR))
    other.syscall(Trap.NB_SEND, FAR, info(5, 0))
    assert system.block.cost == other.block.cost + COST_CAPABILITY * 2


@given(st.integers(0, 2**64 - 1))
def test_what_the_sender_says_of_unwrapped_capabilities_is_not_believed(word: int) -> None:
    system, server, client = pair()
    will_receive(system, server)
    attach(system, client, Init.NOTIFICATION, FAR, FAR)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(Trap.NB_SEND, FAR, word)
    count = word >> message.EXTRA_SHIFT & 3
    assert arrived(server) == (count, (0, 0, 0b10, 0b110)[count])
    assert message.length_of(server.rsi) <= message.MAX_LENGTH
    invariants.check(system.root)
