from __future__ import annotations

import gc
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.disk import DiskImage
from vectoros.errors import BadFileError

BOOTABLE = b"\xeb\xfe".ljust(510, b"\0") + b"\x55\xaa"


def image(folder: Path, data: bytes) -> Path:
    path = folder / "disk.img"
    path.write_bytes(data)
    return path


def test_sectors_are_read_from_the_file(tmp_path: Path) -> None:
    disk = DiskImage(image(tmp_path, b"".join(bytes([n]) * 512 for n in range(4))))
    assert (disk.size, disk.sectors) == (2048, 4)
    assert disk.read(1, 2) == b"\1" * 512 + b"\2" * 512
    assert disk.read(0, 1) == bytes(512)


@given(st.binary(min_size=1, max_size=1200), st.integers(0, 4), st.integers(1, 4))
def test_what_the_file_lacks_reads_as_zeros(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, lba: int, count: int
) -> None:
    disk = DiskImage(image(tmp_path_factory.mktemp("disk"), data))
    assert disk.sectors == (len(data) + 511) // 512
    padded = data.ljust(8 * 512, b"\0")
    assert disk.read(lba, count) == padded[lba * 512 : (lba + count) * 512]
    disk.close()


def test_a_file_that_someone_cuts_short_meanwhile_reads_as_zeros(tmp_path: Path) -> None:
    path = image(tmp_path, b"x" * 1024)
    disk = DiskImage(path)
    os.truncate(path, 100)
    assert disk.read(0, 2) == b"x" * 100 + bytes(924)


def test_a_boot_sector_is_what_a_bios_would_boot(tmp_path: Path) -> None:
    assert DiskImage(image(tmp_path, BOOTABLE + bytes(512))).boot_sector() == BOOTABLE


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (BOOTABLE[:511], "has 511 bytes, and a boot sector has 512"),
        (bytes(512), "is not bootable: its first sector ends in 00 00, not 55 AA"),
        (
            BOOTABLE[:510] + b"\xaa\x55",
            "is not bootable: its first sector ends in AA 55, not 55 AA",
        ),
    ],
)
def test_what_a_bios_would_not_boot_is_refused(tmp_path: Path, data: bytes, rule: str) -> None:
    path = image(tmp_path, data)
    with pytest.raises(BadFileError) as refusal:
        DiskImage(path).boot_sector()
    assert str(refusal.value) == f"{path}: {rule}"


def test_what_is_no_image_is_refused_and_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    cases = {
        tmp_path / "missing": "cannot be read: No such file or directory",
        tmp_path: "is a directory and not a file",
        tmp_path / "pipe": "is a pipe, a socket or a device and not a file",
        image(tmp_path, b""): "is empty, and a disk image has at least one sector",
    }
    for path, rule in cases.items():
        with pytest.raises(BadFileError) as refusal:
            DiskImage(path)
        assert str(refusal.value) == f"{path}: {rule}"
        assert refusal.value.status == 65


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(13, os.strerror(13))

    path = image(tmp_path, BOOTABLE)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(BadFileError, match="cannot be read: Permission denied"):
        DiskImage(path)


def test_a_read_only_image_serves_and_is_not_changed(tmp_path: Path) -> None:
    path = image(tmp_path, BOOTABLE)
    path.chmod(0o444)
    disk = DiskImage(str(path))
    assert disk.boot_sector() == path.read_bytes() == BOOTABLE
    assert disk.sha256 == hashlib.sha256(BOOTABLE).hexdigest()


def test_the_file_is_let_go_of_with_the_image(tmp_path: Path) -> None:
    path = image(tmp_path, BOOTABLE)
    gc.collect()
    before = os.listdir("/proc/self/fd")
    closed, dropped = DiskImage(path), DiskImage(path)
    closed.close()
    closed.close()
    del dropped
    assert os.listdir("/proc/self/fd") == before
