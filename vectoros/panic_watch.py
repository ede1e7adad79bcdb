"""The panic watch: notices that a Linux guest has panicked, and stops the machine.

A panicked kernel does not end: it spins for ever, or resets the machine (``panic=N``
on its command line) and boots again. What it prints tells, but a guest may print
the same text when it shows an old log. So the text only raises a suspicion, at an
exact tick, and what the guest does then decides:

* a reset is the panic's own, or
* nothing is printed for a while, and at the end of that the CPU is in ring 0, is
  not halted, and has executed no system call.

A kernel that is alive does one of these things soon: it idles, or runs a program.
The watch changes nothing that the guest can see, and equal runs stop at equal ticks.
"""

from __future__ import annotations

from dataclasses import dataclass

from vectoros.board import Reason
from vectoros.last_words import PANIC, PANIC_END, REBOOTING, SHUTDOWN
from vectoros.pc import Pc
from vectoros.units import TICKS_PER_SECOND

QUIET_TICKS = TICKS_PER_SECOND // 100
"""How long nothing must follow the last line of a panic: 10 ms of virtual time."""

UNFINISHED_TICKS = TICKS_PER_SECOND
"""The same, if its last line does not come."""

LONGEST_LINE = 1024
"""Bytes of a line that matter; Linux prints no longer ones (LOG_LINE_MAX)."""

_INT_80 = 0x80
"""The vector of a system call from 32-bit programs."""


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """The text of a panic has been printed."""

    calls: int
    """System calls so far."""
    output: int
    """Bytes of serial output so far."""
    over: bool
    """Whether the last line of the panic is there: nothing may follow it."""


class PanicWatch:
    """Watches the serial output of one machine."""

    def __init__(self, pc: Pc) -> None:
        """Stop ``pc`` from now on when its guest has panicked."""
        self.enabled = True
        """Whether it does. Switch it off for a guest that only looks like one."""
        self._pc = pc
        self._suspicion: _Suspicion | None = None
        pc.serial.on_line(self._line)
        pc.board.judge_resets(self._reset)

    def forget(self) -> None:
        """Forget what was printed: the machine is now another one."""
        self._suspicion = None

    def _line(self) -> None:
        """Look at the line that has just ended."""
        if not self.enabled:
            return
        output = self._pc.serial.output
        start = output.rfind(b"\n", max(len(output) - LONGEST_LINE, 0), len(output) - 1) + 1
        line = output[start:].decode("utf-8", errors="replace").rstrip("\r\n")
        if PANIC.fullmatch(line):
            self._suspect(UNFINISHED_TICKS)
        elif self._suspicion is not None:
            if PANIC_END.fullmatch(line) or REBOOTING.fullmatch(line):
                self._suspect(QUIET_TICKS, over=True)
            elif self._suspicion.over or SHUTDOWN.fullmatch(line):
                self._suspicion = None
            else:
                self._suspect(UNFINISHED_TICKS)

    def _suspect(self, wait: int, *, over: bool = False) -> None:
        """Begin to wait, or begin anew."""
        calls = self._calls() if self._suspicion is None else self._suspicion.calls
        self._suspicion = _Suspicion(calls, len(self._pc.serial.output), over)
        self._pc.board.set_alarm(self._pc.clock.now + wait, self._alarm)

    def _alarm(self) -> None:
        """Decide: the time is over."""
        suspicion, self._suspicion = self._suspicion, None
        if suspicion is None or not self.enabled or not self._stuck(suspicion):
            return
        if len(self._pc.serial.output) == suspicion.output:
            self._pc.board.request_stop(Reason.PANIC)
        elif not suspicion.over:
            self._suspicion = suspicion
            self._suspect(UNFINISHED_TICKS)  # half a line: wait for its end

    def _reset(self) -> Reason:
        """Say what a reset means that the guest makes now."""
        suspicion, self._suspicion = self._suspicion, None
        if suspicion is None or not self.enabled or self._calls() != suspicion.calls:
            return Reason.RESET
        return Reason.PANIC

    def _stuck(self, suspicion: _Suspicion) -> bool:
        board, cpu = self._pc.board, self._pc.cpu
        return not board.halted and not cpu.regs.cpl and self._calls() == suspicion.calls

    def _calls(self) -> int:
        counters = self._pc.cpu.counters()
        return counters.syscalls + counters.traps.get(_INT_80, 0)
