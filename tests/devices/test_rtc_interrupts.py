"""The interrupts of the real-time clock: their ticks, their flags, the line."""

from __future__ import annotations

import pytest

from tests.devices.clock_rig import AIE, ALARM, DM, H24, PIE, SECOND, SET, UIE, A, B, C, ClockRig
from vectoros.clock import tick_of_count

PF, AF, UF, IRQF = 0x40, 0x20, 0x10, 0x80
ANY = 0xC0


@pytest.fixture
def rig() -> ClockRig:
    """A clock without a periodic rate, so that PF stays clear."""
    made = ClockRig()
    made.write(A, 0x20)
    return made


def set_alarm(rig: ClockRig, hour: int, minute: int, second: int) -> None:
    for address, byte in zip(ALARM, (hour, minute, second), strict=True):
        rig.write(address, byte)


def rises(rig: ClockRig) -> list[int]:
    return [tick for tick, level in rig.edges if level]


def test_nobody_waits_so_nothing_is_an_event(rig: ClockRig) -> None:
    rig.write(A, 0x26)
    assert rig.rtc.next_event() is None
    rig.clock.set(10 * SECOND)
    assert rig.read(C) == PF | UF
    assert rig.read(C) == 0
    assert rig.edges == []


def test_the_update_ended_interrupt_comes_with_each_update(rig: ClockRig) -> None:
    rig.write(B, UIE | H24)
    for second in (1, 2, 3):
        rig.run_to(second * SECOND + 99)
        assert rig.read(C) == IRQF | UF
        assert rig.shown() == f"2026-01-01 00:00:0{second}"
    assert rig.edges == [
        edge for n in (1, 2, 3) for edge in ((n * SECOND, True), (n * SECOND + 99, False))
    ]


def test_the_line_stays_up_until_register_c_is_read_and_nothing_is_due_meanwhile(
    rig: ClockRig,
) -> None:
    rig.write(B, UIE | H24)
    rig.run_to(SECOND)
    assert rig.line.level
    assert rig.rtc.next_event() is None
    rig.run_to(20 * SECOND)
    assert rises(rig) == [SECOND]
    rig.read(C)
    assert not rig.line.level
    assert rig.rtc.next_event() == 21 * SECOND


def test_a_flag_that_is_set_interrupts_as_soon_as_it_is_enabled(rig: ClockRig) -> None:
    rig.run_to(5 * SECOND + 7)
    rig.write(B, UIE | H24)
    assert rig.edges == [(5 * SECOND + 7, True)]
    rig.write(B, H24)
    assert not rig.line.level


def test_setting_set_clears_uie(rig: ClockRig) -> None:
    rig.write(B, UIE | H24)
    rig.write(B, SET | UIE | H24)
    assert rig.read(B) == SET | H24
    rig.write(B, H24)
    assert rig.rtc.next_event() is None


@pytest.mark.parametrize("rate", range(1, 16))
def test_the_periodic_interrupt_has_the_rate_of_the_data_sheet(rig: ClockRig, rate: int) -> None:
    hertz = {1: 256, 2: 128}.get(rate, 32_768 >> (rate - 1))
    rig.write(A, 0x20 | rate)
    rig.write(B, PIE | H24)
    for number in range(1, 4):
        assert rig.rtc.next_event() == tick_of_count(number, hertz)
        rig.run_to(tick_of_count(number, hertz))
        assert rig.line.level
        assert rig.read(C) & ~UF == IRQF | PF
    assert rises(rig) == [tick_of_count(number, hertz) for number in (1, 2, 3)]


def test_rate_0_is_no_interrupt(rig: ClockRig) -> None:
    rig.write(B, PIE | H24)
    assert rig.rtc.next_event() is None


def test_the_periodic_interrupt_goes_on_while_the_time_is_set(rig: ClockRig) -> None:
    rig.write(A, 0x2F)
    rig.write(B, SET | PIE | H24)
    rig.run_to(SECOND // 2)
    assert rig.read(C) == IRQF | PF


def test_a_held_divider_has_no_periodic_interrupt(rig: ClockRig) -> None:
    rig.write(A, 0x6F)
    rig.write(B, PIE | UIE | AIE | H24)
    assert rig.rtc.next_event() is None
    rig.run_to(100 * SECOND)
    assert rig.read(C) == 0


@pytest.mark.parametrize(
    ("alarm", "after"),
    [
        ((0x00, 0x00, 0x05), [5, 86_405]),
        ((0x00, 0x00, 0x00), [86_400, 172_800]),
        ((0x23, 0x59, 0x59), [86_399, 172_799]),
        ((ANY, 0x00, 0x07), [7, 3_607]),
        ((0xFF, 0x30, 0x07), [1_807, 5_407]),
        ((ANY, ANY, 0x07), [7, 67]),
        ((ANY, ANY, ANY), [1, 2]),
        ((0x01, ANY, ANY), [3_600, 3_601]),
        ((0x01, ANY, 0x30), [3_630, 3_690]),
        ((0x02, 0x10, ANY), [7_800, 7_801]),
    ],
)
def test_the_alarm_comes_when_all_bytes_match_and_those_from_c0h_always_do(
    rig: ClockRig, alarm: tuple[int, int, int], after: list[int]
) -> None:
    set_alarm(rig, *alarm)
    rig.write(B, AIE | H24)
    for seconds in after:
        assert rig.rtc.next_event() == seconds * SECOND
        rig.run_to(seconds * SECOND)
        assert rig.read(C) == IRQF | AF | UF
    assert rises(rig) == [seconds * SECOND for seconds in after]


@pytest.mark.parametrize("byte", [0x24, 0x0A, 0x7F, 0xBF])
def test_an_alarm_byte_that_no_time_has_never_matches(rig: ClockRig, byte: int) -> None:
    set_alarm(rig, byte, ANY, ANY)
    rig.write(B, AIE | H24)
    assert rig.rtc.next_event() is None
    rig.run_to(3 * 86_400 * SECOND)
    assert rig.read(C) == UF


@pytest.mark.parametrize(
    ("mode", "byte", "hour"),
    [(0, 0x92, 12), (0, 0x12, 0), (DM, 0x80 | 11, 23), (DM, 11, 11), (DM | H24, 13, 13)],
)
def test_the_alarm_has_the_coding_of_the_time(mode: int, byte: int, hour: int) -> None:
    rig = ClockRig()
    rig.write(A, 0x20)
    rig.write(B, SET | mode)
    rig.write(4, 12 if mode == DM else 0x12 if mode == 0 else 0)
    rig.write(B, mode)
    set_alarm(rig, byte, 0, 1)
    rig.write(B, mode | AIE)
    rig.run_to(86_500 * SECOND)
    assert rises(rig)[:1] == [(hour * 3600 + 1) * SECOND]


def test_a_new_alarm_and_a_new_time_move_the_deadline(rig: ClockRig) -> None:
    set_alarm(rig, 0x10, 0x00, 0x00)
    rig.write(B, AIE | H24)
    assert rig.rtc.next_event() == 36_000 * SECOND
    rig.write(ALARM[0], 0x11)
    assert rig.rtc.next_event() == 39_600 * SECOND
    rig.write(4, 0x10)
    assert rig.rtc.next_event() == 3_600 * SECOND


def test_an_alarm_passed_over_unseen_is_flagged(rig: ClockRig) -> None:
    set_alarm(rig, 0x00, 0x01, 0x00)
    rig.clock.set(59 * SECOND)
    assert rig.read(C) == UF
    rig.clock.set(200 * SECOND)
    assert rig.read(C) == AF | UF
    rig.clock.set(300 * SECOND)
    assert rig.read(C) == UF


def test_looking_at_the_state_leaves_a_late_interrupt_to_its_event(rig: ClockRig) -> None:
    rig.write(B, UIE | H24)
    rig.clock.set(SECOND + 500)  # the board comes late: the deadline was armed by an access
    state = rig.rtc.state()
    assert (state["seen"], state["seconds"]) == (SECOND - 1, 0)
    assert not rig.line.level
    assert rig.rtc.next_event() == SECOND
    rig.rtc.advance()
    assert rig.edges == [(SECOND + 500, True)]


def test_a_restored_clock_drives_its_line_and_keeps_its_deadline(rig: ClockRig) -> None:
    rig.write(B, UIE | H24)
    rig.run_to(SECOND)
    twin = ClockRig()
    twin.clock.set(SECOND)
    twin.rtc.restore(rig.rtc.state())
    assert twin.line.level
    assert twin.edges == [], "whoever listens restores its own side"
    assert twin.read(C) == IRQF | UF
    assert twin.rtc.next_event() == 2 * SECOND


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("ram", b"\0" * 127, "rtc.ram must be 128 bytes"),
        ("phase", SECOND, "rtc.phase must be a whole number from 0 to 3999999999"),
        ("seen", -1, "rtc.seen must be a whole number from 0"),
        ("seconds", 256, "rtc.seconds must be a whole number from 0 to 255"),
    ],
)
def test_a_state_that_cannot_be_is_refused_by_field(
    rig: ClockRig, field: str, value: object, rule: str
) -> None:
    with pytest.raises(ValueError, match=f"^{rule}, not "):
        rig.rtc.restore({**rig.rtc.state(), field: value})  # type: ignore[dict-item]
