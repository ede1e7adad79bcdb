"""Calls and their answers: Reply objects, who may answer, and what becomes of who waits."""

from __future__ import annotations

import pytest

from tests.kernel.system import FAR, Spec, System, boot, pair, share
from vectoros.kernel.abi import Fault, State, Trap
from vectoros.kernel.deletion import FINALISERS
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.message import info
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.reply import Reply
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import invariants

Two = tuple[System, Tcb, Tcb]
SECOND = FAR + 3
"""Slot of another Reply object."""

SUSPEND, RESUME = label(Type.TCB, "Suspend"), label(Type.TCB, "Resume")
OTHER = Init.PROCESSES + 1


def reply_of(system: System, thread: Tcb, number: int = Init.REPLY) -> Reply:
    return Reply(system.ram, system.make(thread, Type.REPLY, number))


def served(system: System, server: Tcb, client: Tcb, *words: int) -> Reply:
    """Let the server receive a call of the client's."""
    reply = reply_of(system, server)
    assert system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY) == client.address
    client.rip = 0x40_0002
    assert system.syscall(Trap.CALL, FAR, info(5, len(words)), words) == server.address
    return reply


def test_a_call_waits_for_the_answer_and_gets_it(two: Two) -> None:
    system, server, client = two
    reply = served(system, server, client, 1, 2)
    assert (server.rax, server.rdi, server.rsi) == (0, 7, info(5, 2))
    assert (client.state, client.reply, reply.tcb) == (
        State.BLOCKED_ON_REPLY, reply.address, client.address,
    )  # fmt: skip
    answer = info(9, 3)
    assert system.syscall(Trap.REPLY_RECV, Init.ENDPOINT, answer, (4, 5, 6), r12=Init.REPLY)
    assert system.running.address == client.address
    assert (client.rax, client.rdi, client.rsi) == (0, 0, answer)
    assert system.words(client) == (4, 5, 6)
    assert (server.state, server.reply) == (State.BLOCKED_ON_RECEIVE, reply.address)
    assert (client.reply, reply.tcb) == (0, server.address)


def test_a_call_that_came_first_is_answered_too(two: Two) -> None:
    system, server, client = two
    reply = reply_of(system, server)
    system.syscall(Trap.YIELD)
    system.syscall(Trap.CALL, FAR, info(5, 1), (1,))
    assert (client.state, reply.tcb) == (State.BLOCKED_ON_SEND, 0)
    system.syscall(Trap.NB_RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert (client.state, reply.tcb) == (State.BLOCKED_ON_REPLY, client.address)
    assert (server.rdi, system.words(server)) == (7, (1,))
    assert system.call(Init.REPLY, 3, 8, trap=Trap.NB_SEND) == (0,)
    assert (client.state, client.rsi, client.rdx) == (State.RUNNING, info(3, 1), 8)


@pytest.mark.parametrize("trap", [Trap.SEND, Trap.NB_SEND])
def test_an_answer_is_given_once(two: Two, trap: Trap) -> None:
    system, server, client = two
    served(system, server, client)
    assert system.call(Init.REPLY, 3, 8, trap=trap) == (0,)
    assert system.call(Init.REPLY, 4, 9, trap=trap) == (0,)
    assert (client.rsi, client.rdx) == (info(3, 1), 8)


def test_who_was_answered_is_not_answered_again_in_a_later_call(two: Two) -> None:
    system, server, client = two
    first = served(system, server, client)
    system.call(Init.REPLY, 3, 8, trap=Trap.SEND)
    assert (first.tcb, client.reply) == (0, 0)
    second = reply_of(system, server, SECOND)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=SECOND)
    system.syscall(Trap.CALL, FAR)
    assert system.call(Init.REPLY, 3, 8, trap=Trap.SEND) == (0,)
    assert (client.state, second.tcb) == (State.BLOCKED_ON_REPLY, client.address)


def test_a_reply_object_that_somebody_only_receives_with_answers_nobody(two: Two) -> None:
    system, server, client = two
    reply_of(system, server)
    share(system, server, Init.REPLY, client, FAR + 1)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert system.call(FAR + 1, 3, 8, trap=Trap.SEND) == (0,)
    assert (server.state, server.rdx) == (State.BLOCKED_ON_RECEIVE, 0)


def test_the_answer_may_come_from_whoever_has_the_capability() -> None:
    system = boot([Spec("server", 100, Grant.INSPECT), Spec("client"), Spec("worker", 50)])
    server, client, worker = system.processes(system.running, 3)
    share(system, server, Init.ENDPOINT, client, FAR, badge=7)
    served(system, server, client)
    share(system, server, Init.REPLY, worker, FAR)
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == worker.address
    assert system.syscall(Trap.SEND, FAR, info(3, 1), (8,)) == client.address
    assert (client.rsi, client.rdx, worker.rax) == (info(3, 1), 8, 0)
    invariants.check(system.root)


@pytest.mark.parametrize("final", [False, True])
def test_the_end_of_a_reply_object_stops_the_caller(two: Two, final: bool) -> None:
    system, server, client = two
    reply = served(system, server, client)
    slot = system.slot(server, Init.REPLY)
    with system.waking() as trap:
        FINALISERS[Type.REPLY](trap, slot, final)
    expected = (
        (State.INACTIVE, 0, 0) if final else (State.BLOCKED_ON_REPLY, reply.address, client.address)
    )
    assert (client.state, client.reply, reply.tcb) == expected


@pytest.mark.parametrize("rights", [1, 3])
@pytest.mark.parametrize("receiver_first", [True, False])
def test_a_call_without_grant_and_grant_reply_stops_the_caller(
    two: Two, rights: int, receiver_first: bool
) -> None:
    system, server, client = two
    reply = reply_of(system, server)
    share(system, server, Init.ENDPOINT, client, FAR + 1, badge=8, rights=rights)
    if receiver_first:
        system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    else:
        system.syscall(Trap.YIELD)
    client.rip = 0x40_0002
    system.syscall(Trap.CALL, FAR + 1, info(5, 1), (1,))
    if not receiver_first:
        system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert (server.rdi, system.words(server)) == (8, (1,))
    assert (client.state, client.reply, reply.tcb) == (State.INACTIVE, 0, 0)
    assert client.rip == 0x40_0000


@pytest.mark.parametrize("rights", [5, 9])
def test_grant_or_grant_reply_is_enough_to_be_answered(two: Two, rights: int) -> None:
    system, server, client = two
    reply_of(system, server)
    share(system, server, Init.ENDPOINT, client, FAR + 1, rights=rights)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.syscall(Trap.CALL, FAR + 1)
    assert client.state == State.BLOCKED_ON_REPLY


@pytest.mark.parametrize("trap", [Trap.RECV, Trap.WAIT])
def test_a_call_to_who_has_no_reply_object_stops_the_caller(two: Two, trap: Trap) -> None:
    system, server, client = two
    reply_of(system, server)
    system.syscall(trap, Init.ENDPOINT, r12=0 if trap is Trap.RECV else Init.REPLY)
    system.syscall(Trap.CALL, FAR, info(5, 1), (1,))
    assert (client.state, server.rdx) == (State.INACTIVE, 1)


def test_a_reply_object_that_is_used_again_stops_who_waits_for_its_answer(two: Two) -> None:
    system, server, client = two
    reply = served(system, server, client)
    system.syscall(Trap.NB_RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert (client.state, client.reply, client.rip) == (State.INACTIVE, 0, 0x40_0000)
    assert (reply.tcb, server.rdi) == (0, 0)


def test_two_callers_wait_on_two_reply_objects_and_the_first_may_be_answered_last() -> None:
    system, server, client = pair()
    first = served(system, server, client)
    second = reply_of(system, server, SECOND)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=SECOND)
    assert (first.tcb, second.tcb) == (client.address, server.address)
    invariants.check(system.root)


@pytest.mark.parametrize(
    ("address", "words"),
    [(Init.TCB, (Lookup.MISSING_CAPABILITY, 0)), (1 << 20, (Lookup.GUARD_MISMATCH, 64, 0, 56))],
)
@pytest.mark.parametrize("trap", [Trap.RECV, Trap.NB_RECV, Trap.REPLY_RECV, Trap.NB_SEND_RECV])
def test_receiving_with_what_is_no_reply_object_is_a_fault(
    two: Two, trap: Trap, address: int, words: tuple[int, ...]
) -> None:
    system, server, client = two
    share(system, server, Init.ENDPOINT, client, FAR + 1)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    client.rip, client.r13 = 0x40_0002, Init.NOTIFICATION
    system.syscall(trap, FAR + 1, r12=address)
    assert server.rsi == info(Fault.CAP_FAULT, 3 + len(words))
    assert system.words(server) == (0x40_0000, address, 1, *words)


@pytest.mark.parametrize("trap", [Trap.RECV, Trap.REPLY_RECV])
def test_who_waits_for_a_notification_needs_no_reply_object(two: Two, trap: Trap) -> None:
    system, server, _ = two
    system.syscall(trap, Init.NOTIFICATION, r12=Init.TCB)
    assert server.state == State.BLOCKED_ON_NOTIFICATION


def test_answer_and_wait_for_a_notification_in_one_trap(two: Two) -> None:
    system, server, client = two
    served(system, server, client)
    system.syscall(Trap.REPLY_RECV, Init.NOTIFICATION, info(3, 0), r12=Init.REPLY)
    assert (server.state, client.state) == (State.BLOCKED_ON_NOTIFICATION, State.RUNNING)


def test_the_answer_is_given_even_if_there_is_nothing_to_receive_from(two: Two) -> None:
    system, server, client = two
    served(system, server, client)
    server.rip = 0x40_0002
    system.syscall(Trap.REPLY_RECV, 99, info(3, 0), r12=Init.REPLY)
    assert (client.state, client.rsi) == (State.RUNNING, info(3, 0))
    assert (server.fault, server.fault_address, server.rip) == (Fault.CAP_FAULT, 99, 0x40_0000)


def test_send_and_receive_in_one_trap(two: Two) -> None:
    system, server, client = two
    reply = reply_of(system, server)
    server.r13 = Init.NOTIFICATION
    system.syscall(Trap.NB_SEND_RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert (system.running.address, server.rdi) == (server.address, 0)  # its own signal came
    server.r13 = 99
    system.syscall(Trap.NB_SEND_RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert (server.rax, server.state) == (Error.INVALID_CAPABILITY, State.RUNNING)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert (client.address, reply.tcb) == (system.running.address, server.address)


def test_a_caller_that_is_suspended_leaves_the_reply_object_and_calls_again(two: Two) -> None:
    system, server, client = two
    reply = served(system, server, client)
    assert system.call(OTHER, SUSPEND) == (0,)
    assert (client.state, client.reply, reply.tcb) == (State.INACTIVE, 0, 0)
    assert (client.rip, client.rax) == (0x40_0000, Trap.CALL)
    assert system.call(Init.REPLY, 3, 8, trap=Trap.SEND) == (0,)
    assert client.rax == Trap.CALL
    system.call(OTHER, RESUME)
    assert client.state == State.RUNNING


def test_a_receiver_that_is_resumed_leaves_the_reply_object_and_receives_again(two: Two) -> None:
    system, server, client = two
    reply = reply_of(system, server)
    share(system, server, Init.TCB, client, FAR + 1)
    server.rip = 0x40_0002
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert system.call(FAR + 1, RESUME) == (0,)
    assert (server.state, server.reply, reply.tcb) == (State.RUNNING, 0, 0)
    assert (server.rip, server.rax) == (0x40_0000, Trap.RECV)


def test_a_signal_to_a_bound_receiver_frees_its_reply_object(two: Two) -> None:
    system, server, client = two
    reply = reply_of(system, server)
    share(system, server, Init.NOTIFICATION, client, FAR + 1, badge=0x30)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.syscall(Trap.SEND, FAR + 1)
    assert (server.state, server.reply, reply.tcb) == (State.RUNNING, 0, 0)
