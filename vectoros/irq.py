"""Interrupt lines: wires with a level, from one device to another.

A line knows no time. A device sets it whenever its condition changes; whoever
listens (an interrupt controller) is told of each change at once. When the CPU
may see the consequence is decided in one place only, at the CPU's own INTR pin
(``vectoros/board.py``).
"""

from __future__ import annotations

from collections.abc import Callable


class Line:
    """A wire with a level, low until somebody raises it."""

    def __init__(self, listener: Callable[[bool], None] | None = None) -> None:
        """Tell ``listener`` of every change."""
        self.level = False
        self._listener = listener

    def connect(self, listener: Callable[[bool], None]) -> None:
        """Tell ``listener`` of every later change; a line has one listener."""
        self._listener = listener

    def set(self, level: bool) -> None:
        """Drive the wire; the listener hears of it only if the level changes."""
        if level == self.level:
            return
        self.level = level
        if self._listener is not None:
            self._listener(level)

    def restore(self, level: bool) -> None:
        """Take ``level`` without telling anyone: the listener restores its own side."""
        self.level = level
