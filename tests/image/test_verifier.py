"""Verifying an image: every byte against its digest, every program against the rules."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros.elf import HEADER, PROGRAM_HEADER
from vectoros.image import format as fmt
from vectoros.image import read, verify
from vectoros.image.format import Entry

SHELL = 3  # its entry


def signed(image: bytes, entry: Entry, file: bytes) -> bytes:
    """Return ``image`` with ``file`` as its shell, and every digest in order."""
    base = fmt.HEADER_SIZE + SHELL * fmt.ENTRY_SIZE
    header = fmt.Header.unpack(image[fmt.SECTOR :])
    directory = bytearray(image[fmt.SECTOR : (1 + header.directory_sectors) * fmt.SECTOR])
    packed = replace(entry, digest=sha256(file).digest()).pack()
    directory[base : base + fmt.ENTRY_SIZE] = packed
    directory[: fmt.HEADER_SIZE] = replace(header, checksum=fmt.checksum(bytes(directory))).pack()
    start = entry.lba * fmt.SECTOR
    body = image[fmt.SECTOR + len(directory) : start] + file + image[start + entry.length :]
    return image[: fmt.SECTOR] + bytes(directory) + body


def test_verify_names_what_differs(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "image"
    damaged = bytearray(image)
    for byte in (0, 3 * fmt.SECTOR, 4 * fmt.SECTOR - 1):  # kernel.text is sector 3
        damaged[byte] ^= 1
    path.write_bytes(damaged)
    assert verify(read(path)) == [
        "the boot sector has another SHA-256 than the directory says",
        "kernel.text has another SHA-256 than the directory says",
        "the last sector of kernel.text is not zero after its end",
    ]


def test_verify_notices_a_file_that_has_shrunk_meanwhile(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    found = read(path)
    path.write_bytes(image[: 4 * fmt.SECTOR])
    assert verify(found) == [
        "kernel.data has another SHA-256 than the directory says",
        "shell has another SHA-256 than the directory says",
        "logo has another SHA-256 than the directory says",
    ]


def test_verify_reads_every_program(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    entry = read(path).entries[SHELL]
    file = bytearray(image[entry.lba * fmt.SECTOR :][: entry.length])
    file[HEADER.size + 4] = 7  # p_flags of the first segment
    path.write_bytes(signed(image, entry, bytes(file)))
    assert verify(read(path)) == ["shell segment 0 at 0x440000 is writable and executable"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offset=st.integers(0, HEADER.size + 2 * PROGRAM_HEADER.size - 8),
    word=st.integers(0, (1 << 64) - 1),
)
def test_no_program_makes_it_fail(tmp_path: Path, image: bytes, offset: int, word: int) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    entry = read(path).entries[SHELL]
    file = bytearray(image[entry.lba * fmt.SECTOR :][: entry.length])
    file[offset : offset + 8] = word.to_bytes(8, "little")
    path.write_bytes(signed(image, entry, bytes(file)))
    assert all(why.startswith("shell ") and why.isprintable() for why in verify(read(path)))
