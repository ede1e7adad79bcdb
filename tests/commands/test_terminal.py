"""``vectoros boot`` in a terminal: keys, the two that are ours, and the terminal afterwards."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Sector = Callable[[str], Path]
PATIENCE_S = 30
"""How long a test waits before it fails; none waits that long if all is well."""

TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""A program that makes its standard input the terminal that Ctrl-C comes from, and goes on."""


class Window:
    """A terminal with the command in it."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self.master, self.slave = pty.openpty()
        self.before = self.mode()
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *words],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**environment, "TERM": "xterm"},
            start_new_session=True,
        )

    def mode(self) -> list[Any]:
        return termios.tcgetattr(self.slave)

    @property
    def is_raw(self) -> bool:
        return not self.mode()[3] & (termios.ICANON | termios.ECHO)

    def wait_for(self, pattern: bytes) -> None:
        """Read what appears until ``pattern`` matches some of it."""
        end = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.seen):
            left = end - time.monotonic()
            assert left > 0, f"{pattern!r} did not appear in {self.seen!r}"
            if select.select([self.master], [], [], min(left, 0.1))[0]:
                self.seen += os.read(self.master, 4096)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> int:
        """Return the exit status, having read all that there is to read."""
        end = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, f"still runs; {self.seen!r}"
            self._drain(0.05)
        self._drain(0)
        return self.process.returncode

    def _drain(self, wait_s: float) -> None:
        while select.select([self.master], [], [], wait_s)[0]:
            self.seen += os.read(self.master, 4096)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)


Open = Callable[..., Window]


@pytest.fixture
def window(command: list[str], environment: dict[str, str]) -> Iterator[Open]:
    """A function that opens a window and runs the command with these arguments in it."""
    windows: list[Window] = []

    def open_window(
        *arguments: object, program: list[str] | None = None, colour: bool = False
    ) -> Window:
        words = program or [*command, *map(str, arguments)]
        windows.append(Window(words, {**environment, "NO_COLOR": "" if colour else "1"}))
        return windows[-1]

    yield open_window
    for each in windows:
        each.close()


def test_keys_reach_the_guest_one_by_one_and_unchanged(window: Open, sector: Sector) -> None:
    screen = window("boot", "--no-bios", sector("echo"))
    screen.wait_for(rb"Ctrl-C stops it.*\r\n\?")
    assert screen.is_raw
    for key, code in [(b"a", b"61 "), (b"\r", b"0d "), (b"\x1a", b"1a "), (b"\x1c", b"1c ")]:
        screen.type(key)
        screen.wait_for(code)
    screen.type(b"q")
    assert screen.end() == 0
    assert screen.mode() == screen.before
    assert b"?61 0d 1a 1c \r\nvectoros: powered off after " in screen.seen


def test_ctrl_c_stops_the_machine_and_says_where(window: Open, sector: Sector) -> None:
    screen = window("boot", "--no-bios", sector("spin"))
    screen.wait_for(b"!")
    screen.type(b"\x03")
    assert screen.end() == 130
    assert screen.mode() == screen.before
    assert re.search(rb"stopped by Ctrl-C: 0000:7c[0-9a-f]{2}, real mode, ring 0", screen.seen)


def test_ctrl_a_has_commands(window: Open, sector: Sector) -> None:
    screen = window("boot", "--no-bios", sector("echo"))
    screen.wait_for(rb"\?")
    screen.type(b"\x01c\x01\x01\x01a")
    screen.wait_for(b"03 01 01 ")
    screen.type(b"\x01h")
    screen.wait_for(b"after Ctrl-A: x stops the machine")
    screen.type(b"\x01x")
    assert screen.end() == 130
    assert screen.mode() == screen.before


def test_ctrl_c_stops_a_machine_that_sleeps_in_real_time(window: Open, sector: Sector) -> None:
    screen = window("boot", "--no-bios", sector("deaf"))
    screen.wait_for(b"Ctrl-C stops it")
    while not screen.is_raw:
        time.sleep(0.01)
    screen.type(b"\x03")
    assert screen.end() == 130
    assert screen.mode() == screen.before


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_the_terminal_as_it_was(
    window: Open, sector: Sector, number: int, status: int
) -> None:
    screen = window("boot", "--no-bios", sector("spin"))
    screen.wait_for(b"!")
    assert screen.is_raw
    screen.process.send_signal(number)
    assert screen.end() == status
    assert screen.mode() == screen.before


@pytest.mark.parametrize(("name", "status"), [("triple_fault", 70), ("exit7", 7)])
def test_any_end_of_the_guest_leaves_the_terminal_as_it_was(
    window: Open, sector: Sector, name: str, status: int
) -> None:
    screen = window("boot", "--no-bios", sector(name))
    assert screen.end() == status
    assert screen.mode() == screen.before


def test_a_crash_report_has_headings_in_bold_unless_no_color_is_set(
    window: Open, sector: Sector
) -> None:
    screen = window("boot", "--no-bios", sector("triple_fault"), colour=True)
    assert screen.end() == 70
    assert b"\x1b[1mGuest crash" in screen.seen
    plain = window("boot", "--no-bios", sector("triple_fault"))
    assert plain.end() == 70
    assert b"\x1b" not in plain.seen


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("raise RuntimeError('a bug')", 1),
        ("sys.exit(3)", 3),
        ("terminal.__exit__(None, None, None); terminal.restore()", 0),
    ],
)
def test_any_end_of_the_process_leaves_the_terminal_as_it_was(
    window: Open, end: str, status: int
) -> None:
    program = (
        "import sys; from vectoros.console import RawTerminal\n"
        "terminal = RawTerminal(0); terminal.__enter__(); print('raw', flush=True)\n"
        "sys.stdin.readline()\n" + end
    )
    screen = window(program=[sys.executable, "-c", program])
    screen.wait_for(b"raw")
    assert screen.is_raw
    screen.type(b"\n")
    assert screen.end() == status
    assert screen.mode() == screen.before


def test_a_window_that_is_closed_ends_the_run(window: Open, sector: Sector) -> None:
    screen = window("boot", "--no-bios", sector("chatter"))
    screen.wait_for(b"aaa")
    os.close(screen.master)
    os.close(screen.slave)
    screen.master = screen.slave = -1
    assert screen.process.wait(timeout=PATIENCE_S) in (0, 129)  # whichever is noticed first


def test_without_a_terminal_there_is_no_hint_and_a_time_limit(
    command: list[str], environment: dict[str, str], sector: Sector
) -> None:
    done = subprocess.run(
        [*command, "boot", "--no-bios", str(sector("deaf"))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        start_new_session=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 70
    assert b"Ctrl-C" not in done.stderr


def test_a_report_on_the_way_out_does_not_stay_on_the_guests_line(
    window: Open, sector: Sector
) -> None:
    screen = window("boot", "--no-bios", sector("echo"), "--max-time", "1us")
    assert screen.end() == 124
    assert b"?\r\nvectoros: stopped, its time is over" in screen.seen
