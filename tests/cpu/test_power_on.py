"""The CPU after RESET, on each engine."""

from __future__ import annotations

import pytest

from tests.cpu.machines import ENGINES, Machine
from vectoros.cpu.bits import Gpr, Seg
from vectoros.cpu.possible import check_possible
from vectoros.cpu.power_on import POWER_ON, power_on
from vectoros.cpu.record import check, record

every_engine = pytest.mark.parametrize("engine", ENGINES)


def test_the_record_is_one_of_a_cpu() -> None:
    check(POWER_ON)
    check_possible(POWER_ON)


def test_it_is_what_the_sdm_says() -> None:
    assert POWER_ON["cs"][:3] == [0xF000, 0xFFFF_0000, 0xFFFF]
    assert (POWER_ON["rip"], POWER_ON["rflags"], POWER_ON["cr0"]) == (0xFFF0, 2, 0x6000_0010)
    assert POWER_ON["gpr"] == [0, 0, 0x0002_06A1] + [0] * 13
    assert POWER_ON["fxsave"][:5] == bytes((0x40, 0, 0, 0, 0xFF))
    assert POWER_ON["fxsave"][24:28] == (0x1F80).to_bytes(4, "little")


@every_engine
@pytest.mark.parametrize("mode", ["real", "long"])
def test_a_reset_leaves_nothing_of_what_was(engine: str, mode: str) -> None:
    machine = Machine(engine)
    machine.boot(mode)
    regs = machine.regs
    for number in range(16):
        regs.gpr[number] = regs.xmm[number].low = 0x1234_5678_9ABC_DEF0
    regs.lstar = regs.kernel_gs_base = regs.cr2 = 0xFFFF_8000_0000_1000
    regs.dr[0] = 0x1000
    regs.fpu[3].mantissa, regs.fpu_top, regs.fpu_status = 5, 3, 1
    regs.rflags = 0x8D7
    regs.interrupt_shadow = regs.nmi_blocked = True
    machine.cpu.nmi_pending = True
    machine.cpu.registers_changed()
    power_on(machine.cpu)
    machine.cpu.registers_changed()
    assert record(regs) == POWER_ON
    assert machine.cpu.nmi_pending is False
    assert regs.mode == "real"
    assert regs.linear_rip == 0xFFFF_FFF0


@every_engine
def test_it_runs_on_from_a_reset_as_from_a_fresh_start(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    power_on(machine.cpu)
    regs = machine.regs
    regs.segs[Seg.CS].load(0, 0, 0xFFFF, 0x9B00)
    regs.rip = 0x7000
    machine.memory.write(0x7000, bytes.fromhex("b83412 89d1 f4"))  # mov ax; mov cx, dx; hlt
    machine.cpu.registers_changed()
    machine.cpu.run(machine.clock.now + 100)
    assert (regs.gpr[Gpr.RAX], regs.gpr[Gpr.RCX], regs.rip) == (0x1234, 0x06A1, 0x7006)
