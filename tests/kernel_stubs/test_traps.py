"""The stubs alone: what a trap leaves in the frame, and what the next thread finds."""

from __future__ import annotations

import pytest

from tests.kernel_stubs.stubs import TCBS, USER_CODE, Answer, Stubs
from vectoros.board import Reason

ENGINES = ("fast", "portable")
REGISTERS = (
    "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP",
    "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
)  # fmt: skip
VALUES = {name: 0x1111_0000_0000_0000 + number for number, name in enumerate(REGISTERS)}


def run_thread(stubs: Stubs, text: str, **registers: int) -> None:
    """Answer BOOT: run thread 0, whose program is ``text``."""
    stubs.thread(0, text, **registers)
    stubs.answer(NEXT=TCBS[0], NEXT_CR3=stubs.cr3(0))


@pytest.mark.parametrize("engine", ENGINES)
def test_boot_tells_of_the_record_and_of_the_address_space(engine: str) -> None:
    stubs = Stubs(engine, [lambda stubs: stubs.answer()])
    stubs.run()
    (request,) = stubs.requests
    assert request["REASON"] == stubs.names["REASON_BOOT"]
    assert request["RECORD"] == stubs.names["BOOT_RECORD"]
    assert request["CURRENT"] == 0
    assert request["CR3"] == stubs.machine.cpu.cr3
    assert stubs.block % 4096 == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exception_leaves_every_register_in_the_frame(engine: str) -> None:
    stubs = Stubs(engine, [lambda s: run_thread(s, "ud2", **VALUES), lambda s: s.answer()])
    stubs.run()
    _, request = stubs.requests
    assert request["REASON"] == stubs.names["REASON_EXCEPTION"]
    assert (request["VECTOR"], request["ERROR"], request["CURRENT"]) == (6, 0, TCBS[0])
    assert {name: stubs.frame(0, name) for name in REGISTERS} == VALUES
    found = {name: stubs.frame(0, name) for name in ("VECTOR", "ERROR", "RIP", "CS", "SS")}
    assert found == {"VECTOR": 6, "ERROR": 0, "RIP": USER_CODE, "CS": 0x2B, "SS": 0x23}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_page_fault_tells_error_code_and_address(engine: str) -> None:
    text = "mov byte ptr [rax], 1"
    boot = [lambda s: run_thread(s, text, RAX=0x12_3456), lambda s: s.answer()]
    stubs = Stubs(engine, boot)
    stubs.run()
    request = stubs.requests[1]
    assert (request["VECTOR"], request["ERROR"], request["CR2"]) == (14, 6, 0x12_3456)
    assert stubs.frame(0, "RAX") == 0x12_3456


@pytest.mark.parametrize("engine", ENGINES)
def test_a_system_call_keeps_all_but_rcx_and_r11(engine: str) -> None:
    boot = [
        lambda s: run_thread(s, "syscall\nud2", **VALUES),
        lambda s: s.answer(NEXT=TCBS[0]),
        lambda s: s.answer(),
    ]
    stubs = Stubs(engine, boot)
    stubs.run()
    assert [request["REASON"] for request in stubs.requests] == [0, 1, 2]
    kept = VALUES.keys() - {"RCX", "R11"}
    assert {name: stubs.frame(0, name) for name in kept} == {name: VALUES[name] for name in kept}
    assert stubs.frame(0, "RCX") == USER_CODE + 2  # as SYSRET leaves it
    assert stubs.frame(0, "R11") == 0x202
    assert stubs.frame(0, "RIP") == USER_CODE + 2


@pytest.mark.parametrize("engine", ENGINES)
def test_what_the_kernel_writes_into_the_frame_of_a_system_call_is_its_result(engine: str) -> None:
    def result(stubs: Stubs) -> None:
        assert stubs.frame(0, "VECTOR") == stubs.names["FRAME_SYSCALL"]
        for name in ("RAX", "RDI", "RSI", "RDX", "R10", "R8", "R9"):
            stubs.put(TCBS[0] + stubs.names[f"FRAME_{name}"], VALUES[name])
        stubs.answer(NEXT=TCBS[0])

    boot = [lambda s: run_thread(s, "syscall\nud2"), result, lambda s: s.answer()]
    stubs = Stubs(engine, boot)
    stubs.run()
    for name in ("RAX", "RDI", "RSI", "RDX", "R10", "R8", "R9"):
        assert stubs.frame(0, name) == VALUES[name], name


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rip_that_is_no_address_is_the_threads_fault_and_not_ring_0s(engine: str) -> None:
    """At the very end of the lower half; SYSRET would fault on Intel's processors."""

    def move(stubs: Stubs) -> None:
        stubs.put(TCBS[0] + stubs.names["FRAME_RIP"], 1 << 47)
        stubs.answer(NEXT=TCBS[0])

    boot = [lambda s: run_thread(s, "syscall"), move, lambda s: s.answer()]
    stubs = Stubs(engine, boot)
    stubs.run()
    assert stubs.requests[2]["REASON"] == stubs.names["REASON_EXCEPTION"]
    assert "panic" not in stubs.machine.serial.text


@pytest.mark.parametrize("engine", ENGINES)
def test_two_address_spaces_have_different_things_at_one_address(engine: str) -> None:
    text = "mov rbx, [rip + own]\nsyscall\nown: .quad {}"

    def second(stubs: Stubs) -> None:
        stubs.thread(1, text.format(0x2222))
        stubs.answer(NEXT=TCBS[1], NEXT_CR3=stubs.cr3(1))

    boot = [lambda s: run_thread(s, text.format(0x1111)), second, lambda s: s.answer()]
    stubs = Stubs(engine, boot)
    stubs.run()
    assert [stubs.frame(number, "RBX") for number in (0, 1)] == [0x1111, 0x2222]
    assert stubs.requests[2]["CURRENT"] == TCBS[1]
    assert stubs.requests[2]["CR3"] == stubs.cr3(1)


@pytest.mark.parametrize("engine", ENGINES)
def test_fs_and_gs_bases_belong_to_the_thread(engine: str) -> None:
    text = "mov rax, fs:[rbx]\nmov rdx, gs:[rbx]\nsyscall\nud2\none: .quad 1, 2, 3, 4"

    def boot(stubs: Stubs) -> None:
        where = stubs.thread(0, text).symbols["one"]
        stubs.thread(1, text, FS_BASE=where + 16, GS_BASE=where + 24)
        stubs.thread(0, text, FS_BASE=where, GS_BASE=where + 8)
        stubs.answer(NEXT=TCBS[0], NEXT_CR3=stubs.cr3(0))

    answers: list[Answer] = [
        boot,
        lambda s: s.answer(NEXT=TCBS[1], NEXT_CR3=s.cr3(1)),
        lambda s: s.answer(),
    ]
    stubs = Stubs(engine, answers)
    stubs.run()
    assert [stubs.frame(0, name) for name in ("RAX", "RDX")] == [1, 2]
    assert [stubs.frame(1, name) for name in ("RAX", "RDX")] == [3, 4]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_fpu_is_saved_and_loaded_when_the_kernel_says_so(engine: str) -> None:
    """Two threads with a number each in xmm0; the second use raises #NM, and so on."""
    text = "movq xmm0, rbx\nsyscall\nmovq rax, xmm0\nsyscall"
    names = Stubs(engine, []).names
    clear, ts = names["GATE_CLEAR_TS"], names["GATE_SET_TS"]
    area = [tcb + names["TCB_FPU"] for tcb in TCBS]

    def boot(stubs: Stubs) -> None:
        for number in (0, 1):
            stubs.thread(number, text, RBX=0xF00 + number)
            fresh = bytearray(512)
            fresh[0:2], fresh[24:28] = b"\x7f\x03", b"\x80\x1f\0\0"
            stubs.memory.write(area[number], bytes(fresh))
        stubs.answer(NEXT=TCBS[0], NEXT_CR3=stubs.cr3(0), FLAGS=ts)

    def load(to: int, save: int) -> Answer:
        return lambda s: s.answer(NEXT=TCBS[to], FLAGS=clear, FPU_SAVE=save, FPU_LOAD=area[to])

    def to(number: int) -> Answer:
        return lambda s: s.answer(NEXT=TCBS[number], NEXT_CR3=s.cr3(number), FLAGS=ts)

    answers: list[Answer] = [
        boot, load(0, 0), to(1), load(1, area[0]), to(0), load(0, area[1]), to(1),
        load(1, area[0]), lambda s: s.answer(),
    ]  # fmt: skip
    stubs = Stubs(engine, answers)
    stubs.run()
    vectors = [request["VECTOR"] for request in stubs.requests if request["REASON"] == 2]
    assert vectors == [7, 7, 7, 7]
    assert [stubs.frame(number, "RAX") for number in (0, 1)] == [0xF00, 0xF01]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_panic_of_the_kernel_is_printed_and_final(engine: str) -> None:
    def panic(stubs: Stubs) -> None:
        stubs.answer(FLAGS=stubs.names["GATE_PANIC"])
        stubs.memory.write(stubs.block + stubs.names["GATE_PANIC_TEXT"], b"no memory left\0")

    stubs = Stubs(engine, [panic])
    assert stubs.machine.run().reason is Reason.IDLE
    assert stubs.machine.serial.text.endswith("panic: no memory left\r\n")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exception_of_ring_0_is_told_in_words(engine: str) -> None:
    def beyond_ram(stubs: Stubs) -> None:
        stubs.answer()
        stubs.operations((stubs.names["OP_IN"], 1, 0x3FD, 0, 1 << 40))  # nothing is mapped there

    stubs = Stubs(engine, [beyond_ram])
    assert stubs.machine.run().reason is Reason.IDLE
    text = stubs.machine.serial.text
    assert "panic: vector 14 #PF page fault, error 0x2 (kernel write to an absent page" in text
    assert "rflags " in text


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_kernel_behind_the_gate_the_stubs_say_so_and_exit(engine: str) -> None:
    stubs = Stubs(engine, [])
    stubs.machine.pc.gate._function = None
    stop = stubs.machine.run()
    assert (stop.reason, stop.code) == (Reason.EXIT, 1)
    assert stubs.machine.serial.text.endswith("kernel: no kernel gate here\r\n")
