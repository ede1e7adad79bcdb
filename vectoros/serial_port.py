"""The host's end of a serial line: what the guest sent, and who waits for it.

The text that matters to a watcher is matched byte by byte as it leaves the
UART, so a match has an exact tick: that of the guest's own OUT instruction.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SEARCH_WINDOW = 8192
"""Bytes before the newest within which a watched pattern must lie."""


class Watch:
    """A pattern awaited in the output from ``start`` on; ``hit`` is its first match."""

    def __init__(self, pattern: re.Pattern[bytes], start: int) -> None:
        """Await ``pattern`` in what follows the first ``start`` bytes."""
        self.pattern = pattern
        self.start = start
        self.hit: re.Match[bytes] | None = None


class SerialPort:
    """The far end of one UART."""

    def __init__(self) -> None:
        """Start with nothing said and nobody listening."""
        self.output = bytearray()
        self._watches: list[tuple[Watch, Callable[[Watch], None]]] = []
        self._sinks: list[Callable[[int], None]] = []

    @property
    def text(self) -> str:
        """Everything that the guest sent, as UTF-8; other bytes show as U+FFFD."""
        return self.output.decode("utf-8", errors="replace")

    def on_byte(self, sink: Callable[[int], None]) -> None:
        """Call ``sink`` with each byte that the guest sends."""
        self._sinks.append(sink)

    def watch(self, pattern: str, start: int, found: Callable[[Watch], None]) -> Watch:
        """Call ``found`` once, when ``pattern`` first matches output behind ``start``.

        If it is there already, that is at once. ``^`` and ``$`` match at lines.
        """
        watch = Watch(re.compile(pattern.encode(), re.MULTILINE), start)
        watch.hit = watch.pattern.search(self.output, start)
        if watch.hit is not None:
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
        for watch, found in list(self._watches):
            start = max(watch.start, len(self.output) - SEARCH_WINDOW)
            watch.hit = watch.pattern.search(self.output, start)
            if watch.hit is not None:
                self.unwatch(watch)
                found(watch)
