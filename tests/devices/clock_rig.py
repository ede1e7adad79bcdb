"""A real-time clock on a bench: driven through its two ports, stepped as the board does."""

from __future__ import annotations

from datetime import datetime

from vectoros.clock import Clock
from vectoros.devices.rtc import Rtc
from vectoros.devices.rtc_registers import RegisterA, RegisterB
from vectoros.irq import Line
from vectoros.units import TICKS_PER_SECOND

START = datetime(2026, 1, 1)
A, B, C, D, CENTURY = 0x0A, 0x0B, 0x0C, 0x0D, 0x32
SET, PIE, AIE, UIE = (getattr(RegisterB, name).mask for name in ("SET", "PIE", "AIE", "UIE"))
DM, H24 = RegisterB.DM.mask, RegisterB.H24.mask
UIP = RegisterA.UIP.mask
TIME = (0x04, 0x02, 0x00, 0x06, 0x07, 0x08, CENTURY, 0x09)
"""Hours, minutes, seconds, weekday, day, month, century, year."""

ALARM = (0x05, 0x03, 0x01)
SECOND = TICKS_PER_SECOND


class ClockRig:
    """A clock, and every edge of its line with its tick."""

    def __init__(self, start: datetime = START, contents: dict[int, int] | None = None) -> None:
        self.clock = Clock()
        self.line = Line()
        self.edges: list[tuple[int, bool]] = []
        self.line.connect(lambda level: self.edges.append((self.clock.now, level)))
        self.rtc = Rtc(self.clock, irq=self.line, start=start, contents=contents or {})

    def read(self, address: int) -> int:
        self.rtc.write(0, 1, address)
        return self.rtc.read(1, 1)

    def write(self, address: int, *values: int) -> None:
        for value in values:
            self.rtc.write(0, 1, address)
            self.rtc.write(1, 1, value)

    def run_to(self, tick: int) -> None:
        """Go to ``tick`` by every deadline."""
        while (due := self.rtc.next_event()) is not None and due <= tick:
            assert due > self.clock.now, "D3"
            self.clock.set(due)
            self.rtc.advance()
        self.clock.set(tick)

    def wait(self, ticks: int) -> None:
        self.run_to(self.clock.now + ticks)

    def time(self) -> list[int]:
        """Return the bytes of :data:`TIME`."""
        return [self.read(address) for address in TIME]

    def shown(self) -> str:
        """Return the time that the bytes show if they are BCD and 24 hours."""
        hour, minute, second, _, day, month, century, year = (f"{n:02x}" for n in self.time())
        return f"{century}{year}-{month}-{day} {hour}:{minute}:{second}"

    def set_time(self, text: str) -> None:
        """Set the time as a guest does; ``text`` is as :meth:`shown` has it."""
        mode = self.read(B)
        self.write(B, mode | SET)
        date, _, time = text.partition(" ")
        parts = [*time.split(":"), "01", *date[2:].split("-")[::-1][:2], date[:2], date[2:4]]
        for address, part in zip(TIME, parts, strict=True):
            self.write(address, int(part, 16))
        self.write(B, mode)
