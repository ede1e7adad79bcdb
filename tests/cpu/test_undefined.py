"""Instructions that Unicorn takes for undefined: what they do on both engines."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cpu.debug_log import BS, booted, logged, watch
from tests.cpu.machines import CODE, DATA, ENGINES, MODES, Machine, same
from vectoros.cpu.bits import CR4_OSFXSR, Flag, Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector
from vectoros.cpu.sse_compare import compare

every_engine = pytest.mark.parametrize("engine", ENGINES)
ARITHMETIC = 0x8D5
MISSING = 0x1F_F000

PAIRS = {
    # the alias: the usual encoding
    "f6 c8 81": "f6 c0 81",
    "f6 cc 40": "f6 c4 40",  # ah, not spl
    "40 f6 cc 40": "40 f6 c4 40",  # spl
    "f7 c8 00 00 00 80": "f7 c0 00 00 00 80",
    "66 f7 c9 0f f0": "66 f7 c1 0f f0",
    "48 f7 c9 ff ff ff ff": "48 f7 c1 ff ff ff ff",
    "49 f7 c9 00 00 00 80": "49 f7 c1 00 00 00 80",
    "f6 0e 10": "f6 06 10",
    "f7 4e 01 01 02 03 04": "f7 46 01 01 02 03 04",
    "48 f7 8e 08 00 00 00 01 00 00 80": "48 f7 86 08 00 00 00 01 00 00 80",
    "f7 0d 04 00 00 00 01 00 00 00": "f7 05 04 00 00 00 01 00 00 00",
    "66 f7 0e 03 00": "66 f7 06 03 00",
    "f6 0c 9e 01": "f6 04 9e 01",
    "0f 0d c8": "0f 1f c0",
    "0f 18 c0": "0f 1f c0",
    "0f 18 d9": "0f 1f c1",
    "0f c2 c1 08": "0f c2 c1 00",
    "0f c2 c1 fb": "0f c2 c1 03",
    "66 0f c2 c1 0d": "66 0f c2 c1 05",
    "f3 0f c2 c1 ff": "f3 0f c2 c1 07",
    "f2 44 0f c2 c1 f9": "f2 44 0f c2 c1 01",
    "0f c2 06 0e": "0f c2 06 06",
    "f3 0f c2 46 04 0a": "f3 0f c2 46 04 02",
}


def state(engine: str, code: str, *, flags: int = 0) -> Machine:
    """Return a machine that has run ``code`` and HLT, from full registers."""
    machine = Machine(engine)
    machine.boot("long", flags=flags)
    machine.memory.write(CODE, bytes.fromhex(code) + b"\x90\xf4" + bytes(range(32)))
    machine.memory.write(DATA, struct.pack("<8f", 1, math.nan, -3, 4, 5, 6, 7, 8))
    regs = machine.regs
    for number in range(16):
        if number != Gpr.RSP:
            regs.gpr[number] = 0x8081_8283_F4F5_0007 * (number + 1) % (1 << 64)
        low, high = struct.pack("<2f", number, -3), struct.pack("<2f", math.inf, 4 - number)
        (regs.xmm[number].low,) = struct.unpack("<Q", low)
        (regs.xmm[number].high,) = struct.unpack("<Q", high)
    regs.gpr[Gpr.RSI], regs.gpr[Gpr.RBX] = DATA, 3
    regs.cr4 |= CR4_OSFXSR
    machine.cpu.registers_changed()
    assert machine.run(1000) is Stop.HALT
    return machine


def view(machine: Machine) -> dict[str, object]:
    """Return what must be equal: all but the code itself."""
    return {name: value for name, value in machine.view().items() if name != "ram"}


@pytest.mark.parametrize("code", PAIRS)
@every_engine
def test_an_alias_does_what_the_usual_encoding_does(engine: str, code: str) -> None:
    alias, usual = state(engine, code), state(engine, PAIRS[code])
    assert alias.cpu.faults() == []
    assert view(alias) == view(usual)


@pytest.mark.parametrize("mode", MODES)
@every_engine
def test_test_is_known_in_every_mode(engine: str, mode: str) -> None:
    immediate = "0, 0" if mode in ("real", "protected16") else "0, 0, 0, 0"
    text = f".byte 0xf6, 0xcb, 0x80\n .byte 0xf7, 0xcb, {immediate}\n hlt"
    machine = booted(engine, mode, text)
    machine.regs.gpr[Gpr.RBX] = 0x80
    machine.cpu.registers_changed()
    machine.run(3)
    assert machine.flag(Flag.SF)
    assert not machine.flag(Flag.ZF)
    assert machine.clock.now == 3
    assert machine.run(1000) is Stop.HALT
    assert machine.flag(Flag.ZF)
    assert machine.clock.now == (8 if machine.regs.code_bits == 16 else 10)


@every_engine
def test_lock_and_other_forms_stay_undefined(engine: str) -> None:
    for code in ("f0 f6 0e 10", "0f ff c0", "fe d0", "f0 0f 0d c8", "0f 0b"):
        machine = Machine(engine)
        machine.boot("long")
        machine.memory.write(CODE, bytes.fromhex(code))
        machine.run(100)
        assert [(f.vector, f.rip) for f in machine.cpu.faults()] == [(Vector.UD, CODE)], code


@pytest.mark.parametrize("ring", [0, 3])
@every_engine
def test_a_page_fault_of_its_operand_finds_the_instruction_not_done(engine: str, ring: int) -> None:
    machine = Machine(engine)
    machine.boot("long", ring=ring)
    machine.map(MISSING, 0, 0)
    machine.memory.write(CODE, bytes.fromhex("90 f6 0e 10 f4"))
    machine.regs.gpr[Gpr.RSI] = MISSING + 8
    machine.cpu.registers_changed()
    machine.run(1000)
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.rip, fault.tick) == (Vector.PF, CODE + 1, 1)
    assert (fault.error_code, machine.regs.cr2) == (4 if ring else 0, MISSING + 8)


@every_engine
def test_the_rest_of_an_instruction_on_a_missing_page_is_fetched(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.map(MISSING, 0, 0)
    machine.memory.write(MISSING - 2, b"\xf6\xc8")
    machine.regs.rip = MISSING - 2
    machine.cpu.registers_changed()
    machine.run(1000)
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.rip, machine.regs.cr2) == (Vector.PF, MISSING - 2, MISSING)


@every_engine
def test_a_double_fault_grows_from_its_page_fault(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.map(MISSING, 0, 0)
    machine.memory.write(CODE, bytes.fromhex("f6 0e 10 f4"))
    machine.gate(14, 0x10000)
    machine.memory.write(0x2000 + 14 * 16 + 5, b"\0")
    machine.regs.gpr[Gpr.RSI] = MISSING
    machine.cpu.registers_changed()
    machine.run(1000)
    vectors = [(f.vector, f.delivered) for f in machine.cpu.faults()]
    assert vectors == [(Vector.PF, False), (Vector.DF, True)]


def test_pauses_and_the_other_engine_change_nothing() -> None:
    code = (
        "nop\n .byte 0xf7, 0x0e, 1, 0, 0, 0\n nop\n .byte 0xf6, 0xc9, 1\n jmp behind\n behind: hlt"
    )
    seen = []
    for engine in ENGINES:
        for ticks in (1, 2, 5, 1000):
            machine = booted(engine, "long", code)
            machine.regs.gpr[Gpr.RSI] = DATA
            machine.cpu.registers_changed()
            for _ in range(40):
                if machine.run(ticks) is Stop.HALT:
                    break
            seen.append(machine)
    same(*seen)
    assert seen[0].clock.now == 14


@every_engine
def test_debug_exceptions_see_it(engine: str) -> None:
    text = ".byte 0xf6, 0x0e, 1\n nop\n hlt"
    options = (watch(0, length=1, kind=3), (DATA,))
    machine = booted(engine, "long", text, dr7=options[0], dr=options[1])
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    assert logged(machine) == [(1, 3, False)]
    machine = booted(engine, "long", text, flags=int(Flag.TF))
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    assert logged(machine) == [(BS, 3, False), (BS, 4, False)]


FLOATS = st.floats(width=32)


@given(FLOATS, FLOATS, st.integers(0, 7))
def test_a_predicate_is_the_contrary_of_the_one_four_before(
    one: float, other: float, predicate: int
) -> None:
    left, right = struct.pack("<4f", one, 0, 0, 0), struct.pack("<4f", other, 0, 0, 0)
    results = [compare(left, right, p, b"", daz=False)[:4] for p in (predicate, predicate ^ 4)]
    assert sorted(results) == [b"\0\0\0\0", b"\xff\xff\xff\xff"]
