"""Files with symbols: told apart by their contents, refused in one sentence."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from vectoros.elf import Flags
from vectoros.elf_symbols import ELF32
from vectoros.elf_writer import Section, write
from vectoros.errors import BadFileError
from vectoros.symbols.files import load, of_program, parse

BASE = 0x40_0000
ELF = write(
    [Section("text", BASE, b"\x90" * 64, Flags.READ | Flags.EXECUTE)],
    {"start": BASE, "loop": BASE + 16, "constant": 12},
    BASE,
)


def elf32() -> bytes:
    """Return an ELF32 program for i386 with the function `main` at 1000h, 32 bytes long."""
    names, strings = b"\0main\0extern\0", b"\0.text\0.symtab\0.strtab\0"
    symbols = ELF32.symbol.pack(0, 0, 0, 0, 0, 0)
    symbols += ELF32.symbol.pack(1, 0x1000, 32, 0x12, 0, 1)
    symbols += ELF32.symbol.pack(6, 0, 0, 0x10, 0, 0)  # undefined: it is elsewhere
    body = names + symbols + strings
    at = [52, 52 + len(names), 52 + len(names) + len(symbols), 52 + len(body)]
    rows = [
        (0,) * 10,
        (1, 1, 6, 0x1000, 0, 0, 0, 0, 1, 0),
        (7, 2, 0, 0, at[1], len(symbols), 3, 1, 4, ELF32.symbol.size),
        (15, 3, 0, 0, at[0], len(names), 0, 0, 1, 0),
        (15, 3, 0, 0, at[2], len(strings), 0, 0, 1, 0),
    ]
    ident = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header = ELF32.header.pack(ident, 2, 3, 1, 0x1000, 0, at[3], 0, 52, 32, 0, 40, len(rows), 4)
    return header + body + b"".join(struct.pack("<10I", *row) for row in rows)


def put(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_an_elf_program_names_its_code_and_data(tmp_path: Path) -> None:
    table = load(put(tmp_path, "program", ELF))
    assert str(table.find(BASE + 17)) == "loop+0x1"
    assert table.address("constant") is None  # it is no address
    assert table.source == str(tmp_path / "program")


def test_a_32_bit_elf_program_will_do_as_well(tmp_path: Path) -> None:
    table = load(put(tmp_path, "kernel.elf", elf32()))
    assert str(table.find(0x101F)) == "main+0x1f/0x20"
    assert table.find(0x1020) is None
    assert len(table) == 1


def test_a_system_map_is_known_by_its_lines(tmp_path: Path) -> None:
    table = load(put(tmp_path, "System.map", "ffffffff81000000 T _text\n"), 0x20_0000)
    assert str(table.find(0xFFFF_FFFF_8120_0005)) == "_text+0x5"


def test_our_own_map_names_the_system_with_its_lines(tmp_path: Path) -> None:
    rows = "# VectorOS symbol map 1\nkernel 8000 enter kernel/e.S:3\nshell 400000 main s.S:1\n"
    table = load(put(tmp_path, "any.map", rows))
    assert str(table.find(0x8001)) == "enter+0x1 (kernel/e.S:3)"
    assert (table.find(0x8001, 3), table.find(0x400000)) == (None, None)
    assert load(tmp_path / "any.map", 0x1000).address("enter") == 0x9000


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (ELF[:80], "is cut short: its section headers at"),
        (b"\x7fELF\x03" + bytes(60), "is neither ELF32 nor ELF64: EI_CLASS 3"),
        (ELF[:18] + b"\xb7" + ELF[19:], "is for another processor: e_machine 183, no x86"),
        (ELF[:16] + b"\x01" + ELF[17:], "is no linked program: e_type 1"),
        (b"\x80\xff", "has no symbols: it is neither an ELF program, nor a System.map, nor a"),
        (b"hello\n", "line 1 is no row of a System.map: 'hello'"),
        (b"# VectorOS symbol map 1\nx\n", "line 2 is no row of a symbol map: x"),
        (elf32()[:32] + bytes(4) + elf32()[36:], "has no symbols: it was stripped"),
    ],
)
def test_a_file_without_symbols_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    path = put(tmp_path, "bad", data)
    with pytest.raises(BadFileError, match=re.escape(f"{path}: {why}")):
        load(path)


def test_what_was_not_asked_for_need_not_be_a_program(tmp_path: Path) -> None:
    assert of_program(put(tmp_path, "vmlinuz", b"MZ")) is None
    table = of_program(put(tmp_path, "kernel.elf", elf32()))
    assert table is not None
    assert table.address("main") == 0x1000


def test_an_offset_may_stand_behind_the_name(tmp_path: Path) -> None:
    assert parse("vmlinux") == (Path("vmlinux"), 0)
    assert parse("vmlinux@+0x1f000000") == (Path("vmlinux"), 0x1F00_0000)
    assert parse("a@b@-0x1000") == (Path("a@b"), -0x1000)
    assert parse("mail@home") == (Path("mail@home"), 0)
    odd = put(tmp_path, "odd@+0x10", ELF)
    assert parse(str(odd)) == (odd, 0)  # there is such a file


@pytest.mark.gcc
@pytest.mark.parametrize("bits", [32, 64])
def test_what_gcc_makes_is_read(tmp_path: Path, bits: int) -> None:
    source = put(
        tmp_path, "k.c", "static int f(int x) { return x + 1; } int main() { return f(2); }"
    )
    program = tmp_path / "k"
    flags = [f"-m{bits}", "-nostdlib", "-static", "-O0", "-Wl,-e,main", "-fno-pic", "-no-pie"]
    subprocess.run(["gcc", *flags, "-o", program, source], check=True)
    table = load(program)
    main = table.address("main")
    assert main is not None
    place = table.find(main + 4)
    assert place is not None
    assert (place.name, place.offset) == ("main", 4)
    assert place.size > 4
    assert table.address("f") is not None
