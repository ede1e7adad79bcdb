"""Notifications: signals add up, and each is taken once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.system import FAR, Spec, System, boot, pair, share
from vectoros.kernel import notification, waiting
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.deletion import FINALISERS
from vectoros.kernel.errors import Error
from vectoros.kernel.gate import Reason
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import invariants

Two = tuple[System, Tcb, Tcb]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5))
def test_signals_add_up_until_they_are_taken(badges: list[int]) -> None:
    system, server, _ = pair()
    expected = 0
    for badge in badges:
        system.slot(server, Init.NOTIFICATION).badge = badge
        assert system.call(Init.NOTIFICATION, 0, trap=Trap.SEND) == (0,)
        expected |= badge
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    assert (system.running.address, server.rdi) == (server.address, expected)
    system.syscall(Trap.NB_WAIT, Init.NOTIFICATION)
    assert (server.rax, server.rdi) == (0, 0)


def test_a_waiting_thread_gets_the_badge(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.NOTIFICATION, client, FAR + 1, badge=5)
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == client.address
    assert server.state == State.BLOCKED_ON_NOTIFICATION
    system.syscall(Trap.CALL, FAR + 1)
    assert (server.state, server.rax, server.rdi) == (State.RUNNING, 0, 5)


def test_signalling_needs_the_right(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.NOTIFICATION, client, FAR + 1, rights=2)
    system.syscall(Trap.YIELD)
    assert system.call(FAR + 1, 0) == (Error.INVALID_CAPABILITY, 0)


def test_a_signal_of_badge_0_still_wakes(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.NOTIFICATION, client, FAR + 1)
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    system.syscall(Trap.SEND, FAR + 1)
    assert server.state == State.RUNNING


class Lending:
    """A notification with a scheduling context, the server's, who waits without any."""

    def __init__(self, two: Two) -> None:
        self.system, self.server, self.client = two
        ram = self.system.ram
        self.notification = Notification(
            ram, self.system.slot(self.server, Init.NOTIFICATION).object
        )
        self.context = SchedContext(ram, self.server.sched_context)

    def take_away(self) -> None:
        """Take the context from the server, which waits, and give it to the notification."""
        self.context.tcb = self.server.sched_context = 0
        self.context.notification = self.notification.address
        self.notification.sched_context = self.context.address

    @property
    def lent(self) -> bool:
        """Whether the server has it."""
        owner = self.context.tcb
        assert self.server.sched_context == (self.context.address if owner else 0)
        return owner == self.server.address


@pytest.mark.parametrize("slot", [Init.NOTIFICATION, Init.ENDPOINT])
def test_a_signal_lends_the_context_until_the_thread_waits_again(two: Two, slot: int) -> None:
    system, server, client = two
    share(system, server, Init.NOTIFICATION, client, FAR + 1, badge=5)
    lending = Lending(two)
    server.priority = 200
    for again in (False, True):
        system.syscall(Trap.RECV, slot)  # the server
        if not again:
            lending.take_away()
        assert (lending.lent, system.running.address) == (False, client.address)
        assert system.syscall(Trap.SEND, FAR + 1) == server.address
        assert (lending.lent, server.rdi) == (True, 5)


def test_who_gets_a_message_instead_gives_the_context_back_and_runs_no_more(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.NOTIFICATION, client, FAR + 1, badge=5)
    lending = Lending(two)
    server.priority = 200
    system.syscall(Trap.RECV, Init.ENDPOINT)
    lending.take_away()
    assert system.syscall(Trap.SEND, FAR + 1) == server.address
    system.root.processor.remove(client.address)
    client.send_badge, client.send_flags = 7, 3
    endpoint = system.slot(server, Init.ENDPOINT).object
    waiting.block(system.ram.words, client.address, endpoint, State.BLOCKED_ON_SEND)
    assert system.syscall(Trap.RECV, Init.ENDPOINT) == client.address
    assert (lending.lent, server.state, server.rdi) == (False, State.RUNNING, 7)


def test_who_only_looks_keeps_the_context(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.NOTIFICATION, client, FAR + 1, badge=5)
    lending = Lending(two)
    server.priority = 200
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    lending.take_away()
    system.syscall(Trap.SEND, FAR + 1)
    for trap in (Trap.NB_WAIT, Trap.NB_RECV):
        slot = Init.ENDPOINT if trap is Trap.NB_RECV else Init.NOTIFICATION
        assert system.syscall(trap, slot) == server.address
        assert lending.lent


def test_who_has_a_context_is_lent_none(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.NOTIFICATION, client, FAR + 1, badge=5)
    other = system.make(server, Type.SCHED_CONTEXT, FAR)
    lending = Lending(two)
    lending.notification.sched_context = other
    SchedContext(system.ram, other).notification = lending.notification.address
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    system.syscall(Trap.SEND, FAR + 1)
    assert (server.sched_context, SchedContext(system.ram, other).tcb) == (
        lending.context.address, 0,
    )  # fmt: skip


def woken(system: System, address: int, badge: int) -> int:
    with system.waking() as trap:
        found = notification.broadcast(trap, address, badge)
    assert trap.cost == found
    return found


def test_a_broadcast_wakes_all_who_wait_and_is_not_remembered() -> None:
    system = boot([Spec("server", 100, Grant.INSPECT), Spec("b", 90), Spec("c", 80)])
    server, *others = system.processes(system.running, 3)
    address = system.make(server, Type.NOTIFICATION, FAR)
    for thread in others:
        share(system, server, FAR, thread, FAR)
    for thread in (server, *others):
        assert system.running.address == thread.address
        system.syscall(Trap.WAIT, FAR)
    assert woken(system, address, 6) == 3
    assert {thread.rdi for thread in (server, *others)} == {6}
    assert Notification(system.ram, address).active == 0
    system.trap(Reason.INTERRUPT, vector=0x20)
    invariants.check(system.root)


def test_a_broadcast_that_nobody_waits_for_is_heard_once_with_its_badge(two: Two) -> None:
    system, server, client = two
    address = system.slot(server, Init.NOTIFICATION).object
    assert woken(system, address, 6) == 0
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == server.address
    assert server.rdi == 6
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == client.address


def test_a_broadcast_reaches_the_bound_thread(two: Two) -> None:
    system, server, _ = two
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert woken(system, system.slot(server, Init.NOTIFICATION).object, 6) == 1
    assert (server.state, server.rdi, server.reply) == (State.RUNNING, 6, 0)


def finalise(system: System, slot: Slot, *, final: bool) -> None:
    with system.waking() as trap:
        FINALISERS[slot.type](trap, slot, final)


def test_the_end_of_a_notification_lets_go_of_thread_context_and_waiters(two: Two) -> None:
    system, server, _ = two
    lending = Lending(two)
    slot = system.slot(server, Init.NOTIFICATION)
    server.rip = 0x40_0002
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    lending.context.notification = lending.notification.address
    lending.notification.sched_context = lending.context.address
    finalise(system, slot, final=False)
    assert (server.state, server.bound) == (State.BLOCKED_ON_NOTIFICATION, slot.object)
    finalise(system, slot, final=True)
    assert (server.bound, lending.context.notification) == (0, 0)
    assert (server.state, server.rip, server.rax) == (State.RUNNING, 0x40_0000, Trap.WAIT)
    lending.notification.clear(64)
    assert system.syscall(Trap.YIELD) == server.address
