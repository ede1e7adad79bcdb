"""The archive that Linux unpacks: readable by cpio, and the same bytes every time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from vectoros import cli
from vectoros.image.initramfs import (
    APPLETS,
    DIRECTORY,
    LINK,
    PROGRAM,
    Entry,
    archive,
    busybox_initramfs,
)

FILES = {
    "init": Entry(PROGRAM, b"#!/bin/sh\n"),
    "bin": Entry(DIRECTORY),
    "bin/sh": Entry(LINK, b"busybox"),
}


NAMES = (
    "ino", "mode", "uid", "gid", "nlink", "mtime", "filesize", "maj", "min", "rmaj", "rmin",
    "namesize", "check",
)  # fmt: skip


def members(data: bytes) -> list[tuple[str, int, bytes, dict[str, int]]]:
    """Read an archive as the kernel's documentation says: name, mode, contents, all numbers."""
    found, at = [], 0
    while at < len(data):
        assert data[at : at + 6] == b"070701"
        words = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        head = dict(zip(NAMES, words, strict=True))
        name = data[at + 110 : at + 110 + head["namesize"]]
        assert name.endswith(b"\0")
        start = at + 110 + head["namesize"] + 3 & ~3
        end = start + head["filesize"]
        found.append((name[:-1].decode(), head["mode"], data[start:end], head))
        at = end + 3 & ~3
    return found


def test_directories_come_before_what_is_in_them_and_a_trailer_ends_it() -> None:
    found = [(name, mode, data) for name, mode, data, _ in members(archive(FILES))]
    assert found == [
        ("bin", 0o40755, b""),
        ("bin/sh", 0o120777, b"busybox"),
        ("init", 0o100755, b"#!/bin/sh\n"),
        ("TRAILER!!!", 0, b""),
    ]


def test_nothing_depends_on_the_host_or_the_order() -> None:
    backwards = dict(reversed(FILES.items()))
    assert archive(backwards) == archive(FILES)
    for number, (name, _, _, head) in enumerate(members(archive(FILES)), 1):
        assert (head["uid"], head["gid"], head["mtime"]) == (0, 0, 0)
        assert head["ino"] == (0 if name == "TRAILER!!!" else number)


def test_the_shell_has_an_init_and_its_programs() -> None:
    found = {name: data for name, _, data, _ in members(busybox_initramfs(b"ELF"))}
    assert found["bin/busybox"] == b"ELF"
    assert {found[f"bin/{name}"] for name in APPLETS} == {b"busybox"}
    assert found["init"].startswith(b"#!/bin/sh\n")


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio not found; install cpio")
def test_cpio_reads_it() -> None:
    done = subprocess.run(["cpio", "-t"], input=archive(FILES), capture_output=True, check=True)
    assert done.stdout.decode().split() == ["bin", "bin/sh", "init"]


def test_the_command_makes_it_of_a_busybox(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "busybox").write_bytes(b"ELF")
    out = tmp_path / "shell.cpio"
    words = ["image", "initramfs", "-o", str(out), "--busybox", str(tmp_path / "busybox")]
    assert cli.main(words) == 0
    assert out.read_bytes() == busybox_initramfs(b"ELF")
    assert f"{out}: {out.stat().st_size} bytes, SHA-256 " in capsys.readouterr().out
    words[-1] = str(tmp_path / "missing")
    assert cli.main(words) == 65
    assert "missing: cannot be read" in capsys.readouterr().err
