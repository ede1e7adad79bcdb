"""One run of a machine for a person: the serial port on stdio, signals, pace, outcome.

The machine is the same as under :class:`vectoros.Machine`; this adds only what
belongs to the host. It never changes what the guest computes: input enters at
the tick where it is polled, and stops are those that the machine knows.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from vectoros.api import Machine
from vectoros.board import Reason, StopRequest
from vectoros.console import KEYS, PATIENCE_S, Input, Keyboard, Output, RawTerminal
from vectoros.events import NEVER
from vectoros.messages import HINT, say
from vectoros.pacing import Pacer, SliceLength
from vectoros.units import MIB

if TYPE_CHECKING:
    from vectoros.display.terminal import TerminalDisplay

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
UNLIMITED = NEVER - 1
"""The end of a run without a time limit."""

TYPED_AHEAD_BYTES = 1 << 16
"""Input that may wait in the UART; more stays where it comes from."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends, apart from what the guest does."""

    until: str | None = None
    """A regular expression for the serial output."""

    max_ticks: int | None = None
    """Virtual time that the run may take."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    stop: StopRequest
    signal: int | None
    """The signal that stopped it, if one did."""
    output_closed: bool
    """Whether it was stopped because nobody reads its output any more."""
    terminal: bool
    """Whether a person sat there."""
    line_open: bool
    """Whether the cursor of a terminal stands behind the guest's output."""


class Session:
    """A machine, its console, and whoever sits there."""

    def __init__(
        self,
        machine: Machine,
        source: Input,
        output: Output,
        *,
        real_time: bool,
        terminal: bool,
        display: TerminalDisplay | None = None,
    ) -> None:
        """Join ``machine`` to ``source`` and ``output``.

        With ``real_time`` an idle machine waits for the host's clock. ``terminal``
        says that a person types on standard input. With ``display`` that is what
        shows the screen, and input goes to the PC's keyboard instead of ``machine.serial``.
        """
        self._machine = machine
        self._source = source
        self._output = output
        self._terminal = terminal
        self._keyboard = Keyboard(self._quit, lambda: say(KEYS, HINT))
        self._display = display
        self._real_time = real_time
        self._signal: int | None = None
        self._slices = SliceLength(machine.pc.board.slice_ticks)
        machine.serial.on_byte(output.put)

    def run(self, limits: Limits) -> Outcome:
        """Run until something ends it."""
        with ExitStack() as stack:
            stack.enter_context(self._signals())
            if self._terminal:
                self._greet()
                stack.enter_context(RawTerminal(sys.stdin.fileno()))
            if self._display is not None:
                stack.enter_context(self._display)
            stop = self._run(limits)
            self._output.flush(lambda: self._signal is not None)
        output = self._output
        line_open = output.line_open and output.is_terminal
        unseen = self._display is not None and self._display.closed
        return Outcome(stop, self._signal, output.closed or unseen, self._terminal, line_open)

    def _greet(self) -> None:
        keys = "Ctrl-] or Ctrl-C stops it"
        if self._display is None:
            keys = "Ctrl-C stops it, Ctrl-A h shows more keys"
        megabytes = self._machine.pc.config.memory // MIB
        say(f"{self._machine.engine} engine, {megabytes} MiB; {keys}", HINT)

    def _run(self, limits: Limits) -> StopRequest:
        start = self._machine.clock.now
        self._end = UNLIMITED if limits.max_ticks is None else start + limits.max_ticks
        self._pacer = Pacer(start)
        self._slice_began = start, time.perf_counter()
        self._machine.pc.board.slice_ticks = self._slices.ticks
        self._take_input(0)  # what is there already enters at the first tick
        return self._machine.run(until=limits.until, until_tick=self._end, served=self._served)

    # -- between slices ------------------------------------------------------

    def _served(self, tick: int) -> None:
        """Serve the host; ``tick`` is where an idle machine is about to skip to."""
        clock = self._machine.clock
        began, began_s = self._slice_began
        if clock.now > began:
            self._slices.took(clock.now - began, time.perf_counter() - began_s)
            self._machine.pc.board.slice_ticks = self._slices.ticks
        self._output.flush(self._must_stop)
        if not self._must_stop():
            if tick > clock.now:
                self._idle(tick)
            else:
                self._take_input(0)
        if self._must_stop():
            self._machine.interrupt()
        self._slice_began = clock.now, time.perf_counter()

    def _must_stop(self) -> bool:
        unseen = self._display is not None and self._display.closed
        return self._signal is not None or self._output.closed or unseen

    def _idle(self, tick: int) -> None:
        """Spend the host time that the idle time up to ``tick`` should take."""
        board, source = self._machine.pc.board, self._source
        for_ever = tick >= self._end and board.events.next >= NEVER
        if self._real_time and (source.open or not for_ever):
            typed = self._wait(tick)
        else:
            typed = self._take_input(0)
            while tick >= UNLIMITED and source.open and not typed and not self._must_stop():
                typed = self._take_input(PATIENCE_S)
        if for_ever and not typed and not source.open:
            board.request_stop(Reason.IDLE)

    def _wait(self, tick: int) -> bool:
        """Wait until the host's clock comes to ``tick``, or something is typed; return whether.

        The end of the input ends the wait, too.
        """
        clock, was_open = self._machine.clock, self._source.open
        self._pacer.idle(clock.now)
        while not self._must_stop() and self._source.open == was_open:
            left = self._pacer.wait_s(tick)
            if left == 0:
                break
            data = self._read(min(left, PATIENCE_S))
            clock.set(max(clock.now, min(self._pacer.tick(), tick)))
            if data:
                self._type(data)
                return True
        return False

    def _take_input(self, wait_s: float) -> bool:
        """Type what is there or comes within ``wait_s``; return whether that was anything."""
        data = self._read(wait_s)
        if data:
            self._type(data)
        return bool(data)

    def _type(self, data: bytes) -> None:
        if self._display is None:
            self._machine.serial.send(data)
        elif self._display.type(data):
            self._quit()

    def _read(self, wait_s: float) -> bytes:
        """Return what the guest shall get of what is there or comes within ``wait_s``."""
        if self._display is not None:
            self._display.refresh()  # here, because whoever waits comes by again and again
            return self._source.read(wait_s) if self._source.open else _slept(wait_s)
        if not self._source.open or len(self._machine.pc.uart.queue) >= TYPED_AHEAD_BYTES:
            return _slept(wait_s)
        data = self._source.read(wait_s)
        return self._keyboard.filter(data) if self._terminal else data

    def _quit(self) -> None:
        """Stop as Ctrl-C would."""
        self._signal = signal.SIGINT

    # -- signals -------------------------------------------------------------

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let signals stop the machine, so that its end is orderly."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are somebody else's
            return
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Ask the machine to stop. A second Ctrl-C does not ask."""
        if number == signal.SIGINT and self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number
        self._machine.interrupt()


def _slept(seconds: float) -> bytes:
    """Wait, and return what comes from nobody."""
    if seconds > 0:  # to sleep for no time is to let others go first, after every slice
        time.sleep(seconds)
    return b""
