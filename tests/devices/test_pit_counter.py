"""One counter of the 8254 against an oracle that steps single pulses.

The oracle is the data sheet's description of each mode, told pulse by pulse; the
model computes. They must agree in count, output, status and next change.
"""

from __future__ import annotations

import copy
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectoros.devices.pit_counter import Counter
from vectoros.devices.pit_registers import ControlWord


class Oracle:
    """A counter that only knows what one CLK pulse does."""

    def __init__(self, gate: bool) -> None:
        self.gate = gate
        self.mode = self.raw = 0
        self.bcd = False
        self.written: int | None = None  # CR
        self.out = False
        self.null = True
        self.running = self.load = self.fired = self.fresh = False
        self.reloaded = 0  # the number of the period in modes 2 and 3

    def number(self, raw: int) -> int:
        return int(f"{raw:x}") or 10000 if self.bcd else raw or 0x10000

    def count_down(self, by: int) -> None:
        left = self.number(self.raw) - by
        self.raw = int(f"{left % 10000}", 16) if self.bcd else left & 0xFFFF

    def program(self, mode: int, bcd: bool) -> None:
        self.mode, self.bcd = mode, bcd
        self.out = mode != 0
        self.null, self.fresh = True, True
        self.written = None
        self.running = self.load = False

    def write(self, raw: int) -> None:
        if self.mode == 0:
            self.out = self.running = self.load = False
        self.written, self.null = raw, True
        if self.mode in (0, 4) or (self.mode in (2, 3) and self.fresh):
            self.load = True
        self.fresh = False

    def first_byte(self) -> None:
        if self.mode == 0:
            self.out = self.running = self.load = False

    def set_gate(self, level: bool) -> None:
        changed, self.gate = level != self.gate, level
        if not changed:
            return
        if self.mode in (2, 3):
            self.out, self.running, self.load = True, False, False
        if level and self.mode in (1, 2, 3, 5) and self.written is not None:
            self.load = True

    def pulse(self) -> None:
        if self.load:
            self.take()
            if self.mode == 1:
                self.out = False
            if self.mode in (4, 5):
                self.out = True
        elif self.running and (self.gate or self.mode in (1, 5)):
            (self.rate if self.mode in (2, 3) else self.once)()

    def take(self) -> None:
        assert self.written is not None
        self.raw, self.reloaded = self.written, self.number(self.written)
        self.load = self.null = self.fired = False
        self.running = True
        if self.mode == 3:
            self.count_down(self.reloaded % 2)

    def once(self) -> None:
        self.count_down(1)
        if self.mode in (4, 5):
            self.out = True
        if self.raw == 0 and not self.fired:
            self.fired = True
            self.out = self.mode in (0, 1)

    def rate(self) -> None:
        if self.mode == 2:
            if self.number(self.raw) == 1:
                self.take()
                self.out = True
            else:
                self.count_down(1)
                self.out = self.number(self.raw) != 1
            return
        odd_and_high = self.reloaded % 2 == 1 and self.out
        if not (odd_and_high and self.raw == 0):
            self.count_down(2)
        else:
            odd_and_high = False
        if self.raw == 0 and not odd_and_high:
            self.take()
            self.out = not self.out


class Both:
    """Model and oracle, given the same events."""

    def __init__(self, gate: bool) -> None:
        self.t = 0
        self.model = Counter()
        self.model.gate = gate
        self.oracle = Oracle(gate)
        self.program(0, False)

    def program(self, mode: int, bcd: bool) -> None:
        self.model.program(ControlWord(0).replace(RW=3, M=mode, BCD=bcd), self.t)
        self.oracle.program(mode, bcd)

    def write(self, raw: int) -> None:
        self.first_byte(raw & 0xFF)
        self.model.write(raw >> 8, self.t)
        self.oracle.write(raw)

    def first_byte(self, byte: int) -> None:
        self.model.write(byte, self.t)
        self.oracle.first_byte()

    def set_gate(self, level: bool) -> None:
        self.model.set_gate(level, self.t)
        self.oracle.set_gate(level)

    def pulse(self) -> None:
        self.t += 1
        self.model.settle(self.t)
        self.oracle.pulse()

    def agree(self) -> None:
        seen = (self.model.count(self.t), self.model.out(self.t), self.model.null)
        assert seen == (self.oracle.raw, self.oracle.out, self.oracle.null)
        assert self.model.status(self.t) >> 6 == self.oracle.out << 1 | self.oracle.null

    def change_is_exact(self) -> None:
        """Until the pulse that the model names the oracle's output stands, and then it changes.

        A load counts as a change: what comes after it cannot be named before.
        """
        change = self.model.next_change(self.t)
        ahead = copy.deepcopy(self.oracle)
        for t in range(self.t + 1, self.t + 40):
            ahead.pulse()
            if t == change:
                assert ahead.out != self.oracle.out or t == self.model.load_at
                return
            assert ahead.out == self.oracle.out, f"it changed at {t}, not at {change}"


# A count of 1 is illegal in modes 2 and 3; 0 is the largest.
COUNTS = st.one_of(st.integers(2, 9), st.integers(16, 25), st.sampled_from([0, 0x9999]))
EVENTS = st.one_of(
    st.tuples(st.just("pulses"), st.integers(1, 30)),
    st.tuples(st.just("pulses"), st.integers(1, 3)),
    st.tuples(st.just("gate"), st.integers(0, 1)),
    st.tuples(st.just("write"), COUNTS),
    st.tuples(st.just("write"), COUNTS),
    st.tuples(st.just("program"), st.integers(0, 11)),
)


def run(gate: bool, mode: int, bcd: bool, events: list[tuple[str, int]]) -> Both:
    both = Both(gate)
    both.program(mode, bcd)
    for event, number in events:
        if event == "pulses":
            for _ in range(number):
                both.pulse()
                both.agree()
        elif event == "gate":
            both.set_gate(bool(number))
        elif event == "write":
            both.write(int(f"{number % 10000}", 16) if both.oracle.bcd else number)
        else:
            both.program(number % 6, number > 5)
        both.agree()
        both.change_is_exact()
    return both


@settings(max_examples=300)
@given(st.booleans(), st.integers(0, 5), st.booleans(), st.lists(EVENTS, max_size=20))
def test_every_mode_agrees_with_the_oracle(
    gate: bool, mode: int, bcd: bool, events: list[tuple[str, int]]
) -> None:
    run(gate, mode, bcd, events)


@given(st.booleans(), st.integers(0, 5), st.lists(EVENTS, max_size=12), st.integers(1, 200_000))
def test_one_long_step_equals_many_short_ones(
    gate: bool, mode: int, events: list[tuple[str, int]], step: int
) -> None:
    short = run(gate, mode, False, events)
    long = copy.deepcopy(short)
    end = short.t + step
    for t in range(short.t + 1, end + 1, max(1, step // 50)):
        short.model.settle(t)
    short.model.settle(end)
    long.model.settle(end)
    assert long.model.state() == short.model.state()
    assert long.model.count(end) == short.model.count(end)
    assert long.model.out(end) == short.model.out(end)


def started(mode: int, count: int, pulses: int) -> Both:
    """Return a counter that has run for ``pulses`` after its load or trigger."""
    both = Both(gate=mode not in (1, 5))
    both.program(mode, False)
    both.write(count)
    both.set_gate(True)
    for _ in range(pulses + 1):
        both.pulse()
    return both


@pytest.mark.parametrize("mode", range(6))
def test_a_new_count_at_every_moment_of_the_period(mode: int) -> None:
    for old, new, moment in itertools.product((2, 3, 4, 7), (2, 3, 6), range(16)):
        both = started(mode, old, moment)
        both.write(new)
        for _ in range(14):
            both.pulse()
            both.agree()
            both.change_is_exact()


@pytest.mark.parametrize("mode", range(6))
@pytest.mark.parametrize("new", [None, 5])
def test_the_gate_at_every_moment_of_the_period(mode: int, new: int | None) -> None:
    for count, moment, closed in itertools.product((2, 3, 4, 7), range(10), range(5)):
        both = started(mode, count, moment)
        if new is not None:
            both.write(new)
        both.set_gate(False)
        if new is not None:
            both.write(new + 1)
        for _ in range(closed):
            both.pulse()
            both.agree()
        both.set_gate(True)
        for _ in range(14):
            both.pulse()
            both.agree()
            both.change_is_exact()


@pytest.mark.parametrize("mode", [1, 5])
def test_a_trigger_may_be_shorter_than_a_pulse(mode: int) -> None:
    both = Both(gate=False)
    both.program(mode, False)
    both.write(3)
    both.set_gate(True)
    both.set_gate(False)
    for _ in range(6):
        both.pulse()
        both.agree()


def test_modes_6_and_7_are_modes_2_and_3() -> None:
    for alias in (6, 7):
        counter = Counter()
        counter.program(ControlWord(0).replace(RW=1, M=alias), 0)
        assert counter.mode == alias - 4
        assert counter.status(0) >> 1 & 7 == alias, "the status gives back what was written"


def test_the_first_byte_of_two_stops_mode_0_only() -> None:
    for mode, count in ((0, 8), (4, 7)):
        both = Both(gate=True)
        both.program(mode, False)
        both.write(10)
        for _ in range(3):
            both.pulse()
        both.first_byte(5)
        both.pulse()
        both.agree()
        assert both.model.count(both.t) == count


def waveform(mode: int, count: int, pulses: int, *, gate: bool = True) -> str:
    """Return the output after each pulse from the write on, as the data sheet draws it."""
    both = Both(gate)
    both.program(mode, False)
    both.write(count)
    drawn = ""
    for _ in range(pulses):
        both.pulse()
        drawn += "-" if both.model.out(both.t) else "_"
    return drawn


def test_waveforms_of_the_data_sheet() -> None:
    assert waveform(0, 4, 8) == "____----"
    assert waveform(2, 3, 9) == "--_--_--_"
    assert waveform(3, 4, 9) == "--__--__-"
    assert waveform(3, 5, 11) == "---__---__-"
    assert waveform(4, 3, 7) == "---_---"
    assert waveform(1, 3, 5) == "-----"
    assert waveform(5, 3, 5) == "-----"
