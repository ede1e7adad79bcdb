"""The time of the real-time clock: reading it, setting it, and what it does by itself."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.devices.clock_rig import (
    CENTURY,
    DM,
    H24,
    SECOND,
    SET,
    START,
    UIP,
    A,
    B,
    C,
    ClockRig,
    D,
)
from vectoros.devices.rtc import UIP_TICKS


@pytest.fixture
def rig() -> ClockRig:
    return ClockRig()


def test_it_starts_at_the_date_that_it_was_given() -> None:
    assert ClockRig().shown() == "2026-01-01 00:00:00"
    assert ClockRig(datetime(1999, 12, 31, 23, 59, 58)).shown() == "1999-12-31 23:59:58"


def test_it_is_updated_each_second_of_virtual_time_to_the_tick(rig: ClockRig) -> None:
    rig.run_to(SECOND - 1)
    assert rig.shown() == "2026-01-01 00:00:00"
    rig.run_to(SECOND)
    assert rig.shown() == "2026-01-01 00:00:01"
    rig.run_to(86_400 * SECOND - 1)
    assert rig.shown() == "2026-01-01 23:59:59"
    rig.run_to(86_400 * SECOND)
    assert rig.shown() == "2026-01-02 00:00:00"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2023-02-28 23:59:59", "2023-03-01 00:00:00"),
        ("2024-02-28 23:59:59", "2024-02-29 00:00:00"),
        ("2000-02-28 23:59:59", "2000-02-29 00:00:00"),
        ("2100-02-28 23:59:59", "2100-03-01 00:00:00"),
        ("1999-12-31 23:59:59", "2000-01-01 00:00:00"),
        ("9999-12-31 23:59:59", "0000-01-01 00:00:00"),
        ("0000-02-28 23:59:59", "0000-02-29 00:00:00"),
    ],
)
def test_a_second_carries_as_far_as_the_century(rig: ClockRig, before: str, after: str) -> None:
    rig.set_time(before)
    assert rig.shown() == before
    rig.wait(SECOND)
    assert rig.shown() == after


def test_the_weekday_counts_from_sunday_and_on_its_own(rig: ClockRig) -> None:
    assert rig.read(6) == START.isoweekday() + 1 == 5
    days = []
    for _ in range(4):
        rig.wait(86_400 * SECOND)
        days.append(rig.read(6))
    assert days == [6, 7, 1, 2]
    rig.write(6, 6)
    rig.wait(2 * 86_400 * SECOND)
    assert (rig.read(6), rig.shown()) == (1, "2026-01-07 00:00:00")


@pytest.mark.parametrize(
    ("hour", "mode", "byte"),
    [
        (0, H24, 0x00),
        (23, H24, 0x23),
        (23, H24 | DM, 23),
        (0, 0, 0x12),
        (1, 0, 0x01),
        (11, 0, 0x11),
        (12, 0, 0x92),
        (13, 0, 0x81),
        (23, 0, 0x91),
        (0, DM, 12),
        (12, DM, 0x80 | 12),
        (22, DM, 0x80 | 10),
    ],
)
def test_hours_are_coded_as_register_b_says(hour: int, mode: int, byte: int) -> None:
    rig = ClockRig(datetime(2026, 5, 17, 0, 0, 59))
    rig.write(B, SET | mode)
    rig.write(4, byte)
    for address, number in ((0, 59), (2, 59), (7, 17), (8, 5), (9, 26), (CENTURY, 20)):
        rig.write(address, number if mode & DM else int(f"{number:d}", 16))
    rig.write(B, mode)
    assert rig.read(4) == byte
    rig.wait(SECOND)
    after = rig.read(4)
    expected = (hour + 1) % 24
    twelve = (expected + 11) % 12 + 1
    number = expected if mode & H24 else twelve
    coded = number if mode & DM else int(f"{number:d}", 16)
    assert after == coded | (0x80 if expected >= 12 and not mode & H24 else 0)


def test_while_set_is_1_the_time_stands_and_then_goes_on_with_the_next_second(
    rig: ClockRig,
) -> None:
    rig.run_to(SECOND // 4)
    rig.write(B, SET | H24)
    rig.wait(100 * SECOND)
    assert rig.shown() == "2026-01-01 00:00:00"
    assert rig.read(C) & 0x10 == 0, "no update, no update-ended flag"
    rig.write(B, H24)
    rig.wait(3 * SECOND // 4 - 1)
    assert rig.shown() == "2026-01-01 00:00:00"
    rig.wait(1)
    assert rig.shown() == "2026-01-01 00:00:01"


def test_a_written_time_holds_also_without_set(rig: ClockRig) -> None:
    rig.write(4, 0x17)
    rig.wait(SECOND)
    assert rig.shown() == "2026-01-01 17:00:01"


def test_uip_is_1_in_the_244_us_before_an_update_and_never_else(rig: ClockRig) -> None:
    assert UIP_TICKS == 976_562, "8 / 32768 s"
    for tick, expected in [
        (1, 0),
        (SECOND - UIP_TICKS - 1, 0),
        (SECOND - UIP_TICKS, UIP),
        (SECOND - 1, UIP),
        (SECOND, 0),
        (2 * SECOND - UIP_TICKS, UIP),
    ]:
        rig.run_to(tick)
        assert rig.read(A) & UIP == expected, f"at tick {tick}"
    rig.write(B, SET | H24)
    assert rig.read(A) & UIP == 0


def test_uip_cannot_be_written(rig: ClockRig) -> None:
    rig.write(A, 0xA6)
    assert rig.read(A) == 0x26


@pytest.mark.parametrize("divider", [3, 6, 7])
def test_a_divider_in_reset_holds_the_time_and_starts_with_half_a_second(
    rig: ClockRig, divider: int
) -> None:
    rig.run_to(3 * SECOND + 5)
    rig.write(A, divider << 4)
    rig.run_to(10 * SECOND - 1)
    assert (rig.shown(), rig.read(A) & UIP) == ("2026-01-01 00:00:03", 0)
    rig.run_to(10 * SECOND + 1234)
    rig.write(A, 0x20)
    rig.wait(SECOND // 2 - 1)
    assert rig.shown() == "2026-01-01 00:00:03"
    rig.wait(1)
    assert rig.shown() == "2026-01-01 00:00:04"
    rig.wait(SECOND)
    assert rig.shown() == "2026-01-01 00:00:05"


def test_a_running_divider_is_not_disturbed_by_a_new_rate(rig: ClockRig) -> None:
    rig.run_to(SECOND // 3)
    rig.write(A, 0x2F)
    rig.run_to(SECOND)
    assert rig.shown() == "2026-01-01 00:00:01"


def test_index_and_data_may_be_written_at_once(rig: ClockRig) -> None:
    rig.rtc.write(0, 2, 0x5A40)
    assert rig.rtc.read(1, 1) == 0x5A
    assert rig.read(0x40) == 0x5A


def test_the_index_is_write_only_and_its_top_bit_is_not_part_of_the_address(rig: ClockRig) -> None:
    rig.write(0x40, 0x77)
    assert rig.read(0x80 | 0x40) == 0x77
    assert rig.rtc.guest_errors == 0
    assert rig.rtc.read(0, 1) == 0xFF
    assert rig.rtc.guest_errors == 1


def test_the_ram_holds_what_the_board_and_the_guest_put_there() -> None:
    rig = ClockRig(contents={0x15: 0x80, 0x7F: 0x12})
    assert [rig.read(address) for address in (0x0E, 0x15, 0x7F)] == [0, 0x80, 0x12]
    free = [address for address in range(0x0E, 0x80) if address != CENTURY]
    for address in free:
        rig.write(address, address ^ 0xA5)
    rig.wait(SECOND)
    assert [rig.read(address) for address in free] == [address ^ 0xA5 for address in free]
    assert rig.shown() == "2026-01-01 00:00:01"


def test_registers_c_and_d_cannot_be_written(rig: ClockRig) -> None:
    rig.write(C, 0xFF)
    rig.write(D, 0)
    assert (rig.read(C) & 0x30, rig.read(D)) == (0, 0x80)
    assert rig.rtc.guest_errors == 2


def test_a_machine_reset_leaves_time_and_ram_and_disables_interrupts() -> None:
    rig = ClockRig(contents={0x15: 0x80})
    rig.set_time("2031-07-05 11:22:33")
    rig.write(0x50, 0x99)
    rig.write(B, 0xFF & ~(SET | DM))
    rig.run_to(90 * SECOND)
    rig.rtc.system_reset()
    assert not rig.line.level
    assert rig.read(B) == 0x03, "PIE, AIE, UIE and SQWE are off, the modes stay"
    assert rig.read(C) == 0
    assert rig.read(0x50) == 0x99
    rig.write(B, H24)
    rig.wait(SECOND)
    assert rig.shown() == "2031-07-05 11:24:04"


def test_a_dead_battery_is_where_it_starts() -> None:
    rig = ClockRig(contents={0x15: 0x80})
    before = rig.rtc.state()
    rig.set_time("2031-07-05 11:22:33")
    rig.write(0x15, 0x99)
    rig.rtc.reset()
    assert rig.rtc.state() == before


def test_any_byte_may_be_written_anywhere(rig: ClockRig) -> None:
    for value in (0, 0x7F, 0xFF):
        for mode in (0, DM, H24, DM | H24):
            for address in (0, 2, 4, 6, 7, 8, 9, CENTURY):
                rig.write(B, mode)
                rig.write(address, value)
                assert rig.read(address) == value, "it reads back until the next update"
            rig.wait(40 * 86_400 * SECOND)
            assert all(0 <= byte <= 0xFF for byte in rig.time())


def test_peek_shows_every_register_as_of_now(rig: ClockRig) -> None:
    rig.run_to(59 * SECOND)
    shown = {view.name: view.value for view in rig.rtc.peek()}
    assert (shown["SECONDS"], shown["REGISTER_C"] & 0x10) == (0x59, 0x10)
