"""The clock's arithmetic: its bytes as numbers, the next second, the next alarm.

A guest may write any byte into any register. Digits above 9 count as they weigh,
and what is beyond the end of a minute, hour, day or month carries over with the
next update; the data sheet leaves it open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

DAY_SECONDS = 24 * 60 * 60
YEARS = 10_000
"""The calendar of four digits begins anew after these."""

ANY = 0xC0
"""An alarm byte from here on matches always (both high bits are set)."""

_CYCLE_YEARS = 400
"""After these the Gregorian calendar repeats, weekdays and all."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How the bytes stand for numbers: DM and 24/12 of register B."""

    binary: bool
    hours24: bool

    def number(self, byte: int) -> int:
        """Return the number that ``byte`` stands for."""
        return byte if self.binary else 10 * (byte >> 4) + (byte & 0xF)

    def byte(self, number: int) -> int:
        """Return ``number``, which is below 100, as a byte."""
        return number if self.binary else number // 10 << 4 | number % 10

    def hour(self, byte: int) -> int:
        """Return the hour from midnight that ``byte`` stands for."""
        if self.hours24:
            return self.number(byte)
        return self.number(byte & 0x7F) % 12 + 12 * (byte >> 7)

    def hour_byte(self, hour: int) -> int:
        """Return the hour from midnight as a byte: noon is 12 PM and midnight 12 AM."""
        if self.hours24:
            return self.byte(hour)
        return self.byte((hour + 11) % 12 + 1) | (0x80 if hour >= 12 else 0)


@dataclass(frozen=True, slots=True)
class Time:
    """A date and a time of day, as the registers have it."""

    second: int
    """From midnight."""
    weekday: int
    """1 is Sunday; it counts on its own, whatever the date."""
    day: int
    month: int
    year: int

    @classmethod
    def of(cls, moment: datetime) -> Time:
        """Return ``moment``."""
        second = 3600 * moment.hour + 60 * moment.minute + moment.second
        weekday = moment.isoweekday() % 7 + 1
        return cls(second, weekday, moment.day, moment.month, moment.year)

    def later(self, seconds: int) -> Time:
        """Return the time after so many seconds."""
        days, second = divmod(self.second + seconds, DAY_SECONDS)
        weekday = (self.weekday - 1 + days) % 7 + 1
        near = date(2000 + self.year % _CYCLE_YEARS, (self.month - 1) % 12 + 1, 1)
        then = date.fromordinal(near.toordinal() + self.day - 1 + days)
        year = (then.year + self.year - near.year) % YEARS
        return Time(second, weekday, then.day, then.month, year)


def alarm_number(byte: int, coding: Coding, *, hour: bool = False) -> int | None:
    """Return the number for which an alarm's ``byte`` waits: None for any, -1 for none.

    The chip compares bytes, so one that no update writes never matches.
    """
    if byte >= ANY:
        return None
    number = coding.hour(byte) if hour else coding.number(byte)
    if number >= (24 if hour else 60):
        return -1
    return number if byte == (coding.hour_byte(number) if hour else coding.byte(number)) else -1


def seconds_to_match(
    start: int, hour: int | None, minute: int | None, second: int | None
) -> int | None:
    """Return the seconds from ``start``, a second of the day, to the next match; None if never.

    >>> seconds_to_match(0, None, None, 0), seconds_to_match(5, 0, 0, 5)
    (60, 86400)
    """
    if -1 in (hour, minute, second):
        return None
    t = start + 1
    while True:
        if hour is not None and t // 3600 % 24 != hour:
            t = (t // 3600 + (hour - t // 3600) % 24) * 3600
        elif minute is not None and t // 60 % 60 != minute:
            t = (t // 60 + (minute - t // 60) % 60) * 60
        elif second is not None and t % 60 != second:
            t += (second - t) % 60
        else:
            return t - start
