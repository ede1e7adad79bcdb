"""SYSENTER and SYSEXIT on both engines (Intel SDM Vol. 2B)."""

from __future__ import annotations

import pytest

from tests.cpu.machines import CODE, ENGINES, STUB_BYTES, STUBS, Machine, same
from vectoros.cpu.bits import Flag, Gpr, Seg
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector

ENTRY, STACK = STUBS + 0x90 * STUB_BYTES, 0x9000
every_engine = pytest.mark.parametrize("engine", ENGINES)
every_mode = pytest.mark.parametrize("mode", ["protected32", "compatibility", "long"])


def booted(engine: str, mode: str, text: str, *, selector: int = 0x100, flags: int = 0) -> Machine:
    machine = Machine(engine)
    machine.boot(mode, ring=3, flags=flags)
    machine.code(text)
    regs = machine.regs
    regs.sysenter_cs, regs.sysenter_esp, regs.sysenter_eip = selector, STACK, ENTRY
    machine.cpu.registers_changed()
    return machine


@every_mode
@every_engine
def test_sysenter_goes_to_ring_0_where_its_registers_say(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n sysenter\n nop", flags=int(Flag.IF))
    assert machine.run(3) is Stop.DEADLINE
    regs = machine.regs
    assert (machine.clock.now, regs.rip, regs.gpr[Gpr.RSP], regs.cpl) == (3, ENTRY, STACK, 0)
    assert (regs.segs[Seg.CS].selector, regs.segs[Seg.SS].selector) == (0x100, 0x108)
    assert not machine.flag(Flag.IF)
    bits = 64 if mode != "protected32" else 32
    machine.code("inc eax\n nop\n hlt", ENTRY, bits)
    assert machine.run() is Stop.HALT
    assert regs.rip == ENTRY + (4 if bits == 64 else 3)


@pytest.mark.parametrize("ticks", [1, 2, 3, 4, 7, 1 << 40])
@pytest.mark.parametrize("mode", ["protected32", "long"])
def test_both_engines_enter_and_leave_alike(mode: str, ticks: int) -> None:
    machines = []
    for engine in ENGINES:
        machine = booted(engine, mode, "mov ecx, esp\n nop\n sysenter\n inc ebx\n jmp $")
        bits = 64 if mode == "long" else 32
        prefix = "" if bits == 32 else ".byte 0x48\n "  # REX.W: SYSEXIT to 64-bit code
        leave = f"mov edx, back\n {prefix}sysexit"
        machine.code(f"inc eax\n {leave}", ENTRY, bits, back=CODE + 5)
        while machine.clock.now < 60:
            machine.run(min(ticks, 60 - machine.clock.now))
        assert machine.regs.cpl == 3
        assert machine.regs.gpr[Gpr.RBX] == 1, machine.view()
        machines.append(machine)
    same(*machines)


@pytest.mark.parametrize("selector", [0, 3])
@every_mode
@every_engine
def test_sysenter_without_a_selector_is_a_general_protection_fault(
    engine: str, mode: str, selector: int
) -> None:
    machine = booted(engine, mode, "nop\n sysenter", selector=selector)
    machine.run()
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.error_code, fault.rip) == (Vector.GP, 0, CODE + 1)
    assert fault.tick == 1


@every_engine
def test_sysenter_in_real_mode_is_a_general_protection_fault(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("real")
    machine.code("nop\n sysenter")
    machine.regs.sysenter_cs = 8
    machine.cpu.registers_changed()
    machine.run()
    assert [(f.vector, f.rip) for f in machine.cpu.faults()] == [(Vector.GP, 1)]
