"""The machine-info page: every field where the documentation says, and nothing else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from vectoros.api import Machine
from vectoros.config import Config
from vectoros.errors import UsageError
from vectoros.layout import IRQS, MACHINE_INFO, MEMORY, PORTS
from vectoros.machine_info import (
    AREA_FIELDS,
    COMMAND_LINE_SIZE,
    HEADER_FIELDS,
    constants,
    page,
)
from vectoros.snapshot import SnapshotError
from vectoros.units import MIB, PAGE_SIZE

MANUAL = Path(__file__).parents[1] / "docs" / "reference" / "machine-info.md"


def test_the_page_says_how_much_ram_there_is_and_how_fast_the_clock_runs() -> None:
    info = page(64 * MIB)
    assert len(info) == PAGE_SIZE
    assert info[:8] == b"VXMACH\x01\0"
    assert struct.unpack_from("<IIIIQQ", info, 8) == (
        1, len(PORTS), len(MEMORY), 0, 64 * MIB, 4_000_000_000,
    )  # fmt: skip


def test_the_areas_are_those_of_the_address_map() -> None:
    info = page(MIB)
    found = [struct.unpack_from("<16sQIi", info, 0x100 + 32 * row) for row in range(120)]
    rows = [(name.rstrip(b"\0").decode(), base, size, irq) for name, base, size, irq in found]
    expected = [(a.name, a.base, a.size, IRQS.get(a.name, -1)) for a in (*PORTS, *MEMORY)]
    assert rows[: len(expected)] == expected
    assert not any(info[0x100 + 32 * len(expected) :])


def test_the_command_line_ends_with_a_zero() -> None:
    assert page(MIB, "quiet root=3")[0x80:0x8D] == b"quiet root=3\0"
    longest = "x" * (COMMAND_LINE_SIZE - 1)
    assert page(MIB, longest)[0x80:0x100] == longest.encode() + b"\0"


@pytest.mark.parametrize("text", ["x" * COMMAND_LINE_SIZE, "tab\t", "é", "nul\0"])
def test_a_command_line_that_no_guest_could_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--append takes"):
        Config(append=text)


@pytest.mark.parametrize("engine", ["fast", "portable"])
def test_a_guest_reads_the_page_and_cannot_write_it(engine: str) -> None:
    with Machine(Config(memory=MIB, engine=engine, append="hello")) as machine:
        before = machine.memory.read(MACHINE_INFO, PAGE_SIZE)
        assert before == page(MIB, "hello")
        machine.memory.write(MACHINE_INFO, b"\xff" * 16)
        assert machine.memory.read(MACHINE_INFO, PAGE_SIZE) == before


def test_a_snapshot_belongs_to_a_machine_with_its_command_line(tmp_path: Path) -> None:
    with Machine(Config(memory=MIB, append="quiet")) as one, Machine(Config(memory=MIB)) as other:
        with pytest.raises(
            SnapshotError, match="its command_line is 'quiet', and this one's is ''"
        ):
            other.restore(one.snapshot())
        one.save(tmp_path / "saved")
        with Machine.from_snapshot(tmp_path / "saved") as twin:
            assert twin.memory.read(MACHINE_INFO, PAGE_SIZE) == page(MIB, "quiet")


def test_the_manual_has_every_field_and_its_offset() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    numbers = constants()
    for prefix, fields in (("", HEADER_FIELDS), ("AREA_", AREA_FIELDS)):
        for name in fields:
            offset = numbers[f"MACHINE_INFO_{prefix}{name}"]
            assert f"| {offset:#04x} | `{name}` |" in text, f"{name} at {offset:#x}"
