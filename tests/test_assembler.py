"""The assembler. Capstone, which shares no tables with keystone, is the oracle."""

from __future__ import annotations

import subprocess
import sys

import capstone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.assembler import AssemblyError, Program, Source, assemble, assemble_sources
from vectoros.units import PAGE_SIZE

MODES = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}


def disassemble(code: bytes, address: int, bits: int) -> list[str]:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, MODES[bits])
    return [f"{i.mnemonic} {i.op_str}".strip() for i in decoder.disasm(code, address)]


EVERY_PLACE_OF_A_NUMBER = """
.set SIZE, 10
start: mov rax, [rbx + 8*rcx + 100]
mov rax, [rbx + rcx*4 - SIZE]
mov ecx, 1 << 12 | SIZE
enter 32, 1
fadd st(1)
.byte 10, 'a'
.word 1000
.long 4294967295, end - start + 10
.quad 18446744073709551615, start + 10
.asciz "10"
.zero 10
.balign 32
end:
.section next
nop
"""
IN_RADIX_16 = """
import sys
import keystone as k
from vectoros.assembler import assemble

class Ks(k.Ks):
    def __init__(self, *kind):
        super().__init__(*kind)
        self.syntax = k.KS_OPT_SYNTAX_INTEL | k.KS_OPT_SYNTAX_RADIX16

assert Ks(k.KS_ARCH_X86, k.KS_MODE_64).asm("mov al, 10", as_bytes=True) == (b"\\xb0\\x10", 1)
k.Ks = Ks
print(assemble(sys.argv[1]).code.hex())
"""


def code_of(program: Program, start: str, end: str) -> bytes:
    first, last = program.symbols[start], program.symbols[end]
    return program.code[first - program.origin : last - program.origin]


def test_labels_have_addresses_from_the_origin_on() -> None:
    program = assemble("start: nop\nnext: jmp start\nend:", origin=0x7C00)
    assert program.symbols == {"start": 0x7C00, "next": 0x7C01, "end": 0x7C03}
    assert program.code == b"\x90\xeb\xfd"


def test_the_origin_may_be_in_the_upper_half() -> None:
    program = assemble("nop\nhere: .quad here", origin=0xFFFF_FFFF_8010_0000)
    assert program.code[1:] == (0xFFFF_FFFF_8010_0001).to_bytes(8, "little")


def test_one_source_holds_16_32_and_64_bit_code() -> None:
    program = assemble(
        "a: mov ax, 1\n push ax\n.code32\nb: mov eax, [0x9000]\n.code64\nc: mov r8, [rip + c]\nd:",
        origin=0x7C00,
        bits=16,
    )
    assert disassemble(code_of(program, "a", "b"), 0, 16) == ["mov ax, 1", "push ax"]
    assert disassemble(code_of(program, "b", "c"), 0, 32) == ["mov eax, dword ptr [0x9000]"]
    assert disassemble(code_of(program, "c", "d"), 0, 64) == ["mov r8, qword ptr [rip - 7]"]


def test_calls_and_returns_of_16_bit_code_agree_on_their_size() -> None:
    program = assemble("call there\nthere: ret", bits=16)
    assert program.code[0] == 0x66  # keystone makes both 32 bits wide
    assert program.code[-2:] == b"\x66\xc3"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mov rax, [rbx + SIZE*2]", "mov rax, qword ptr [rbx + 0x10]"),
        ("mov qword ptr [rdi + SIZE], -1", "mov qword ptr [rdi + 8], 0xffffffffffffffff"),
        ("mov eax, -SIZE", "mov eax, 0xfffffff8"),
        ("and eax, ~SIZE", "and eax, 0xfffffff7"),
        ("mov ecx, 1 << SIZE | 1", "mov ecx, 0x101"),
        ("mov rax, (SIZE + 1) * 2", "mov rax, 0x12"),
        ("cmp al, '\\r'", "cmp al, 0xd"),
        ("sub rdi, HIGH", "sub rdi, -0x80000000"),
        ("mov rax, HIGH", "mov rax, 0xffffffff80000000"),
        ("jmp qword ptr [rax*8 + SIZE]", "jmp qword ptr [rax*8 + 8]"),
        ("sysret", "sysretq"),
        ("iretq", "iretq"),
        ("retfq", "retfq"),
    ],
)
def test_constants_and_forms_mean_what_they_say(text: str, expected: str) -> None:
    program = assemble(text, constants={"SIZE": 8, "HIGH": 0xFFFF_FFFF_8000_0000})
    assert disassemble(program.code, 0, 64) == [expected]


@pytest.mark.parametrize("statement", ["byte ptr [rip + x], 5", "dword ptr [rip + x], 5"])
def test_an_address_relative_to_rip_counts_from_after_the_immediate(statement: str) -> None:
    program = assemble(f"mov {statement}\nend: nop\nx:")
    (first, _) = disassemble(program.code, 0, 64)
    assert first.endswith("[rip + 1], 5")


def test_sections_start_at_pages_in_the_order_of_their_first_names() -> None:
    program = assemble_sources(
        [
            Source("a.S", "nop\n.section data\nx: .byte 1\n.section text\nret"),
            Source("b.S", "end: .section rodata\n.byte 2\n.section data\n.quad x"),
        ],
        origin=0x10_0000,
    )
    assert program.sections == {
        "text": (0x10_0000, 0x10_0002),
        "data": (0x10_1000, 0x10_1009),
        "rodata": (0x10_2000, 0x10_2001),
    }
    assert program.code[0x1000:0x1009] == b"\x01" + (0x10_1000).to_bytes(8, "little")
    assert len(program.code) == 2 * PAGE_SIZE + 1


def test_a_section_keeps_the_code_size_of_its_own_lines() -> None:
    program = assemble("nop\n.section b\n.code32\npush 1\nmov eax, 1\n.section text\n.code64\nnop")
    assert program.code[:2] == b"\x90\x90"
    assert program.code[-7:] == b"\x6a\x01\xb8\x01\x00\x00\x00"


def test_balign_counts_from_address_zero() -> None:
    program = assemble(".byte 1\n.balign 16\nhere: .byte 2", origin=0x7C08)
    assert program.symbols["here"] == 0x7C10


def test_the_listing_shows_address_bytes_and_source() -> None:
    program = assemble("start:\n  mov eax, SIZE  # four\n  .zero 12", constants={"SIZE": 4})
    assert program.listing().splitlines() == [
        "0000000000000000                              start:",
        "0000000000000000  b8 04 00 00 00                mov eax, SIZE  # four",
        "0000000000000005  00 00 00 00 00 00 00 00 ...   .zero 12",
    ]


def test_nothing_assembles_to_nothing() -> None:
    assert assemble("# only a comment").code == b""


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("mov eax rbx", "invalid operand"),
        ("mov eax, rbx", "invalid operand"),
        ("frobnicate", "invalid mnemonic"),
        ("jmp nowhere", "cannot find a symbol"),
        ("mov [rax], 5", "invalid operand"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 7, 20])
def test_an_error_names_the_file_the_line_and_the_text(bad: str, why: str, place: int) -> None:
    lines = [f"back{n}: jmp on{n}\n.zero 200\non{n}: mov rax, [rip + back{n}]" for n in range(7)]
    lines = "\n".join(lines).splitlines()
    text = "\n".join([*lines[:place], bad, *lines[place:]])
    with pytest.raises(AssemblyError) as caught:
        assemble(text, name="bad.S")
    assert str(caught.value) == f"bad.S: line {place + 1}: {why}: {bad}"


def test_a_jump_that_cannot_reach_is_reported_where_it_became_too_far() -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble("loop far\nnop\n.zero 300\nfar: nop")
    why = "loop or jecxz cannot reach its label over this line"
    assert str(caught.value) == f"<assembly>: line 3: {why}: .zero 300"


@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 7)), min_size=8, max_size=8))
def test_every_jump_goes_to_its_label(blocks: list[tuple[int, int]]) -> None:
    text = "\n".join(
        f"block{index}: jmp block{target}\n.zero {padding}"
        for index, (padding, target) in enumerate(blocks)
    )
    program = assemble(text, origin=0x10_0000)
    for index, (_, target) in enumerate(blocks):
        address = program.symbols[f"block{index}"]
        (jump, *_) = disassemble(program.code[address - program.origin :], address, 64)
        assert jump == f"jmp {program.symbols[f'block{target}']:#x}"


def test_no_number_is_read_in_the_radix_that_keystone_does_not_initialise() -> None:
    # In a process of its own: what a decimal number leads to here is an endless loop.
    run = subprocess.run(
        [sys.executable, "-c", IN_RADIX_16, EVERY_PLACE_OF_A_NUMBER],
        check=True,
        stdout=subprocess.PIPE,
        timeout=60,  # s; it takes a fraction of one
    )
    assert bytes.fromhex(run.stdout.decode()) == assemble(EVERY_PLACE_OF_A_NUMBER).code


def test_importing_the_assembler_does_not_load_keystone() -> None:
    check = "import sys, vectoros.assembler; sys.exit('keystone' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
