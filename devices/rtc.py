"""The MC146818 real-time clock, and the 128 bytes of CMOS RAM around it.

Promise: the time is a function of the machine's clock and of what the guest has
written; reading it at any tick gives the same on every run, and every interrupt
comes at its tick exactly.

Nothing is counted while nobody waits: an update is an event only if an interrupt
that is enabled hangs on it. Else the registers are brought up to date when they
are looked at.

Where the data sheet leaves something open, or a PC differs:

* An update takes no time. UIP is set in the 244 us before it, as is promised
  there, and falls with it.
* The century is a byte of the PC's CMOS RAM, at 32h; here an update carries into
  it, as on QEMU, and leap years are the calendar's.
* Values of DV that are no time-base hold the divider, and so the time. When they
  are left, the first update comes half a second later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from vectoros.clock import Clock, tick_of_count
from vectoros.devices.device import Device, RegisterView
from vectoros.devices.registers import Access, Register
from vectoros.devices.rtc_calendar import (
    DAY_SECONDS,
    Coding,
    Time,
    alarm_number,
    seconds_to_match,
)
from vectoros.devices.rtc_registers import (
    LAST_RUNNING_DV,
    OSCILLATOR_HZ,
    Index,
    RegisterA,
    RegisterB,
    RegisterC,
    RegisterD,
    period_cycles,
)
from vectoros.devices.state import Cell, Shape, State, integer
from vectoros.irq import Line
from vectoros.units import TICKS_PER_SECOND

CMOS_BYTES = 128
"""What seven bits of INDEX reach: the chip has 64, and PCs soon had the rest."""

UIP_TICKS = 8 * TICKS_PER_SECOND // OSCILLATOR_HZ
"""UIP rises at least 244 us before an update: eight cycles of the oscillator."""

RAM_BANK = "INDEX=other"
FIRST_RAM, CENTURY = 0x0E, 0x32

RAM: Shape[bytes] = Shape(
    f"{CMOS_BYTES} bytes", lambda value: isinstance(value, bytes) and len(value) == CMOS_BYTES
)


def _bank(address: int) -> str:
    return f"INDEX={address:02X}h"


def _byte(address: int, doc: str) -> Register[int]:
    """Declare a byte of the time or of the alarm."""
    return Register(1, Access.RW, int, doc, reset=0, bank=_bank(address))


class Rtc(Device):
    """An index port and a data port.

    A byte of the chip is reached in two steps: its address to INDEX, then an
    access to the data port. IRQ 8 is high while IRQF is set; reading register C
    clears the flags. A reset of the machine disables the interrupts, and leaves
    the time and the RAM alone: there is a battery.
    """

    name = "rtc"
    source = "Motorola MC146818A data sheet; IBM PC/AT Technical Reference for the RAM's use"

    index = Register(0, Access.W, Index, "address of the byte at the data port", reset=0)

    seconds = _byte(0x00, "seconds")
    seconds_alarm = _byte(0x01, "seconds of the alarm; C0h and above: any")
    minutes = _byte(0x02, "minutes")
    minutes_alarm = _byte(0x03, "minutes of the alarm; C0h and above: any")
    hours = _byte(0x04, "hours")
    hours_alarm = _byte(0x05, "hours of the alarm; C0h and above: any")
    weekday = _byte(0x06, "day of the week; 1 is Sunday")
    day = _byte(0x07, "day of the month")
    month = _byte(0x08, "month")
    year = _byte(0x09, "year of the century")
    register_a = Register(1, Access.RW, RegisterA, "register A", reset=0x26, bank=_bank(0x0A))
    register_b = Register(1, Access.RW, RegisterB, "register B", reset=0x02, bank=_bank(0x0B))
    register_c = Register(1, Access.RC, RegisterC, "register C", reset=0, bank=_bank(0x0C))
    register_d = Register(1, Access.R, RegisterD, "register D", reset=0x80, bank=_bank(0x0D))
    century = _byte(CENTURY, "century")
    data = Register(1, Access.RW, int, "a byte of the CMOS RAM", bank=RAM_BANK)

    ram = Cell(bytes(CMOS_BYTES), RAM, "CMOS RAM; where registers are it has zeros")
    phase = Cell(0, integer(0, TICKS_PER_SECOND - 1), "tick of an update, modulo a second")
    seen = Cell(0, integer(), "tick up to which the registers say what has happened")

    def __init__(
        self, clock: Clock, *, irq: Line, start: datetime, contents: Mapping[int, int]
    ) -> None:
        """Interrupt on ``irq``; tell ``start`` at power-on, and have ``contents`` in the RAM."""
        self._irq = irq
        self._start = Time.of(start)
        self._contents = bytes(contents.get(address, 0) for address in range(CMOS_BYTES))
        super().__init__(clock)

    def bank(self, offset: int, value: int | None) -> str:
        """Return the address in INDEX, if a register is there."""
        address = self.index.ADDRESS
        return _bank(address) if address < FIRST_RAM or address == CENTURY else RAM_BANK

    def reset(self) -> None:
        """Go to the power-on state, as if the battery had just been put in."""
        super().reset()
        self.ram = self._contents
        self.seen = self.clock.now
        self.phase = self.clock.now % TICKS_PER_SECOND
        self._set_time(self._start)
        self._drive()

    def system_reset(self) -> None:
        """Follow the RESET pin: interrupts are off, the flags clear; the time goes on."""
        self._settle(self.clock.now)
        self.index = Index(0)
        self.register_b = self.register_b.replace(PIE=0, AIE=0, UIE=0, SQWE=0)
        self.register_c = RegisterC(0)
        self._drive()

    def state(self) -> dict[str, State]:
        """Return everything that a guest can see, as of now."""
        self._settle_quietly()
        return super().state()

    def peek(self) -> list[RegisterView]:
        """Return every register, as of now, whatever INDEX says."""
        self._settle_quietly()
        return super().peek()

    def adopt(self, state: Mapping[str, State]) -> None:
        """Take over a checked state, and the line's level with it."""
        super().adopt(state)
        self._irq.restore(self._interrupting())

    # Time.

    def next_event(self) -> int | None:
        """Return the tick of the next interrupt; while the line is high none is new."""
        b = self.register_b
        if not (b.PIE or b.AIE or b.UIE) or self._interrupting() or not self._running:
            return None
        due = []
        if b.PIE and (period := period_cycles(self.register_a.RS)):
            cycle = self._cycle(self.seen) // period * period + period
            due.append(self.phase + tick_of_count(cycle, OSCILLATOR_HZ))
        if b.UIE:
            due.append(self._update(1))
        if b.AIE and not b.SET and (wait := self._seconds_to_alarm()) is not None:
            due.append(self._update(wait))
        return min(due, default=None)

    def advance(self) -> None:
        """Let everything happen that is due."""
        self._settle(self.clock.now)
        self._drive()

    def catch_up(self) -> None:
        """Bring the registers up to date: they are about to be accessed."""
        self.advance()

    @property
    def _running(self) -> bool:
        """Whether the divider counts."""
        return self.register_a.DV <= LAST_RUNNING_DV

    def _cycle(self, tick: int) -> int:
        """Return the cycles of the oscillator from the phase to ``tick``."""
        return (tick - self.phase) * OSCILLATOR_HZ // TICKS_PER_SECOND

    def _update(self, number: int) -> int:
        """Return the tick of an update: 1 is the next after ``seen``."""
        second = (self.seen - self.phase) // TICKS_PER_SECOND + number
        return self.phase + second * TICKS_PER_SECOND

    def _settle_quietly(self) -> None:
        """Bring the registers up to date, but leave an interrupt that is due to its event."""
        due, now = self.next_event(), self.clock.now
        self._settle(now if due is None or due > now else due - 1)

    def _settle(self, until: int) -> None:
        """Let everything happen up to tick ``until`` that the registers do not say yet."""
        since, self.seen = self.seen, max(self.seen, until)
        if not self._running:
            return
        flags = self.register_c
        period = period_cycles(self.register_a.RS)
        if period and self._cycle(self.seen) // period > self._cycle(since) // period:
            flags = flags.replace(PF=1)
        updates = (self.seen - self.phase) // TICKS_PER_SECOND
        updates -= (since - self.phase) // TICKS_PER_SECOND
        if updates and not self.register_b.SET:
            alarm = self._seconds_to_alarm()
            reached = alarm is not None and alarm <= updates
            flags = flags.replace(UF=1, AF=flags.AF or reached)
            self._set_time(self._time().later(updates))
        self.register_c = flags

    # The registers of the time.

    @property
    def _coding(self) -> Coding:
        return Coding(bool(self.register_b.DM), bool(self.register_b.H24))

    def _time(self) -> Time:
        """Return what the registers say."""
        coding = self._coding
        minutes = 60 * coding.hour(self.hours) + coding.number(self.minutes)
        return Time(
            60 * minutes + coding.number(self.seconds),
            coding.number(self.weekday),
            coding.number(self.day),
            coding.number(self.month),
            100 * coding.number(self.century) + coding.number(self.year),
        )

    def _set_time(self, time: Time) -> None:
        coding = self._coding
        minutes, second = divmod(time.second, 60)
        hour, minute = divmod(minutes, 60)
        century, year = divmod(time.year, 100)
        self.seconds = coding.byte(second)
        self.minutes = coding.byte(minute)
        self.hours = coding.hour_byte(hour)
        self.weekday = coding.byte(time.weekday)
        self.day = coding.byte(time.day)
        self.month = coding.byte(time.month)
        self.year = coding.byte(year)
        self.century = coding.byte(century)

    def _seconds_to_alarm(self) -> int | None:
        """Return after how many updates the time is that of the alarm; None if never."""
        coding = self._coding
        return seconds_to_match(
            self._time().second % DAY_SECONDS,
            alarm_number(self.hours_alarm, coding, hour=True),
            alarm_number(self.minutes_alarm, coding),
            alarm_number(self.seconds_alarm, coding),
        )

    # Control.

    @register_a.read_by
    def _status(self) -> int:
        left = TICKS_PER_SECOND - (self.clock.now - self.phase) % TICKS_PER_SECOND
        soon = self._running and not self.register_b.SET and left <= UIP_TICKS
        return self.register_a.replace(UIP=soon)

    @register_a.written_by
    def _control_divider(self, value: RegisterA) -> None:
        was_running = self._running
        self.register_a = value.replace(UIP=0)
        if self._running and not was_running:
            self.phase = (self.clock.now + TICKS_PER_SECOND // 2) % TICKS_PER_SECOND

    @register_b.written_by
    def _control(self, value: RegisterB) -> None:
        self.register_b = value.replace(UIE=0) if value.SET else value
        self._drive()

    @register_c.read_by
    def _flags(self) -> int:
        return self.register_c.replace(IRQF=self._interrupting())

    @register_c.after_read
    def _flags_were_read(self) -> None:
        self.register_c = RegisterC(0)
        self._drive()

    @data.read_by
    def _ram_byte(self) -> int:
        return self.ram[self.index.ADDRESS]

    @data.written_by
    def _set_ram_byte(self, byte: int) -> None:
        at = self.index.ADDRESS
        self.ram = self.ram[:at] + bytes([byte]) + self.ram[at + 1 :]

    # The interrupt line.

    def _interrupting(self) -> bool:
        """Return the level that the interrupt line should have: PF, AF and UF, as enabled."""
        b, c = self.register_b, self.register_c
        return bool((c.PF and b.PIE) or (c.AF and b.AIE) or (c.UF and b.UIE))

    def _drive(self) -> None:
        self._irq.set(self._interrupting())
