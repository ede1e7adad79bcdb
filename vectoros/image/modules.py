"""The modules of an image: whole files, read back from a disk that may be anybody's.

A module is at most what fits below :data:`~vectoros.image.format.ADDRESS_LIMIT`,
which :func:`vectoros.image.reader.read` has checked, so reading one is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from vectoros import elf
from vectoros.errors import BadFileError
from vectoros.files import reading
from vectoros.image.format import SECTOR, Entry
from vectoros.image.reader import Image
from vectoros.kernel.process_layout import SCREEN, USER_FIRST


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a program, and what the file holds of it."""

    plan: elf.Segment
    digest: bytes
    """SHA-256 of the bytes in the file."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that an image holds."""

    entry: int
    """Address of its first instruction."""
    segments: tuple[Segment, ...]


def content(image: Image, entry: Entry) -> bytes:
    """Return the bytes of ``entry`` of ``image``."""
    with reading(image.path) as file:
        file.seek(entry.lba * SECTOR)
        data = file.read(entry.length)
    if len(data) < entry.length:
        raise BadFileError(image.path, f"is truncated: {entry.name} is cut short")
    return data


def read_program(data: bytes) -> elf.Executable:
    """Return the program in ``data``, which must leave the kernel's part of a process free."""
    return elf.read(data, first=USER_FIRST, limit=SCREEN)


def program(image: Image, entry: Entry) -> Program:
    """Return the program that ``entry`` of ``image`` is."""
    data = content(image, entry)
    try:
        found = read_program(data)
    except elf.ElfError as error:
        raise BadFileError(image.path, f"program {entry.name} {error.rule}") from None
    segments = (
        Segment(plan, sha256(data[plan.offset : plan.offset + plan.file_size]).digest())
        for plan in found.segments
    )
    return Program(found.entry, tuple(segments))
