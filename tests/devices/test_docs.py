"""The committed pages say what the code declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from vectoros.devices.catalogue import MODELS
from vectoros.devices.docs import markdown_table, pages, write_pages
from vectoros.layout import MEMORY, PORTS

FOLDER = Path(__file__).parents[2] / "docs" / "devices"
HOW = "regenerate the pages: python -m vectoros.devices.docs docs/devices"


def test_every_area_of_the_address_map_has_a_model() -> None:
    assert set(MODELS) == {area.name for area in (*PORTS, *MEMORY)}


def test_every_model_names_its_source() -> None:
    assert [model.__name__ for model in MODELS.values() if not model.source] == []


@pytest.mark.parametrize("name", pages())
def test_a_page_is_what_the_declarations_make_of_it(name: str) -> None:
    path = FOLDER / name
    assert path.exists(), f"{path} is missing; {HOW}"
    assert path.read_text(encoding="utf-8") == pages()[name], HOW


def test_there_is_no_page_of_a_device_that_is_gone() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(pages()), HOW


def test_a_page_has_every_register_and_field() -> None:
    page = pages()["uart.md"]
    for text in (
        "| 00h | `DLL` | 8 | rw | DLAB=1 | 0Ch | divisor latch, low byte |",
        "| 7:6 | `TRIGGER` | bytes at which the receive FIFO interrupts |",
        "| `com1` | 0x3f8 to 0x3ff | 4 |",
    ):
        assert text in page


def test_pages_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    write_pages(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(pages())


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert markdown_table(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |"
