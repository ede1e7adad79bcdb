"""The screen in a terminal, and the terminal's keys as the PC's keyboard.

Promises: what is drawn never holds the machine up, because a terminal that does
not take it is left alone until it does; and the terminal is as it was before
after any exit that a process can notice. The guest cannot tell that it is watched.

Needs a terminal that knows true color and xterm's alternate screen.
"""

from __future__ import annotations

import atexit
import errno
import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from vectoros.display.cells import Cells, picture_cells, text_cells
from vectoros.display.keys import LEAVE, strokes
from vectoros.errors import BadFileError, UserError
from vectoros.screen import Screen

INTERVAL_S = 0.05
"""Between two looks at the screen: 20 a second."""

PATIENCE = 4
"""A picture that takes long is drawn more rarely: this many times as long apart."""

RESTORE_S = 1.0
"""How long a terminal that takes nothing is waited for at the end."""

ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
"""Alternate screen, no cursor, cleared (xterm, "Control Sequences")."""

LEAVE_SCREEN = "\x18\x1b[0m\x1b[?25h\x1b[?1049l"
"""CAN ends a sequence that was cut off; then back to what was there."""

HINT = "\x1b[2mVectorOS: Ctrl-] or Ctrl-C stops it\x1b[0m"

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.ENXIO})


class Keys(Protocol):
    """The keyboard, as ``machine.keyboard`` is one."""

    def type(self, text: str) -> None:
        """Type ``text``."""

    def press(self, *names: str) -> None:
        """Press keys together."""


class TerminalDisplay:
    """A screen shown on the terminal at a file descriptor. Enter it to begin."""

    def __init__(
        self,
        screen: Screen,
        keyboard: Keys,
        fd: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show ``screen`` on ``fd``, and type on ``keyboard``."""
        self._screen = screen
        self._keyboard = keyboard
        self._fd = fd
        self._line = fd  # a way to the terminal that never blocks, while it is entered
        self._clock = clock
        self._entered = False
        self._due_s = clock()
        self._source: tuple[object, ...] | None = None
        self._size = (0, 0)
        self._layout: tuple[int, ...] = ()  # the terminal's size, and what of it is the picture
        self._rows: list[str] = []
        self._buffer = b""
        self.closed = False
        """Whether the terminal has gone away."""

    def __enter__(self) -> Self:
        """Take the terminal over."""
        self._entered = True
        self._line = _unblocked(self._fd)
        atexit.register(self.restore)
        self._send(ENTER)
        self.refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""
        self.restore()

    def restore(self) -> None:
        """Leave the terminal as it was."""
        if not self._entered:
            return
        self._entered = False
        atexit.unregister(self.restore)
        self._buffer = LEAVE_SCREEN.encode()
        self._drain(RESTORE_S)
        if self._line != self._fd:
            os.close(self._line)
            self._line = self._fd

    # -- keys ----------------------------------------------------------------

    def type(self, data: bytes) -> bool:
        """Type what the terminal has sent; return whether the person wants to leave.

        Keys that a PC has not, and those that its keyboard cannot remember, are lost.
        """
        before, leave, _ = data.partition(bytes([LEAVE]))
        for stroke in strokes(before):
            with suppress(UserError):
                if isinstance(stroke, str):
                    self._keyboard.type(stroke)
                else:
                    self._keyboard.press(*stroke)
        return bool(leave)

    # -- the picture ---------------------------------------------------------

    def refresh(self) -> None:
        """Draw what has changed, if it is time to, and if the terminal takes it."""
        started = self._clock()
        if self._buffer:
            self._drain()
        if started < self._due_s or self._buffer or self.closed:
            return
        source, size = self._screen.source(), self._terminal_size()
        if source != self._source or size != self._size:
            self._draw(size)
            self._source = source
        ended = self._clock()
        self._due_s = ended + max(INTERVAL_S, PATIENCE * (ended - started))

    def _terminal_size(self) -> tuple[int, int]:
        with suppress(OSError):
            columns, rows = os.get_terminal_size(self._fd)
            if columns and rows:
                return columns, rows
        return 80, 25

    def _draw(self, size: tuple[int, int]) -> None:
        columns, rows = size
        cells = self._cells(columns, rows)
        lines, layout = cells.rows(), (*size, *cells.characters.shape)
        if len(lines) < rows:
            lines += [""] * (rows - 1 - len(lines)) + [HINT]
        out = []
        if layout != self._layout:
            out.append("\x1b[0m\x1b[2J")
            self._rows = [""] * len(lines)
        for number, (line, shown) in enumerate(zip(lines, self._rows, strict=True), start=1):
            if line != shown:
                out.append(f"\x1b[{number};1H{line}")
        self._rows, self._layout, self._size = lines, layout, size
        self._send("".join(out))

    def _cells(self, columns: int, rows: int) -> Cells:
        screen = self._screen
        if screen.mode == "text":
            return text_cells(screen.text_screen(), columns, rows)
        return picture_cells(screen.pixels(), columns, rows)

    # -- the line to the terminal ----------------------------------------------

    def _send(self, text: str) -> None:
        self._buffer += text.encode()
        self._drain()

    def _drain(self, wait_s: float = 0) -> None:
        """Write while the terminal takes it, waiting ``wait_s`` for it each time."""
        while self._buffer and select.select([], [self._line], [], wait_s)[1]:
            try:
                count = os.write(self._line, self._buffer[: select.PIPE_BUF])
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _GONE:
                    rule = f"cannot be written: {error.strerror}"
                    raise BadFileError("the terminal", rule) from None
                self.closed, self._buffer = True, b""
                return
            self._buffer = self._buffer[count:]


def _unblocked(fd: int) -> int:
    """Return another descriptor of the terminal at ``fd``, one whose writes do not block.

    Not ``fd`` itself made so: who else has it, the shell for one, would find it changed.
    """
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:  # no terminal, or one of another user
        return fd
