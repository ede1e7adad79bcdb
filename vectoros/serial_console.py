"""The console of a machine, for programs: send text, expect text, in virtual time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from vectoros.board import StopRequest
from vectoros.config import duration_ticks
from vectoros.pc import Pc
from vectoros.serial_port import Watch
from vectoros.units import format_ticks

RunToText: TypeAlias = Callable[[str, int, int], tuple[Watch, StopRequest]]
"""Runs to a pattern in the output from a position on, or to a tick; tells why it stopped."""


class ExpectError(AssertionError):
    """The guest did not say what was expected. The message shows what it did say."""


class Serial:
    """The console: the far end of the first UART."""

    def __init__(self, pc: Pc, run_to_text: RunToText) -> None:
        """Be the console of ``pc``, which ``run_to_text`` runs."""
        self._pc = pc
        self._run_to_text = run_to_text
        self._seen = 0
        self.typed = 0
        """Bytes that :meth:`send` has typed."""

    @property
    def text(self) -> str:
        """Everything that the guest has sent."""
        return self._pc.serial.text

    def send(self, text: str | bytes) -> None:
        """Type ``text`` at the present tick."""
        data = text.encode() if isinstance(text, str) else text
        self.typed += len(data)
        self._pc.uart.receive(data)
        self._pc.board.events.refresh()

    def on_byte(self, sink: Callable[[int], None]) -> None:
        """Call ``sink`` with each byte that the guest sends from now on."""
        self._pc.serial.on_byte(sink)

    def expect(self, pattern: str, timeout: str | int = "10s") -> re.Match[bytes]:
        """Run until ``pattern`` matches what the guest sent since the last match; return it.

        ``timeout`` is virtual time: text such as ``2s``, or nanoseconds. Raises
        :class:`ExpectError` when it is over, or when the guest stops before.
        """
        limit = self._pc.clock.now + duration_ticks(timeout)
        self._seen = min(self._seen, len(self._pc.serial.output))
        watch, stop = self._run_to_text(pattern, self._seen, limit)
        if watch.hit is None:
            said = self._pc.serial.output[self._seen :].decode("utf-8", errors="replace")
            raise ExpectError(
                f"{pattern!r} did not appear within {timeout}: {stop.reason.value} at "
                f"{format_ticks(stop.tick)}, rip {self._pc.cpu.regs.rip:#x}, after:\n{said[-2000:]}"
            )
        self._seen = watch.hit.end()
        return watch.hit
