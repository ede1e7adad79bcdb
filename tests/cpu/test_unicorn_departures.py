"""Where Unicorn departs from the SDM and we follow: pinned, so that a change is noticed.

Each of these has a row in the list of what is not architectural.
"""

from __future__ import annotations

import struct

import pytest

from tests.cpu.debug_log import booted, logged, watch
from tests.cpu.machines import CODE, DATA, ENGINES, STACK, Machine
from vectoros.cpu.bits import CR4_OSFXSR, Flag, Gpr, Seg
from vectoros.cpu.core import Stop

every_engine = pytest.mark.parametrize("engine", ENGINES)

INVALID = {
    "66 0f 12 c1": "movlpd xmm0, xmm1",
    "66 0f 16 c1": "movhpd xmm0, xmm1",
    "0f 50 06": "movmskps eax, [rsi]",
    "66 0f c3 06": "movnti with 66",
    "f2 0f 78 c1 00 00": "insertq xmm0, xmm1, 0, 0",
    "8f c8": "pop eax with another register field",
}


@pytest.mark.parametrize("code", INVALID)
@every_engine
def test_invalid_encodings_execute(engine: str, code: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.memory.write(CODE, bytes.fromhex(code) + b"\xf4")
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.regs.cr4 |= CR4_OSFXSR
    machine.cpu.registers_changed()
    assert machine.run(1000) is Stop.HALT
    assert machine.cpu.faults() == []


@every_engine
def test_limits_of_data_segments_are_not_checked(engine: str) -> None:
    machine = booted(engine, "protected32", "mov eax, [esi]\n hlt")
    machine.regs.segs[Seg.DS].limit = 0xFF
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    assert machine.run(1000) is Stop.HALT
    assert machine.cpu.faults() == []


@every_engine
def test_a_far_return_does_not_wrap_at_64_kib(engine: str) -> None:
    machine = booted(engine, "real", ".byte 0xcb")
    machine.regs.gpr[Gpr.RSP] = 0xFFFE
    machine.memory.write(0xFFFE, struct.pack("<HH", 0x123, 0x456))
    machine.memory.write(0, struct.pack("<H", 0x789))
    machine.cpu.registers_changed()
    machine.run(1)
    assert machine.regs.segs[Seg.CS].selector == 0x456
    assert machine.regs.rip == 0x123


@every_engine
def test_sse_arithmetic_sets_no_flags_in_mxcsr(engine: str) -> None:
    machine = booted(engine, "long", "divss xmm0, xmm1\n hlt")
    machine.regs.xmm[0].low, machine.regs.xmm[1].low = 0x3F80_0000, 0
    machine.regs.cr4 |= CR4_OSFXSR
    machine.cpu.registers_changed()
    assert machine.run(1000) is Stop.HALT
    assert machine.regs.mxcsr & 0x3F == 0


@every_engine
def test_the_frame_of_an_exception_meets_no_data_breakpoint(engine: str) -> None:
    text = "int 0x80\n nop\n hlt"
    machine = booted(engine, "long", text, dr7=watch(0, length=8), dr=(STACK - 16,))
    machine.handler(0x80, "hlt")
    assert logged(machine) == []


@every_engine
def test_rf_is_not_pushed_between_iterations_without_breakpoints(engine: str) -> None:
    machine = booted(engine, "long", "mov ecx, 9\n rep stosb\n hlt", flags=int(Flag.IF))
    machine.handler(0x20, "hlt")
    machine.regs.gpr[Gpr.RDI] = DATA
    machine.cpu.registers_changed()
    machine.run(5 + 2 * 3)
    assert machine.regs.gpr[Gpr.RCX] == 6
    machine.cpu.set_intr(True)
    assert machine.run(1000) is Stop.HALT
    (flags,) = struct.unpack("<Q", machine.memory.read(machine.regs.gpr[Gpr.RSP] + 16, 8))
    assert not flags & Flag.RF
