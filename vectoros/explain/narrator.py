"""The narrator: puts what the watcher finds into sentences, among what the guest prints.

A note waits until the guest's output stands at the start of a line, so that no
line of the guest is torn apart.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from vectoros.explain.notes import note_for
from vectoros.explain.watcher import Event
from vectoros.units import TICKS_PER_NS

NS_PER_MS = 1_000_000
NARROWEST = 40
_INDENT = " " * 14


class Narrator:
    """Tells events as they come."""

    def __init__(
        self, write: Callable[[str], None], *, width: int, dim: Callable[[str], str]
    ) -> None:
        """Call ``write`` with lines of ``width`` columns; ``dim`` makes text stand back."""
        self._write = write
        self._width = max(width, NARROWEST)
        self._dim = dim
        self._waiting: list[str] = []
        self._at_start = True

    def guest_sent(self, byte: int) -> None:
        """Take note that the guest has printed ``byte``."""
        self._at_start = byte == ord("\n")
        if self._at_start:
            self._write_waiting()

    def tell(self, event: Event) -> None:
        """Write the note for ``event``: its time, its sentence, and where to read on."""
        note = note_for(event.key)
        if note is None:
            return
        ms = event.tick / TICKS_PER_NS / NS_PER_MS
        places = [] if event.place is None else [event.place.place]
        self._waiting += self._wrapped(note.sentence.format(event.detail), f"{ms:10.4f} ms ")
        references = self._wrapped("; ".join([*places, note.source]), _INDENT)
        self._waiting += map(self._dim, references)
        if self._at_start:
            self._write_waiting()

    def end(self) -> None:
        """Write what still waits, on lines of its own."""
        if self._waiting and not self._at_start:
            self._write("")
            self._at_start = True
        self._write_waiting()

    def _write_waiting(self) -> None:
        for line in self._waiting:
            self._write(line)
        self._waiting.clear()

    def _wrapped(self, text: str, first: str) -> list[str]:
        return textwrap.wrap(
            text,
            self._width,
            initial_indent=first,
            subsequent_indent=_INDENT,
            break_on_hyphens=False,
        )
