"""What an instruction accesses, as decoded, against what the MMU refuses it.

A page that is not there faults if an instruction touches it, and one that is
read-only if it writes. So every form with an operand in memory is tried.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from tests.cpu.machines import BITS, CODE, DATA, PRESENT, Machine, W
from vectoros.cpu.accesses import Access, accesses, repeats
from vectoros.cpu.bits import CR0_WP, CR4_OSFXSR, Gpr, Seg
from vectoros.cpu.disasm import instruction_length
from vectoros.cpu.faults import Vector
from vectoros.cpu.record import Record, load, record
from vectoros.cpu.registers import Registers

PAGE = 0x1E_0000
WHERE = PAGE + 0x800
NOT_TRIED = (
    set(b"\x0f\x62\x9a\xea\xeb\xe8\xe9\xcc\xcd\xce\xcf\xc2\xc3\xca\xcb\xf1\xf4\xe0\xe1\xe2\xe3")
    | set(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")
    | set(range(0x40, 0x50))
    | set(range(0x6C, 0x80))
    | set(range(0xA0, 0xB0))
)
SYSTEM = (
    set(range(0x80, 0x90))
    | set(range(0x00, 0x0A))
    | set(range(0x20, 0x28))
    | set(range(0x30, 0x38))
    | {0x0F, 0x38}
)
BIT_TESTS = {b"\x0f\xa3", b"\x0f\xab", b"\x0f\xb3", b"\x0f\xbb"}  # far away, by RSI's own value
OPCODES = [
    *(bytes((byte,)) for byte in range(256) if byte not in NOT_TRIED),
    *(bytes((0x0F, byte)) for byte in range(256) if byte not in SYSTEM | {0x3A}),
    *(bytes((0x0F, 0x38, byte)) for byte in range(256)),
    *(bytes((0x0F, 0x3A, byte)) for byte in range(256)),
]


@dataclass
class Bench:
    """A machine with one page whose rights are tried."""

    mode: str

    def __post_init__(self) -> None:
        self.machine = Machine("fast")
        self.machine.boot(self.mode, paging="legacy")
        self.machine.regs.cr4 |= CR4_OSFXSR
        self.machine.regs.cr0 |= CR0_WP
        self.start: Record = record(self.machine.regs)

    def faults(self, code: bytes, rights: int) -> tuple[list[Access], list[tuple[int, int]]]:
        """Run ``code`` once; return what it should access, and what it has raised."""
        machine, regs = self.machine, self.machine.regs
        load(regs, self.start)
        machine.map(PAGE, PAGE, rights)
        for number in (Gpr.RAX, Gpr.RCX, Gpr.RDX, Gpr.RBX, Gpr.RBP):
            regs.gpr[number] = 3
        regs.gpr[Gpr.RSI], regs.gpr[Gpr.RDI] = WHERE, DATA
        machine.memory.write(CODE, code + b"\xf4" * 16)
        machine.cpu.registers_changed()
        told = [
            access
            for access in accesses(code.ljust(15, b"\0"), regs)
            if PAGE <= access.linear < PAGE + 0x1000
        ]
        before = sum(machine.cpu.counters().traps.values())
        machine.run(1)
        count = sum(machine.cpu.counters().traps.values()) - before
        raised = machine.cpu.faults()[-count:] if count else []
        return told, [(fault.vector, fault.error_code) for fault in raised]


def forms(mode: str, share: float) -> list[bytes]:
    """Return instructions with the operand [rSI]: a share of all that there are."""
    rng = random.Random(mode)
    bits = BITS[mode]
    prefixes = [b"", b"\x66", b"\xf3", b"\xf2", *([b"\x48"] if bits == 64 else [])]
    chosen = []
    for opcode in OPCODES:
        for prefix in prefixes:
            for reg in range(8):
                if rng.random() > share or (opcode == b"\xff" and 2 <= reg <= 5):
                    continue
                code = prefix + opcode + bytes((0x06 | reg << 3,)) + b"\x01" * 8
                length = instruction_length(code, bits)
                if length > len(prefix + opcode) and not (opcode in BIT_TESTS and reg == Gpr.RSI):
                    chosen.append(code[:length])
    return chosen


@pytest.mark.parametrize("mode", ["long", "protected32"])
def test_every_form_touches_and_writes_what_is_told(mode: str) -> None:
    bench = Bench(mode)
    tried = 0
    for code in forms(mode, 0.12):
        told, raised = bench.faults(code, 0)
        vectors = {vector for vector, _ in raised}
        if Vector.UD in vectors or Vector.DF in vectors:
            continue
        assert (Vector.PF in vectors) == bool(told), f"{code.hex(' ')}: {told} and {raised}"
        if told:
            tried += 1
            told, raised = bench.faults(code, PRESENT & ~W)
            writes = any(vector == Vector.PF and error & 2 for vector, error in raised)
            assert writes == any(a.write for a in told), f"{code.hex(' ')}: {told}, {raised}"
    assert tried > 300


SIZES = {
    "0f ae 06": 512, "0f c7 0e": 8, "48 0f c7 0e": 16, "dd 36": 108, "66 dd 36": 94, "d9 36": 28,
    "df 36": 10, "db 2e": 10, "0f 01 06": 10, "0f 01 16": 10, "66 0f 2f 06": 8, "0f 2f 06": 4,
    "f3 0f 7e 06": 8, "0f b2 06": 6, "ff 2e": 6, "0f 5a 06": 8, "66 0f 3a 0a 06 00": 4,
    "0f 13 06": 8, "0f 11 06": 16, "f3 0f 11 06": 4, "66 0f d6 06": 8, "0f 2b 06": 16,
    "66 89 06": 2, "48 89 06": 8, "0f be 06": 1, "0f b7 06": 2, "63 06": 4, "8c 06": 2,
}  # fmt: skip


@pytest.mark.parametrize("code", SIZES)
def test_an_operand_has_the_size_of_the_manual(code: str) -> None:
    machine = Machine("portable")
    machine.boot("long")
    machine.regs.gpr[Gpr.RSI] = DATA
    (access,) = accesses(bytes.fromhex(code).ljust(15, b"\0"), machine.regs)
    assert (access.linear, access.size) == (DATA, SIZES[code])


def addresses(mode: str, code: str, **registers: int) -> list[tuple[int, int, bool]]:
    machine = Machine("portable")
    machine.boot(mode)
    regs: Registers = machine.regs
    for name, value in registers.items():
        if name in Seg.__members__:
            regs.segs[Seg[name]].base = value
        else:
            regs.gpr[Gpr[name]] = value
    found = accesses(bytes.fromhex(code).ljust(15, b"\0"), regs)
    return [(one.linear, one.size, one.write) for one in found]


def test_addresses_follow_registers_segments_and_widths() -> None:
    assert addresses("long", "8b 44 8e 10", RSI=0x1000, RCX=3) == [(0x101C, 4, False)]
    assert addresses("long", "67 8b 06", RSI=0x1_0000_1000) == [(0x1000, 4, False)]
    assert addresses("long", "8b 05 10 00 00 00") == [(CODE + 0x16, 4, False)]
    assert addresses("long", "64 8b 06", RSI=0x10, FS=0x7000) == [(0x7010, 4, False)]
    assert addresses("long", "2e 8b 06", RSI=0x10, CS=0x7000) == [(0x10, 4, False)]
    assert addresses("real", "8b 42 fe", RBP=0x10, RSI=0x20, SS=0x500) == [(0x52E, 2, False)]
    assert addresses("real", "26 88 07", RBX=0x30, ES=0x900) == [(0x930, 1, True)]
    assert addresses("protected32", "0f ab 0e", RSI=0x1000, RCX=0xFFFF_FFFF) == [(0xFFC, 4, True)]


def test_the_stack_and_strings_are_told() -> None:
    assert addresses("long", "50", RSP=0x1000) == [(0xFF8, 8, True)]
    assert addresses("long", "66 50", RSP=0x1000) == [(0xFFE, 2, True)]
    assert addresses("long", "8f 04 24", RSP=0x1000) == [(0x1008, 8, True), (0x1000, 8, False)]
    assert addresses("long", "c9", RSP=0x1000, RBP=0x2000) == [(0x2000, 8, False)]
    assert addresses("real", "50", RSP=0x1_0000, SS=0) == [(0xFFFE, 2, True)]
    assert addresses("long", "a4", RSI=0x10, RDI=0x20) == [(0x10, 1, False), (0x20, 1, True)]
    assert addresses("long", "f3 48 ab", RDI=0x20, RCX=0) == []
    assert addresses("real", "d7", RBX=0x100, RAX=0x1207, DS=0x40) == [(0x147, 1, False)]
    assert len(addresses("protected32", "60", RSP=0x1000)) == 8


def test_only_repeated_string_instructions_repeat() -> None:
    machine = Machine("portable")
    machine.boot("long")
    machine.regs.gpr[Gpr.RCX] = 0x1_0000_0000
    assert repeats(bytes.fromhex("f3 aa"), machine.regs) == 0x1_0000_0000
    assert repeats(bytes.fromhex("67 f3 aa"), machine.regs) == 0
    assert repeats(bytes.fromhex("f3 90"), machine.regs) is None
    assert repeats(bytes.fromhex("aa"), machine.regs) is None
