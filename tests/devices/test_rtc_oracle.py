"""The real-time clock against a plain one: datetime, a second at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.devices.clock_rig import (
    AIE,
    ALARM,
    DM,
    H24,
    PIE,
    SECOND,
    SET,
    START,
    TIME,
    UIE,
    A,
    B,
    C,
    ClockRig,
)

PF, AF, UF = 0x40, 0x20, 0x10
HERTZ = [0, 256, 128, *(8192 >> n for n in range(13))]
Alarm = tuple[int | None, int | None, int | None]


@dataclass
class Oracle:
    """What the time is, when what happens, and how the line goes."""

    now: int = 0
    time: datetime = START
    mode: int = H24
    enabled: int = 0
    flags: int = 0
    hertz: int = HERTZ[6]
    alarm: Alarm = (0, 0, 0)
    origin: int = 0
    """Tick since which the divider counts whole seconds."""
    held: bool = False
    line: bool = False
    edges: list[tuple[int, bool]] = field(default_factory=list)

    def drive(self) -> None:
        level = bool(self.flags & self.enabled)
        if level != self.line:
            self.line = level
            self.edges.append((self.now, level))

    def wait(self, ticks: int) -> None:
        end = self.now + ticks
        period = self.next_period()
        update = self.now + SECOND - (self.now - self.origin) % SECOND
        while not self.held and min(period, update) <= end:
            self.now = min(period, update)
            if self.now == period:
                self.flags |= PF
                period = end + 1  # one is as good as many until the flags are read
            if self.now == update:
                self.update()
                update += SECOND
            self.drive()
        self.now = end

    def next_period(self) -> int:
        if not self.hertz:
            return 1 << 70
        period = Fraction(SECOND, self.hertz)
        number = (self.now - self.origin) // period + 1
        while (tick := self.origin + ceil(number * period)) <= self.now:
            number += 1
        return tick

    def update(self) -> None:
        self.time += timedelta(seconds=1)
        self.flags |= UF
        shown = (self.time.hour, self.time.minute, self.time.second)
        if all(want in (None, have) for want, have in zip(self.alarm, shown, strict=True)):
            self.flags |= AF

    def coded(self, number: int) -> int:
        return number if self.mode & DM else int(str(number), 16)

    def hour(self, hour: int) -> int:
        if self.mode & H24:
            return self.coded(hour)
        return self.coded(hour % 12 or 12) | (0x80 if hour >= 12 else 0)

    def bytes(self) -> list[int]:
        time = self.time
        numbers = [time.minute, time.second, time.isoweekday() % 7 + 1, time.day, time.month]
        rest = [*numbers, time.year // 100, time.year % 100]
        return [self.hour(time.hour), *map(self.coded, rest)]


class Pair:
    """A clock and its oracle, which get the same."""

    def __init__(self) -> None:
        self.rig, self.oracle = ClockRig(), Oracle()

    def wait(self, ticks: int) -> None:
        self.rig.wait(ticks)
        self.oracle.wait(ticks)

    def set_time(self, choice: tuple[datetime, int]) -> None:
        self.oracle.time, self.oracle.mode = choice
        self.oracle.enabled &= ~UF
        self.oracle.drive()
        self.rig.write(B, SET | self.oracle.enabled | self.oracle.mode)
        for address, byte in zip(TIME, self.oracle.bytes(), strict=True):
            self.rig.write(address, byte)
        self.write_b()
        self.set_alarm(self.oracle.alarm)

    def set_alarm(self, alarm: Alarm) -> None:
        oracle = self.oracle
        oracle.alarm = alarm
        hour, minute, second = alarm
        self.rig.write(ALARM[0], 0xC0 if hour is None else oracle.hour(hour))
        self.rig.write(ALARM[1], 0xD5 if minute is None else oracle.coded(minute))
        self.rig.write(ALARM[2], 0xFF if second is None else oracle.coded(second))

    def enable(self, bits: int) -> None:
        self.oracle.enabled = bits
        self.oracle.drive()
        self.write_b()

    def write_b(self) -> None:
        self.rig.write(B, self.oracle.enabled | self.oracle.mode)

    def rate(self, rate: int) -> None:
        oracle = self.oracle
        if oracle.held:
            oracle.origin = oracle.now - SECOND // 2
            oracle.held = False
        oracle.hertz = HERTZ[rate]
        self.rig.write(A, 0x20 | rate)

    def hold(self, _: int) -> None:
        self.oracle.held = True
        self.rig.write(A, 0x70)

    def flags(self, _: int) -> None:
        level = 0x80 if self.oracle.line else 0
        assert self.rig.read(C) == self.oracle.flags | level
        self.oracle.flags = 0
        self.oracle.drive()

    def look(self, _: int) -> None:
        self.rig.rtc.state()
        self.rig.rtc.peek()

    def restore(self, _: int) -> None:
        old, self.rig = self.rig, ClockRig()
        self.rig.clock.set(old.clock.now)
        self.rig.edges += old.edges
        self.rig.line.restore(old.line.level)
        self.rig.rtc.restore(old.rtc.state())


NEAR = [
    datetime(2026, 1, 1, 11, 59, 58),
    datetime(2024, 2, 28, 23, 59, 59),
    datetime(1999, 12, 31, 23, 59, 57),
    datetime(2100, 2, 28, 23, 59, 59),
]
MOMENTS = st.one_of(
    st.sampled_from(NEAR),
    st.datetimes(datetime(1970, 1, 1), datetime(2399, 1, 1)).map(
        lambda t: t.replace(microsecond=0)
    ),
)
MODES = st.sampled_from([0, DM, H24, DM | H24])
WAITS = st.one_of(
    st.integers(1, 3 * SECOND),
    st.sampled_from([1, SECOND - 1, SECOND, 61 * SECOND]),
    st.integers(1, 4_000).map(lambda seconds: seconds * SECOND + 17),
)
WANT = st.one_of(st.none(), st.integers(0, 2), st.integers(0, 59))
OPS = st.one_of(
    st.tuples(st.just("wait"), WAITS),
    st.tuples(st.just("wait"), WAITS),
    st.tuples(st.just("set_time"), st.tuples(MOMENTS, MODES)),
    st.tuples(
        st.just("set_alarm"), st.tuples(WANT.filter(lambda n: n is None or n < 24), WANT, WANT)
    ),
    st.tuples(st.just("enable"), st.sampled_from([0, UIE, AIE, PIE, AIE | UIE, PIE | AIE | UIE])),
    st.tuples(st.just("rate"), st.integers(0, 15)),
    st.tuples(st.sampled_from(["flags", "flags", "look", "restore", "hold"]), st.just(0)),
)


@settings(max_examples=150)
@given(program=st.lists(OPS, max_size=30))
def test_it_is_a_clock(program: list[tuple[str, object]]) -> None:
    pair = Pair()
    for name, operand in program:
        getattr(pair, name)(operand)
        assert pair.rig.time() == pair.oracle.bytes(), f"after {name}"
        assert pair.rig.edges == pair.oracle.edges, f"after {name}"
