"""Exceptions and software interrupts: what they cost, leave behind, and end in."""

from __future__ import annotations

import pytest

from tests.cpu.machines import (
    CODE,
    CODE64,
    ENGINES,
    HOLE,
    IDT,
    MODES,
    STACK,
    STUB_BYTES,
    STUBS,
    TSS,
    Machine,
    same,
)
from vectoros.cpu.bits import EFER_SCE, Flag, Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector

every_engine = pytest.mark.parametrize("engine", ENGINES)
every_mode = pytest.mark.parametrize("mode", MODES)


def booted(engine: str, mode: str, text: str, **options: int) -> Machine:
    machine = Machine(engine)
    machine.boot(mode, **options)  # type: ignore[arg-type]
    machine.code(text)
    return machine


def trail(machine: Machine) -> list[tuple[int, int, int, bool]]:
    """Return tick, vector, error code and success of each delivery."""
    return [(f.tick, f.vector, f.error_code, f.delivered) for f in machine.cpu.faults()]


@every_mode
@every_engine
def test_a_fault_is_not_charged_and_returns_to_its_instruction(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n nop\n xor cx, cx\n div cx\n nop\n hlt")
    start = machine.regs.rip
    tick = 4 if machine.regs.code_bits == 16 else 5
    divide = start + tick
    assert machine.run() is Stop.HALT
    assert machine.clock.now == tick + 1  # the handler's HLT
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.tick, fault.rip, fault.software) == (Vector.DE, tick, divide, False)


@every_mode
@every_engine
def test_int_n_is_charged_before_its_handler_runs(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n int 0x80\n nop\n hlt")
    start = machine.regs.rip
    machine.run()
    assert machine.clock.now == 4
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.tick, fault.rip, fault.software) == (0x80, 3, start + 3, True)


@pytest.mark.parametrize("mode", ["real", "protected16", "protected32", "compatibility"])
@every_engine
def test_into_in_the_middle_of_a_block_charges_what_has_run(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "mov al, 0x7f\n inc al\n into\n nop\n nop\n hlt")
    start = machine.regs.rip
    machine.run()
    assert machine.clock.now == 6
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.tick, fault.rip) == (Vector.OF, 5, start + 5)


@every_engine
def test_into_without_overflow_goes_on(engine: str) -> None:
    machine = booted(engine, "protected32", "xor eax, eax\n into\n hlt")
    machine.run()
    assert (machine.clock.now, machine.cpu.faults()) == (4, [])


@every_engine
def test_software_interrupts_of_any_vector_return_behind_them(engine: str) -> None:
    # 6 has a hook of its own in Unicorn, 1 and 14 look like faults, 8 like a double fault.
    for vector in (1, 3, 4, 6, 8, 13, 14, 0xFF):
        machine = booted(engine, "long", f"nop\n int {vector}\n inc ebx\n hlt")
        machine.handler(vector, "iretq")
        machine.run()
        assert machine.clock.now == 1 + 2 + 2 + 2 + 1, f"int {vector}"
        assert machine.regs.gpr[Gpr.RBX] == 1
        assert trail(machine) == [(3, vector, 0, True)]


@pytest.mark.parametrize(("text", "vector"), [("int 0x80", 0x80), ("int3", 3), ("int 6", 6)])
@pytest.mark.parametrize("mode", ["protected32", "compatibility", "long"])
@every_engine
def test_an_int_that_its_gate_refuses_is_a_fault_and_not_charged(
    engine: str, mode: str, text: str, vector: int
) -> None:
    machine = booted(engine, mode, f"nop\n {text}\n hlt", ring=3)
    machine.handler(vector, "hlt", dpl=0)
    machine.run()
    assert machine.clock.now == 2
    refused, fault = machine.cpu.faults()
    length = (machine.memory.read(CODE + 1, 1) == b"\xcd" and 2) or 1
    assert (refused.vector, refused.software, refused.delivered) == (vector, True, False)
    assert (refused.tick, refused.rip) == (1 + length, CODE + 1 + length)
    error_code = vector * 8 + 2
    assert (fault.vector, fault.error_code, fault.delivered) == (Vector.GP, error_code, True)
    assert (fault.tick, fault.rip) == (1, CODE + 1)


@every_engine
def test_a_fault_in_delivery_is_refunded_once(engine: str) -> None:
    # #DE finds no gate: #NP is contributory, too, so that makes a double fault.
    machine = booted(engine, "long", "nop\n xor ecx, ecx\n div ecx\n nop\n nop\n nop\n hlt")
    machine.memory.write(IDT + 5, b"\0")
    assert machine.run() is Stop.HALT
    assert trail(machine) == [(3, Vector.DE, 0, False), (3, Vector.DF, 0, True)]
    assert machine.clock.now == 4


@every_mode
@every_engine
def test_a_triple_fault_shuts_down_with_its_causes_in_order(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n xor cx, cx\n div cx\n hlt")
    machine.regs.idtr.limit = 0
    machine.cpu.registers_changed()
    tick = 3 if machine.regs.code_bits == 16 else 4
    assert machine.run() is Stop.SHUTDOWN
    assert machine.clock.now == tick
    assert trail(machine) == [(tick, Vector.DE, 0, False), (tick, Vector.DF, 0, False)]
    at = machine.regs.rip
    assert machine.run() is Stop.SHUTDOWN  # and stays there
    assert (machine.clock.now, machine.regs.rip) == (tick, at)


@every_engine
def test_writing_the_registers_ends_a_shutdown(engine: str) -> None:
    machine = booted(engine, "long", "ud2")
    machine.regs.idtr.limit = 0
    machine.cpu.registers_changed()
    assert machine.run() is Stop.SHUTDOWN
    machine.code("hlt")
    machine.regs.rip = CODE
    machine.cpu.registers_changed()
    assert machine.run() is Stop.HALT


@pytest.mark.parametrize("mode", MODES)
def test_a_triple_fault_leaves_both_engines_in_the_same_state(mode: str) -> None:
    machines = []
    for engine in ENGINES:
        machine = booted(engine, mode, "mov ax, 0x1234\n add ax, 0x7000\n ud2")
        machine.regs.idtr.limit = 0
        machine.cpu.registers_changed()
        while machine.run(1) is not Stop.SHUTDOWN:
            pass
        machines.append(machine)
    same(*machines)


@every_engine
def test_a_page_fault_while_a_page_fault_is_delivered_is_a_double_fault(engine: str) -> None:
    machine = booted(engine, "long", "mov rsp, 0x1ff800\n mov eax, 0x1fe000\n mov ebx, [rax]\n hlt")
    machine.map(0x1FE000, 0, 0)
    machine.map(0x1FF000, 0, 0)
    machine.gate(8, STUBS + 8 * STUB_BYTES, ist=1)
    machine.memory.write(TSS + 0x24, (STACK - 0x800).to_bytes(8, "little"))
    assert machine.run() is Stop.HALT
    assert [(f.vector, f.error_code, f.cr2, f.delivered) for f in machine.cpu.faults()] == [
        (Vector.PF, 0, 0x1FE000, False),
        (Vector.DF, 0, 0x1FF7F8, True),
    ]
    assert machine.regs.cr2 == 0x1FF7F8


@every_engine
def test_a_second_and_a_third_page_fault_are_page_faults(engine: str) -> None:
    machine = booted(engine, "long", "mov eax, 0x1fe000\n" + "mov ebx, [rax]\n" * 5 + "hlt")
    machine.map(0x1FE000, 0, 0)
    machine.handler(14, "add rsp, 8\n add qword ptr [rsp], 2\n iretq")
    assert machine.run() is Stop.HALT
    assert [entry[1:] for entry in trail(machine)] == [(Vector.PF, 0, True)] * 5


@every_mode
@every_engine
def test_a_faults_frame_has_rf_set_and_the_register_loses_it_with_the_next(
    engine: str, mode: str
) -> None:
    machine = booted(engine, mode, "ud2\n nop\n pushf\n hlt")
    text, bits = {
        "real": ("mov bp, sp\n mov ax, [bp + 4]\n add word ptr [bp], 2\n iret", 16),
        "protected16": ("mov eax, [esp + 8]\n add dword ptr [esp], 2\n iretd", 32),
        "protected32": ("mov eax, [esp + 8]\n add dword ptr [esp], 2\n iretd", 32),
    }.get(mode, ("mov eax, [rsp + 16]\n add qword ptr [rsp], 2\n iretq", 64))
    machine.code(text, STUBS + 6 * STUB_BYTES, bits)
    start = machine.regs.rip
    while machine.regs.rip != start + 2:
        machine.run(1)
    if mode != "real":  # where the frame is of words, and RF in the other half
        assert machine.regs.gpr[Gpr.RAX] & Flag.RF
        assert machine.flag(Flag.RF)
    machine.run(1)
    assert not machine.flag(Flag.RF)


@every_engine
def test_the_frame_of_int_n_does_not_have_rf_set(engine: str) -> None:
    machine = booted(engine, "long", "int 0x80\n hlt")
    machine.handler(0x80, "mov eax, [rsp + 16]\n iretq")
    machine.run()
    assert not machine.regs.gpr[Gpr.RAX] & Flag.RF


@every_engine
def test_a_page_fault_tells_what_it_was_as_hardware_does(engine: str) -> None:
    # Without NX and SMEP, the error code of a fetch has no I/D bit.
    for nx, expected in ((0, 4), (0x800, 0x14)):
        machine = booted(engine, "long", "mov eax, 0x1ff000\n jmp rax", ring=3)
        machine.map(0x1FF000, 0, 0)
        machine.regs.efer |= nx
        machine.cpu.registers_changed()
        machine.run()
        (fault,) = machine.cpu.faults()
        assert (fault.vector, fault.error_code, fault.cr2) == (14, expected, 0x1FF000)
        assert (fault.rip, fault.tick) == (0x1FF000, 7)


@every_mode
@every_engine
def test_single_step_traps_behind_each_instruction(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n inc ax\n nop\n jmp over\nover: hlt")
    handler = {"real": ("iret", 16), "protected16": ("iretd", 32), "protected32": ("iretd", 32)}
    text, bits = handler.get(mode, ("iretq", 64))
    machine.code(text, STUBS + STUB_BYTES, bits)
    start = machine.regs.rip
    machine.regs.rflags |= Flag.TF
    machine.cpu.registers_changed()
    assert machine.run() is Stop.HALT
    size = {16: 1, 32: 2, 64: 3}[machine.regs.code_bits]
    ends = [1, 1 + size, 2 + size, 4 + size]
    assert [fault.rip - start for fault in machine.cpu.faults()] == ends
    step = 2 if bits == 64 else 1  # the length of IRET
    assert [f.tick for f in machine.cpu.faults()] == [e + step * n for n, e in enumerate(ends)]


@every_engine
def test_single_step_traps_behind_syscall_unless_fmask_clears_tf(engine: str) -> None:
    for mask, vectors in ((0, [1]), (int(Flag.TF), [])):
        machine = booted(engine, "long", "syscall", ring=3)
        regs = machine.regs
        regs.efer |= EFER_SCE
        regs.star, regs.lstar, regs.fmask = CODE64 << 32, STUBS + 0x90 * STUB_BYTES, mask
        regs.rflags |= Flag.TF
        machine.cpu.registers_changed()
        assert machine.run() is Stop.HALT
        assert [fault.vector for fault in machine.cpu.faults()] == vectors


@every_engine
def test_single_step_traps_behind_each_iteration_of_a_repeated_instruction(engine: str) -> None:
    machine = booted(engine, "long", "rep stosb\n hlt")
    machine.handler(1, "iretq")
    machine.regs.gpr[Gpr.RCX], machine.regs.gpr[Gpr.RDI] = 3, 0x28000
    machine.regs.rflags |= Flag.TF
    machine.cpu.registers_changed()
    machine.run()
    assert [fault.rip - CODE for fault in machine.cpu.faults()] == [0, 0, 2]


@every_engine
def test_a_handler_that_cannot_even_begin_lets_time_pass(engine: str) -> None:
    # #PF leads to a missing page, on a stack of its own, for ever.
    machine = booted(engine, "long", "mov eax, 0x1ff000\n jmp rax")
    machine.map(0x1FF000, 0, 0)
    machine.gate(14, 0x1FF000, ist=1)
    machine.memory.write(TSS + 0x24, STACK.to_bytes(8, "little"))
    assert machine.run(100_000) is Stop.DEADLINE
    assert machine.clock.now >= 100_000
    assert machine.cpu.counters().traps[14] < 400


@every_engine
def test_a_handler_where_nothing_answers_lets_time_pass(engine: str) -> None:
    """Each #UD of the hole pushes a frame, and leads to the hole."""
    machine = booted(engine, "protected32", "ud2")
    machine.gate(6, 0xD000_0000)
    assert machine.run(100_000) is Stop.DEADLINE
    assert machine.clock.now >= 100_000
    assert machine.cpu.counters().traps[6] < 400


def test_both_engines_agree_on_how_time_passes_when_nothing_retires() -> None:
    machines = []
    for engine in ENGINES:
        for ticks in (100, 5000, 50_000):
            machine = booted(engine, "long", "mov eax, 0x1ff000\n jmp rax")
            machine.map(0x1FF000, 0, 0)
            machine.gate(14, 0x1FF000, ist=1)
            machine.memory.write(TSS + 0x24, STACK.to_bytes(8, "little"))
            while machine.clock.now < 40_000:
                machine.run(min(ticks, 40_000 - machine.clock.now))
            machines.append(machine)
    same(*machines)


def test_both_engines_agree_on_how_time_passes_where_nothing_answers() -> None:
    machines = []
    for engine in ENGINES:
        for ticks in (100, 5000, 50_000):
            machine = booted(engine, "protected32", "ud2")
            machine.gate(6, 0xD000_0000)
            while machine.clock.now < 40_000:
                machine.run(min(ticks, 40_000 - machine.clock.now))
            machines.append(machine)
    same(*machines)


@every_engine
def test_a_stack_where_nothing_answers_takes_a_frame_that_is_lost(engine: str) -> None:
    machine = booted(engine, "protected32", "nop\n int 0x80")
    machine.regs.gpr[Gpr.RSP] = HOLE + 0x100
    machine.cpu.registers_changed()
    assert machine.run() is Stop.HALT
    assert [entry[:4] for entry in machine.world.log] == [
        ("write", HOLE + 0xFC, 4, 2),
        ("write", HOLE + 0xF8, 4, 0x10),
        ("write", HOLE + 0xF4, 4, CODE + 3),
    ]
    assert {entry[4] for entry in machine.world.log} == {3}


def test_an_idt_where_nothing_answers_reads_the_same_on_both_engines() -> None:
    machines = []
    for engine in ENGINES:
        machine = booted(engine, "protected32", "nop\n int 0x80")
        machine.regs.idtr.base = HOLE
        machine.cpu.registers_changed()
        machine.run()
        machines.append(machine)
    same(*machines)
    assert machines[0].world.log


@every_engine
def test_faults_keeps_the_last_64_in_order(engine: str) -> None:
    machine = booted(engine, "long", "mov ecx, 100\nagain: int 0x80\n dec ecx\n jnz again\n hlt")
    machine.handler(0x80, "iretq")
    machine.run()
    ticks = [fault.tick for fault in machine.cpu.faults()]
    assert len(ticks) == 64
    assert ticks == sorted(ticks)
    assert machine.cpu.counters().traps == {0x80: 100}


@every_engine
def test_code_that_an_exceptions_frame_overwrites_is_not_run_stale(engine: str) -> None:
    # The frame lands on instructions that have run before: they become the selector CS.
    machine = booted(engine, "long", "mov rsp, 0x28030\n call rax\n mov rsp, 0x28030\n int 0x80")
    machine.regs.gpr[Gpr.RAX] = 0x28010
    machine.code("ret\n .zero 15", 0x28010)
    machine.handler(0x80, "mov eax, 0x28010\n jmp rax")
    machine.memory.write(0x28028, (CODE + 9).to_bytes(8, "little"))
    machine.run(100)
    assert machine.regs.rip != CODE + 9, "the old RET was run"


@pytest.mark.parametrize("base", [HOLE, HOLE + 1, HOLE + 2])
def test_the_engines_read_real_modes_vectors_alike_where_a_device_answers(base: int) -> None:
    machines = []
    for engine in ENGINES:
        machine = booted(engine, "real", "ud2")
        machine.regs.idtr.load(0, base, 0x3FF, 0)
        machine.cpu.registers_changed()
        machine.run(1)
        machines.append(machine)
    same(*machines)
    assert machines[0].world.log
