"""Files of the host: opened with one clear error, written all or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from typing import Self

from vectoros.errors import BadFileError


def check_regular(path: str | os.PathLike[str]) -> os.stat_result:
    """Return the status of the file at ``path``, which must be a regular one.

    A pipe could block for ever, and a device need not end.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise BadFileError(path, f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a name that no file can have
        raise BadFileError(path, f"cannot be read: {error}") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadFileError(path, f"is {_kind(status)} and not a file")
    return status


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[BufferedReader]:
    """Open the regular file at ``path``; a failure to read is one :class:`BadFileError`."""
    check_regular(path)
    try:
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise BadFileError(path, f"cannot be read: {error.strerror or error}") from None


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the contents of the file at ``path``."""
    with reading(path) as file:
        return file.read()


@dataclass(frozen=True)
class HostFile:
    """A file that was read whole, and where it was."""

    path: str
    data: bytes = field(repr=False)

    @classmethod
    def load(cls, path: str | os.PathLike[str], most: int) -> Self:
        """Read the file at ``path``, which may have ``most`` bytes."""
        size = check_regular(path).st_size
        if size > most:
            raise BadFileError(path, f"has {size} bytes, and at most {most} could be loaded")
        return cls(os.fspath(path), read_bytes(path))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the contents, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the contents of the UTF-8 file at ``path``, line ends as on Unix."""
    data = read_bytes(path)
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadFileError(path, f"is not UTF-8 text: byte {error.start} is wrong") from None


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of the file at ``path``, in hexadecimal, without holding it in memory."""
    with reading(path) as file:
        return file_digest(file, "sha256").hexdigest()


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Make ``data`` the contents of the file at ``path``, or leave everything as it was.

    The bytes go to a new file beside it, which then takes its name: a reader
    sees the old contents or the new, and a failure leaves no half-written file.
    A link stays, and the file that it leads to is replaced.
    """
    try:
        target = Path(os.path.realpath(path))
        mode = _mode_to_keep(target)
        beside = target.with_name(f".vectoros-{secrets.token_hex(4)}")
        try:
            with beside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                beside.chmod(mode)
            beside.replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                beside.unlink()
            raise
    except OSError as error:
        raise BadFileError(path, f"cannot be written: {error.strerror or error}") from None
    except ValueError as error:  # a name that no file can have
        raise BadFileError(path, f"cannot be written: {error}") from None


def _mode_to_keep(target: Path) -> int | None:
    """Return the permissions of the file to be replaced, or None if there is none yet.

    Only a regular file will do: to replace ``/dev/null`` by one would be a disaster.
    """
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"it is {_kind(status)} and not a file")
    return stat.S_IMODE(status.st_mode)


def _kind(status: os.stat_result) -> str:
    is_directory = stat.S_ISDIR(status.st_mode)
    return "a directory" if is_directory else "a pipe, a socket or a device"
