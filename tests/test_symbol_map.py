from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.errors import BadFileError
from vectoros.symbol_map import HEAD, Symbol, SymbolMap, beside, load

WORD = st.from_regex(r"[a-z_][a-z0-9_.]{0,8}", fullmatch=True)
SYMBOL = st.builds(Symbol, WORD, st.integers(0, (1 << 64) - 1), WORD, WORD, st.integers(1, 10_000))


def example() -> SymbolMap:
    return SymbolMap(
        [
            Symbol("stage2", 0x8010, "protected", "firmware/stage2.S", 47),
            Symbol("stage2", 0x8000, "stage2", "firmware/stage2.S", 35),
            Symbol("kernel", 0xFFFF_FFFF_8010_0000, "kernel", "kernel/stubs/entry.S", 10),
        ]
    )


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0x7FFF, None),
        (0x8000, "stage2"),
        (0x800F, "stage2"),
        (0x8010, "protected"),
        (0xFFFF_FFFF_8010_0000, "kernel"),
    ],
)
def test_an_address_belongs_to_the_label_before_it(address: int, name: str | None) -> None:
    found = example().find(address, ["stage2", "kernel"])
    assert (found and found.name) == name


def test_only_the_programs_that_are_asked_for_are_searched() -> None:
    assert example().find(0x8010, ["kernel"]) is None
    assert example().find(0x8010, []) is None


def test_a_place_names_file_line_and_label() -> None:
    found = example().find(0x8011, ["stage2"])
    assert found is not None
    assert found.place == "firmware/stage2.S:47, protected"


@given(symbols=st.lists(SYMBOL))
def test_what_is_written_is_read_again(
    symbols: list[Symbol], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("map") / "any.map"
    written = SymbolMap(symbols)
    path.write_text(written.text())
    assert load(path).symbols == written.symbols


def test_the_map_of_an_image_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "dev.map").write_text(example().text())
    assert beside(tmp_path / "dev.img").symbols == example().symbols
    assert beside(tmp_path / "other.img").symbols == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", f"is no symbol map: its first line is not {HEAD!r}"),
        ("something else\n", f"is no symbol map: its first line is not {HEAD!r}"),
        (f"{HEAD}\nstage2 8000\n", "line 2 is no row of a symbol map: stage2 8000"),
        (
            f"{HEAD}\nstage2 xyz stage2 a.S:1\n",
            "line 2 is no row of a symbol map: stage2 xyz stage2 a.S:1",
        ),
    ],
)
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "bad.map"
    path.write_text(text)
    with pytest.raises(BadFileError, match=re.escape(f"{path}: {why}")):
        load(path)
