"""Comparing an image with the digests in it, and its programs with the rules for programs."""

from __future__ import annotations

from hashlib import sha256
from io import BufferedReader

from vectoros import elf
from vectoros.files import reading
from vectoros.image import format as fmt
from vectoros.image.format import Entry, Kind
from vectoros.image.modules import content, read_program
from vectoros.image.reader import Image

_CHUNK = 1 << 20  # bytes held at a time while a digest is computed


def verify(image: Image) -> list[str]:
    """Return what in ``image`` is not as it was built; nothing if all is well.

    Every byte of the image is covered: what no digest includes must be zero. And
    every program must be one that can be loaded.
    """
    if image.header is None:
        return ["it has no VectorOS directory to verify it by"]
    wrong = []
    if sha256(image.boot_sector).digest() != image.header.boot_digest:
        wrong.append("the boot sector has another SHA-256 than the directory says")
    with reading(image.path) as file:
        for entry in image.entries:
            digest, padding = _digest(file, entry)
            if digest != entry.digest:
                wrong.append(f"{entry.name} has another SHA-256 than the directory says")
            elif entry.kind is Kind.PROGRAM and (why := _program_fault(image, entry)):
                wrong.append(f"{entry.name} {why}")
            if any(padding):
                wrong.append(f"the last sector of {entry.name} is not zero after its end")
    return wrong


def _program_fault(image: Image, entry: Entry) -> str | None:
    try:
        read_program(content(image, entry))
    except elf.ElfError as error:
        return error.rule
    return None


def _digest(file: BufferedReader, entry: Entry) -> tuple[bytes, bytes]:
    """Return the SHA-256 of the entry's bytes, and what follows them in the last sector."""
    state = sha256()
    file.seek(entry.lba * fmt.SECTOR)
    left = entry.length
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            break  # the file has shrunk; the digest will differ
        state.update(chunk)
        left -= len(chunk)
    return state.digest(), file.read(entry.sectors * fmt.SECTOR - entry.length)
