"""System calls: each trap, and what happens to words that mean nothing."""

from __future__ import annotations

import pytest

from tests.kernel.system import FAR, PAIR, System, boot, share
from vectoros.kernel.abi import Fault, State, Trap
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.gate import Op
from vectoros.kernel.message import info
from vectoros.kernel.methods import METHODS
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import Tcb

Two = tuple[System, Tcb, Tcb]


def test_a_byte_for_the_debug_console_is_an_operation(system: System) -> None:
    thread = system.running
    thread.rdx = 77
    before = bytes(system.data[thread.address : thread.address + 0xC0])
    system.syscall(Trap.DEBUG_PUT_CHAR, 0x141)
    assert system.ops == [(Op.OUT, 1, 0xE9, 0x41)]
    assert (thread.rax, thread.rdi) == (0, 0x141)
    assert len(before) == 0xC0


def test_yield_lets_the_next_of_the_same_priority_run(two: Two) -> None:
    system, server, client = two
    assert system.syscall(Trap.YIELD) == client.address
    assert system.syscall(Trap.YIELD) == server.address
    assert server.rax == 0


def test_yield_does_not_let_a_lower_priority_run(system: System) -> None:
    ticker = system.running
    assert system.syscall(Trap.YIELD) == ticker.address


def test_an_empty_slot_is_an_invalid_capability(system: System) -> None:
    assert system.call(99, 0) == (Error.INVALID_CAPABILITY, 0)


@pytest.mark.parametrize("slot", [Init.TCB, Init.RTC, Init.RTC_IRQ])
def test_a_label_of_no_method_is_an_illegal_operation(system: System, slot: int) -> None:
    for label in (0, slot << 8, 0xFFFF, *(row.label for row in METHODS if row.object == 1)):
        assert system.call(slot, label) == (Error.ILLEGAL_OPERATION,)


@pytest.mark.parametrize("number", [12, 0xFFFF_FFFF_FFFF_FFFF, 1 << 32])
def test_an_unknown_trap_is_a_fault_with_all_registers(two: Two, number: int) -> None:
    system, server, client = two
    system.syscall(Trap.RECV, Init.ENDPOINT)
    client.rbx, client.r15 = 0xB, 0x15
    client.rip = 0x40_0002
    system.syscall(number, 1, 2, (3, 4, 5, 6))
    assert system.running.address == server.address
    assert (server.rax, server.rdi) == (0, 2)
    assert server.rsi == info(Fault.UNKNOWN_SYSCALL, 19)
    words = system.words(server)
    assert words[:7] == (number, 0xB, client.rcx, 3, 2, 1, client.rbp)
    assert words[14:] == (0x15, 0x40_0000, client.rsp, client.rflags, number)
    assert (client.state, client.rip) == (State.INACTIVE, 0x40_0000)


def test_an_address_beyond_the_cnode_is_a_capability_fault(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.RECV, Init.ENDPOINT)
    client.rip = 0x40_0002
    system.syscall(Trap.CALL, 1 << 20)
    assert server.rsi == info(Fault.CAP_FAULT, 7)
    assert system.words(server) == (0x40_0000, 1 << 20, 0, Lookup.GUARD_MISMATCH, 64, 0, 56)


def test_the_same_without_waiting_is_an_error(system: System) -> None:
    status, *words = system.call(1 << 20, 0, trap=Trap.NB_SEND)
    assert (status, words) == (Error.FAILED_LOOKUP, [0, Lookup.GUARD_MISMATCH, 64, 0, 56])


@pytest.mark.parametrize("trap", [Trap.RECV, Trap.NB_RECV, Trap.WAIT, Trap.NB_WAIT])
@pytest.mark.parametrize("slot", [Init.TCB, 99, FAR])
def test_receiving_from_what_cannot_be_received_from_is_a_fault(trap: Trap, slot: int) -> None:
    system = boot(PAIR)
    server, client = system.processes(system.running, 2)
    share(system, server, Init.ENDPOINT, client, FAR, rights=1)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(trap, slot)
    assert system.words(server)[1:] == (slot, 1, Lookup.MISSING_CAPABILITY, 0)


def test_a_notification_that_is_bound_to_another_cannot_be_waited_for(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.NOTIFICATION, client, FAR + 1)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.syscall(Trap.WAIT, FAR + 1)
    assert client.fault == Fault.CAP_FAULT


def test_send_and_wait_in_one_trap(two: Two) -> None:
    system, server, client = two
    share(system, client, Init.NOTIFICATION, server, FAR + 1, badge=4, rights=1)
    system.syscall(Trap.NB_SEND_WAIT, Init.NOTIFICATION, r12=FAR + 1)
    assert server.state == State.BLOCKED_ON_NOTIFICATION
    system.syscall(Trap.NB_WAIT, Init.NOTIFICATION)
    assert client.rdi == 4


def test_a_refused_send_does_not_wait(two: Two) -> None:
    system, server, _ = two
    assert system.syscall(Trap.NB_SEND_WAIT, Init.NOTIFICATION, r12=99) == server.address
    assert server.rax == Error.INVALID_CAPABILITY


def test_a_port_cannot_be_read_where_the_next_message_will_be(system: System) -> None:
    ticker = system.running
    system.syscall(Trap.NB_SEND_WAIT, Init.NOTIFICATION, info(0x1201, 1), (0x70,), r12=Init.RTC)
    assert (ticker.rax, system.ops) == (Error.ILLEGAL_OPERATION, [])
