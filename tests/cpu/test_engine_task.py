"""A guest that empties TR gets #TS and a triple fault; the host's process lives."""

from __future__ import annotations

import pytest

from tests.cpu.machines import ENGINES, USER64, USER_DATA, Machine
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector

EMPTY_TR_AND_LEAVE = """
        xor     eax, eax
        ltr     ax              # Unicorn accepts a null selector
        mov     rcx, rsp
        push    USER_DATA
        push    rcx
        push    0x202
        push    USER_CODE
        lea     rax, [rip + user]
        push    rax
        iretq
user:   """


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", ["int 0x80", "ud2", "jmp $"])
def test_an_empty_task_register_faults_instead_of_ending_the_host(engine: str, how: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    text = EMPTY_TR_AND_LEAVE + ("user_loop: jmp user_loop" if how == "jmp $" else how)
    machine.code(text, USER_DATA=USER_DATA, USER_CODE=USER64)
    if how == "jmp $":
        machine.run(200)
        machine.world.vector = 0x80
        machine.cpu.set_intr(True)
    assert machine.run() is Stop.SHUTDOWN
    assert Vector.TS in [fault.vector for fault in machine.cpu.faults()]
