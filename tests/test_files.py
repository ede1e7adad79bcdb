"""Files of the host."""

from __future__ import annotations

import os
import stat
from hashlib import sha256 as digest
from pathlib import Path

import pytest

from vectoros import files
from vectoros.errors import BadFileError


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a\r\nb\n")
    assert files.read_bytes(path) == b"a\r\nb\n"
    assert files.read_text(path) == "a\nb\n"
    assert files.sha256(path) == digest(b"a\r\nb\n").hexdigest()


def test_what_is_not_a_file_is_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"ab\xe9")
    cases = {
        tmp_path / "missing": "cannot be read: No such file or directory",
        tmp_path: "is a directory and not a file",
        tmp_path / "pipe": "is a pipe, a socket or a device and not a file",
        Path("/dev/zero"): "is a pipe, a socket or a device and not a file",
        tmp_path / "latin": "is not UTF-8 text: byte 2 is wrong",
        tmp_path / "latin" / "below": "cannot be read: Not a directory",
        Path("nul\0byte"): "cannot be read: embedded null byte",
    }
    for path, why in cases.items():
        with pytest.raises(BadFileError) as caught:
            files.read_text(path)
        assert str(caught.value) == f"{path}: {why}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0)
    with pytest.raises(BadFileError, match="cannot be read: Permission denied"):
        files.read_bytes(path)


def test_writing_makes_a_file_or_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "out"
    files.write_atomic(path, b"one")
    assert path.read_bytes() == b"one"
    files.write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["out"]


def test_a_new_file_has_the_usual_mode_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "out"
    mask = os.umask(0o027)
    try:
        files.write_atomic(path, b"")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    files.write_atomic(path, b"again")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(BadFileError) as caught:
        files.write_atomic(path, b"new")
    assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_atomic(tmp_path / "out", b"new")
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="cannot be written: No such file or directory"):
        files.write_atomic(tmp_path / "missing" / "out", b"")
    with pytest.raises(BadFileError, match="cannot be written: it is a directory and not a file"):
        files.write_atomic(tmp_path, b"")
    with pytest.raises(BadFileError, match="cannot be written: it is a pipe, a socket or a device"):
        files.write_atomic(Path("/dev/null"), b"")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    files.write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_names_may_be_plain_text(tmp_path: Path) -> None:
    name = str(tmp_path / "out")
    files.write_atomic(name, b"text")
    assert files.read_text(name) == "text"
    with pytest.raises(BadFileError, match=r"^nul.byte: cannot be written: embedded null byte$"):
        files.write_atomic("nul\0byte", b"")


def test_an_error_of_the_reader_is_not_taken_for_one_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_bytes(b"no number")
    with pytest.raises(ValueError, match="invalid literal"), files.reading(path) as file:
        int(file.read())


def test_an_error_while_reading_is_one_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    error = pytest.raises(BadFileError, match="cannot be read: Input/output error")
    with error, files.reading(path):
        raise OSError(5, os.strerror(5))
