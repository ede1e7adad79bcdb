"""DR0-7 as registers: what can be written, read, and by whom."""

from __future__ import annotations

import pytest

from tests.cpu.debug_log import booted
from tests.cpu.machines import CODE, ENGINES, MODES
from vectoros.cpu.bits import CR4_DE, Gpr
from vectoros.cpu.faults import Vector

every_engine = pytest.mark.parametrize("engine", ENGINES)
every_mode = pytest.mark.parametrize("mode", MODES)


@pytest.mark.parametrize("number", [6, 7])
@every_engine
def test_upper_halves_of_dr6_and_dr7_must_be_zero(engine: str, number: int) -> None:
    text = f"mov rax, 0x100000400\n mov dr{number}, rax\n hlt"
    machine = booted(engine, "long", text)
    machine.handler(13, "hlt")
    machine.run()
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.error_code, fault.rip) == (Vector.GP, 0, CODE + 10)


@every_engine
def test_reserved_bits_of_dr6_and_dr7_keep_their_values(engine: str) -> None:
    text = "mov eax, -1\n mov dr6, rax\n mov rbx, dr6\n xor eax, eax\n mov dr6, rax\n hlt"
    machine = booted(engine, "long", text)
    machine.run()
    assert machine.regs.gpr[Gpr.RBX] == 0xFFFF_EFFF
    assert machine.regs.dr[6] == 0xFFFF_0FF0
    machine = booted(engine, "long", "mov eax, 0xffffdf00\n mov dr7, rax\n mov rbx, dr7\n hlt")
    machine.run()
    assert machine.regs.dr[7] == 0xFFFF_0700


@pytest.mark.parametrize("extensions", [0, CR4_DE])
@every_engine
def test_dr4_and_dr5_are_dr6_and_dr7_or_undefined(engine: str, extensions: int) -> None:
    for code in ("0f 23 e0", "0f 21 e0", "0f 23 e8", "0f 21 e8"):
        text = "mov eax, 0xffff0ff1\n" + "".join(f".byte 0x{b}\n" for b in code.split()) + "hlt"
        machine = booted(engine, "long", text)
        machine.regs.cr4 |= extensions
        machine.handler(6, "hlt")
        machine.cpu.registers_changed()
        machine.run(1000)
        vectors = [fault.vector for fault in machine.cpu.faults()]
        assert vectors == ([Vector.UD] if extensions else [])
        if code == "0f 23 e0" and not extensions:
            assert machine.regs.dr[6] == 0xFFFF_0FF1


@every_mode
@every_engine
def test_debug_registers_are_for_ring_0(engine: str, mode: str) -> None:
    ring = 3 if mode in ("protected32", "compatibility", "long") else 0
    access = ".byte 0x0f, 0x23, 0xc0"  # mov dr0, eax
    machine = booted(engine, mode, f"{access}\n hlt", ring=ring, dr7=1 << 13 if ring else 0)
    machine.handler(13, "hlt")
    machine.run()
    vectors = [fault.vector for fault in machine.cpu.faults()]
    assert vectors == ([Vector.GP] if ring else [])
