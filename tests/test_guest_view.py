"""A stopped guest, as people see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectoros import Machine
from vectoros.assembler import assemble
from vectoros.config import Config
from vectoros.cpu.bits import Seg
from vectoros.cpu.selftest import reset_real_mode
from vectoros.guest_view import (
    address,
    code_lines,
    columns,
    flag_names,
    instruction_at_rip,
    location,
    walk_lines,
)
from vectoros.units import MIB

CODE = 0x8000


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine in real mode, about to run at 0000:8000."""
    with Machine(Config(memory=MIB, engine="portable")) as made:
        reset_real_mode(made.cpu, CODE)
        yield made


def put(machine: Machine, text: str, at: int = CODE) -> None:
    """Leave nothing in memory but ``text``, assembled at ``at``."""
    machine.memory.write(CODE - 0x100, bytes(0x200))
    machine.memory.write(at, assemble(text, origin=at, bits=16).code)


def test_the_instruction_at_rip_is_the_next_one(machine: Machine) -> None:
    put(machine, "mov ax, 1\n hlt")
    assert instruction_at_rip(machine.pc) == "mov ax, 1"
    assert location(machine.pc) == "0000:8000, real mode, ring 0, at tick 0 (0 ns)"


def test_an_arrow_stands_at_rip_and_instructions_lead_to_it(machine: Machine) -> None:
    put(machine, "nop\n mov ax, 0x1234\n inc bx\n cli\n hlt\n sti", CODE - 6)
    lines = [line[:2] + line.split("  ")[-1].strip() for line in code_lines(machine.pc)]
    assert lines == ["  nop", "  mov ax, 0x1234", "  inc bx", "  cli", "> hlt", "  sti", "  ..."]


def test_padding_is_not_shown_as_code(machine: Machine) -> None:
    put(machine, "hlt")
    lines = code_lines(machine.pc)
    assert len(lines) == 2
    assert lines[0].startswith(">")
    assert lines[1] == "  ..."


def test_code_that_cannot_be_read_is_said_to_be_so(machine: Machine) -> None:
    machine.cpu.cr0 |= 1 << 31 | 1  # paging with an empty page directory
    machine.cpu.cr3 = 0x80000
    try:
        assert instruction_at_rip(machine.pc) == "code that cannot be read"
        assert code_lines(machine.pc) == [f"> {CODE:016x}  cannot be read"]
        assert walk_lines(machine.pc, CODE)[-1] == "not present"
    finally:
        machine.cpu.cr0 &= ~(1 << 31 | 1)


def test_without_paging_there_is_no_walk(machine: Machine) -> None:
    assert walk_lines(machine.pc, 0x1234) == []


def test_an_address_is_as_long_as_the_mode_makes_it(machine: Machine) -> None:
    regs = machine.cpu
    assert address(regs, 0xF000, 0xFFF0) == "f000:fff0"
    regs.cr0 |= 1
    assert address(regs, 8, 0x7C00) == "0008:00007c00"
    regs.efer |= 1 << 10
    assert address(regs, 8, 0x7C00) == "0008:0000000000007c00"
    regs.efer, regs.cr0 = 0, regs.cr0 & ~1


def test_flags_go_by_their_names() -> None:
    assert flag_names(0x2) == "none"
    assert flag_names(0x246) == "IF ZF PF"


def test_columns_line_up() -> None:
    rows = list(columns([("a", "1"), ("b", "22"), ("c", "3")], 2))
    assert rows == ["     a 1        b 22", "     c 3"]


@given(st.binary(min_size=64, max_size=64), st.integers(0, 0xFFFF))
@settings(max_examples=50)
def test_no_code_and_no_place_makes_looking_fail(machine: Machine, code: bytes, rip: int) -> None:
    machine.memory.write(CODE - 32, code)
    machine.cpu.rip = rip
    try:
        for base in (0, MIB - 0x8000, 0xFFFF_8000):
            machine.cpu.segs[Seg.CS].base = base
            lines = code_lines(machine.pc)
            assert sum(line.startswith(">") for line in lines) == 1
            assert instruction_at_rip(machine.pc)
    finally:
        machine.cpu.rip, machine.cpu.segs[Seg.CS].base = CODE, 0
