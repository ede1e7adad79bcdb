"""Code that runs up to, or into, a page that is not there."""

from __future__ import annotations

import itertools

import pytest

from tests.cpu.machines import ENGINES, PRESENT, Machine, U, same
from vectoros.cpu.bits import CR4_SMEP, EFER_NXE, Flag, Gpr
from vectoros.cpu.core import Stop
from vectoros.units import PAGE_SIZE

every_engine = pytest.mark.parametrize("engine", ENGINES)
PAGE, MISSING = 0x1FE000, 0x1FF000  # code is in the one, and the other is not mapped
SPACES = [
    (mode, paging, ring, nx)
    for mode, paging in (
        ("protected32", "legacy"),
        ("protected32", "pae"),
        ("compatibility", "long"),
        ("long", "long"),
    )
    for ring, nx in itertools.product((0, 3), (False, True))
    if not (paging == "legacy" and nx)
]
every_space = pytest.mark.parametrize(("mode", "paging", "ring", "nx"), SPACES)


def before_the_gap(
    engine: str, mode: str, paging: str, ring: int, nx: bool, code: bytes, reach: int = 0
) -> Machine:
    """Return a machine at ``code``, whose last ``reach`` bytes lie in the missing page."""
    machine = Machine(engine)
    machine.boot(mode, ring=ring, paging=paging)
    regs = machine.regs
    start = MISSING - len(code) + reach
    machine.memory.write(start, code)
    machine.map(MISSING, 0, 0)
    regs.rip = start
    regs.efer |= EFER_NXE if nx else 0
    regs.gpr[Gpr.RBX] = 0x28000
    machine.cpu.registers_changed()
    return machine


@every_space
@every_engine
def test_straight_line_code_runs_up_to_the_missing_page(
    engine: str, mode: str, paging: str, ring: int, nx: bool
) -> None:
    # inc ecx twice; mov [ebx], ecx; inc ecx; nops
    code = bytes.fromhex("ffc1 ffc1 89 0b ffc1 90 90")
    for ticks in (1, 2, 3, 5, 1 << 40):
        machine = before_the_gap(engine, mode, paging, ring, nx, code)
        while machine.run(ticks) is not Stop.HALT:
            assert machine.clock.now < 100
        (fault,) = machine.cpu.faults()
        assert (fault.vector, fault.rip, fault.cr2) == (14, MISSING, MISSING)
        assert fault.tick == len(code)
        assert fault.error_code == (4 if ring else 0) | (0x10 if nx else 0)
        assert machine.clock.now == len(code) + 1
        assert machine.regs.gpr[Gpr.RCX] == 3
        assert machine.memory.read(0x28000, 1) == b"\2"


@every_space
@every_engine
def test_an_instruction_that_reaches_into_the_missing_page_faults_at_its_start(
    engine: str, mode: str, paging: str, ring: int, nx: bool
) -> None:
    code = bytes.fromhex("ffc1 90 b8 11223344")  # mov eax, 44332211h
    for reach, ticks in itertools.product((1, 2, 4), (1, 3, 1 << 40)):
        machine = before_the_gap(engine, mode, paging, ring, nx, code, reach)
        while machine.run(ticks) is not Stop.HALT:
            assert machine.clock.now < 100
        (fault,) = machine.cpu.faults()
        assert (fault.vector, fault.cr2, fault.tick) == (14, MISSING, 3)
        assert fault.rip == MISSING - len(code) + reach + 3
        assert machine.regs.gpr[Gpr.RCX] == 1


@every_engine
def test_a_look_ahead_leaves_cr2_as_the_guest_last_saw_it(engine: str) -> None:
    code = bytes.fromhex("ffc1 ffc1 ffc1 eb f8")  # and back to the start: never into the page
    machine = before_the_gap(engine, "long", "long", 0, False, code)
    machine.regs.cr2 = 0x1234
    machine.cpu.registers_changed()
    machine.run(100)
    assert machine.regs.cr2 == 0x1234
    assert machine.cpu.faults() == []


@every_engine
def test_a_look_ahead_leaves_no_interrupt_shadow(engine: str) -> None:
    code = bytes.fromhex("ffc1 ffc1 ffc1 ffc1 90")
    for ticks in range(1, 9):
        machine = before_the_gap(engine, "long", "long", 0, True, code)
        machine.run(ticks)
        assert not machine.regs.interrupt_shadow, f"after {ticks} ticks"


@pytest.mark.parametrize("nx", [False, True])
@every_engine
def test_an_interrupt_is_taken_right_before_the_missing_page(engine: str, nx: bool) -> None:
    code = bytes.fromhex("90 90 90 90 90")
    for tick in range(6):
        machine = before_the_gap(engine, "long", "long", 0, nx, code)
        machine.regs.rflags |= Flag.IF
        machine.cpu.registers_changed()
        machine.run(tick)
        if tick == len(code):
            # The fault is delivered at the deadline already, and its gate clears IF.
            assert machine.cpu.faults()[0].tick == tick
            continue
        machine.cpu.set_intr(True)
        machine.run()
        assert [entry[4] for entry in machine.world.log] == [tick]
        assert machine.cpu.faults() == []


@pytest.mark.parametrize("nx", [False, True])
@every_engine
def test_a_shadow_that_ends_at_the_missing_page_is_real(engine: str, nx: bool) -> None:
    code = bytes.fromhex("90 fb 90")  # nop; sti; nop
    machine = before_the_gap(engine, "long", "long", 0, nx, code)
    machine.cpu.set_intr(True)
    machine.run()
    assert [entry[4] for entry in machine.world.log] == [3]
    assert machine.cpu.faults() == []


@pytest.mark.parametrize("nx", [False, True])
@every_engine
def test_a_fault_on_data_in_the_page_behind_is_no_look_ahead(engine: str, nx: bool) -> None:
    code = bytes.fromhex("ffc1 90 8b 03 90 f4") + bytes(20)  # mov eax, [rbx]
    for mode, paging in (("long", "long"), ("protected32", "legacy")):
        for first in (1, 2, 3, 1 << 40):
            machine = before_the_gap(engine, mode, paging, 0, nx and mode == "long", code)
            machine.regs.gpr[Gpr.RBX] = MISSING + 8
            machine.cpu.registers_changed()
            if machine.run(first) is not Stop.HALT:
                machine.run()
            (fault,) = machine.cpu.faults()
            assert (fault.vector, fault.cr2, fault.tick) == (14, MISSING + 8, 3)
            assert fault.rip == MISSING - len(code) + 3


def test_demand_paged_code_keeps_exact_time_under_any_slicing() -> None:
    # Every page of code is missing at first; the handler maps what is asked for.
    machines = []
    for engine in ENGINES:
        for nx in (False, True):
            for ticks in (17, 301, 1 << 40):
                machine = Machine(engine)
                machine.boot("long", ring=3)
                # inc ecx; nop; add edx, 7; and after seven times a jump, so that blocks are short
                straight = b"\xff\xc1\x90\x83\xc2\x07" * 7 + b"\xeb\x00"
                machine.memory.write(0x100000, straight * 400 + b"\xcd\x80")
                for page in range(0x100000, 0x106000, 0x1000):
                    machine.map(page, 0, 0)
                entry = machine.map(0x100000, 0, 0)
                machine.handler(
                    14,
                    "push rax\n push rcx\n mov rax, cr2\n shr rax, 12\n"
                    f"mov ecx, {entry - 0x100 * 8}\n"
                    "lea rcx, [rcx + rax*8]\n shl rax, 12\n or eax, 0x27\n mov [rcx], rax\n"
                    "pop rcx\n pop rax\n add rsp, 8\n iretq",
                )
                machine.regs.rip = 0x100000
                machine.regs.efer |= EFER_NXE if nx else 0
                machine.cpu.registers_changed()
                while machine.run(ticks) is not Stop.HALT:
                    assert machine.clock.now < 30_000
                machines.append(machine)
    half = len(machines) // 2
    group = [[m for m in machines if bool(m.regs.efer & EFER_NXE) is nx] for nx in (False, True)]
    for machines in group:
        same(*machines)
        assert len(machines) == half
        assert machines[0].cpu.counters().traps[14] == 5


@every_engine
def test_smep_tells_fetches_too(engine: str) -> None:
    machine = before_the_gap(engine, "protected32", "legacy", 0, False, b"\x90\x90")
    for page in range(0, MISSING, PAGE_SIZE):  # for ring 0 alone, or it may not run them
        machine.map(page, page, PRESENT & ~U)
    machine.regs.cr4 |= CR4_SMEP
    machine.cpu.registers_changed()
    machine.run()
    (fault,) = machine.cpu.faults()
    assert (fault.error_code, fault.rip, fault.tick) == (0x10, MISSING, 2)


@every_space
@every_engine
def test_a_jump_into_itself_retires_before_what_it_leads_to_is_missing(
    engine: str, mode: str, paging: str, ring: int, nx: bool
) -> None:
    code = bytes.fromhex("76 ff bb 8d")  # jbe to its own second byte: an instruction of six
    for ticks in (1, 1 << 40):
        machine = before_the_gap(engine, mode, paging, ring, nx, code)
        machine.regs.rflags |= Flag.CF
        machine.cpu.registers_changed()
        while not machine.cpu.faults():
            machine.run(ticks)
        fault = machine.cpu.faults()[0]
        assert (fault.vector, fault.rip, fault.cr2) == (14, MISSING - 3, MISSING)
        assert fault.tick == 2
