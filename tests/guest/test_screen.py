"""The shell's text console on a framebuffer: what is on the screen, read back by its glyphs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.kernel_stubs.direct import ROOT, enter, pieces
from vectoros.api import Machine
from vectoros.config import Config
from vectoros.kernel.boot_record import Screen
from vectoros.units import MIB

SCREEN = Screen(base=48 * MIB, width=640, height=480, pitch=2560, bpp=32)
TOP, INK, PAPER = 160, 0xD0D0D0, 0x101820  # images/programs/screen.S and pixels.S
ROWS, COLUMNS = (480 - TOP) // 16, 640 // 8
FONT = Path(ROOT, "images", "programs", "font.S")


def glyphs() -> dict[bytes, str]:
    """Return the characters by their rows of pixels."""
    rows = re.findall(r"^\s*\.byte +(.*?) +# ", FONT.read_text(encoding="utf-8"), re.MULTILINE)
    found = [bytes(int(byte, 16) for byte in row.split(",")) for row in rows]
    return {glyph: chr(32 + index) for index, glyph in enumerate(found)}


class Display:
    """A machine with a framebuffer, at its prompt."""

    def __init__(self, engine: str) -> None:
        self.machine = Machine(Config(memory=64 * MIB, engine=engine))
        enter(self.machine, pieces(), SCREEN)
        self.machine.memory.write(SCREEN.base, b"\x55" * SCREEN.pitch * TOP)
        self.machine.serial.expect("vectoros> ", timeout="1s")

    def ask(self, line: str) -> None:
        self.machine.serial.send(line + "\n")
        self.machine.serial.expect("vectoros> ", timeout="1s")

    def pixels(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
        data = self.machine.memory.read(SCREEN.base, SCREEN.size)
        return np.frombuffer(data, dtype=np.uint32).reshape(SCREEN.height, SCREEN.width)

    def text(self) -> list[str]:
        """Return the lines on the screen, as their glyphs read."""
        known, pixels = glyphs(), self.pixels()[TOP:]
        lines = []
        for row in range(ROWS):
            cells = pixels[row * 16 : row * 16 + 16].reshape(16, COLUMNS, 8)
            assert set(np.unique(cells)) <= {INK, PAPER}
            bits = np.packbits(cells == INK, axis=2)[:, :, 0]
            lines.append("".join(known[bits[:, at].tobytes()] for at in range(COLUMNS)).rstrip())
        return lines


@pytest.mark.parametrize("engine", ["fast", "portable"])
def test_the_screen_shows_what_the_serial_line_does(engine: str) -> None:
    display = Display(engine)
    serial = display.machine.serial.text
    shown = serial[serial.index("\r\nVectorOS ready") :].split("\r\n")
    assert display.text()[: len(shown)] == [line.rstrip() for line in shown]


def test_the_screen_scrolls_below_the_logo_and_leaves_that_alone() -> None:
    display = Display("fast")
    for number in range(ROWS):
        display.ask(f"echo {number}")
    lines = display.text()
    assert lines[-1] == "vectoros>"
    assert lines[-3:-1] == [f"vectoros> echo {ROWS - 1}", str(ROWS - 1)]
    assert (display.pixels()[:TOP] == 0x5555_5555).all()


def test_backspace_erases_and_a_long_line_goes_on_below() -> None:
    display = Display("fast")
    display.ask("echo abx\b" + "c" * 80)
    lines = [line for line in display.text() if line]
    assert lines[1:] == [
        "vectoros> echo ab" + "c" * 63, "c" * 17, "ab" + "c" * 78, "c" * 2, "vectoros>",
    ]  # fmt: skip
