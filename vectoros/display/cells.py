"""A screen as cells of a terminal: a character, the color of its dots, and that between.

A text mode's characters are the terminal's own. A graphics mode is scaled down to
fit, and a cell shows two pixels, one above the other: the upper half block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vectoros.font import TEXT
from vectoros.screen import Pixels, TextScreen

HALF_BLOCK = "▀"
_POINTS = np.array([ord(character) for character in TEXT], dtype=np.uint32)


@dataclass(frozen=True)
class Cells:
    """What each cell shows, by row and column."""

    characters: npt.NDArray[np.uint32]
    """Unicode code points."""
    foreground: Pixels
    background: Pixels

    def rows(self) -> list[str]:
        """Return each row as text that a terminal shows so, from its first column on.

        Colors are set where they change (ISO 8613-6, as xterm takes it), and reset
        at the end.
        """
        colors = np.concatenate([self.foreground, self.background], axis=-1)
        return [
            _row(characters, colors)
            for characters, colors in zip(self.characters.tolist(), colors.tolist(), strict=True)
        ]


def _row(characters: list[int], colors: list[list[int]]) -> str:
    parts, last = [], None
    for character, color in zip(characters, colors, strict=True):
        if color != last:
            red, green, blue, *below = color
            parts.append(f"\x1b[38;2;{red};{green};{blue};48;2;{';'.join(map(str, below))}m")
            last = color
        parts.append(chr(character))
    return "".join(parts) + "\x1b[0m"


def text_cells(screen: TextScreen, columns: int, rows: int) -> Cells:
    """Return ``screen`` in at most ``columns`` by ``rows`` cells, the cursor's among them."""
    foreground, background = screen.foreground.copy(), screen.background.copy()
    first_row = first_column = 0
    if screen.cursor is not None:
        row, column = screen.cursor
        # The cursor is a line of the foreground's color; here, the whole cell.
        background[row, column] = screen.foreground[row, column]
        foreground[row, column] = screen.background[row, column]
        first_row, first_column = max(0, row - rows + 1), max(0, column - columns + 1)
    part = np.s_[first_row : first_row + rows, first_column : first_column + columns]
    return Cells(_POINTS[screen.characters[part]], foreground[part], background[part])


def picture_cells(pixels: Pixels, columns: int, rows: int) -> Cells:
    """Return ``pixels`` scaled to fit into ``columns`` by ``rows`` cells; never enlarged."""
    height, width = pixels.shape[:2]
    scale = min(1.0, columns / width, 2 * rows / height)
    size = max(1, int(height * scale)), max(1, int(width * scale))
    small = shrunk(pixels, *size)
    if len(small) % 2:
        small = np.concatenate([small, np.zeros_like(small[:1])])
    upper, lower = small[0::2], small[1::2]
    return Cells(np.full(upper.shape[:2], ord(HALF_BLOCK), dtype=np.uint32), upper, lower)


def shrunk(pixels: Pixels, height: int, width: int) -> Pixels:
    """Return ``pixels`` in a smaller size: each new one is the mean of those in its place."""
    old_height, old_width = pixels.shape[:2]
    tops = np.arange(height) * old_height // height
    lefts = np.arange(width) * old_width // width
    sums = np.add.reduceat(pixels, tops, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, lefts, axis=1)
    high = np.diff(tops, append=old_height)[:, None, None]
    wide = np.diff(lefts, append=old_width)[None, :, None]
    means: Pixels = (sums // (high * wide)).astype(np.uint8)
    return means
