"""Flags that stock Unicorn loses, or not, by where a block of translated code begins."""

from __future__ import annotations

import pytest

from tests.cpu.machines import CODE, DATA, ENGINES, Machine
from vectoros.cpu.bits import ARITHMETIC_FLAGS, Flag, Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector
from vectoros.cpu.repairs import repair

pytestmark = pytest.mark.skipif(repair() is not None, reason=f"the guards: {repair()}")
every_engine = pytest.mark.parametrize("engine", ENGINES)
every_mode = pytest.mark.parametrize("mode", ["protected32", "long"])
MISSING = 0x1F_F000

FAULTING = (
    *(f"set{condition} byte ptr [{{0}}]" for condition in ("o", "b", "e", "p", "le")),
    "rcl dword ptr [{0}], 1",
    "rcr byte ptr [{0}], cl",
    "rcl word ptr [{0}], 7",
)
BEFORE = (
    "add al, 0x7f",
    "sub eax, 0x80",
    "inc eax",
    "shl eax, cl",
    "cmp eax, ebx",
    "jmp next\n next: nop",
    "stc",
)


def start(engine: str, mode: str, text: str) -> Machine:
    machine = Machine(engine)
    machine.boot(mode, paging="legacy")
    machine.map(MISSING, 0, 0)
    machine.code(text + "\n hlt")
    regs = machine.regs
    regs.gpr[Gpr.RAX], regs.gpr[Gpr.RCX], regs.gpr[Gpr.RBX] = 0x1_0041, 3, DATA
    regs.gpr[Gpr.RSI] = MISSING + 8
    regs.rflags = 2 | Flag.CF | Flag.PF | Flag.ZF
    machine.cpu.registers_changed()
    return machine


def flags_behind(engine: str, mode: str, text: str, first: int) -> int:
    """Return the flags when ``text`` has ended, with a pause after ``first`` ticks."""
    machine = start(engine, mode, text)
    if first == 0 or machine.run(first) is Stop.DEADLINE:
        machine.run()
    return machine.regs.rflags & ARITHMETIC_FLAGS


@every_engine
@every_mode
@pytest.mark.parametrize("text", FAULTING)
def test_a_fault_leaves_the_flags_as_they_were(engine: str, mode: str, text: str) -> None:
    address = "rsi" if mode == "long" else "esi"
    for before in BEFORE:
        expected = flags_behind(engine, mode, before, 0)
        for first in (0, 2, 3, 5):
            machine = start(engine, mode, f"{before}\n {text.format(address)}")
            if first == 0 or machine.run(first) is Stop.DEADLINE:
                machine.run()
            assert [fault.vector for fault in machine.cpu.faults()] == [Vector.PF]
            at = machine.regs.gpr[Gpr.RSP] + (24 if mode == "long" else 12)
            flags = int.from_bytes(machine.memory.read(at, 2), "little") & ARITHMETIC_FLAGS
            assert flags == expected, f"behind {before}, paused after {first} ticks"


@every_engine
@every_mode
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("text", ["loope", "loopne"])
def test_a_conditional_loop_changes_no_flags(engine: str, mode: str, text: str, count: int) -> None:
    for before in BEFORE:
        if "cl" in before or "ecx" in before:
            continue
        expected = flags_behind(engine, mode, before, 0)
        for first in (0, 5, 7, 8, 9):
            loop = f"mov ecx, {count}\n {before}\n {text} behind\n behind: nop"
            assert flags_behind(engine, mode, loop, first) == expected, f"behind {before}"


@every_engine
@every_mode
@pytest.mark.parametrize("text", ["cmpxchg8b [{0}]", "lock cmpxchg8b [{0}]"])
def test_cmpxchg8b_changes_zf_only(engine: str, mode: str, text: str) -> None:
    text = text.format("rbx" if mode == "long" else "ebx")
    for before in BEFORE:
        expected = flags_behind(engine, mode, f"{before}\n mov eax, 1", 0)
        for first in (0, 2, 3, 5, 7):
            program = f"{before}\n mov eax, 1\n {text}\n nop"
            machine = start(engine, mode, program)
            if first == 0 or machine.run(first) is Stop.DEADLINE:
                machine.run()
            flags = machine.regs.rflags
            assert flags & ~Flag.ZF == expected & ~Flag.ZF | 2, f"behind {before}"
            assert not flags & Flag.ZF, "EDX:EAX is 1, and memory is 0"


@every_engine
@pytest.mark.parametrize("mode", ["real", "protected32", "long"])
def test_the_prefixes_of_avx_are_undefined(engine: str, mode: str) -> None:
    """VEX before VANDPS, SETP, and the three-byte form; LES and LDS are what they always were."""
    for code in ("c5 f8 54 c1", "c5 eb 9a c1", "c4 e1 78 54 c1", "c4 e2 79 18 c1"):
        machine = Machine(engine)
        machine.boot(mode)
        machine.memory.write(CODE, bytes.fromhex(code))
        machine.run(1)
        assert [(f.vector, f.tick) for f in machine.cpu.faults()] == [(Vector.UD, 0)], code
    if mode == "long":
        return
    for name in ("les", "lds"):
        machine = Machine(engine)
        machine.boot(mode)
        register = "bx" if mode == "real" else "ebx"
        target = "si" if mode == "real" else "esi"
        data = 0x6000 if mode == "real" else DATA
        machine.code(f"mov {register}, {data}\n {name} {target}, [{register}]\n hlt")
        machine.memory.write(data, bytes.fromhex("34 12 20 00 20 00"))
        machine.run()
        assert machine.cpu.faults() == []
        assert machine.regs.gpr[Gpr.RSI] == (0x1234 if mode == "real" else 0x0020_1234)
