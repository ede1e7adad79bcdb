"""A guest cannot empty TR: LTR refuses a null selector, and the host's process lives."""

from __future__ import annotations

import struct
import subprocess
import sys

import pytest

from tests.cpu.machines import (
    CODE,
    CODE32,
    CODE64,
    DATA,
    ENGINES,
    GDT,
    TASK,
    USER32,
    USER64,
    USER_CODE,
    USER_DATA,
    USER_STACK,
    Machine,
)
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector
from vectoros.cpu.refusals import refuse

pytestmark = pytest.mark.skipif(refuse() is not None, reason=f"the guard: {refuse()}")
every_engine = pytest.mark.parametrize("engine", ENGINES)
GATE = 0x50

CHILD = """
import sys
from tests.cpu.test_engine_task import machine_with_gate
machine = machine_with_gate(*sys.argv[1:])
print(machine.run(1000).name, [(f.vector, f.cpl) for f in machine.cpu.faults()])
"""


@every_engine
@pytest.mark.parametrize("mode", ["protected32", "long"])
@pytest.mark.parametrize("selector", [0, 3])
def test_ltr_of_a_null_selector_is_a_fault_and_changes_nothing(
    engine: str, mode: str, selector: int
) -> None:
    machine = Machine(engine)
    machine.boot(mode)
    machine.code(f"mov eax, {selector}\n add eax, 0\n ltr ax\n hlt")
    before = machine.record()["tr"]
    assert machine.run() is Stop.HALT
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.error_code, fault.rip) == (Vector.GP, 0, CODE + 8)
    assert machine.record()["tr"] == before


@every_engine
def test_ltr_of_a_task_still_loads_it(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.memory.write(GDT + TASK, struct.pack("<IIQ", 0x67, 0x8900, 0))
    machine.regs.gdtr.limit = 0x4F
    machine.code(f"mov eax, {TASK}\n ltr ax\n hlt")
    machine.cpu.registers_changed()
    assert machine.run() is Stop.HALT
    assert machine.cpu.faults() == []
    assert machine.record()["tr"][:3] == [TASK, 0, 0x67]


def machine_with_gate(engine: str, mode: str) -> Machine:
    """Return a machine that empties TR, leaves for ring 3, and calls back through a gate."""
    machine = Machine(engine)
    machine.boot(mode)
    long = mode == "long"
    code = CODE64 if long else CODE32
    gate = struct.pack("<HHHHQ", CODE & 0xFFFF, code, 0xEC00, CODE >> 16, 0)
    machine.memory.write(GDT + GATE, gate)
    machine.regs.gdtr.limit = 0x5F
    leave = [USER_DATA, USER_STACK, 2, USER64 if long else USER32, USER_CODE]
    frame = "\n".join(f"push {value}" for value in leave)
    machine.code(f"xor eax, eax\n ltr ax\n {frame}\n {'iretq' if long else 'iretd'}")
    machine.memory.write(DATA, struct.pack("<IH", 0, GATE | 3))
    machine.code(f"mov ebx, {DATA}\n .byte 0xff, 0x1b", USER_CODE)
    machine.cpu.registers_changed()
    return machine


@every_engine
@pytest.mark.parametrize("mode", ["protected32", "long"])
def test_a_call_gate_without_a_task_does_not_end_the_host(engine: str, mode: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, engine, mode], capture_output=True, text=True
    )
    assert ran.stdout == "HALT [(13, 0)]\n", f"exit {ran.returncode}: {ran.stderr}"
