"""Pictures that can be checked dot by dot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.clock import Clock, tick_of_count
from vectoros.devices.vbe import Vbe
from vectoros.devices.vga import Vga
from vectoros.errors import UsageError
from vectoros.font import glyphs
from vectoros.layout import (
    FRAMEBUFFER,
    FRAMEBUFFER_SIZE,
    TEXT_MEMORY,
    VGA_GRAPHICS_MEMORY,
    VIDEO_MEMORY,
)
from vectoros.memory import Memory
from vectoros.screen import Pixels, Screen
from vectoros.units import MIB

BLACK, BLUE, BROWN, GREY, YELLOW, WHITE = (
    (0, 0, 0), (0, 0, 170), (170, 85, 0), (170, 170, 170), (255, 255, 85), (255, 255, 255),
)  # fmt: skip
FRAME_DOTS, DOT_CLOCK_HZ = 800 * 449, 25_175_000
XRES, YRES, BPP, ENABLE, VIRT_WIDTH, X_OFFSET, Y_OFFSET = 1, 2, 3, 4, 6, 8, 9

MODE_13H = {
    "attribute": {0x10: 0x41},
    0x3C4: {1: 0x01, 4: 0x0E},
    0x3CE: {5: 0x40, 6: 0x05},
    0x3D4: {0x09: 0x41, 0x13: 0x28},
}
"""What a BIOS programs for 320x200 with 256 colors, where that differs from text."""


@dataclass
class Rig:
    clock: Clock
    memory: Memory
    vga: Vga
    vbe: Vbe
    screen: Screen

    def put(self, port: int, number: int, value: int) -> None:
        self.vga.write(port - 0x3B0, 2, value << 8 | number)

    def attribute(self, number: int, value: int) -> None:
        self.vga.read(0x2A, 1)
        self.vga.write(0x10, 1, number)
        self.vga.write(0x10, 1, value)
        self.vga.write(0x10, 1, 0x20)

    def set_mode(self, width: int, height: int, bpp: int, **more: int) -> None:
        names = {"virt_width": VIRT_WIDTH, "x_offset": X_OFFSET, "y_offset": Y_OFFSET}
        later = [(names[name], value) for name, value in more.items()]
        for number, value in [(XRES, width), (YRES, height), (BPP, bpp), (ENABLE, 0x41), *later]:
            self.vbe.write(0, 2, number)
            self.vbe.write(1, 2, value)

    def write(self, row: int, column: int, text: bytes, attribute: int) -> None:
        cells = b"".join(bytes([character, attribute]) for character in text)
        self.memory.write(TEXT_MEMORY + 2 * (80 * row + column), cells)

    def frame(self, number: int) -> None:
        self.clock.set(tick_of_count(number * FRAME_DOTS, DOT_CLOCK_HZ))


@pytest.fixture
def rig() -> Rig:
    return make()


def make() -> Rig:
    clock, memory = Clock(), Memory(MIB, VIDEO_MEMORY)
    vga = Vga(clock)
    clear = lambda size: memory.clear(FRAMEBUFFER, size)  # noqa: E731
    vbe = Vbe(clock, memory=FRAMEBUFFER_SIZE, clear=clear)
    rig = Rig(clock, memory, vga, vbe, Screen(memory, vga, vbe, clock))
    rig.put(0x3D4, 0x0A, 0x20)  # no cursor, until a test wants it
    return rig


def cell(pixels: Pixels, row: int, column: int) -> Pixels:
    return pixels[16 * row : 16 * row + 16, 8 * column : 8 * column + 8]


def expected(character: int, above: tuple[int, ...], below: tuple[int, ...]) -> Pixels:
    """Return the dots of a character's cell."""
    dots = glyphs()[character][:, :, None]
    return np.where(dots, np.array(above, np.uint8), np.array(below, np.uint8))


# Text.


def test_power_on_is_a_black_text_screen(rig: Rig) -> None:
    assert (rig.screen.mode, rig.screen.size) == ("text", (640, 400))
    pixels = rig.screen.pixels()
    assert pixels.shape == (400, 640, 3)
    assert pixels.dtype == np.uint8
    assert not pixels.any()
    assert rig.screen.text() == "\n" * 24


def test_a_character_is_its_glyph_in_the_colors_of_its_attribute(rig: Rig) -> None:
    rig.write(3, 7, b"A\xdb", 0x1E)
    rig.write(24, 79, b"\xc9", 0x67)
    pixels = rig.screen.pixels()
    assert np.array_equal(cell(pixels, 3, 7), expected(ord("A"), YELLOW, BLUE))
    assert np.array_equal(cell(pixels, 3, 8), expected(0xDB, YELLOW, BLUE))
    assert np.array_equal(cell(pixels, 24, 79), expected(0xC9, GREY, BROWN))
    pixels[48:64, 56:72] = pixels[384:, 632:] = 0
    assert not pixels.any()


def test_text_is_rows_of_code_page_437_without_spaces_at_their_ends(rig: Rig) -> None:
    rig.write(0, 0, b"\xc9\xcd\xbb", 7)
    rig.write(1, 2, b"x = \xe1\0 \xff", 7)
    assert rig.screen.text().rstrip("\n") == "╔═╗\n  x = ß"


@given(
    st.integers(0, 24), st.integers(0, 79), st.integers(0, 255), st.integers(0, 255), st.booleans()
)
def test_any_cell_is_drawn_where_it_is(
    row: int, column: int, character: int, attribute: int, blinking: bool
) -> None:
    rig = make()
    rig.attribute(0x10, 0x0C if blinking else 0x04)
    rig.write(row, column, bytes([character]), attribute)
    colors = rig.screen._text_colors()
    above = colors[attribute & 15]
    below = colors[attribute >> 4 & (7 if blinking else 15)]
    found = cell(rig.screen.pixels(), row, column)
    assert np.array_equal(found, expected(character, tuple(above), tuple(below)))


def test_the_start_address_scrolls_and_memory_wraps(rig: Rig) -> None:
    rig.write(1, 0, b"second", 7)
    rig.put(0x3D4, 0x0D, 80)
    assert rig.screen.text().startswith("second\n")
    rig.put(0x3D4, 0x0C, 0x3F)
    rig.put(0x3D4, 0x0D, 0xFE)  # two cells before the end of 32 KiB
    rig.memory.write(TEXT_MEMORY + 0x7FFC, b"a\7b\7")
    rig.write(0, 0, b"c", 7)
    assert rig.screen.text().startswith("abc")


def test_another_number_of_columns_and_rows(rig: Rig) -> None:
    rig.put(0x3D4, 0x11, 0)
    rig.put(0x3D4, 0x01, 39)
    rig.put(0x3D4, 0x13, 20)
    rig.put(0x3D4, 0x09, 0x07)
    assert rig.screen.size == (320, 50 * 16)
    rig.memory.write(TEXT_MEMORY + 2 * 40, b"x\7")
    assert rig.screen.text().startswith("\nx\n")


def test_blinking_follows_the_frames_of_virtual_time(rig: Rig) -> None:
    rig.write(0, 0, b"B", 0x97)
    shown, hidden = expected(ord("B"), GREY, BLUE), expected(0, GREY, BLUE)
    for frame, dots in [(0, shown), (31, shown), (32, hidden), (63, hidden), (64, shown)]:
        rig.frame(frame)
        assert np.array_equal(cell(rig.screen.pixels(), 0, 0), dots), frame


def test_without_blinking_the_bit_is_the_backgrounds(rig: Rig) -> None:
    rig.attribute(0x10, 0x04)
    rig.write(0, 0, b"B", 0xF0)
    for frame in (0, 32):
        rig.frame(frame)
        assert np.array_equal(cell(rig.screen.pixels(), 0, 0), expected(ord("B"), BLACK, WHITE))


def test_the_cursor_is_lines_of_the_foreground_and_blinks(rig: Rig) -> None:
    rig.write(2, 5, b"_", 0x17)
    for number, value in [(0x0A, 0x0D), (0x0B, 0x0E), (0x0E, 0), (0x0F, 165)]:
        rig.put(0x3D4, number, value)
    under = expected(ord("_"), GREY, BLUE)
    lit = under.copy()
    lit[13:15] = GREY
    for frame, dots in [(0, lit), (15, lit), (16, under), (31, under), (32, lit)]:
        rig.frame(frame)
        assert np.array_equal(cell(rig.screen.pixels(), 2, 5), dots), frame


@pytest.mark.parametrize(
    ("number", "value"),
    [(0x0A, 0x2D), (0x0B, 0x0C), (0x0A, 0x10), (0x0E, 0x7F), (0x13, 0)],
    ids=["off", "end before start", "below the character", "beyond the screen", "no rows"],
)
def test_there_is_no_cursor(rig: Rig, number: int, value: int) -> None:
    rig.memory.write(TEXT_MEMORY, b"\0\7" * 2000)
    rig.put(0x3D4, 0x0A, 0x0D)
    assert rig.screen.pixels().any()
    rig.put(0x3D4, number, value)
    assert not rig.screen.pixels().any()


def test_a_palette_register_and_the_dac_change_a_color(rig: Rig) -> None:
    rig.write(0, 0, b"\xdb", 0x01)
    rig.attribute(0x01, 0x3F)
    assert tuple(rig.screen.pixels()[0, 0]) == WHITE
    rig.vga.write(0x18, 1, 0x3F)
    for value in (63, 32, 1):
        rig.vga.write(0x19, 1, value)
    assert tuple(rig.screen.pixels()[0, 0]) == (255, 130, 4)
    rig.vga.write(0x16, 1, 0x00)  # the mask leaves color 0
    assert tuple(rig.screen.pixels()[0, 0]) == BLACK


# Graphics.


def test_32_bits_are_blue_green_red(rig: Rig) -> None:
    rig.set_mode(320, 200, 32)
    rig.memory.write(FRAMEBUFFER, bytes([1, 2, 3, 99, 4, 5, 6, 99]))
    rig.memory.write(FRAMEBUFFER + 320 * 200 * 4 - 4, bytes([7, 8, 9, 99]))
    assert (rig.screen.mode, rig.screen.size) == ("graphics", (320, 200))
    pixels = rig.screen.pixels()
    assert pixels.shape == (200, 320, 3)
    assert pixels.dtype == np.uint8
    assert pixels[0, :2].tolist() == [[3, 2, 1], [6, 5, 4]]
    assert pixels[199, 319].tolist() == [9, 8, 7]
    assert np.count_nonzero(pixels) == 9


@pytest.mark.parametrize(
    ("bpp", "data", "color"),
    [
        (24, "010203", (3, 2, 1)),
        (16, "ffff", (255, 255, 255)),
        (16, "00f8", (255, 0, 0)),
        (16, "e007", (0, 255, 0)),
        (16, "1084", (132, 130, 132)),
        (15, "ff7f", (255, 255, 255)),
        (15, "e003", (0, 255, 0)),
        (15, "007c", (255, 0, 0)),
        (8, "0e", (170, 170, 85)),
    ],
)
def test_other_depths(rig: Rig, bpp: int, data: str, color: tuple[int, ...]) -> None:
    rig.set_mode(16, 4, bpp)
    size = len(data) // 2
    rig.memory.write(FRAMEBUFFER + size * 17, bytes.fromhex(data))
    assert tuple(rig.screen.pixels()[1, 1]) == color


def test_a_picture_wider_than_the_screen_is_panned(rig: Rig) -> None:
    rig.set_mode(8, 2, 32, virt_width=20, x_offset=3, y_offset=5)
    memory = np.arange(20 * 20, dtype="<u4").tobytes()
    rig.memory.write(FRAMEBUFFER, memory)
    assert rig.screen.pixels()[:, :, 2].tolist() == [[*range(103, 111)], [*range(123, 131)]]


def test_the_last_byte_of_video_memory_can_be_shown(rig: Rig) -> None:
    rig.set_mode(1024, 1024, 32, y_offset=1024)
    rig.memory.write(VIDEO_MEMORY.last - 3, bytes([1, 2, 3, 4]))
    assert rig.screen.pixels()[-1, -1].tolist() == [3, 2, 1]


def test_setting_a_mode_clears_video_memory_and_leaving_it_shows_text_again(rig: Rig) -> None:
    rig.memory.write(FRAMEBUFFER, b"\xff" * 5000)
    rig.set_mode(64, 8, 32)
    assert rig.memory.read(FRAMEBUFFER, 5000) == bytes(2048) + b"\xff" * 2952
    rig.vbe.write(0, 2, ENABLE)
    rig.vbe.write(1, 2, 0)
    assert rig.screen.mode == "text"


def test_320_by_200_with_256_colors(rig: Rig) -> None:
    for port, values in MODE_13H.items():
        for number, value in values.items():
            if isinstance(port, int):
                rig.put(port, number, value)
            else:
                rig.attribute(number, value)
    assert (rig.screen.mode, rig.screen.size) == ("graphics", (320, 200))
    rig.memory.write(VGA_GRAPHICS_MEMORY + 321, b"\x3f")
    pixels = rig.screen.pixels()
    assert tuple(pixels[1, 1]) == WHITE
    assert np.count_nonzero(pixels) == 3


# No text, no picture.


def test_text_in_a_graphics_mode_is_an_error_that_says_so(rig: Rig) -> None:
    rig.set_mode(64, 8, 32)
    with pytest.raises(UsageError, match=r"^the screen is in graphics mode, so it shows no text$"):
        rig.screen.text()


@pytest.mark.parametrize("why", ["screen off", "palette off", "planes"])
def test_a_screen_that_is_off_or_in_a_mode_with_planes_is_black(rig: Rig, why: str) -> None:
    rig.write(0, 0, b"\xdb", 7)
    if why == "screen off":
        rig.put(0x3C4, 1, 0x21)
    elif why == "palette off":
        rig.vga.read(0x2A, 1)
        rig.vga.write(0x10, 1, 0x00)
    else:
        rig.put(0x3CE, 6, 0x05)
    assert rig.screen.mode == "blank"
    assert rig.screen.pixels().shape == (400, 640, 3)
    assert not rig.screen.pixels().any()
    with pytest.raises(UsageError, match="in blank mode"):
        rig.screen.text()


# Looking.


def test_the_source_changes_with_all_that_the_picture_depends_on(rig: Rig) -> None:
    seen = [rig.screen.source()]

    def changed() -> bool:
        seen.append(rig.screen.source())
        return seen[-1] != seen[-2] and rig.screen.source() == seen[-1]

    rig.write(24, 79, b"x", 7)
    assert changed()
    rig.attribute(3, 9)
    assert changed()
    rig.frame(16)
    assert changed()
    rig.set_mode(64, 8, 32)
    assert changed()
    rig.memory.write(FRAMEBUFFER + 64 * 8 * 4 - 1, b"\1")
    assert changed()
    rig.memory.write(FRAMEBUFFER + 64 * 8 * 4, b"\1")
    assert not changed()


def test_looking_changes_nothing(rig: Rig) -> None:
    before = rig.vga.state(), rig.vbe.state(), rig.memory.ram.digest()
    rig.screen.pixels()
    rig.screen.source()
    rig.screen.text()
    assert (rig.vga.state(), rig.vbe.state(), rig.memory.ram.digest()) == before
