"""Disk images as files: opened read-only, never changed, read on demand.

An image is untrusted. Opening one checks that it is a regular file of at least
one byte; booting it, that a BIOS would. What follows is the guest's business.
"""

from __future__ import annotations

import os
import weakref
from functools import cached_property
from pathlib import Path

from vectoros.devices.disk import SECTOR_BYTES
from vectoros.errors import BadFileError
from vectoros.files import check_regular, sha256

BOOT_SIGNATURE = b"\x55\xaa"
"""Last two bytes of a sector that a BIOS will boot (IBM PC/AT)."""


class DiskImage:
    """The sectors of a raw disk image; a last part sector reads as if padded with zeros."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the image at ``path``; raise :class:`BadFileError` if it is none."""
        self.path = Path(path)
        check_regular(path)
        try:
            self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as reason:
            raise BadFileError(path, f"cannot be read: {reason.strerror}") from None
        self._close = weakref.finalize(self, os.close, self._file)
        self.size = os.fstat(self._file).st_size
        if self.size == 0:
            raise BadFileError(path, "is empty, and a disk image has at least one sector")
        self.sectors = -(-self.size // SECTOR_BYTES)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return sha256(self.path)

    def read(self, lba: int, count: int) -> bytes:
        """Return ``count`` sectors from ``lba`` on; what the file lacks reads as zeros."""
        # Not mapped: if someone cut the file short meanwhile, the process would die of it.
        os.lseek(self._file, lba * SECTOR_BYTES, os.SEEK_SET)
        return os.read(self._file, count * SECTOR_BYTES).ljust(count * SECTOR_BYTES, b"\0")

    def boot_sector(self) -> bytes:
        """Return the first sector; raise :class:`BadFileError` unless a BIOS would boot it."""
        if self.size < SECTOR_BYTES:
            raise BadFileError(
                self.path, f"has {self.size} bytes, and a boot sector has {SECTOR_BYTES}"
            )
        sector = self.read(0, 1)
        if sector[-2:] != BOOT_SIGNATURE:
            found = sector[-2:].hex(" ").upper()
            raise BadFileError(
                self.path, f"is not bootable: its first sector ends in {found}, not 55 AA"
            )
        return sector

    def close(self) -> None:
        """Let go of the file."""
        self._close()
