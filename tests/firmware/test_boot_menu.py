"""The boot menu of the committed image, as somebody at a terminal meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.kernel.boot_record import BOOT_RECORD, COMMAND_LINE, COMMAND_LINE_SIZE

IMAGE = Path(__file__).parents[2] / "images" / "dev.img"
LOADED = "boot. loaded"


class Booting:
    """A machine on its way to the kernel, which it never enters."""

    def __init__(self, append: str = "") -> None:
        self.machine = Machine.from_image(IMAGE, append=append, memory="16M")

    def type(self, *keys: str) -> None:
        """Press ``keys``, with time to look at each."""
        for key in keys:
            self.machine.serial.send(key)
            self.machine.run(for_="120ms")

    def command_line(self) -> str:
        """Go on to where everything is loaded; return what the kernel would be told."""
        self.machine.serial.expect(LOADED, timeout="7s")
        raw = self.machine.memory.read(BOOT_RECORD + COMMAND_LINE, COMMAND_LINE_SIZE)
        return raw.split(b"\0")[0].decode("ascii")

    @property
    def menu(self) -> bool:
        return "VectorOS boot menu" in self.machine.serial.text


@pytest.fixture
def booting() -> Iterator[type[Booting]]:
    made: list[Machine] = []

    class Made(Booting):
        def __init__(self, append: str = "") -> None:
            super().__init__(append)
            made.append(self.machine)

    yield Made
    for machine in made:
        machine.close()


def test_without_a_key_there_is_no_menu_and_little_delay(booting: type[Booting]) -> None:
    boot = booting("quiet")
    assert boot.command_line() == "quiet"
    assert not boot.menu
    assert boot.machine.clock.now < 4 * 300_000_000, "300 ms of virtual time"


def test_what_was_typed_ahead_is_for_the_system(booting: type[Booting]) -> None:
    boot = booting()
    boot.machine.serial.send("help\n")
    boot.command_line()
    assert not boot.menu
    assert bytes(boot.machine.pc.uart.fifo) == b"help\n"


def test_a_key_calls_the_menu_and_a_digit_starts(booting: type[Booting]) -> None:
    boot = booting("quiet")
    boot.machine.run(for_="100ms")
    boot.type(" ", "2")
    assert boot.menu
    assert boot.command_line() == "quiet recovery"


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["\r"], ""),
        (["1"], ""),
        (["\x1b[B", "\r"], "recovery"),
        (["\x1b[A", "\x1b[A", "\r"], ""),
        (["x", "\x1b[B", "\n"], "recovery"),
        (["e", "a b", "\r", "\r"], "a b"),
        (["e", "abc\x7f\b", "d\r", "2"], "ad recovery"),
        (["e", "\b\b", "recovery\r", "2"], "recovery"),
    ],
)
def test_the_menu_does_as_it_says(booting: type[Booting], keys: list[str], line: str) -> None:
    boot = booting()
    boot.machine.run(for_="100ms")
    boot.type(" ", *keys)
    assert boot.menu
    assert boot.command_line() == line


def test_a_word_of_the_command_line_calls_it_and_it_gives_up_waiting(
    booting: type[Booting],
) -> None:
    boot = booting("menu")
    assert boot.command_line() == "menu"
    assert boot.menu
    assert boot.machine.clock.now > 4 * 4_900_000_000, "five seconds of virtual time"


def test_a_word_that_only_looks_like_it_does_not(booting: type[Booting]) -> None:
    boot = booting("menus xmenu men")
    boot.command_line()
    assert not boot.menu


def test_the_editor_takes_no_more_than_there_is_room_for(booting: type[Booting]) -> None:
    boot = booting()
    boot.machine.run(for_="100ms")
    boot.type(" ", "e")
    boot.machine.serial.send("y" * 200)
    boot.machine.run(for_="1s")
    boot.type("\r", "2")
    assert boot.command_line() == "y" * 117 + " recovery"
