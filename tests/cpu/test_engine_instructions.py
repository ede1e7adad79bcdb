"""The instructions that are ours: IN and OUT, SYSCALL, RDTSC, CPUID, IDIV."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cpu.machines import (
    BITS,
    CODE,
    CODE64,
    DATA,
    ENGINES,
    IOPL3,
    MODES,
    STUB_BYTES,
    STUBS,
    TSS,
    Machine,
    same,
)
from vectoros.cpu.bits import EFER_SCE, Flag, Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector
from vectoros.cpu.repairs import repair
from vectoros.units import TICKS_PER_SECOND

every_engine = pytest.mark.parametrize("engine", ENGINES)
every_mode = pytest.mark.parametrize("mode", MODES)
PROTECTED = ("protected32", "compatibility", "long")
LSTAR = STUBS + 0x90 * STUB_BYTES
CR4_TSD = 1 << 2


def booted(engine: str, mode: str, text: str, ring: int = 0, flags: int = 0) -> Machine:
    machine = Machine(engine)
    machine.boot(mode, ring=ring, flags=flags)
    machine.code(text)
    return machine


def general(machine: Machine) -> list[int]:
    return list(machine.regs.gpr)


# -- ports ---------------------------------------------------------------------------


@every_mode
@every_engine
def test_in_and_out_show_port_width_value_and_the_tick_before_them(engine: str, mode: str) -> None:
    text = "mov dx, 0x1f0\n in al, dx\n in ax, dx\n in eax, dx\n out 0x80, al\n out 0x80, ax\n hlt"
    machine = booted(engine, mode, text)
    machine.run()
    seen = [entry[:3] for entry in machine.world.log]
    ports = [("in", 0x1F0, 1), ("in", 0x1F0, 2), ("in", 0x1F0, 4), ("out", 0x80, 1)]
    assert seen == [*ports, ("out", 0x80, 2)]
    sizes = (3, 1, 1, 2, 2) if BITS[mode] == 16 else (4, 1, 2, 1, 2)
    ticks = [sum(sizes[: n + 1]) for n in range(5)]
    assert [entry[4] for entry in machine.world.log] == ticks
    assert machine.regs.gpr[Gpr.RAX] == machine.world.log[2][3]


@pytest.mark.parametrize("text", ["in al, dx", "out dx, eax", "in ax, 0x40", "insb", "rep outsw"])
@pytest.mark.parametrize("mode", PROTECTED)
@every_engine
def test_a_port_that_ring_3_may_not_use_is_a_fault_without_effect(
    engine: str, mode: str, text: str
) -> None:
    machine = booted(engine, mode, f"nop\n add al, 0x7f\n {text}\n nop\n nop\n hlt", ring=3)
    regs = machine.regs
    regs.gpr[Gpr.RDX], regs.gpr[Gpr.RAX], regs.gpr[Gpr.RCX] = 0x40, 0x11, 5
    regs.gpr[Gpr.RSI] = regs.gpr[Gpr.RDI] = DATA
    machine.cpu.registers_changed()
    machine.run(3)
    before, flags = general(machine), regs.rflags
    machine.run()
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.error_code, fault.rip, fault.tick) == (13, 0, CODE + 3, 3)
    assert machine.world.log == []
    after = general(machine)
    assert after[:4] + after[5:] == before[:4] + before[5:]
    frame = machine.memory.read(regs.gpr[Gpr.RSP] + (12 if mode == "protected32" else 24), 2)
    assert int.from_bytes(frame, "little") == flags & 0xFFFF


@pytest.mark.parametrize("mode", PROTECTED)
@every_engine
def test_iopl_3_opens_all_ports_to_ring_3(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "in al, 0x40\n out 0x41, al\n cli\n sti\n hlt", 3, IOPL3)
    machine.run()
    assert [entry[:2] for entry in machine.world.log] == [("in", 0x40), ("out", 0x41)]
    assert [fault.vector for fault in machine.cpu.faults()] == [13]  # HLT


@pytest.mark.parametrize("mode", PROTECTED)
@every_engine
def test_the_tss_bitmap_opens_single_ports_to_ring_3(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "in al, 0x41\n in ax, 0x41\n hlt", ring=3)
    machine.memory.write(TSS + 0x68 + 0x40 // 8, b"\xfd")  # only port 41h
    machine.run()
    assert [entry[:3] for entry in machine.world.log] == [("in", 0x41, 1)]
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.rip) == (13, CODE + 2)


@pytest.mark.parametrize("mode", PROTECTED)
@every_engine
def test_ins_and_outs_move_what_the_port_gives_and_takes(engine: str, mode: str) -> None:
    text = "mov dx, 0x1f0\n mov ecx, 3\n rep insw\n mov ecx, 3\n rep outsb\n hlt"
    machine = booted(engine, mode, text, 3, IOPL3)
    machine.regs.gpr[Gpr.RDI] = machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    machine.run()
    values = [entry[3] for entry in machine.world.log]
    assert [entry[0] for entry in machine.world.log] == ["in"] * 3 + ["out"] * 3
    word = values[0].to_bytes(2, "little")  # type: ignore[attr-defined]
    assert machine.memory.read(DATA, 6) == word * 3
    assert bytes(values[3:]) == (word * 2)[:3]  # type: ignore[arg-type]


@every_engine
def test_the_flags_survive_a_port_access_in_the_middle_of_a_block(engine: str) -> None:
    machine = booted(
        engine, "long", "mov ecx, 0x7fffffff\n add ecx, 1\n in al, 0x40\n pushfq\n hlt"
    )
    machine.run()
    flags = int.from_bytes(machine.memory.read(machine.regs.gpr[Gpr.RSP], 2), "little")
    assert flags & 0x8D5 == Flag.OF | Flag.SF | Flag.AF | Flag.PF


# -- SYSCALL ---------------------------------------------------------------------------


def with_syscall(machine: Machine, mask: int = 0) -> Machine:
    regs = machine.regs
    regs.efer |= EFER_SCE
    regs.star, regs.lstar, regs.fmask = 0x23 << 48 | CODE64 << 32, LSTAR, mask
    machine.cpu.registers_changed()
    return machine


@every_engine
def test_syscall_enters_at_lstar_and_sysret_returns(engine: str) -> None:
    machine = with_syscall(booted(engine, "long", "nop\n syscall\n nop\n syscall", ring=3))
    machine.code("inc ebx\n .byte 0x48, 0x0f, 0x07", LSTAR)
    seen = []
    for _ in range(5):
        machine.run(1)
        seen.append((machine.clock.now, machine.regs.rip, machine.regs.cpl))
    assert seen == [
        (1, CODE + 1, 3),
        (3, LSTAR, 0),
        (5, LSTAR + 2, 0),
        (8, CODE + 3, 3),
        (9, CODE + 4, 3),
    ]
    assert machine.regs.gpr[Gpr.RCX] == CODE + 3
    assert machine.cpu.counters().syscalls == 1


@every_engine
def test_syscall_masks_flags_and_keeps_them_in_r11(engine: str) -> None:
    every = Flag.CF | Flag.OF | Flag.DF | Flag.IF | Flag.TF | Flag.ID
    for mask in (0, int(Flag.DF), int(Flag.TF | Flag.IF), 0x47FD5, 0xFFFF_FFFF):
        machine = with_syscall(booted(engine, "long", "syscall", ring=3), mask)
        machine.handler(1, "iretq")
        machine.regs.rflags = int(every) | 2
        machine.cpu.registers_changed()
        machine.run(2)
        assert machine.regs.gpr[Gpr.R11] == every | 2
        left = int(every) & ~mask | 2
        if not left & Flag.TF:
            assert machine.regs.rflags == left, f"mask {mask:#x}"
        else:  # the trap behind SYSCALL has been delivered already
            assert machine.cpu.faults()[0].rip == LSTAR


@every_engine
def test_syscall_with_prefixes_returns_behind_them(engine: str) -> None:
    machine = with_syscall(booted(engine, "long", "nop", ring=3))
    machine.memory.write(CODE + 1, bytes.fromhex("2e 66 48 0f 05 f4"))
    machine.run(6)
    assert machine.regs.gpr[Gpr.RCX] == CODE + 6
    assert (machine.regs.rip, machine.clock.now) == (LSTAR, 6)


@pytest.mark.parametrize(("mode", "sce"), [("long", 0), ("compatibility", EFER_SCE)])
@every_engine
def test_syscall_where_there_is_none_is_undefined_and_not_charged(
    engine: str, mode: str, sce: int
) -> None:
    machine = booted(engine, mode, "nop\n add al, 1\n .byte 0x0f, 0x05\n nop", ring=3)
    machine.regs.efer |= sce
    machine.cpu.registers_changed()
    machine.run()
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.rip, fault.tick) == (Vector.UD, CODE + 3, 3)
    assert machine.clock.now == 4
    assert machine.cpu.counters().syscalls == 0


# -- RDTSC and CPUID -------------------------------------------------------------------


@every_mode
@every_engine
def test_rdtsc_reads_the_clock_at_its_boundary(engine: str, mode: str) -> None:
    for start in (0, 1 << 33):
        machine = booted(engine, mode, "nop\n nop\n rdtsc\n nop\n hlt")
        machine.clock.set(start)
        machine.run()
        value = machine.regs.gpr[Gpr.RAX] | machine.regs.gpr[Gpr.RDX] << 32
        assert value == start + 2


@every_engine
def test_rdtscp_reads_the_clock_and_tsc_aux(engine: str) -> None:
    machine = booted(engine, "long", "nop\n rdtscp\n hlt")
    machine.regs.tsc_aux = 0xABCD
    machine.cpu.registers_changed()
    machine.run()
    assert (machine.regs.gpr[Gpr.RAX], machine.regs.gpr[Gpr.RCX]) == (1, 0xABCD)


@pytest.mark.parametrize("mode", PROTECTED)
@every_engine
def test_cr4_tsd_keeps_ring_3_from_the_clock(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n rdtsc\n hlt", ring=3)
    machine.regs.cr4 |= CR4_TSD
    machine.cpu.registers_changed()
    before = general(machine)
    machine.run()
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.error_code, fault.rip, fault.tick) == (13, 0, CODE + 1, 1)
    assert general(machine)[:4] == before[:4]


@every_engine
def test_cpuid_tells_the_frequency_of_the_clock(engine: str) -> None:
    machine = booted(engine, "long", "mov eax, 0x15\n cpuid\n hlt")
    machine.run()
    rax, rcx, _, rbx = general(machine)[:4]
    assert rcx * rbx // rax == TICKS_PER_SECOND


@pytest.mark.parametrize("leaf", [0, 1, 7, 0xB, 0xD, 0x16, 0x8000_0000, 0x8000_0001, 0x4000_0000])
def test_both_engines_answer_cpuid_alike(leaf: int) -> None:
    machines = [booted(engine, "long", f"mov eax, {leaf}\n cpuid\n hlt") for engine in ENGINES]
    for machine in machines:
        machine.run()
    same(*machines)


# -- what repairs.py mends ---------------------------------------------------------------

IDIV = """
import sys
from tests.cpu.machines import Machine
engine, mode, ring = sys.argv[1:]
machine = Machine(engine)
machine.boot(mode, ring=int(ring))
machine.code("mov edx, 0x80000000\\n xor eax, eax\\n mov ebx, 0xffffffff\\n idiv ebx\\n hlt")
print(machine.run().name, [(f.vector, f.tick, f.cpl) for f in machine.cpu.faults()])
"""


@pytest.mark.skipif(repair() is not None, reason=f"the repair: {repair()}")
@pytest.mark.parametrize(("mode", "ring"), [("real", 0), ("protected32", 3), ("long", 3)])
@every_engine
def test_a_quotient_that_no_register_holds_is_a_divide_error_and_not_the_hosts(
    engine: str, mode: str, ring: int
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IDIV, engine, mode, str(ring)], capture_output=True, text=True
    )
    tick = 6 + 3 + 6 if mode == "real" else 5 + 2 + 5
    assert ran.stdout == f"HALT [(0, {tick}, {ring})]\n", f"exit {ran.returncode}: {ran.stderr}"


@pytest.mark.parametrize(
    ("dividend", "divisor"),
    [(100, 7), (-100, 7), (100, -7), (-100, -7), (0, 3), (-(1 << 31), 1), (1 << 40, 1 << 20)],
)
@every_engine
def test_idiv_divides(engine: str, dividend: int, divisor: int) -> None:
    text = f"mov edx, {dividend >> 32}\n mov eax, {dividend & 0xFFFF_FFFF}\n mov ebx, {divisor}\n"
    machine = booted(engine, "long", text + "idiv ebx\n hlt")
    machine.run()
    quotient = abs(dividend) // abs(divisor) * (1 if dividend * divisor >= 0 else -1)
    assert machine.cpu.faults() == []
    rax, _, rdx = general(machine)[:3]
    assert rax == quotient & 0xFFFF_FFFF
    assert rdx == (dividend - quotient * divisor) & 0xFFFF_FFFF


@pytest.mark.parametrize(
    ("dividend", "divisor"), [(1 << 31, 1), (-(1 << 32), 1), (5, 0), (-(1 << 31), -1)]
)
@every_engine
def test_idiv_whose_quotient_does_not_fit_is_a_divide_error(
    engine: str, dividend: int, divisor: int
) -> None:
    text = f"mov edx, {dividend >> 32}\n mov eax, {dividend & 0xFFFF_FFFF}\n mov ebx, {divisor}\n"
    machine = booted(engine, "long", text + "idiv ebx\n hlt")
    machine.run()
    assert [(f.vector, f.rip) for f in machine.cpu.faults()] == [(0, CODE + 15)]


@pytest.mark.skipif(repair() is not None, reason=f"the repair: {repair()}")
@pytest.mark.parametrize("text", ["bt ecx, edx", "bts ecx, 3", "btr ecx, edx", "btc ecx, 9"])
@every_engine
def test_a_bit_test_changes_cf_only_wherever_its_block_begins(engine: str, text: str) -> None:
    program = f"mov ecx, 0x7fffffff\n add ecx, ecx\n inc ecx\n {text}\n hlt"
    flags = set()
    for first in range(1, 14):
        machine = booted(engine, "long", program)
        if machine.run(first) is not Stop.HALT:
            machine.run()
        flags.add(machine.regs.rflags & ~Flag.CF)
    before = booted(engine, "long", "mov ecx, 0x7fffffff\n add ecx, ecx\n inc ecx\n hlt")
    before.run()
    assert flags == {before.regs.rflags & ~Flag.CF}
