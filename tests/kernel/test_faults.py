"""Faults and exceptions: who is told, who stops, and who does not notice."""

from __future__ import annotations

import pytest

from tests.kernel.invoking import invoke
from tests.kernel.system import System, boot
from vectoros.kernel import derivation
from vectoros.kernel.abi import TCB_FPU, Fault, State, Trap
from vectoros.kernel.audit import CAPACITY, AuditLog, Event
from vectoros.kernel.errors import Error
from vectoros.kernel.frame import SIZE as FRAME_SIZE
from vectoros.kernel.frame import USER_WRITES
from vectoros.kernel.gate import Flag, Reason
from vectoros.kernel.message import info
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import USER_LIMIT, Init
from vectoros.kernel.reply import Reply
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.tcb import HANDLER, TIMEOUT, Tcb
from vectoros.kernel_image import inspect

Two = tuple[System, Tcb, Tcb]
OTHER = Init.PROCESSES + 1


def test_a_page_fault_is_a_message_and_the_thread_waits(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
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
    system.syscall(Trap.NB_RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert (server.rdi, system.words(server)[3]) == (2, 0)
    assert client.state == State.BLOCKED_ON_REPLY


def test_a_thread_does_again_what_it_faulted_on_when_it_resumes(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.RECV, Init.ENDPOINT)
    client.rip = 0x40_0100
    system.trap(Reason.EXCEPTION, vector=14, error=4, cr2=0)
    assert system.running.address == server.address
    assert invoke(system, OTHER, Type.TCB, "Resume") == (0,)
    assert system.syscall(Trap.YIELD) == client.address
    assert client.rip == 0x40_0100


def test_a_fault_that_nobody_received_is_forgotten_by_a_resume(two: Two) -> None:
    system, _, client = two
    system.syscall(Trap.YIELD)
    client.rip = 0x40_0100
    system.trap(Reason.EXCEPTION, vector=14, error=4, cr2=0)
    invoke(system, OTHER, Type.TCB, "Resume")
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
        server.id,
        server.address,
        Fault.VM_FAULT,
        0,
        (server.fault_ip, 0xBAD),
    )


def test_the_other_processes_go_on_when_one_faults(system: System) -> None:
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    assert system.running.name == "shell"
    assert system.trap(Reason.EXCEPTION, vector=6) == 0
    assert system.trap(Reason.INTERRUPT, vector=0x28) == 0


def test_the_log_keeps_the_latest_records_and_counts_the_others(two: Two) -> None:
    system, _, _ = two
    log = AuditLog(system.ram, system.root.audit.object)
    for number in range(CAPACITY + 5):
        invoke(system, OTHER, Type.TCB, "SetPriority", number % 100, caps=(Init.TCB,))
    entries = inspect.audit(system.root)
    assert (len(entries), log.dropped) == (CAPACITY, 5)
    assert [entry.words[0] for entry in entries] == [n % 100 for n in range(5, CAPACITY + 5)]


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


def faulted(system: System, server: Tcb, client: Tcb, vector: int = 0) -> None:
    """Let the server receive a fault of the client's, an exception or an unknown trap."""
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert system.running.address == client.address
    client.rip = 0x40_0002
    if vector:
        system.trap(Reason.EXCEPTION, vector=vector, error=4, cr2=0x1234)
    else:
        system.syscall(99, 1, 2, (3, 4, 5, 6))
    assert system.running.address == server.address
    assert (client.state, client.fault_pending) == (State.BLOCKED_ON_REPLY, 1)


@pytest.mark.parametrize("vector", [6, 14])
def test_an_empty_answer_lets_the_thread_do_it_again(two: Two, vector: int) -> None:
    system, server, client = two
    faulted(system, server, client, vector)
    frame = slice(client.address, client.address + FRAME_SIZE)
    before = bytes(system.data[frame])
    system.syscall(Trap.REPLY_RECV, Init.ENDPOINT, info(0, 0), r12=Init.REPLY)
    assert system.running.address == client.address
    assert (client.state, client.fault_pending, client.reply) == (State.RUNNING, 0, 0)
    assert bytes(system.data[frame]) == before
    assert client.fault != 0  # for who asks what it was


@pytest.mark.parametrize("vector", [0, 6, 14])
def test_an_answer_with_a_label_stops_the_thread(two: Two, vector: int) -> None:
    system, server, client = two
    faulted(system, server, client, vector)
    rax = client.rax
    assert system.call(Init.REPLY, 1, 7, 8, 9, trap=Trap.SEND) == (0,)
    assert (client.state, client.fault_pending, client.rax) == (State.INACTIVE, 0, rax)


def test_the_answer_to_an_unknown_trap_sets_the_registers(two: Two) -> None:
    system, server, client = two
    faulted(system, server, client)
    client.rflags = 0x202
    words = (*range(100, 115), 0x40_0010, 0x7000, 0xFFFF_FFFF_FFFF_FFFF, 5)
    assert system.call(Init.REPLY, 0, *words, trap=Trap.SEND) == (0,)
    names = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{n}" for n in range(8, 16)))
    assert tuple(getattr(client, name) for name in (*names, "rip", "rsp")) == words[:17]
    assert (client.rflags, client.vector, client.state) == (0x202 | USER_WRITES, 0, State.RUNNING)


def test_an_answer_sets_no_more_registers_than_it_has_words(two: Two) -> None:
    system, server, client = two
    faulted(system, server, client)
    client.rbx, client.rcx = 0xB, 0xC
    system.call(Init.REPLY, 0, 100, 101, trap=Trap.SEND)
    assert (client.rax, client.rbx, client.rcx, client.rip) == (100, 101, 0xC, 0x40_0000)


def test_the_answer_to_an_exception_sets_where_the_thread_goes_on(two: Two) -> None:
    system, server, client = two
    faulted(system, server, client, 6)
    client.rflags = 0x202
    system.call(Init.REPLY, 0, 0x40_0020, 0x7000, 0x3001, 5, 5, trap=Trap.SEND)
    assert (client.rip, client.rsp, client.rflags) == (0x40_0020, 0x7000, 0x203)


def test_the_answer_to_a_page_fault_sets_nothing(two: Two) -> None:
    system, server, client = two
    faulted(system, server, client, 14)
    system.call(Init.REPLY, 0, 1, 2, 3, trap=Trap.SEND)
    assert (client.rip, client.vector, client.state) == (0x40_0002, 0, State.RUNNING)


@pytest.mark.parametrize(("vector", "index"), [(0, 15), (0, 16), (6, 0), (6, 1)])
@pytest.mark.parametrize("trap", [Trap.SEND, Trap.REPLY_RECV])
def test_an_answer_that_leads_out_of_the_lower_half_is_refused(
    two: Two, vector: int, index: int, trap: Trap
) -> None:
    system, server, client = two
    faulted(system, server, client, vector)
    words = [0] * 18
    words[index] = USER_LIMIT
    slot = Init.ENDPOINT if trap is Trap.REPLY_RECV else Init.REPLY
    system.syscall(trap, slot, info(0, index + 1), words, r12=Init.REPLY)
    assert (server.rax, *system.words(server)) == (Error.RANGE_ERROR, 0, USER_LIMIT - 1)
    assert (client.state, client.rip, server.state) == (
        State.BLOCKED_ON_REPLY, 0x40_0002 if vector else 0x40_0000, State.RUNNING,
    )  # fmt: skip


def test_a_fault_that_is_received_without_a_reply_object_stops_the_thread(two: Two) -> None:
    system, server, client = two
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.trap(Reason.EXCEPTION, vector=6)
    assert server.rsi == info(Fault.USER_EXCEPTION, 5)
    assert (client.state, client.fault_pending) == (State.INACTIVE, 0)
    assert inspect.audit(system.root) == []


@pytest.mark.parametrize("rights", [0, 1, 2, 3, 4, 8, 12, 14])
def test_a_handler_that_nobody_could_answer_through_counts_as_none(two: Two, rights: int) -> None:
    system, server, client = two
    client.slot(HANDLER).rights = rights
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    system.trap(Reason.EXCEPTION, vector=6)
    assert (client.state, server.state) == (State.INACTIVE, State.BLOCKED_ON_RECEIVE)
    assert inspect.audit(system.root)[-1].event == Event.STOPPED


@pytest.mark.parametrize("rights", [5, 9, 15])
def test_write_and_grant_or_grant_reply_make_a_handler(two: Two, rights: int) -> None:
    system, server, client = two
    client.slot(HANDLER).rights = rights
    faulted(system, server, client, 6)
    assert server.rdi == client.slot(HANDLER).badge


@pytest.mark.parametrize("received", [True, False])
def test_a_fault_is_forgotten_by_a_suspend_and_not_a_trap_to_make_again(
    two: Two, received: bool
) -> None:
    system, server, client = two
    if received:
        faulted(system, server, client, 6)
    else:
        system.syscall(Trap.YIELD)
        client.rip = 0x40_0002
        system.trap(Reason.EXCEPTION, vector=6)
    assert invoke(system, OTHER, Type.TCB, "Suspend") == (0,)
    assert (client.state, client.fault_pending, client.rip) == (State.INACTIVE, 0, 0x40_0002)
    assert Reply(system.ram, system.slot(server, Init.REPLY).object).tcb == 0


class Timed:
    """A client whose budget will be used up, with a timeout endpoint: the server's."""

    def __init__(self, system: System, server: Tcb, client: Tcb, rights: int = 15) -> None:
        self.system, self.server, self.client = system, server, client
        source = system.slot(server, Init.ENDPOINT).address
        slot = derivation.derive(system.ram, source, client.slot(TIMEOUT).address)
        slot.badge, slot.rights = 40, rights
        self.context = SchedContext(system.ram, client.sched_context)
        self.context.budget, self.context.period, self.context.badge = 10**6, 10**9, 77
        self.context.refills = [(0, 10**6)]

    def use_up(self) -> int:
        """Let the client run for longer than it may; return who is next."""
        block = self.system.block
        assert block.next == self.client.address
        return self.system.trap(Reason.INTERRUPT, vector=0x20, now=block.now + 2 * 10**6)


def test_a_used_up_budget_is_a_message(two: Two) -> None:
    system, server, client = two
    timed = Timed(*two)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert timed.use_up() == server.address
    assert (server.rdi, server.rsi) == (40, info(Fault.TIMEOUT, 2))
    badge, consumed = system.words(server)
    assert (badge, consumed >= 10**6, timed.context.consumed) == (77, True, 0)
    assert (client.state, client.sched_context) == (
        State.BLOCKED_ON_REPLY, timed.context.address,
    )  # fmt: skip


def test_a_thread_that_is_out_of_time_lends_none_to_a_passive_handler(two: Two) -> None:
    system, server, client = two
    timed = Timed(*two)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    own = SchedContext(system.ram, server.sched_context)
    own.tcb = server.sched_context = 0
    assert timed.use_up() == 0
    assert (server.sched_context, client.sched_context) == (0, timed.context.address)


def test_a_timeout_is_answered_as_any_fault_and_waits_for_its_time(two: Two) -> None:
    system, server, client = two
    timed = Timed(*two)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    timed.use_up()
    assert system.call(Init.REPLY, 0, 5, trap=Trap.SEND) == (0,)
    assert (client.state, client.fault_pending) == (State.RUNNING, 0)
    assert system.syscall(Trap.YIELD) == server.address
    system.block.now += 2 * 10**9
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == client.address


@pytest.mark.parametrize("rights", [2, 3, 12])
def test_a_timeout_endpoint_that_nobody_could_answer_through_counts_as_none(
    two: Two, rights: int
) -> None:
    system, server, client = two
    timed = Timed(*two, rights=rights)
    system.syscall(Trap.RECV, Init.ENDPOINT, r12=Init.REPLY)
    assert timed.use_up() == 0
    assert (client.state, client.fault, server.state) == (
        State.RUNNING, Fault.NONE, State.BLOCKED_ON_RECEIVE,
    )  # fmt: skip
