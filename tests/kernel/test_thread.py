"""TCB invocations."""

from __future__ import annotations

import pytest

from tests.kernel.system import FAR, System, share
from vectoros.kernel.abi import Fault, State, Trap
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import Error
from vectoros.kernel.frame import USER_WRITES
from vectoros.kernel.gate import Reason
from vectoros.kernel.message import info
from vectoros.kernel.methods import label
from vectoros.kernel.methods.threads import REGISTERS
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import USER_LIMIT, Init
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import inspect

Two = tuple[System, Tcb, Tcb]

SUSPEND, RESUME, SET_PRIORITY, WRITE_REGISTERS, DESCRIBE = (
    label(Type.TCB, name)
    for name in ("Suspend", "Resume", "SetPriority", "WriteRegisters", "Describe")
)
OTHER = Init.PROCESSES + 1


def test_a_suspended_thread_does_not_run_until_it_is_resumed(two: Two) -> None:
    system, server, client = two
    assert system.call(OTHER, SUSPEND) == (0,)
    assert system.syscall(Trap.YIELD) == server.address
    assert system.call(OTHER, RESUME) == (0,)
    assert system.syscall(Trap.YIELD) == client.address


def test_a_thread_that_suspends_itself_has_its_answer_when_it_goes_on(two: Two) -> None:
    system, server, client = two
    server.rax = 99
    assert system.syscall(Trap.CALL, Init.TCB, info(SUSPEND, 0)) == client.address
    assert (server.state, server.rax) == (State.INACTIVE, 0)


@pytest.mark.parametrize("trap", [Trap.SEND, Trap.RECV, Trap.WAIT])
def test_a_thread_that_waits_makes_its_trap_again_after_a_suspend(two: Two, trap: Trap) -> None:
    system, server, client = two
    system.syscall(Trap.YIELD)
    client.rip = 0x40_0002
    slot = Init.NOTIFICATION if trap is Trap.WAIT else FAR
    assert system.syscall(trap, slot) == server.address
    system.call(OTHER, SUSPEND)
    assert (client.state, client.rip, client.rax) == (State.INACTIVE, 0x40_0000, trap)
    assert inspect.waiting(system.root) == {}


def test_the_priority_decides_who_runs(two: Two) -> None:
    system, server, client = two
    system.call(Init.TCB, SET_PRIORITY, 99, caps=(Init.TCB,))
    assert system.running.address == client.address
    assert (server.rax, server.priority) == (0, 99)


def test_a_waiting_thread_moves_in_the_queue_with_its_priority(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.YIELD)
    system.syscall(Trap.SEND, FAR)
    system.call(OTHER, SET_PRIORITY, 3, caps=(Init.TCB,))
    assert (server.rax, client.priority, client.state) == (0, 3, State.BLOCKED_ON_SEND)


def test_a_priority_needs_an_authority_and_is_at_most_its_maximum(two: Two) -> None:
    system, server, _ = two
    assert system.call(Init.TCB, SET_PRIORITY, 5) == (Error.TRUNCATED_MESSAGE,)
    for authority, priority, expected in (
        (Init.NOTIFICATION, 5, (Error.INVALID_CAPABILITY, 1)),
        (99, 5, (Error.INVALID_CAPABILITY, 1)),
        (Init.TCB, 101, (Error.RANGE_ERROR, 0, 100)),
    ):
        assert system.call(Init.TCB, SET_PRIORITY, priority, caps=(authority,)) == expected
    assert server.priority == 100


def test_registers_of_a_stopped_thread_can_be_set(two: Two) -> None:
    system, _, client = two
    system.call(OTHER, SUSPEND)
    client.rflags = 0x202
    assert system.call(OTHER, WRITE_REGISTERS, 0, 3, 0x40_0010, 0x7000, 0xFFFF_FFFF) == (0,)
    assert (client.rip, client.rsp, client.vector) == (0x40_0010, 0x7000, 0)
    assert client.rflags == 0x202 | USER_WRITES
    assert client.state == State.INACTIVE
    registers = tuple(range(1, len(REGISTERS) + 1))
    assert system.call(OTHER, WRITE_REGISTERS, 1, len(registers), *registers) == (0,)
    others = [getattr(client, name) for name in REGISTERS if name != "rflags"]
    assert others == [number for number in registers if number != 3]
    assert client.state == State.RUNNING
    last = inspect.audit(system.root)[-1]
    assert (last.event, last.label, last.object) == (
        Event.INVOKED, WRITE_REGISTERS, client.address,
    )  # fmt: skip


def test_registers_that_cannot_be_set_are_refused(two: Two) -> None:
    system, _, _ = two
    assert system.call(OTHER, WRITE_REGISTERS, 0) == (Error.TRUNCATED_MESSAGE,)
    assert system.call(OTHER, WRITE_REGISTERS, 0, 1, 0) == (Error.ILLEGAL_OPERATION,)
    assert system.call(Init.TCB, WRITE_REGISTERS, 0, 1, 0) == (Error.ILLEGAL_OPERATION,)
    system.call(OTHER, SUSPEND)
    for count in (0, 21):
        answer = system.call(OTHER, WRITE_REGISTERS, 0, count, 0)
        assert answer == (Error.RANGE_ERROR, 1, 20)
    assert system.call(OTHER, WRITE_REGISTERS, 0, 2, 0) == (Error.TRUNCATED_MESSAGE,)
    for rip, rsp in ((USER_LIMIT, 0), (1 << 63, 0), (0, USER_LIMIT)):
        answer = system.call(OTHER, WRITE_REGISTERS, 0, 2, rip, rsp)
        assert answer == (Error.RANGE_ERROR, 0, USER_LIMIT - 1)


def test_describe_says_what_ps_shows(two: Two) -> None:
    system, _, client = two
    client.rip = 0x40_1234
    words = system.call(OTHER, DESCRIBE)
    assert words == (0, State.RUNNING, 100, 0, 0, 0, 0, 0, 100, 2, 0x40_1234)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.trap(Reason.EXCEPTION, vector=14, error=6, cr2=0xDEAD)
    words = system.call(OTHER, DESCRIBE)
    assert words[1] == State.INACTIVE
    assert words[4:8] == (Fault.VM_FAULT, 0x40_1234, 0xDEAD, 6)
    assert words[3] == client.consumed > 0


def test_a_thread_can_be_described_by_who_has_no_buffer_in_four_words(two: Two) -> None:
    system, server, client = two
    share(system, server, Init.TCB, client, FAR + 1)
    client.slot(0x480).object = 0
    system.syscall(Trap.YIELD)
    assert len(system.call(FAR + 1, DESCRIBE)) == 5
    client.slot(0x480).object = system.slot(client, Init.IPC_BUFFER).object
