"""``--display``: pictures in files, the screen in a terminal, and a guest that cannot tell."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands.test_terminal import Window
from vectoros.display.terminal import ENTER, LEAVE_SCREEN

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Sector = Callable[[str], Path]
GREETING = "╔══╡ screen ╞══╗ ".encode()


def size(picture: Path) -> tuple[int, ...]:
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    return struct.unpack_from(">II", data, 16)


def test_the_picture_at_the_end_is_written_and_the_same_on_both_engines(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    image = sector("picture")
    pictures = [tmp_path / f"{engine}.png" for engine in ("fast", "portable")]
    for picture in pictures:
        done = run(
            "boot", "--no-bios", image, "--engine", picture.stem, "--display", f"png:{picture}"
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert size(pictures[0]) == (320, 200)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_a_picture_of_a_run_that_ends_badly_is_written_too(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    picture = tmp_path / "end.png"
    done = run("boot", "--no-bios", sector("triple_fault"), "--display", f"png:{picture}")
    assert done.returncode == 70
    assert size(picture) == (640, 400)


def test_a_snapshots_screen_is_restored(run: Run, sector: Sector, tmp_path: Path) -> None:
    saved, picture, whole = tmp_path / "saved", tmp_path / "restored.png", tmp_path / "whole.png"
    image = sector("picture")
    assert run("snapshot", "save", "--no-bios", image, "-o", saved, "--at", "100us").returncode == 0
    assert run("snapshot", "restore", saved, "--display", f"png:{picture}").returncode == 0
    assert run("boot", "--no-bios", image, "--display", f"png:{whole}").returncode == 0
    assert picture.read_bytes() == whole.read_bytes()


@pytest.fixture
def window(command: list[str], environment: dict[str, str]) -> Iterator[Callable[..., Window]]:
    windows: list[Window] = []

    def open_window(*arguments: object) -> Window:
        windows.append(Window([*command, *map(str, arguments)], environment))
        return windows[-1]

    yield open_window
    for each in windows:
        each.close()


def test_the_terminal_shows_the_screen_and_its_keys_are_the_keyboards(
    window: Callable[..., Window], sector: Sector
) -> None:
    shown = window("boot", "--no-bios", sector("screen"), "--display", "terminal")
    shown.wait_for(GREETING)
    assert ENTER.encode() in shown.seen
    assert shown.is_raw
    shown.type(b"a")
    shown.wait_for(b"1E9E")  # scan codes of set 1: A goes down, and up
    shown.type(b"\x1b[A")
    shown.wait_for(b"E048E0C8")
    shown.type(b"q")
    assert shown.end() == 0
    assert shown.mode() == shown.before
    assert b"vectoros: powered off after " in shown.seen.partition(LEAVE_SCREEN.encode())[2]


@pytest.mark.parametrize("key", [b"\x1d", b"\x03"])
def test_two_keys_leave_and_the_terminal_is_as_it_was(
    window: Callable[..., Window], sector: Sector, key: bytes
) -> None:
    shown = window("boot", "--no-bios", sector("screen"), "--display", "terminal")
    shown.wait_for(GREETING)
    shown.type(key)
    assert shown.end() == 130
    assert shown.mode() == shown.before
    assert LEAVE_SCREEN.encode() in shown.seen


def test_the_guest_cannot_tell_that_it_is_watched(
    window: Callable[..., Window], run: Run, sector: Sector, tmp_path: Path
) -> None:
    image, reports = sector("picture"), [tmp_path / name for name in ("none", "png", "terminal")]
    assert run("boot", "--no-bios", image, "--report", reports[0]).returncode == 0
    picture = f"png:{tmp_path / 'x.png'}"
    assert (
        run("boot", "--no-bios", image, "--report", reports[1], "--display", picture).returncode
        == 0
    )
    shown = window("boot", "--no-bios", image, "--report", reports[2], "--display", "terminal")
    assert shown.end() == 0
    hashes = {json.loads(report.read_text())["state_hash"] for report in reports}
    assert len(hashes) == 1


def test_the_serial_port_may_go_to_a_file_meanwhile(
    window: Callable[..., Window], sector: Sector, tmp_path: Path
) -> None:
    log = tmp_path / "serial"
    shown = window(
        "boot", "--no-bios", sector("hello"), "--display", "terminal", "--serial", f"file:{log}"
    )
    assert shown.end() == 0
    assert log.read_bytes() == b"hello\n"
    assert b"hello" not in shown.seen


def test_a_trace_on_the_same_terminal_is_refused(
    window: Callable[..., Window], sector: Sector
) -> None:
    shown = window("boot", "--no-bios", sector("hello"), "--display", "terminal", "--trace", "port")
    assert shown.end() == 2
    assert b"error: --trace needs a file, because --display takes the terminal\r\n" in shown.seen
    assert ENTER.encode() not in shown.seen


def test_an_explained_boot_on_the_same_terminal_is_refused(
    window: Callable[..., Window], sector: Sector
) -> None:
    shown = window("boot", "--no-bios", sector("hello"), "--display", "terminal", "--explain")
    assert shown.end() == 2
    assert b"error: --explain cannot be used while --display has the terminal\r\n" in shown.seen
    assert ENTER.encode() not in shown.seen
