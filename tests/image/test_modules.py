"""Reading modules back from an image."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from vectoros.errors import BadFileError
from vectoros.image import format as fmt
from vectoros.image import read
from vectoros.image.modules import content, program


def test_a_module_reads_back_as_the_file_that_went_in(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    found = read(path)
    assert content(found, found.entries[4]) == b"V"


def test_a_program_is_shown_with_each_segment_and_its_hash(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    found = read(path)
    shell = program(found, found.entries[3])
    assert shell.entry == 0x44_0000
    text, stack = shell.segments
    assert text.digest == sha256(b"\xeb\xfe").digest()
    assert (stack.plan.address, stack.plan.memory_size) == (0x44_1000, 4096)
    assert stack.digest == sha256(b"").digest()


def test_a_program_that_is_none_is_one_sentence(tmp_path: Path, image: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    found = read(path)
    shell = found.entries[3]
    path.write_bytes(image[: shell.lba * fmt.SECTOR] + bytes(shell.length) + bytes(512))
    with pytest.raises(BadFileError) as caught:
        program(found, shell)
    assert str(caught.value) == (
        f"{path}: program shell is not an ELF file: it does not begin with 7f 45 4c 46"
    )
    path.write_bytes(image[: shell.lba * fmt.SECTOR])
    with pytest.raises(BadFileError, match="is truncated: shell is cut short"):
        content(found, shell)
