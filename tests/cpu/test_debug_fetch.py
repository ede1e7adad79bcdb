"""Debug exceptions at an instruction that cannot be fetched: they come first."""

from __future__ import annotations

import pytest

from tests.cpu.debug_log import RESUME, booted, events, execute, watch
from tests.cpu.machines import CODE, DATA, ENGINES, HOLE, Machine, same
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector

MISSING = 0x1F_F000
every_engine = pytest.mark.parametrize("engine", ENGINES)


def at_the_edge(engine: str, code: bytes, dr7: int, dr: tuple[int, ...]) -> Machine:
    """Return a machine whose ``code`` ends where a missing page begins."""
    machine = booted(engine, "long", "hlt", dr7=dr7, dr=dr, extra=RESUME[64])
    machine.map(MISSING, 0, 0)
    machine.handler(14, "hlt")
    machine.memory.write(MISSING - len(code), code)
    machine.regs.rip = MISSING - len(code)
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    return machine


CASES = {
    "a trap of the last instruction before": (b"\x90\x89\x06", watch(0, length=4), (DATA,)),
    "a breakpoint at the missing instruction": (b"\x90\x90", execute(0), (MISSING,)),
}


@pytest.mark.parametrize("name", CASES)
@every_engine
def test_a_missing_page_faults_behind_the_debug_exception(engine: str, name: str) -> None:
    machine = at_the_edge(engine, *CASES[name])
    start = machine.regs.rip
    assert machine.run(10_000) is Stop.HALT
    assert events(machine) == [(1, MISSING - CODE, False)]
    faults = [(fault.vector, fault.rip) for fault in machine.cpu.faults()]
    assert faults == [(Vector.DB, MISSING), (Vector.PF, MISSING)]
    assert machine.cpu.faults()[0].tick == MISSING - start
    assert machine.cpu.faults()[0].cr2 == 0
    assert machine.regs.cr2 == MISSING


@pytest.mark.parametrize("name", CASES)
def test_pauses_change_nothing(name: str) -> None:
    machines = []
    for engine in ENGINES:
        for ticks in (1, 2, 7, 10_000):
            machine = at_the_edge(engine, *CASES[name])
            while machine.run(ticks) is not Stop.HALT:
                pass
            machines.append(machine)
    same(*machines)


@every_engine
def test_a_breakpoint_where_nothing_answers_comes_before_the_undefined_code(engine: str) -> None:
    machine = booted(engine, "long", "jmp rsi", dr7=execute(0), dr=(HOLE,), extra=RESUME[64])
    machine.map(HOLE, HOLE)
    machine.handler(6, "hlt")
    machine.regs.gpr[Gpr.RSI] = HOLE
    machine.cpu.registers_changed()
    assert machine.run(10_000) is Stop.HALT
    assert [fault.vector for fault in machine.cpu.faults()] == [Vector.DB, Vector.UD]


@every_engine
def test_an_instruction_over_two_pages_is_watched_like_any_other(engine: str) -> None:
    machine = at_the_edge(engine, b"\x90\x89", watch(0, length=4), (DATA,))
    machine.map(MISSING, MISSING)
    machine.memory.write(MISSING, b"\x06\xf4")
    machine.cpu.registers_changed()
    assert machine.run(10_000) is Stop.HALT
    assert [(dr6, at) for dr6, at, _ in events(machine)] == [(1, MISSING + 1 - CODE)]
