"""Line tables: what compilers write is read, in each version; damage costs lines, no more."""

from __future__ import annotations

import io
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from vectoros.symbols.files import load
from vectoros.symbols.lines import MOST_BYTES, read

CODE = """\
static int g(int x)
{
    return x + 1;
}

int main(void)
{
    int sum = 0;
    for (int i = 0; i < 3; i++)
        sum += g(i);
    return sum;
}
"""


def table(program: bytes) -> bytes:
    """Return a line table of version 4 for the file src/a.c with ``program``."""
    files = b"src\0" + b"\0" + b"a.c\0\x01\0\0" + b"\0"
    tables = struct.pack("<BBBbBB", 1, 1, 1, -5, 14, 13) + bytes(12) + files
    body = struct.pack("<HI", 4, len(tables)) + tables + program
    return struct.pack("<I", len(body)) + body


SET_ADDRESS = b"\0\x09\x02" + (0x1000).to_bytes(8, "little")
END = b"\0\x01\x01"
PROGRAM = SET_ADDRESS + b"\x03\x09\x01" + bytes([13 + 6 + 14 * 4]) + b"\x02\x10" + END
"""Line 10 at 1000h, line 11 at 1004h, and the end at 1014h."""


@pytest.mark.parametrize(
    ("address", "source"),
    [
        (0xFFF, ""),
        (0x1000, "src/a.c:10"),
        (0x1003, "src/a.c:10"),
        (0x1004, "src/a.c:11"),
        (0x1013, "src/a.c:11"),
        (0x1014, ""),
        (1 << 64, ""),
    ],
)
def test_every_address_has_the_line_of_the_row_before_it(address: int, source: str) -> None:
    assert read(table(PROGRAM)).find(address) == source


def test_where_two_sequences_meet_the_second_one_counts() -> None:
    second = PROGRAM.replace((0x1000).to_bytes(8, "little"), (0x1014).to_bytes(8, "little"))
    for program in (PROGRAM + second, second + PROGRAM):
        assert read(table(program)).find(0x1014) == "src/a.c:10"


def test_a_damaged_unit_does_not_hide_the_next_one() -> None:
    broken = bytearray(table(PROGRAM))
    broken[4] = 77  # no version
    found = read(bytes(broken) + table(PROGRAM))
    assert found.find(0x1000) == "src/a.c:10"
    assert len(read(bytes(broken))) == 0


def test_tables_of_a_size_that_would_take_a_minute_are_not_read() -> None:
    many = table(PROGRAM) * (MOST_BYTES // len(table(PROGRAM)) + 1)
    assert len(read(many)) == 0
    assert len(read(b"")) == 0


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=8), st.integers(0))
def test_no_damage_breaks_the_reader(damage: list[tuple[int, int]], end: int) -> None:
    data = bytearray(table(PROGRAM) * 2)
    for at, byte in damage:
        data[at % len(data)] = byte
    found = read(bytes(data[: len(data) - end % 50]), b"\0", b"")
    for address in (0, 0x1000, 0x1004, (1 << 64) - 1):
        found.find(address)


@pytest.mark.gcc
@pytest.mark.parametrize("version", [2, 3, 4, 5])
@pytest.mark.parametrize("bits", [32, 64])
def test_what_gcc_writes_is_read_as_pyelftools_reads_it(
    tmp_path: Path, version: int, bits: int
) -> None:
    (tmp_path / "k.c").write_text(CODE)
    flags = [f"-gdwarf-{version}", f"-m{bits}", "-O0", "-nostdlib", "-static", "-Wl,-e,main"]
    command = ["gcc", *flags, "-fno-pic", "-no-pie", "-o", "k", "k.c"]
    subprocess.run(command, check=True, cwd=tmp_path)
    symbols = load(tmp_path / "k")
    data = (tmp_path / "k").read_bytes()
    seen = 0
    for unit in ELFFile(io.BytesIO(data)).get_dwarf_info().iter_CUs():
        program = unit.dwarfinfo.line_program_for_CU(unit)
        assert program is not None
        states = [entry.state for entry in program.get_entries() if entry.state is not None]
        for state, after in pairwise(states):
            if not state.end_sequence and after.address > state.address:
                place = symbols.find(state.address)
                assert place is not None
                assert place.source == f"k.c:{state.line}"
                seen += 1
    assert seen > 3
