"""Instructions that ended the host's process on stock Unicorn, each found by test_soup.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cpu.machines import CODE, DATA, ENGINES, Machine
from vectoros.cpu.bits import CR4_OSFXSR, Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.disasm import disassemble
from vectoros.cpu.faults import Vector
from vectoros.cpu.guards import lockable
from vectoros.cpu.record import Record, load
from vectoros.cpu.repairs import repair

pytestmark = pytest.mark.skipif(repair() is not None, reason=f"the guards: {repair()}")
every_engine = pytest.mark.parametrize("engine", ENGINES)
RINGS = (("real", 0), ("protected32", 3), ("long", 3))
LENGTHS = (0, 1, -1, 7, 8, -8, 9, 15, 16, -16, 17, 1 << 30, -(1 << 31), -(1 << 31) + 1)

CHILD = """
import sys
from tests.cpu.test_guards import FATAL, RINGS, start
from vectoros.cpu.bits import Gpr
for name, (code, _) in FATAL.items():
    for mode, ring in RINGS:
        machine = start(sys.argv[1], mode, ring, bytes.fromhex(code))
        machine.regs.gpr[Gpr.RAX] = machine.regs.gpr[Gpr.RDX] = 1 << 31
        machine.cpu.registers_changed()
        print(name, mode, end=" ", flush=True)
        print(machine.run(1 << 16).name, [f.vector for f in machine.cpu.faults()])
"""
FATAL = {
    "lock bts ecx, eax": ("f0 0f ab c1", 6),
    "lock btc edi, edi": ("f0 0f bb ff", 6),
    "lock btc edi, 5": ("f0 0f ba ff 05", 6),
    "lock bt ecx, eax": ("f0 0f a3 c1", 6),
    "pcmpestri with a length of -2**31": ("66 0f 3a 61 c0 00", 13),
    "pcmpestrm with a length of -2**31": ("66 0f 3a 60 c0 00", 13),
    "pcmpestri of words with a length of -2**31": ("66 0f 3a 61 c0 01", 13),
}


def start(engine: str, mode: str, ring: int, code: bytes) -> Machine:
    machine = Machine(engine)
    machine.boot(mode, ring=ring)
    machine.regs.cr4 |= CR4_OSFXSR
    machine.regs.gpr[Gpr.RBX] = 0x6000 if mode == "real" else DATA
    machine.memory.write(CODE, code + b"\xf4")
    machine.cpu.registers_changed()
    return machine


@every_engine
def test_no_instruction_ends_the_host(engine: str) -> None:
    expected = []
    for name, (_, vector) in FATAL.items():
        for mode, ring in RINGS:
            last = [vector] if ring or vector == Vector.UD else []  # HLT, which ring 3 may not
            expected.append(f"{name} {mode} HALT {last}")
    ran = subprocess.run([sys.executable, "-c", CHILD, engine], capture_output=True, text=True)
    assert ran.stdout.splitlines() == expected, f"exit {ran.returncode}: {ran.stderr}"


def legal(code: bytes) -> bool:
    """Whether LOCK may stand before ``code``, by the table and the operand."""
    one, two = lockable()
    allowed, modrm = (two[code[1]], code[2]) if code[0] == 0x0F else (one[code[0]], code[1])
    return modrm < 0xC0 and bool(allowed >> (modrm >> 3 & 7) & 1)


@every_engine
@pytest.mark.parametrize("prefixes", ["f0", "66 f0", "f0 2e", "f0 48"])
def test_lock_is_allowed_before_what_the_table_says_and_nothing_else(
    engine: str, prefixes: str
) -> None:
    """Every one-byte and two-byte opcode, with an operand in memory and in a register."""
    machine = start(engine, "long", 0, b"")
    state = machine.record()
    for escape in (b"", b"\x0f"):
        for opcode in range(256):
            for modrm in (0x03, 0x0B, 0x23, 0x2B, 0x3B, 0xC1, 0xE9):
                code = escape + bytes((opcode, modrm, 0, 0, 0, 0, 0, 0))
                whole = bytes.fromhex(prefixes) + code
                if (not escape and is_prefix(opcode)) or not is_known(whole):
                    continue
                refused = is_undefined(machine, state, whole)
                assert refused is not legal(code), f"{whole.hex()}"


def is_prefix(opcode: int) -> bool:
    return opcode in b"\x0f\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3" or opcode >> 4 == 4


def is_known(code: bytes) -> bool:
    """Whether it is an instruction without LOCK."""
    found = list(disassemble(code.replace(b"\xf0", b"", 1), 0, 64))
    return bool(found) and "bad" not in str(found[0])


def is_undefined(machine: Machine, state: Record, code: bytes) -> bool:
    load(machine.regs, state)
    machine.memory.write(CODE, code)
    machine.cpu.registers_changed()
    traps = machine.cpu.counters().traps.get(Vector.UD, 0)
    machine.run(1)
    return machine.cpu.counters().traps.get(Vector.UD, 0) > traps


@every_engine
@pytest.mark.parametrize("eax", LENGTHS)
@pytest.mark.parametrize("edx", LENGTHS)
def test_a_string_length_saturates(engine: str, eax: int, edx: int) -> None:
    """PCMPESTRI, equal each: the index of the first place where both or neither are at an end."""
    machine = start(engine, "long", 0, bytes.fromhex("66 0f 3a 61 c1 08"))  # xmm0, xmm1
    regs = machine.regs
    regs.gpr[Gpr.RAX], regs.gpr[Gpr.RDX] = eax & 0xFFFF_FFFF, edx & 0xFFFF_FFFF
    regs.xmm[0].low = regs.xmm[0].high = 0x1111_1111_1111_1111
    regs.xmm[1].low = regs.xmm[1].high = 0x2222_2222_2222_2222
    machine.cpu.registers_changed()
    assert machine.run(1 << 16) is Stop.HALT
    assert machine.cpu.faults() == []
    longest = max(min(abs(eax), 16), min(abs(edx), 16))
    assert regs.gpr[Gpr.RCX] == longest, "the bytes differ as far as either string goes"
