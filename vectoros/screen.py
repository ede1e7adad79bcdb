"""What the screen shows, as pixels and as text.

Promise: it is a function of memory, of the display's registers and of the clock:
looking twice shows the same, and looking changes nothing. So blinking characters
and the cursor depend on virtual time alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vectoros.clock import Clock
from vectoros.devices.vbe import Mode, Vbe
from vectoros.devices.vga import Vga
from vectoros.errors import UsageError
from vectoros.font import HEIGHT, TEXT, WIDTH, glyphs
from vectoros.layout import FRAMEBUFFER, TEXT_MEMORY, VGA_GRAPHICS_MEMORY
from vectoros.memory import Memory

Pixels = npt.NDArray[np.uint8]
"""Height, width, and red, green and blue."""

CURSOR_FRAMES, CHARACTER_FRAMES = 16, 32
"""Frames that the cursor, or a character that blinks, takes to change (IBM VGA)."""

MAXIMUM_ROWS = 100
"""Of a text screen; a guest can program more, and no monitor shows them."""

_BLINK, _BACKGROUND, _BRIGHT_BACKGROUND = 0x80, 0x70, 0xF0
_TEXT_BYTES = 32 * 1024


@dataclass(frozen=True)
class TextScreen:
    """A text mode's picture: a row of each array is a row of the screen."""

    characters: Pixels
    """Numbers in code page 437."""
    foreground: Pixels
    """Red, green and blue of each character's dots."""
    background: Pixels
    """The same, of what is between them."""
    cursor: tuple[int, int] | None
    """Row and column of the cursor, if it is to be seen now."""

    def lines(self) -> list[str]:
        """Return the rows as text, without the spaces at their ends."""
        return ["".join(map(TEXT.__getitem__, row)).rstrip() for row in self.characters.tolist()]


class Screen:
    """The far end of the display's cable."""

    def __init__(self, memory: Memory, vga: Vga, vbe: Vbe, clock: Clock) -> None:
        """Show what ``vga``, or ``vbe`` if a mode is set there, makes of ``memory``."""
        self._memory = memory
        self._vga = vga
        self._vbe = vbe
        self._clock = clock

    @property
    def mode(self) -> str:
        """``text``, ``graphics``, or ``blank`` if the screen is off or its mode is not known."""
        if self._vbe.mode is not None:
            return "graphics"
        vga = self._vga
        if vga.clocking_mode.SO or not vga.attribute_address.PAS:
            return "blank"
        if not vga.graphics_misc.GM:
            return "text"
        return "graphics" if vga.memory_mode.CH4 and vga.graphics_mode.C256 else "blank"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        mode = self._vbe.mode
        if mode is not None:
            return mode.width, mode.height
        if self.mode == "graphics":
            return self._graphics_size()
        columns, rows = self._text_size()
        return columns * WIDTH, rows * HEIGHT

    def pixels(self) -> Pixels:
        """Return the picture: height by width by red, green and blue."""
        mode = self._vbe.mode
        if mode is not None:
            return self._framebuffer(mode)
        if self.mode == "text":
            return self._drawn(self.text_screen())
        if self.mode == "graphics":
            return self._graphics()
        width, height = self.size
        return np.zeros((height, width, 3), dtype=np.uint8)

    def text(self) -> str:
        """Return the rows of a text mode, one a line, without the spaces at their ends.

        Raises :class:`UsageError` in any other mode.
        """
        return "\n".join(self.text_screen().lines())

    def source(self) -> tuple[object, ...]:
        """Return all that the picture depends on: it is the same while this is equal.

        To compare this costs much less than to make a picture.
        """
        vga, mode = self._vga, self._vbe.mode
        if mode is not None:
            return mode, vga.dac, vga.pel_mask, self._memory.read(*self._extent(mode))
        frames = vga.frames()
        blinking = frames // CURSOR_FRAMES % 2, frames // CHARACTER_FRAMES % 2
        text = self._memory.read(TEXT_MEMORY, _TEXT_BYTES)
        return vga.state(), blinking, text, self._memory.read(VGA_GRAPHICS_MEMORY, 1 << 16)

    # -- text ----------------------------------------------------------------

    def text_screen(self) -> TextScreen:
        """Return characters and colors of a text mode; :class:`UsageError` in any other."""
        if self.mode != "text":
            raise UsageError(f"the screen is in {self.mode} mode, so it shows no text")
        vga = self._vga
        columns, rows = self._text_size()
        start = vga.start_address_high << 8 | vga.start_address_low
        row = 2 * vga.offset  # in characters
        memory = self._memory.read(TEXT_MEMORY, _TEXT_BYTES)
        cells = np.frombuffer(memory, dtype="<u2")
        where = start + row * np.arange(rows)[:, None] + np.arange(columns)
        shown = cells[where % len(cells)]
        characters, attributes = (shown & 0xFF).astype(np.uint8), (shown >> 8).astype(np.uint8)
        blinking = bool(vga.attribute_mode.EB)
        colors = self._text_colors()
        foreground = _colored(colors, attributes & 0x0F)
        mask = _BACKGROUND if blinking else _BRIGHT_BACKGROUND
        background = _colored(colors, (attributes & mask) >> 4)
        if blinking and vga.frames() // CHARACTER_FRAMES % 2:
            hidden = attributes & _BLINK != 0
            foreground = np.where(hidden[:, :, None], background, foreground)
        return TextScreen(characters, foreground, background, self._cursor(start, row))

    def _text_size(self) -> tuple[int, int]:
        """Return columns and rows. A row is as high as the font, whatever is programmed."""
        vga = self._vga
        height = (vga.maximum_scan_line.MSL + 1) << vga.maximum_scan_line.DSC
        rows = max(1, min(vga.shown_lines() // height, MAXIMUM_ROWS))
        return vga.horizontal_display_enable_end + 1, rows

    def _cursor(self, start: int, row: int) -> tuple[int, int] | None:
        vga = self._vga
        first, last = vga.cursor_start.RSCB, vga.cursor_end.RSCE
        off = vga.cursor_start.CO or first > last or first >= HEIGHT
        if off or row == 0 or vga.frames() // CURSOR_FRAMES % 2:
            return None
        place = (vga.cursor_location_high << 8 | vga.cursor_location_low) - start
        at = place // row, place % row
        columns, rows = self._text_size()
        return at if 0 <= at[0] < rows and at[1] < columns else None

    def _drawn(self, screen: TextScreen) -> Pixels:
        dots = glyphs()[screen.characters]  # rows, columns, lines, dots
        if screen.cursor is not None:
            vga = self._vga
            dots[screen.cursor][vga.cursor_start.RSCB : vga.cursor_end.RSCE + 1] = True
        above, below = screen.foreground[:, :, None, None], screen.background[:, :, None, None]
        cells = np.where(dots[..., None], above, below)
        rows, columns = screen.characters.shape
        return cells.swapaxes(1, 2).reshape(rows * HEIGHT, columns * WIDTH, 3)

    # -- graphics ------------------------------------------------------------

    def _graphics_size(self) -> tuple[int, int]:
        vga = self._vga
        repeats = (vga.maximum_scan_line.MSL + 1) << vga.maximum_scan_line.DSC
        return (vga.horizontal_display_enable_end + 1) * 4, max(1, vga.shown_lines() // repeats)

    def _graphics(self) -> Pixels:
        """Return a picture of the VGA's own, a byte a pixel."""
        vga = self._vga
        width, height = self._graphics_size()
        start = 4 * (vga.start_address_high << 8 | vga.start_address_low)
        memory = np.frombuffer(self._memory.read(VGA_GRAPHICS_MEMORY, 1 << 16), dtype=np.uint8)
        where = start + 8 * vga.offset * np.arange(height)[:, None] + np.arange(width)
        return _colored(self._dac_colors(), memory[where % len(memory)])

    @staticmethod
    def _extent(mode: Mode) -> tuple[int, int]:
        """Return address and size of what is shown."""
        size = (mode.height - 1) * mode.pitch + mode.width * mode.pixel_bytes
        return FRAMEBUFFER + mode.start, size

    def _framebuffer(self, mode: Mode) -> Pixels:
        """Return what is in video memory."""
        memory = self._memory.read(*self._extent(mode))
        lines = np.frombuffer(memory.ljust(mode.height * mode.pitch, b"\0"), dtype=np.uint8)
        whole = lines.reshape(mode.height, mode.virt_width, mode.pixel_bytes)
        pixels = whole[:, : mode.width]
        if mode.pixel_bytes == 1:
            return _colored(self._dac_colors(), pixels[:, :, 0])
        if mode.pixel_bytes == 2:
            return _expanded(pixels.view("<u2")[:, :, 0], 6 if mode.bpp == 16 else 5)
        return np.ascontiguousarray(pixels[:, :, 2::-1])  # blue comes first

    # -- colors --------------------------------------------------------------

    def _dac_colors(self) -> Pixels:
        """Return the 256 colors of the DAC, of 8 bits instead of 6."""
        six = np.frombuffer(self._vga.dac, dtype=np.uint8).reshape(-1, 3)
        return _colored(
            six << 2 | six >> 4, np.arange(len(six), dtype=np.uint8) & self._vga.pel_mask
        )

    def _text_colors(self) -> Pixels:
        """Return the 16 colors of text."""
        vga = self._vga
        numbers = np.frombuffer(vga.palette, dtype=np.uint8)
        numbers = numbers[np.arange(16) & vga.color_plane_enable & 0x0F]
        if vga.attribute_mode.P54:
            numbers = numbers & 0x0F | vga.color_select.C54 << 4
        return _colored(self._dac_colors(), numbers | vga.color_select.C76 << 6)


def _colored(colors: npt.NDArray[Any], numbers: npt.NDArray[Any]) -> Pixels:
    """Return the color of each of ``numbers``."""
    found: Pixels = colors[numbers]
    return found


def _expanded(pixels: npt.NDArray[np.uint16], green_bits: int) -> Pixels:
    """Return pixels of 5:6:5 or 5:5:5 bits with 8 bits each, white staying white."""
    red = pixels >> green_bits + 5 & 31
    green = pixels >> 5 & (1 << green_bits) - 1
    blue = pixels & 31
    parts = (
        red << 3 | red >> 2,
        green << 8 - green_bits | green >> 2 * green_bits - 8,
        blue << 3 | blue >> 2,
    )
    return np.stack(parts, axis=-1).astype(np.uint8)
