"""The host's end of a serial line: what the guest sent, and who waits for it.

The text that matters to a watcher is matched byte by byte as it leaves the
UART, so a match has an exact tick: that of the guest's own OUT instruction. It
is the first moment at which the pattern matches what has come so far; for that,
the end of what has come so far is the end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vectoros.errors import UsageError

SEARCH_WINDOW = 1024
"""A match must not be longer than this, in bytes: a dozen lines.

The window is searched anew with every byte, so its size is the price of waiting.
"""

_LINE_FEED = 0x0A


_LITERAL = re.compile(rb"(?:[^\\^$.|?*+(){}\[\]]|\\[^0-9A-Za-z])+")
"""A pattern that matches one text only: no character of it means more than itself."""


class Watch:
    """A pattern awaited in the output from ``start`` on; ``hit`` is its first match."""

    def __init__(self, pattern: re.Pattern[bytes], start: int) -> None:
        """Await ``pattern`` in what follows the first ``start`` bytes."""
        self.pattern = pattern
        self.start = start
        self.hit: re.Match[bytes] | None = None
        literal = _LITERAL.fullmatch(pattern.pattern)
        self._last = re.sub(rb"\\(.)", rb"\1", literal[0], flags=re.DOTALL)[-1] if literal else None

    def could_end_with(self, byte: int) -> bool:
        """Whether a match may have come with ``byte``. Most texts are not worth a search."""
        return self._last is None or self._last == byte

    def search(self, output: bytearray, start: int) -> bool:
        """Look for the first match in ``output`` from ``start`` on; return whether there is one."""
        if self.pattern.search(output, start):
            # Again, in a copy: the match outlives the output, which a restore rewrites.
            self.hit = self.pattern.search(bytes(output), start)
        return self.hit is not None


class SerialPort:
    """The far end of one UART."""

    def __init__(self) -> None:
        """Start with nothing said and nobody listening."""
        self.output = bytearray()
        self._watches: list[tuple[Watch, Callable[[Watch], None]]] = []
        self._sinks: list[Callable[[int], None]] = []
        self._line_sinks: list[Callable[[], None]] = []

    @property
    def text(self) -> str:
        """Everything that the guest sent, as UTF-8; other bytes show as U+FFFD."""
        return self.output.decode("utf-8", errors="replace")

    def on_byte(self, sink: Callable[[int], None]) -> None:
        """Call ``sink`` with each byte that the guest sends."""
        self._sinks.append(sink)

    def on_line(self, sink: Callable[[], None]) -> None:
        """Call ``sink`` when the guest has ended a line; :attr:`output` has it."""
        self._line_sinks.append(sink)

    def watch(self, pattern: str, start: int, found: Callable[[Watch], None]) -> Watch:
        """Call ``found`` once, when ``pattern`` first matches output behind ``start``.

        If it is there already, that is at once. ``^`` and ``$`` match at lines.
        Raises :class:`UsageError` if ``pattern`` is no regular expression for bytes.
        """
        try:
            watch = Watch(re.compile(pattern.encode(), re.MULTILINE), start)
        except (re.error, UnicodeEncodeError) as reason:
            raise UsageError(f"{pattern!r} is not a regular expression: {reason}") from None
        if watch.search(self.output, start):
            found(watch)
        else:
            self._watches.append((watch, found))
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Forget ``watch``, whether or not it was found."""
        self._watches = [pair for pair in self._watches if pair[0] is not watch]

    def transmit(self, byte: int) -> None:
        """Take one byte from the UART."""
        self.output.append(byte)
        for sink in self._sinks:
            sink(byte)
        if byte == _LINE_FEED:
            for ended in self._line_sinks:
                ended()
        for watch, found in list(self._watches):
            if not watch.could_end_with(byte):
                continue
            start = max(watch.start, len(self.output) - SEARCH_WINDOW)
            if watch.search(self.output, start):
                self.unwatch(watch)
                found(watch)
