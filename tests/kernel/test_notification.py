"""Notifications: signals add up, and each is taken once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.system import FAR, System, pair, share
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import Tcb

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
