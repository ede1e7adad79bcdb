"""A guest cannot empty TR: hardware refuses a null selector, and Unicorn 2.1.4 would not.

A delivery that wants a stack from an empty TR ends the host's process.
"""

from __future__ import annotations

import pytest

from tests.cpu.machines import ENGINES, Machine
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("selector", [0, 3])
@pytest.mark.parametrize("mode", ["long", "protected32"])
def test_a_null_selector_for_tr_is_refused(engine: str, selector: int, mode: str) -> None:
    machine = Machine(engine)
    machine.boot(mode)
    before = machine.regs.tr.selector, machine.regs.tr.base, machine.regs.tr.flags
    machine.code(f"mov eax, {selector}\n ltr ax\n hlt")
    machine.handler(Vector.GP, "hlt")
    assert machine.run() is Stop.HALT
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.error_code, fault.delivered) == (Vector.GP, 0, True)
    assert before == (machine.regs.tr.selector, machine.regs.tr.base, machine.regs.tr.flags)
