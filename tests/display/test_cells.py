from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.display.cells import Cells, picture_cells, shrunk, text_cells
from vectoros.screen import Pixels, TextScreen

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def screen(cursor: tuple[int, int] | None = None) -> TextScreen:
    """Return a text screen of 25 rows, each with its own letter, numbered by column."""
    characters = np.zeros((25, 80), dtype=np.uint8)
    characters[:, 0] = np.arange(25) + ord("A")
    characters[:, 1:] = np.arange(1, 80) % 10 + ord("0")
    above = np.full((25, 80, 3), 170, dtype=np.uint8)
    return TextScreen(characters, above, np.zeros_like(above), cursor)


def shown(cells: Cells) -> list[str]:
    return ["".join(map(chr, row)) for row in cells.characters.tolist()]


def image(*rows: list[tuple[int, int, int]]) -> Pixels:
    return np.array(rows, dtype=np.uint8)


def test_text_is_the_terminals_own() -> None:
    cells = text_cells(screen(), 100, 30)
    assert len(shown(cells)) == 25
    assert shown(cells)[2] == "C" + "1234567890" * 7 + "123456789"


def test_colors_are_set_where_they_change() -> None:
    above = image([RED, RED, GREEN])
    cells = Cells(np.array([[0x41, 0x42, 0x2500]], dtype=np.uint32), above, np.zeros_like(above))
    assert cells.rows() == ["\x1b[38;2;255;0;0;48;2;0;0;0mAB\x1b[38;2;0;255;0;48;2;0;0;0m─\x1b[0m"]


def test_a_small_terminal_shows_the_part_with_the_cursor() -> None:
    assert [row[0] for row in shown(text_cells(screen(), 10, 3))] == ["A", "B", "C"]
    assert [row[0] for row in shown(text_cells(screen((24, 0)), 10, 3))] == ["W", "X", "Y"]
    cells = text_cells(screen((4, 79)), 10, 3)
    assert shown(cells) == ["0123456789"] * 3
    assert cells.background[2, 9].tolist() == [170] * 3


def test_the_cursor_is_a_cell_in_reverse() -> None:
    cells = text_cells(screen((1, 2)), 80, 25)
    assert (cells.foreground[1, 2].tolist(), cells.background[1, 2].tolist()) == (
        [0] * 3,
        [170] * 3,
    )
    assert cells.background.astype(int).sum() == 3 * 170


def test_two_pixels_are_a_half_block() -> None:
    cells = picture_cells(image([RED, GREEN], [BLUE, RED]), 80, 25)
    assert shown(cells) == ["▀▀"]
    assert cells.foreground.tolist() == [[[*RED], [*GREEN]]]
    assert cells.background.tolist() == [[[*BLUE], [*RED]]]


def test_an_odd_line_has_black_below() -> None:
    cells = picture_cells(image([RED], [GREEN], [BLUE]), 80, 25)
    assert cells.background.tolist() == [[[*GREEN]], [[0, 0, 0]]]


@pytest.mark.parametrize(
    ("size", "terminal", "expected"),
    [
        ((640, 480), (80, 25), (66, 25)),
        ((640, 480), (200, 60), (160, 60)),
        ((1024, 768), (80, 100), (80, 30)),
        ((320, 200), (1000, 500), (320, 100)),
        ((1920, 8), (80, 25), (80, 1)),
        ((1, 1200), (80, 25), (1, 25)),
    ],
)
def test_a_picture_keeps_its_proportions(
    size: tuple[int, int], terminal: tuple[int, int], expected: tuple[int, int]
) -> None:
    cells = picture_cells(np.zeros((size[1], size[0], 3), dtype=np.uint8), *terminal)
    assert cells.characters.shape[::-1] == expected


def test_a_shrunk_pixel_is_the_mean_of_its_place() -> None:
    pixels = image([RED, GREEN, BLUE, BLUE], [RED, GREEN, BLUE, GREEN])
    assert shrunk(pixels, 1, 2).tolist() == [[[127, 127, 0], [0, 63, 191]]]
    assert np.array_equal(shrunk(pixels, 2, 4), pixels)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 90), st.integers(1, 90))
def test_any_picture_fits_any_terminal(height: int, width: int, columns: int, rows: int) -> None:
    pixels = np.full((height, width, 3), 77, dtype=np.uint8)
    cells = picture_cells(pixels, columns, rows)
    assert cells.characters.shape[0] <= rows
    assert cells.characters.shape[1] <= columns
    assert (cells.foreground == 77).all()
    assert len(cells.rows()) == cells.characters.shape[0]
