"""The display on a pseudo-terminal, with a clock that the test turns."""

from __future__ import annotations

import os
import pty
import re
import select
from collections.abc import Iterator

import pytest

from vectoros.api import Machine
from vectoros.display.terminal import ENTER, HINT, INTERVAL_S, LEAVE_SCREEN, TerminalDisplay
from vectoros.layout import FRAMEBUFFER, TEXT_MEMORY

GREY_ON_BLACK = "\x1b[38;2;170;170;170;48;2;0;0;0m"


class Rig:
    """A machine that stands still, and a terminal that shows it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.machine = Machine()
        self.now = 0.0
        self.display = TerminalDisplay(
            self.machine.screen, self.machine.keyboard, self.slave, lambda: self.now
        )
        self.resize(80, 25)

    def resize(self, columns: int, rows: int) -> None:
        import termios

        termios.tcsetwinsize(self.slave, (rows, columns))

    def seen(self) -> str:
        """Return what has come since the last look."""
        found = b""
        while select.select([self.master], [], [], 0)[0]:
            found += os.read(self.master, 65536)
        return found.decode()

    def later(self) -> str:
        """Let the interval pass, and return what is drawn."""
        self.now += 2 * INTERVAL_S
        drawn = ""
        for _ in range(100):  # a terminal takes a few KiB at a time
            self.display.refresh()
            more = self.seen()
            drawn += more
            if not more:
                return drawn
        raise AssertionError("it never comes to an end")

    def write(self, row: int, text: bytes) -> None:
        cells = b"".join(bytes([character, 7]) for character in text)
        self.machine.memory.write(TEXT_MEMORY + 160 * row, cells)

    def close(self) -> None:
        self.machine.close()
        for fd in (self.master, self.slave):
            os.close(fd)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


def plain(drawn: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x18", "", drawn)


def test_the_terminal_is_taken_over_and_given_back(rig: Rig) -> None:
    with rig.display:
        assert rig.seen().startswith(ENTER)
    assert rig.seen().endswith(LEAVE_SCREEN)
    rig.display.restore()
    assert rig.seen() == ""


def test_it_is_given_back_after_an_exception(rig: Rig) -> None:
    with pytest.raises(KeyError), rig.display:
        raise KeyError
    assert rig.seen().endswith(LEAVE_SCREEN)


def test_only_rows_that_changed_are_drawn_and_only_when_it_is_time(rig: Rig) -> None:
    rig.write(0, b"first")
    with rig.display:
        assert "first" in plain(rig.seen() + rig.later())
        rig.write(7, b"eighth")
        rig.display.refresh()
        assert rig.seen() == ""
        drawn = rig.later()
        assert drawn.startswith(f"\x1b[8;1H{GREY_ON_BLACK}eighth\x1b")
        assert "first" not in drawn
        assert rig.later() == ""


def test_a_larger_terminal_says_how_to_leave_and_a_new_size_draws_all(rig: Rig) -> None:
    rig.write(3, b"text")
    with rig.display:
        assert HINT not in rig.seen() + rig.later()
        rig.resize(90, 30)
        drawn = rig.later()
        assert f"\x1b[30;1H{HINT}" in drawn
        assert "text" in drawn


def test_a_picture_is_drawn_in_half_blocks(rig: Rig) -> None:
    vbe = rig.machine.pc.vbe
    with rig.display:
        rig.later()
        for number, value in [(1, 4), (2, 2), (3, 32), (4, 0x41)]:
            vbe.write(0, 2, number)
            vbe.write(1, 2, value)
        rig.machine.memory.write(FRAMEBUFFER, bytes.fromhex("0000ff0000ff0000"))
        drawn = rig.later()
    half = "\x1b[38;2;255;0;0;48;2;0;0;0m▀\x1b[38;2;0;255;0;48;2;0;0;0m▀"
    assert drawn.startswith(f"\x1b[0m\x1b[2J\x1b[1;1H{half}")


def test_a_terminal_that_stalls_does_not_hold_the_machine_up(rig: Rig) -> None:
    with rig.display:
        for number in range(200):  # nobody reads what has a color for each character
            cells = b"".join(bytes([65 + number % 26, 1 + column % 2]) for column in range(80))
            rig.machine.memory.write(TEXT_MEMORY + 160 * (number % 25), cells)
            rig.now += 1
            rig.display.refresh()
        drawn = plain(rig.later())
        assert drawn.endswith("R" * 80)  # what is there now: number 199
        assert len(drawn) < 100 * 80  # and not everything that was there in between


def test_a_terminal_that_has_gone_away_is_noticed(rig: Rig) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    display = TerminalDisplay(rig.machine.screen, rig.machine.keyboard, writer)
    with display:
        assert display.closed
    os.close(writer)


def test_keys_are_typed_on_the_keyboard_up_to_the_one_that_leaves(rig: Rig) -> None:
    assert not rig.display.type(b"a\x1b[A")
    assert rig.machine.keyboard.waiting == 4  # two keys, down and up
    assert rig.display.type(b"b\x1dc")
    assert rig.machine.keyboard.waiting == 6


def test_keys_that_a_pc_has_not_are_lost(rig: Rig) -> None:
    rig.display.type("é\x1b?\x1b[99~".encode())
    assert rig.machine.keyboard.waiting == 0
