"""The names of a running guest: from files, and moved with a kernel that has moved itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.symbols.kernel_tables import CODE, tables
from vectoros import Machine
from vectoros.errors import BadFileError
from vectoros.guest_symbols import ANCHOR

Sector = Callable[[str], Path]
LINKED = 0xFFFF_FFFF_8100_0000
SYSTEM_MAP = f"{LINKED:x} T _text\n{LINKED + 0x40:x} T {ANCHOR}\n{LINKED + 0x80:x} T panic\n"


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("entry", "moved"),
    [(0, 0), (LINKED + 0x40, 0), (LINKED + 0x0160_0040, 0x0160_0000), (LINKED + 0x41, 0)],
    ids=["not started", "in place", "moved", "somebody else's"],
)
def test_a_kernel_that_has_moved_itself_is_found(
    sector: Sector, tmp_path: Path, entry: int, moved: int
) -> None:
    path = put(tmp_path / "System.map", SYSTEM_MAP)
    with Machine.from_image(sector("idle"), firmware=False) as machine:
        machine.add_symbols(path)
        machine.cpu.lstar = entry
        assert machine.symbols.address("panic") == LINKED + 0x80 + moved
        assert str(machine.symbols.find(LINKED + 0x81 + moved)) == "panic+0x1"


def test_an_offset_of_the_users_holds_for_other_systems(sector: Sector, tmp_path: Path) -> None:
    path = put(tmp_path / "System.map", "00001000 T start\n")
    with Machine.from_image(sector("idle"), firmware=False) as machine:
        machine.add_symbols(path, 0x7000)
        assert machine.symbols.address("start") == 0x8000


def test_the_map_beside_the_image_needs_no_asking(sector: Sector) -> None:
    image = sector("triple_fault")
    rows = "# VectorOS symbol map 1\nboot_sector 7c00 start triple_fault.S:8\n"
    put(image.with_suffix(".map"), rows)
    with Machine.from_image(image, firmware=False) as machine:
        crash = machine.crash(machine.run())
    assert crash is not None
    assert crash.place == crash.chain[0].place == "start+0x69 (triple_fault.S:8)"
    assert crash.symbols == [str(image.with_suffix(".map"))]
    assert f"\n  in {crash.place}\n" in crash.text()


def test_a_broken_map_beside_the_image_does_not_spoil_the_report(sector: Sector) -> None:
    image = sector("triple_fault")
    put(image.with_suffix(".map"), "nonsense\n")
    with Machine.from_image(image, firmware=False) as machine:
        crash = machine.crash(machine.run())
        assert crash is not None
        assert (crash.place, crash.symbols) == ("", [])
        with pytest.raises(BadFileError, match="line 1 is no row"):
            machine.add_symbols(image.with_suffix(".map"))


def test_a_kernel_that_no_file_knows_names_itself(sector: Sector, tmp_path: Path) -> None:
    with Machine.from_image(sector("triple_fault"), firmware=False) as machine:
        stop = machine.run()  # long mode, with 2 MiB mapped to themselves
        machine.memory.write(0x10_0000, tables(CODE))
        assert machine.symbols.parts == ()
        machine.memory.write(0x1000 + 511 * 8, (0x2003).to_bytes(8, "little"))
        machine.memory.write(0x2000 + 510 * 8, (0x3003).to_bytes(8, "little"))
        machine.memory.write(0x3000 + 8 * 8, (0x83).to_bytes(8, "little"))
        machine.cpu.lstar = LINKED  # now the kernel's half of addresses is mapped, too
        assert machine.symbols.address("function_3") == CODE[3][1]
        crash = machine.crash(stop)
        assert crash is not None
        assert crash.symbols == ["the kernel's own table in its memory (kallsyms)"]
        machine.add_symbols(put(tmp_path / "System.map", SYSTEM_MAP))
        assert machine.symbols.address("function_3") is None  # a file of the user's goes before


def test_an_entry_that_is_not_mapped_leads_to_no_kernel(sector: Sector) -> None:
    with Machine.from_image(sector("triple_fault"), firmware=False) as machine:
        machine.run()
        machine.cpu.lstar = LINKED
        assert machine.symbols.parts == ()


def test_a_kernel_is_found_though_its_page_tables_are_gone(sector: Sector) -> None:
    with Machine.from_image(sector("triple_fault"), firmware=False) as machine:
        machine.run()
        machine.memory.write(0x80_0000, tables(CODE))
        machine.memory.write(0x8F_0000, b"far away")
        machine.cpu.lstar = LINKED
        assert machine.symbols.address("function_3") == CODE[3][1]
