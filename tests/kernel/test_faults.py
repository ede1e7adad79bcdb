"""Faults and exceptions: who is told, who stops, and who does not notice."""

from __future__ import annotations

import pytest

from tests.kernel.system import System, boot
from vectoros.kernel import inspect
from vectoros.kernel.abi import TCB_FPU, Fault, State, Trap
from vectoros.kernel.audit import CAPACITY, AuditLog, Event
from vectoros.kernel.gate import Flag, Reason
from vectoros.kernel.message import info
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import Tcb

Two = tuple[System, Tcb, Tcb]


def test_a_page_fault_is_a_message_and_the_thread_waits(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.RECV, Init.ENDPOINT)
    assert system.trap(Reason.EXCEPTION, vector=14, error=0x15, cr2=0x1234) == server.address
    assert (server.rdi, server.rsi) == (2, info(Fault.VM_FAULT, 4))
    assert system.words(server) == (client.rip, 0x1234, 1, 0x15)
    assert client.state == State.BLOCKED_ON_REPLY


def test_an_exception_is_a_message(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.trap(Reason.EXCEPTION, vector=13, error=0x18)
    assert server.rsi == info(Fault.USER_EXCEPTION, 5)
    assert system.words(server) == (client.rip, client.rsp, client.rflags, 13, 0x18)


def test_a_fault_waits_for_its_handler(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.YIELD)
    assert system.trap(Reason.EXCEPTION, vector=0) == server.address
    assert (client.state, client.fault_pending) == (State.BLOCKED_ON_SEND, 1)
    system.syscall(Trap.NB_RECV, Init.ENDPOINT)
    assert (server.rdi, system.words(server)[3]) == (2, 0)
    assert client.state == State.BLOCKED_ON_REPLY


def test_a_thread_does_again_what_it_faulted_on_when_it_resumes(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.RECV, Init.ENDPOINT)
    client.rip = 0x40_0100
    system.trap(Reason.EXCEPTION, vector=14, error=4, cr2=0)
    assert system.running.address == server.address
    assert system.call(Init.PROCESSES + 1, 0x302) == (0,)
    assert system.syscall(Trap.YIELD) == client.address
    assert client.rip == 0x40_0100


def test_a_fault_that_nobody_received_is_forgotten_by_a_resume(two: Two) -> None:
    system, _, client = two
    system.syscall(Trap.YIELD)
    client.rip = 0x40_0100
    system.trap(Reason.EXCEPTION, vector=14, error=4, cr2=0)
    system.call(Init.PROCESSES + 1, 0x302)
    assert (client.state, client.fault_pending, client.rip) == (State.RUNNING, 0, 0x40_0100)
    system.syscall(Trap.NB_RECV, Init.ENDPOINT)
    assert system.running.rdi == 0


def test_a_thread_without_a_handler_stops_and_the_log_says_why(two: Two) -> None:
    system, server, client = two
    assert system.trap(Reason.EXCEPTION, vector=14, error=6, cr2=0xBAD) == client.address
    assert server.state == State.INACTIVE
    (entry,) = inspect.audit(system.root)
    assert entry[1:] == (
        Event.STOPPED,
        1,
        server.address,
        Fault.VM_FAULT,
        (server.fault_ip, 0xBAD),
    )


def test_the_other_processes_go_on_when_one_faults(system: System) -> None:
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    assert system.running.name == "shell"
    assert system.trap(Reason.EXCEPTION, vector=6) == 0
    assert system.trap(Reason.INTERRUPT, vector=0x28) == 0


def test_the_log_keeps_the_latest_records_and_counts_the_others(two: Two) -> None:
    system, server, _ = two
    log = AuditLog(system.ram, system.root.audit.object)
    system.give_capability(server, Init.TCB)
    for number in range(CAPACITY + 5):
        message = info(0x303, 1) | 1 << 7
        system.syscall(Trap.CALL, Init.PROCESSES + 1, message, (number % 100,))
    entries = inspect.audit(system.root)
    assert (len(entries), log.dropped) == (CAPACITY, 5)
    assert [entry.detail for entry in entries] == [n % 100 for n in range(5, CAPACITY + 5)]


def test_the_fpu_changes_hands_only_when_another_thread_uses_it(two: Two) -> None:
    system, server, client = two
    block = system.block
    assert system.trap(Reason.EXCEPTION, vector=7) == server.address
    assert (block.fpu_save, block.fpu_load) == (0, server.address + TCB_FPU)
    assert Flag(block.flags) == Flag.CLEAR_TS
    system.syscall(Trap.YIELD)
    assert (Flag(block.flags), block.fpu_save) == (Flag.SET_TS, 0)
    system.trap(Reason.EXCEPTION, vector=7)
    assert (block.fpu_save, block.fpu_load) == (
        server.address + TCB_FPU,
        client.address + TCB_FPU,
    )
    system.syscall(Trap.YIELD)
    system.syscall(Trap.YIELD)
    assert Flag(block.flags) & (Flag.SET_TS | Flag.CLEAR_TS) == Flag.CLEAR_TS


def test_an_fpu_exception_of_the_owner_is_a_fault(two: Two) -> None:
    system, server, _ = two
    system.trap(Reason.EXCEPTION, vector=7)
    system.trap(Reason.EXCEPTION, vector=7)
    assert (server.fault, server.fault_address) == (Fault.USER_EXCEPTION, 7)


def test_a_thread_starts_with_the_fpu_in_its_reset_state(system: System) -> None:
    area = system.running.address + TCB_FPU
    assert bytes(system.data[area : area + 2]) == b"\x7f\x03"
    assert bytes(system.data[area + 24 : area + 28]) == b"\x80\x1f\0\0"


@pytest.mark.parametrize("vector", [0, 1, 3, 4, 5, 6, 12, 13, 16, 17, 19, 31])
def test_every_exception_of_a_lone_program_stops_it_and_nothing_else(vector: int) -> None:
    system = boot()
    system.trap(Reason.EXCEPTION, vector=vector)
    assert system.running.name == "shell"
