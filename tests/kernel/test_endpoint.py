"""Endpoints: who meets whom, in which order, and what changes hands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.system import FAR, Spec, System, boot, pair, share
from vectoros.kernel import endpoint, waiting
from vectoros.kernel.abi import COST_WORDS, TRAPS, State, Trap
from vectoros.kernel.deletion import FINALISERS
from vectoros.kernel.errors import Error
from vectoros.kernel.gate import Reason
from vectoros.kernel.message import MAX_LENGTH, info
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.tcb import BUFFER, Tcb
from vectoros.kernel_image import inspect

Two = tuple[System, Tcb, Tcb]


def send(system: System, *words: int, label: int = 5, trap: Trap = Trap.SEND) -> int:
    return system.syscall(trap, FAR, info(label, len(words)), words)


def test_a_message_reaches_the_receiver_that_waits(two: Two) -> None:
    system, server, client = two
    assert system.syscall(Trap.RECV, Init.ENDPOINT) == client.address
    assert send(system, 1, 2, 3) == client.address
    assert (client.rax, server.state) == (0, State.RUNNING)
    assert (server.rax, server.rdi, server.rsi) == (0, 7, info(5, 3))
    assert system.words(server) == (1, 2, 3)


def test_a_sender_waits_for_the_receiver(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.YIELD)
    assert send(system, 1, 2) == server.address
    assert client.state == State.BLOCKED_ON_SEND
    system.syscall(Trap.RECV, Init.ENDPOINT)
    assert (server.rdi, system.words(server)) == (7, (1, 2))
    assert (client.state, client.rax, client.rdi) == (State.RUNNING, 0, 0)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=MAX_LENGTH), st.integers(0, 2**52 - 1))
def test_words_arrive_as_they_were_sent(words: list[int], label: int) -> None:
    system, server, _ = pair()
    system.syscall(Trap.RECV, Init.ENDPOINT)
    send(system, *words, label=label)
    assert server.rsi == info(label, len(words))
    assert system.words(server) == tuple(words)


def test_long_messages_cost_more(two: Two) -> None:
    system, _, _ = two
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(Trap.NB_SEND, FAR, info(5, 80))
    assert system.block.cost == TRAPS[Trap.NB_SEND].cost + 80 // COST_WORDS


def test_a_length_above_the_limit_is_the_limit(two: Two) -> None:
    system, server, _ = two
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(Trap.SEND, FAR, info(5, 127))
    assert server.rsi == info(5, MAX_LENGTH)


def test_without_a_buffer_the_message_is_what_registers_hold() -> None:
    system, server, client = pair()
    client.slot(BUFFER).object = 0
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(Trap.SEND, FAR, info(5, 9), (1, 2, 3, 4))
    assert (server.rsi, system.words(server)) == (info(5, 4), (1, 2, 3, 4))


def test_a_message_that_nobody_waits_for_is_dropped_if_the_sender_will_not_wait(two: Two) -> None:
    system, _, client = two
    system.syscall(Trap.YIELD)
    assert send(system, 1, trap=Trap.NB_SEND) == client.address
    assert client.rax == 0
    system.syscall(Trap.YIELD)
    system.syscall(Trap.NB_RECV, Init.ENDPOINT)
    assert (system.running.rax, system.running.rdi, system.running.rsi) == (0, 0, 0)


def test_without_the_right_to_send_nothing_is_sent(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.ENDPOINT, client, FAR + 1, rights=2)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    assert system.call(FAR + 1, 0, trap=Trap.SEND) == (Error.INVALID_CAPABILITY, 0)
    assert server.state == State.BLOCKED_ON_RECEIVE


def test_senders_are_received_by_priority_and_then_in_order() -> None:
    programs = [Spec("server", 50, Grant.INSPECT)]
    programs += [Spec(f"c{n}", priority) for n, priority in enumerate((60, 80, 70, 80))]
    system = boot(programs)
    shell = next(t for t in _threads(system) if t.name == "server")
    _, *clients = system.processes(shell, 5)
    for number, client in enumerate(clients):
        share(system, shell, Init.ENDPOINT, client, FAR, badge=number + 1)
    while system.running.address != shell.address:
        send(system)
    badges = []
    for _ in clients:
        while system.running.address != shell.address:
            system.syscall(Trap.WAIT, Init.NOTIFICATION)
        system.syscall(Trap.RECV, Init.ENDPOINT)
        badges.append(shell.rdi)
    assert badges == [2, 4, 3, 1]


def _threads(system: System) -> list[Tcb]:
    return [Tcb(system.ram, thread.tcb) for thread in inspect.threads(system.root)]


def test_a_signal_reaches_a_bound_thread_that_waits_for_a_message(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.NOTIFICATION, client, FAR + 1, badge=0x30, rights=1)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(Trap.SEND, FAR + 1)
    assert (server.state, server.rdi, server.rsi) == (State.RUNNING, 0x30, 0)


def test_a_signal_that_came_before_is_received_first(two: Two) -> None:
    system, server, _ = two
    system.slot(server, Init.NOTIFICATION).badge = 8
    system.syscall(Trap.SEND, Init.NOTIFICATION)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    assert (system.running.address, server.rdi) == (server.address, 8)


def waiting_senders(system: System, server: Tcb, client: Tcb, badge: int = 7) -> Tcb:
    """Let the client wait to send; the server runs."""
    slot = system.slot(client, FAR)
    slot.badge = badge
    system.syscall(Trap.YIELD)
    client.rip = 0x40_0002
    assert send(system, 1) == server.address
    return client


@pytest.mark.parametrize("trap", [Trap.SEND, Trap.CALL])
def test_the_end_of_an_endpoint_lets_senders_make_their_trap_again(two: Two, trap: Trap) -> None:
    system, server, client = two
    system.syscall(Trap.YIELD)
    client.rip = 0x40_0002
    send(system, 1, trap=trap)
    slot = system.slot(server, Init.ENDPOINT)
    with system.waking() as within:
        waiting.restart_all(within, slot.object)
    assert (client.state, client.rip, client.rax) == (State.RUNNING, 0x40_0000, trap)
    assert inspect.waiting(system.root) == {}


def test_the_end_of_an_endpoint_lets_receivers_make_their_trap_again(two: Two) -> None:
    system, server, _ = two
    server.rip = 0x40_0002
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    slot = system.slot(server, Init.ENDPOINT)
    with system.waking() as trap:
        FINALISERS[Type.ENDPOINT](trap, slot, False)
        assert server.state == State.BLOCKED_ON_RECEIVE
        FINALISERS[Type.ENDPOINT](trap, slot, True)
    assert (server.state, server.rip, server.reply) == (State.RUNNING, 0x40_0000, 0)


def test_who_has_faulted_stops_when_the_endpoint_ends(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.YIELD)
    system.trap(Reason.EXCEPTION, vector=6)
    with system.waking() as trap:
        waiting.restart_all(trap, system.slot(server, Init.ENDPOINT).object)
    assert (client.state, client.fault_pending) == (State.INACTIVE, 0)


@pytest.mark.parametrize(
    ("badge", "cancelled", "gone"), [(7, 7, True), (7, 8, False), (0, 0, False), (7, 0, False)]
)
def test_sends_with_a_badge_can_be_cancelled(
    two: Two, badge: int, cancelled: int, gone: bool
) -> None:
    system, server, client = two
    waiting_senders(system, server, client, badge)
    with system.waking() as trap:
        endpoint.cancel_badged(trap, system.slot(server, Init.ENDPOINT).object, cancelled)
    assert (client.state, client.rip) == (
        (State.RUNNING, 0x40_0000) if gone else (State.BLOCKED_ON_SEND, 0x40_0002)
    )
