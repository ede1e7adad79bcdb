r"""The serial port on the host's standard input and output.

Promises: what the guest sends goes out unmodified and soon; a reader that stalls
or goes away does not hold up the machine's end; a terminal is as it was before
after any exit that a process can notice.

In a terminal keys reach the guest one by one, Ctrl-Z and Ctrl-\ among them. Two
do not: Ctrl-C stops the machine, and Ctrl-A begins a command, as in QEMU.
"""

from __future__ import annotations

import atexit
import errno
import os
import select
import termios
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from vectoros.errors import BadFileError

READ_BYTES = 4096
PATIENCE_S = 0.02
"""Longest wait for the host between two looks at whether the machine shall stop."""

ESCAPE = 0x01  # Ctrl-A
CTRL_C = b"\x03"
KEYS = "after Ctrl-A: x stops the machine, c sends Ctrl-C, a sends Ctrl-A, h shows this"

_IFLAG, _OFLAG, _CFLAG, _LFLAG, _CC = 0, 1, 2, 3, 6  # indices of termios.tcgetattr's list
_GONE = frozenset({errno.EPIPE, errno.EIO, errno.ENXIO})
"""Errors of a write after which nobody will ever read: a closed pipe, a closed window."""


class RawTerminal:
    """While it is entered, the terminal at ``fd`` passes on keys as they are pressed."""

    def __init__(self, fd: int) -> None:
        """Remember how the terminal is now."""
        self._fd = fd
        self._saved: list[Any] | None = None

    def __enter__(self) -> Self:
        """Make the terminal raw, but for Ctrl-C and the translation of line ends on output."""
        self._saved = termios.tcgetattr(self._fd)
        atexit.register(self.restore)
        mode = termios.tcgetattr(self._fd)
        mode[_IFLAG] &= ~(
            termios.IGNBRK
            | termios.BRKINT
            | termios.PARMRK
            | termios.ISTRIP
            | termios.INLCR
            | termios.IGNCR
            | termios.ICRNL
            | termios.IXON
        )
        mode[_OFLAG] |= termios.OPOST
        mode[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN)
        mode[_LFLAG] |= termios.ISIG
        mode[_CFLAG] = mode[_CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        nothing = bytes([os.fpathconf(self._fd, "PC_VDISABLE")])
        mode[_CC][termios.VINTR] = CTRL_C
        mode[_CC][termios.VQUIT] = mode[_CC][termios.VSUSP] = nothing
        mode[_CC][termios.VMIN], mode[_CC][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Put the terminal back."""
        self.restore()

    def restore(self) -> None:
        """Make the terminal what it was; keys meant for the guest do not reach the shell."""
        if self._saved is None:
            return
        saved, self._saved = self._saved, None
        atexit.unregister(self.restore)
        with suppress(termios.error):  # the window may have been closed
            termios.tcflush(self._fd, termios.TCIFLUSH)
            termios.tcsetattr(self._fd, termios.TCSANOW, saved)


class Keyboard:
    """What a person types, with the commands that begin with Ctrl-A taken out."""

    def __init__(self, stop: Callable[[], None], show_help: Callable[[], None]) -> None:
        """Call ``stop`` and ``show_help`` when their keys are pressed."""
        self._commands = {ord("x"): stop, ord("h"): show_help, ord("?"): show_help}
        self._escaped = False

    def filter(self, keys: bytes) -> bytes:
        """Return what of ``keys`` is for the guest."""
        passed = bytearray()
        for key in keys:
            if self._escaped:
                self._escaped = False
                passed += self._command(key)
            elif key == ESCAPE:
                self._escaped = True
            else:
                passed.append(key)
        return bytes(passed)

    def _command(self, key: int) -> bytes:
        if key in (ESCAPE, ord("a")):
            return bytes([ESCAPE])
        if key == ord("c"):
            return CTRL_C
        if key in self._commands:
            self._commands[key]()
        return b""


class Input:
    """A file descriptor from which bytes may come; no descriptor is a closed one."""

    def __init__(self, fd: int | None) -> None:
        """Read from ``fd``."""
        self._fd = fd

    @property
    def open(self) -> bool:
        """Whether anything may still come."""
        return self._fd is not None

    def read(self, wait_s: float = 0) -> bytes:
        """Return what is there, or comes within ``wait_s`` seconds; nothing if nothing does."""
        if self._fd is None or not select.select([self._fd], [], [], wait_s)[0]:
            return b""
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:  # a closed window
            data = b""
        if not data:
            self._fd = None
        return data


class Output:
    """Bytes on their way to a file descriptor; without one, they are dropped."""

    def __init__(self, fd: int | None, name: str) -> None:
        """Write to ``fd``; messages call it ``name``."""
        self._fd = fd
        self._name = name
        self._buffer = bytearray()
        self.put = self._buffer.append
        """Take one byte."""
        self.line_open = False
        """Whether the last byte that went out was no line feed."""

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads along."""
        return self._fd is not None and os.isatty(self._fd)

    @property
    def closed(self) -> bool:
        """Whether the reader has gone away. False if there never was one."""
        return self._closed

    _closed = False

    def flush(self, give_up: Callable[[], bool]) -> None:
        """Write what was put. A reader that stalls is waited for until ``give_up`` says no."""
        while self._buffer and self._fd is not None:
            # A write of up to PIPE_BUF bytes does not block where select says so.
            if select.select([], [self._fd], [], PATIENCE_S)[1]:
                self._write(self._fd)
            elif give_up():
                break
        if self._fd is None:
            self._buffer.clear()

    def _write(self, fd: int) -> None:
        try:
            count = os.write(fd, self._buffer[: select.PIPE_BUF])
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in _GONE:
                raise BadFileError(self._name, f"cannot be written: {error.strerror}") from None
            self._closed, self._fd = True, None
            return
        self.line_open = self._buffer[count - 1] != ord("\n")
        del self._buffer[:count]
