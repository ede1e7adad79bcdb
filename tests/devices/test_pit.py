"""The timer as a device: ports, ticks, the interrupt line and port 61h."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.clock import Clock, tick_of_count
from vectoros.devices.pit import CLK_HZ, Pit
from vectoros.devices.pit_registers import ControlWord, Status
from vectoros.devices.port61 import Port61, SystemControl
from vectoros.irq import Line

CONTROL = 3
LOW, HIGH, BOTH = 1, 2, 3


class Rig:
    """A timer, and every edge of its line with its tick."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.line = Line()
        self.edges: list[tuple[int, bool]] = []
        self.line.connect(lambda level: self.edges.append((self.clock.now, level)))
        self.pit = Pit(self.clock, irq=self.line)
        self.port61 = Port61(self.clock, pit=self.pit)

    def program(self, counter: int, mode: int, count: int, rw: int = BOTH, bcd: int = 0) -> None:
        word = ControlWord(0).replace(SC=counter, RW=rw, M=mode, BCD=bcd)
        self.pit.write(CONTROL, 1, word)
        if rw & LOW:
            self.pit.write(counter, 1, count & 0xFF)
        if rw & HIGH:
            self.pit.write(counter, 1, count >> 8)

    def read(self, counter: int) -> int:
        return self.pit.read(counter, 1) | self.pit.read(counter, 1) << 8

    def at_pulse(self, pulse: int) -> None:
        """Go to the first tick of ``pulse``, as the board does: by every deadline."""
        self.run_to(tick_of_count(pulse, CLK_HZ))

    def run_to(self, tick: int) -> None:
        while (due := self.pit.next_event()) is not None and due <= tick:
            assert due > self.clock.now
            self.clock.set(due)
            self.pit.advance()
        self.clock.set(tick)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_rate_generator_ticks_at_100_hz(rig: Rig) -> None:
    rig.program(0, 2, 11932)
    rig.run_to(4_000_100_000)
    rises = [tick for tick, level in rig.edges if level]
    assert len(rises) == 101, "the output begins high: that is the first edge"
    assert rises[1:] == [tick_of_count(1 + 11932 * n, CLK_HZ) for n in range(1, 101)]


def test_a_count_is_exact_at_every_tick(rig: Rig) -> None:
    rig.program(0, 2, 1000)
    for tick in range(0, 20_000, 7):
        rig.clock.set(tick)
        pulses = tick * CLK_HZ // 4_000_000_000
        expected = 1000 - max(0, pulses - 1) % 1000
        assert rig.read(0) == (expected if pulses else 0)


def test_one_shot_interrupts_once(rig: Rig) -> None:
    rig.program(0, 0, 100)
    rig.at_pulse(1000)
    assert rig.edges == [(tick_of_count(101, CLK_HZ), True)]
    assert rig.pit.next_event() is None
    rig.pit.write(0, 1, 50)
    assert not rig.line.level, "a new count takes the output down at once"


def test_the_square_wave_is_high_for_the_longer_half(rig: Rig) -> None:
    rig.program(0, 3, 5)
    rig.at_pulse(12)
    assert rig.edges == [
        (0, True),
        *((tick_of_count(pulse, CLK_HZ), level) for pulse, level in [(4, False), (6, True)]),
        *((tick_of_count(pulse, CLK_HZ), level) for pulse, level in [(9, False), (11, True)]),
    ]


@pytest.mark.parametrize(("rw", "count"), [(LOW, 0x34), (HIGH, 0x1200), (BOTH, 0x1234)])
def test_counts_are_written_and_read_as_the_control_word_says(
    rig: Rig, rw: int, count: int
) -> None:
    rig.program(1, 0, count, rw)
    rig.at_pulse(1)
    byte = count & 0xFF if rw & LOW else count >> 8
    assert rig.pit.read(1, 1) == byte
    assert rig.pit.read(1, 1) == (count >> 8 if rw & HIGH else byte)


def test_bcd_counts_in_decimal(rig: Rig) -> None:
    rig.program(1, 0, 0x1000, bcd=1)
    rig.at_pulse(2)
    assert rig.read(1) == 0x0999


def test_a_latched_count_stays_until_both_bytes_are_read(rig: Rig) -> None:
    rig.program(1, 0, 0x0300)
    rig.at_pulse(1)
    rig.pit.write(CONTROL, 1, 0x40)
    rig.at_pulse(11)
    rig.pit.write(CONTROL, 1, 0x40)  # ignored: the first is not read yet
    assert rig.read(1) == 0x0300
    assert rig.read(1) == 0x02F6


def test_a_control_word_forgets_what_was_latched_and_half_written(rig: Rig) -> None:
    rig.program(1, 0, 0x0300)
    rig.pit.write(1, 1, 0x55)
    rig.pit.write(CONTROL, 1, 0xC4)
    rig.pit.read(1, 1)
    rig.pit.read(1, 1)
    rig.program(1, 0, 0x1234)
    rig.at_pulse(1)
    assert rig.read(1) == 0x1234


def test_read_back_latches_status_before_count_and_only_what_was_chosen(rig: Rig) -> None:
    rig.program(0, 3, 1000)
    rig.program(1, 0, 1000)
    rig.pit.write(CONTROL, 1, 0xC4)  # count and status of counter 1
    status = Status(rig.pit.read(1, 1))
    assert (status.OUT, status.NULL, status.RW, status.M, status.BCD) == (0, 1, 3, 0, 0)
    rig.at_pulse(5)
    rig.pit.write(CONTROL, 1, 0xE6)  # status of 0 and 1
    assert rig.read(1) & 0xFF == 0x30, "the count that was latched before is read after the status"
    status = Status(rig.pit.read(0, 1))
    assert (status.OUT, status.NULL, status.M) == (1, 0, 3)
    assert rig.read(0) == 1000 - 2 * 4


def test_the_control_port_cannot_be_read(rig: Rig) -> None:
    assert rig.pit.read(CONTROL, 1) == 0xFF
    assert rig.pit.guest_errors == 1


def test_the_view_has_count_and_status_of_each_counter(rig: Rig) -> None:
    rig.program(0, 2, 1000)
    rig.at_pulse(11)
    views = {view.name: view for view in rig.pit.peek()}
    assert views["COUNT0"].value == 990
    assert "M=2 (2, rate generator)" in str(views["STATUS0"])


def test_port_61h_gates_counter_2_and_shows_its_output(rig: Rig) -> None:
    rig.program(2, 0, 100)
    rig.at_pulse(50)
    assert rig.read(2) == 100, "the gate is low at power-on"
    rig.port61.write(0, 1, SystemControl(0).replace(GATE2=1, SPEAKER=1))
    rig.at_pulse(149)
    assert not rig.port61.read(0, 1) & SystemControl.OUT2.mask
    rig.at_pulse(150)
    assert rig.port61.read(0, 1) & SystemControl.OUT2.mask
    assert rig.port61.read(0, 1) & 0x0F == 0x03


def test_port_61h_toggles_with_each_refresh_and_keeps_its_status_bits(rig: Rig) -> None:
    rig.port61.write(0, 1, 0xFF)
    seen = []
    for pulse in range(0, 180, 6):
        rig.at_pulse(pulse)
        seen.append(rig.port61.read(0, 1) >> 4 & 1)
    assert seen == [0, 0, 0, 1, 1, 1] * 5
    assert rig.port61.read(0, 1) & 0xEF == 0x0F


def test_counter_2_makes_no_events(rig: Rig) -> None:
    rig.port61.write(0, 1, 1)
    rig.program(2, 3, 1000)
    assert rig.pit.next_event() is None


def test_an_access_after_a_missed_deadline_sees_the_edge_as_done(rig: Rig) -> None:
    rig.program(0, 0, 10)
    rig.clock.set(tick_of_count(12, CLK_HZ))
    assert rig.read(0) == 0xFFFF
    assert rig.line.level
    assert rig.pit.next_event() is None


@given(
    st.integers(0, 5),
    st.integers(2, 300),
    st.lists(st.tuples(st.integers(0, 400), st.integers(2, 300)), max_size=3),
    st.integers(0, 10**9),
)
def test_a_long_leap_ends_where_every_deadline_on_the_way_leads(
    mode: int, count: int, writes: list[tuple[int, int]], leap: int
) -> None:
    rig, other = Rig(), Rig()
    for each in (rig, other):
        each.program(0, mode, count)
        for pulses, new in writes:
            each.at_pulse(each.pit.pulse + pulses)
            each.pit.write(0, 1, new & 0xFF)
            each.pit.write(0, 1, new >> 8)
    start = rig.pit.pulse
    rig.clock.set(tick_of_count(start + leap, CLK_HZ))
    rig.pit.advance()
    other.at_pulse(start + min(leap, 1000))
    other.clock.set(tick_of_count(start + max(0, leap - 700), CLK_HZ))
    other.pit.advance()
    other.at_pulse(start + leap)
    assert rig.pit.state() == other.pit.state()
    assert rig.line.level == other.line.level == rig.pit.counter(0).out(rig.pit.pulse)


def test_a_leap_of_a_year_takes_no_time(rig: Rig) -> None:
    rig.program(0, 2, 2)
    rig.clock.set(365 * 86_400 * 4_000_000_000)
    rig.pit.advance()
    assert len(rig.edges) < 10


def test_a_state_whose_deadline_contradicts_its_load_is_refused(rig: Rig) -> None:
    rig.program(0, 2, 1000)
    with pytest.raises(ValueError, match=r"^pit\.due 100000 contradicts counter0\.load_at 1$"):
        rig.pit.restore(rig.pit.state() | {"due": 100_000})


def test_a_restored_timer_drives_its_line_without_an_edge(rig: Rig) -> None:
    rig.program(0, 2, 1000)
    other = Rig()
    other.pit.restore(rig.pit.state())
    assert other.line.level
    assert other.edges == []
