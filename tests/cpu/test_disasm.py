"""Disassembly in each mode, lengths, and port operands."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.cpu.disasm import (
    PortAccess,
    disassemble,
    instruction_length,
    port_access,
    whole_instructions,
)


@pytest.mark.parametrize(
    ("bits", "text"),
    [(16, "mov ax, 0x1234"), (32, "mov eax, 0x56781234"), (64, "mov eax, 0x56781234")],
)
def test_the_mode_decides_what_the_bytes_mean(bits: int, text: str) -> None:
    first = disassemble(b"\xb8\x34\x12\x78\x56", 0x1000, bits)[0]
    assert f"{first.mnemonic} {first.operands}" == text
    assert first.bytes == b"\xb8\x34\x12\x78\x56"[: first.size]


def test_branch_targets_are_absolute_and_a_line_shows_address_bytes_and_text() -> None:
    (jump,) = disassemble(b"\xeb\xfe", 0x40_1000, 64)
    assert str(jump) == "0000000000401000  eb fe                           jmp 0x401000"


def test_a_byte_that_starts_no_instruction_stands_alone() -> None:
    found = disassemble(b"\x06\x90", 0, 64)
    assert [(one.address, one.size, one.mnemonic) for one in found] == [
        (0, 1, "(bad)"),
        (1, 1, "nop"),
    ]


def test_a_limit_ends_the_list() -> None:
    assert len(disassemble(b"\x90" * 8, 0, 64, limit=3)) == 3


@pytest.mark.parametrize(
    ("code", "bits", "length"),
    [
        (b"\x0f\x05", 64, 2),
        (b"\x48\xb8" + bytes(8), 64, 10),
        (b"\xcd\x80\xff", 32, 2),
        (b"\x06", 64, 0),
        (b"\x06", 16, 1),
        (b"\x48", 64, 0),
        (b"", 64, 0),
    ],
)
def test_the_length_of_an_instruction_is_known_or_zero(code: bytes, bits: int, length: int) -> None:
    assert instruction_length(code, bits) == length


def test_whole_instructions_leave_out_one_that_is_cut_off() -> None:
    assert whole_instructions(b"\x90\x48\x89\xe5\x48\xb8\x00", 64) == [1, 3]
    assert whole_instructions(b"\x06\x90", 64) == []


@given(code=st.binary(max_size=64), bits=st.sampled_from([16, 32, 64]))
def test_any_bytes_disassemble_without_a_gap(code: bytes, bits: int) -> None:
    found = disassemble(code, 0x1000, bits)
    assert b"".join(one.bytes for one in found) == code
    assert sum(whole_instructions(code, bits)) <= len(code)


@pytest.mark.parametrize(
    ("code", "bits", "port", "width", "is_output", "is_string"),
    [
        ("e460", 64, 0x60, 1, False, False),
        ("e560", 16, 0x60, 2, False, False),
        ("e560", 32, 0x60, 4, False, False),
        ("66e560", 16, 0x60, 4, False, False),
        ("66e780", 64, 0x80, 2, True, False),
        ("ec", 64, None, 1, False, False),
        ("ef", 64, None, 4, True, False),
        ("48ef", 64, None, 4, True, False),
        ("4866404fef", 64, None, 2, True, False),
        ("f36c", 64, None, 1, False, True),
        ("f2666f", 32, None, 2, True, True),
        ("6d", 16, None, 2, False, True),
    ],
)
def test_port_instructions_name_port_width_and_direction(
    code: str, bits: int, port: int | None, width: int, is_output: bool, is_string: bool
) -> None:
    assert port_access(bytes.fromhex(code), bits) == PortAccess(port, width, is_output, is_string)


@pytest.mark.parametrize("code", ["", "90", "f3", "e4", "0fec", "48"])
def test_anything_else_is_no_port_access(code: str) -> None:
    assert port_access(bytes.fromhex(code), 64) is None


def test_rex_is_an_instruction_outside_64_bit_mode() -> None:
    assert port_access(b"\x48\xef", 32) is None


@given(
    prefixes=st.lists(st.sampled_from(b"\x2e\x40\x48\x66\x67\xf2\xf3"), max_size=4),
    opcode=st.sampled_from(b"\xe4\xe5\xe6\xe7\xec\xed\xee\xef\x90"),
    bits=st.sampled_from([16, 32, 64]),
)
def test_capstone_agrees_on_what_a_port_instruction_is(
    prefixes: list[int], opcode: int, bits: int
) -> None:
    code = bytes([*prefixes, opcode, 0x60])
    first = disassemble(code, 0, bits, limit=1)[0]
    if first.mnemonic in {"in", "out"}:
        found = port_access(code, bits)
        assert found is not None
        assert found.is_output == (first.mnemonic == "out")
        register = first.operands.split(", ")[1 if found.is_output else 0]
        assert {"al": 1, "ax": 2, "eax": 4}[register] == found.width


def test_capstone_is_imported_only_when_it_is_needed() -> None:
    script = "import sys, vectoros.cpu.disasm; sys.exit('capstone' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
