"""An ELF executable of one's own runs in 64-bit mode; a bad one is refused in a sentence."""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.boot.kernels import ELF_ADDRESS, SAY, executable
from vectoros import Machine, elf
from vectoros.board import Reason
from vectoros.boot.elf_image import ElfImage
from vectoros.cpu.bits import Gpr
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.errors import BadFileError, UsageError
from vectoros.layout import MACHINE_INFO

ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)
PROGRAM = executable()
ROW = elf.HEADER.size


def row(index: int, **changed: int) -> bytes:
    """Return the program with fields of program header ``index`` changed."""
    at = ROW + index * elf.PROGRAM_HEADER.size
    header = elf.ProgramHeader._make(elf.PROGRAM_HEADER.unpack_from(PROGRAM, at))
    new = elf.PROGRAM_HEADER.pack(*header._replace(**changed))
    return PROGRAM[:at] + new + PROGRAM[at + len(new) :]


def head(**changed: int) -> bytes:
    """Return the program with fields of the file header changed."""
    header = elf.FileHeader._make(elf.HEADER.unpack_from(PROGRAM))._asdict() | changed
    return elf.HEADER.pack(*header.values()) + PROGRAM[elf.HEADER.size :]


@pytest.mark.parametrize("engine", ENGINES)
def test_it_runs_and_finds_its_command_line(engine: str, tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(PROGRAM)
    with Machine.from_kernel(tmp_path / "k", memory="2M", engine=engine, append="hi") as made:
        stop = made.run(for_="1ms")
        assert (stop.reason, stop.code, made.serial.text) == (Reason.EXIT, 7, "hi")


def test_its_registers_say_where_the_machine_info_page_and_the_command_line_are(
    tmp_path: Path,
) -> None:
    (tmp_path / "k").write_bytes(PROGRAM)
    with Machine.from_kernel(tmp_path / "k", memory="2M", append="hi") as made:
        cpu = made.cpu
        assert (cpu.mode, cpu.rip, cpu.rflags) == ("64-bit", ELF_ADDRESS, 2)
        assert cpu.gpr[Gpr.RDI] == MACHINE_INFO
        assert made.memory.read(cpu.gpr[Gpr.RSI], 3) == b"hi\0"
        assert cpu.gpr[Gpr.RSP] == 0x90000
        others = set(Gpr) - {Gpr.RDI, Gpr.RSI, Gpr.RSP}
        assert {cpu.gpr[number] for number in others} == {0}


def test_a_program_linked_high_starts_at_the_physical_address_of_its_entry_point(
    tmp_path: Path,
) -> None:
    high = 0xFFFF_FFFF_8010_0000
    data = bytearray(row(0, p_vaddr=high))
    struct.pack_into("<Q", data, 24, high)  # e_entry
    (tmp_path / "k").write_bytes(data)
    with Machine.from_kernel(tmp_path / "k", memory="2M", append="high") as made:
        assert made.cpu.rip == ELF_ADDRESS
        assert made.run(for_="1ms").reason is Reason.EXIT
        assert made.serial.text == "high"


def test_memory_behind_a_segment_is_zero_again_after_a_reset(tmp_path: Path) -> None:
    source = f"""
        mov     ebx, {ELF_ADDRESS + 0x1008}
        inc     byte ptr [rbx]
        mov     al, [rbx]
        add     al, 48
        mov     dx, PORT_COM1
        out     dx, al
        mov     dx, 0xcf9
        mov     al, 6
        out     dx, al
stay:   jmp     stay
    """
    (tmp_path / "k").write_bytes(executable(source + SAY))
    with Machine.from_kernel(tmp_path / "k", memory="2M") as made:
        made.serial.expect("111", timeout="1ms")


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (PROGRAM[:50], "is cut short: 50 bytes, and its header has 64"),
        (head(e_machine=3), "is for another processor: e_machine 3, not 62"),
        (head(e_phentsize=1), "has e_phentsize 1, not 56"),
        (head(e_phnum=0), "has 0 program headers; 1 to 64 are allowed"),
        (
            head(e_phoff=1 << 40),
            "is cut short: its program headers at 0x10000000000 lie behind it",
        ),
        (head(e_entry=0x1234), "starts at 0x1234, which is in no executable segment"),
        (row(0, p_flags=4), "starts at 0x100000, which is in no executable segment"),
        (row(0, p_type=2), "is dynamically linked (PT_DYNAMIC): link it with -static"),
        (row(0, p_type=3), "needs an interpreter (PT_INTERP): link it with -static"),
        (row(0, p_paddr=0), "segment 0 at 0x0 overlaps 0x0..0xfff, which is taken"),
        (row(0, p_paddr=0x8FFFF), "segment 0 at 0x8ffff overlaps 0x90000..0xfffff, which is taken"),
        (row(1, p_paddr=ELF_ADDRESS), "segment 0 at 0x100000 and segment 1 at 0x100000 overlap"),
        (
            row(1, p_paddr=(1 << 64) - 1),
            "segment 1 at 0xffffffffffffffff ends at 0x10000000000001fff, "
            "and physical memory at 0x100000000",
        ),
        (
            row(0, p_offset=1 << 30, p_filesz=1),
            "is cut short: segment 0 at 0x100000 is at 0x40000000..0x40000000 of the file",
        ),
        (
            row(1, p_filesz=0x2001),
            "segment 1 at 0x101000 is 8193 bytes in the file and 8192 in memory",
        ),
    ],
)
def test_each_rule_that_is_broken_is_one_sentence(data: bytes, rule: str) -> None:
    with pytest.raises(BadFileError, match=f"^k: {re.escape(rule)}$"):
        ElfImage(data, "k")


def test_a_file_without_a_segment_is_refused() -> None:
    data = bytearray(PROGRAM)
    for index in range(2):
        struct.pack_into("<I", data, ROW + index * elf.PROGRAM_HEADER.size, 4)  # PT_NOTE
    with pytest.raises(BadFileError, match=r"^k: has no segment to load \(PT_LOAD\)$"):
        ElfImage(bytes(data), "k")


def test_an_initrd_is_not_for_it() -> None:
    with pytest.raises(UsageError, match=r"^--initrd: k is an ELF executable, which takes none$"):
        ElfImage(PROGRAM, "k", "", b"x")


def test_a_machine_too_small_for_it_says_how_much_it_needs(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(row(1, p_paddr=0x40_0000))
    with pytest.raises(UsageError, match=r"ends at 0x402000: it needs 5M or more, and has 2M$"):
        Machine.from_kernel(tmp_path / "k", memory="2M")


@given(st.dictionaries(st.integers(0, ROW + 2 * 56), st.integers(0, 255), min_size=1, max_size=5))
def test_a_program_with_bytes_changed_is_taken_or_refused(changes: dict[int, int]) -> None:
    data = bytearray(PROGRAM)
    for offset, value in changes.items():
        data[offset] = value
    with suppress(BadFileError):
        ElfImage(bytes(data), "k")
