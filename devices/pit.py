"""The 8254 interval timer: three counters at 1.193182 MHz, the first one on IRQ 0.

Promise: a guest may read a counter at any tick, and every edge of counter 0's
output reaches the interrupt line in its turn, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vectoros.clock import Clock, tick_of_count
from vectoros.devices.device import Device, RegisterView
from vectoros.devices.pit_counter import PULSE, Counter
from vectoros.devices.pit_registers import (
    LATCH,
    READ_BACK,
    ControlWord,
    LatchCommand,
    ReadBack,
)
from vectoros.devices.registers import Access, Register
from vectoros.devices.state import FLAG, Cell, State, Stateful, optional
from vectoros.irq import Line

CLK_HZ = 1_193_182
"""Pulses a second at CLK: a twelfth of the PC's 14.31818 MHz crystal (IBM PC/AT)."""

PROGRAM, LATCH_COUNT, READ_BACK_COMMAND = "SC!=3 RW!=0", "SC!=3 RW=0", "SC=3"


def _count_register(number: int, use: str) -> Register[int]:
    """Declare the port of one counter."""
    register = Register(number, Access.RW, int, f"counter {number}: {use}")

    def look(pit: Pit) -> int:
        return pit.counter(number).value(pit.pulse)

    def was_read(pit: Pit) -> None:
        pit.counter(number).was_read()

    def write(pit: Pit, byte: int) -> None:
        pit.counter(number).write(byte, pit.pulse)
        pit.plan()

    register.read_by(look)
    register.after_read(was_read)
    register.written_by(write)
    return register


class Pit(Device):
    """Three counters and a control port.

    A count is written and read as the control word's RW says. The gates of
    counters 0 and 1 are tied high; port 61h drives that of counter 2.
    """

    source = "Intel 8254 data sheet, order number 231164"

    counter0 = _count_register(0, "system timer, its output is IRQ 0")
    counter1 = _count_register(1, "memory refresh in the PC; free")
    counter2 = _count_register(2, "speaker; gate and output are at port 61h")
    control = Register(3, Access.W, ControlWord, "program a counter", bank=PROGRAM)
    latch = Register(3, Access.W, LatchCommand, "latch a counter's value", bank=LATCH_COUNT)
    read_back = Register(3, Access.W, ReadBack, "latch several", bank=READ_BACK_COMMAND)

    out0 = Cell(False, FLAG, "level that counter 0 drives")
    due = Cell(None, optional(PULSE), "pulse of counter 0's next load, or edge of its output")

    def __init__(self, clock: Clock, *, irq: Line) -> None:
        """Drive ``irq`` with the output of counter 0."""
        self._irq = irq
        self.counters = (Counter(), Counter(), Counter())
        super().__init__(clock)

    def parts(self) -> Mapping[str, Stateful]:
        """The counters keep their own state."""
        return {f"counter{n}": counter for n, counter in enumerate(self.counters)}

    def bank(self, offset: int, value: int | None) -> str:
        """Tell the three control words apart."""
        word = ControlWord(value or 0)
        if word.SC == READ_BACK:
            return READ_BACK_COMMAND
        return LATCH_COUNT if word.RW == LATCH else PROGRAM

    def reset(self) -> None:
        """Go to the power-on state. Port 61h then holds the gate of counter 2 low."""
        super().reset()
        self.counters[2].gate = False
        self._irq.set(self.out0)

    def state(self) -> dict[str, State]:
        """Return everything that a guest can see: counters 1 and 2 as of now, too."""
        for number in range(3):
            self.counter(number)
        return super().state()

    def peek(self) -> list[RegisterView]:
        """Return the ports, and what is behind them: status and count of each counter."""
        views = super().peek()
        for number in range(3):
            counter = self.counter(number)
            status, count = counter.status(self.pulse), counter.count(self.pulse)
            views.append(RegisterView(f"STATUS{number}", number, 1, status, status.views()))
            views.append(RegisterView(f"COUNT{number}", number, 2, count, ()))
        return views

    def check(self, state: object, where: str) -> None:
        """Raise :class:`ValueError` unless ``state`` is one that the timer can get into."""
        super().check(state, where)
        found = cast(dict[str, Any], state)
        due, load_at = found["due"], found["counter0"]["load_at"]
        # A load ends a period at the latest, and no edge between now and then is skipped.
        if load_at is not None and (due is None or not due <= load_at <= due + 0x10000):
            raise ValueError(f"{where}.due {due} contradicts counter0.load_at {load_at}")

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a checked state, and the line's level with it."""
        super().adopt(state)
        self._irq.restore(self.out0)

    # Time.

    @property
    def pulse(self) -> int:
        """CLK pulses since power-on."""
        return self.clock.count(CLK_HZ)

    def counter(self, number: int) -> Counter:
        """Return a counter, up to date.

        Counter 0 is kept so by events, because somebody hears its edges; the
        others have no deadlines and are brought up to date when they are needed.
        """
        counter = self.counters[number]
        if number:
            counter.settle(self.pulse)
        return counter

    def next_event(self) -> int | None:
        """Return the tick of counter 0's next load, or edge of its output."""
        return None if self.due is None else tick_of_count(self.due, CLK_HZ)

    def advance(self) -> None:
        """Let every load and every edge happen that is due, one after the other."""
        now = self.pulse
        while (due := self.due) is not None and due <= now:
            self._follow(due)
            self._skip_unseen(now)

    def plan(self) -> None:
        """Drive counter 0's output and find the next deadline, after something has changed."""
        self._follow(self.pulse)

    def _follow(self, t: int) -> None:
        """Let counter 0's output be as it is at pulse ``t``."""
        counter = self.counters[0]
        counter.settle(t)
        self.out0 = counter.out(t)
        self._irq.set(self.out0)
        self.due = counter.next_change(t)

    def _skip_unseen(self, now: int) -> None:
        """Of whole periods that have passed, keep the last: it stands for all."""
        period = self.counters[0].steady_period()
        if period is not None and self.due is not None and self.due < now:
            self.due += (now - self.due) // period * period

    # The control port.

    @control.written_by
    def _program(self, word: ControlWord) -> None:
        self.counter(word.SC).program(word, self.pulse)
        self.plan()

    @latch.written_by
    def _latch(self, word: LatchCommand) -> None:
        self.counter(word.SC).hold_count(self.pulse)

    @read_back.written_by
    def _read_back(self, word: ReadBack) -> None:
        for number, chosen in enumerate((word.CNT0, word.CNT1, word.CNT2)):
            if chosen and not word.COUNT:
                self.counter(number).hold_count(self.pulse)
            if chosen and not word.STATUS:
                self.counter(number).hold_status(self.pulse)

    # Port 61h. It reaches counter 2 alone, so the deadline stays what it is.

    def set_gate2(self, level: bool) -> None:
        """Drive the gate of counter 2."""
        self.counter(2).set_gate(level, self.pulse)

    def out2(self) -> bool:
        """Return the output of counter 2."""
        return self.counter(2).out(self.pulse)
