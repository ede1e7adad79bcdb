from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from vectoros.config import ENGINES, RTC_START, Config, memory_size, rtc_start
from vectoros.errors import UsageError
from vectoros.layout import MAXIMUM_RAM, MINIMUM_RAM
from vectoros.units import MIB


def test_a_machine_has_64_mib_and_the_best_engine_unless_told_otherwise() -> None:
    assert Config() == Config(memory=64 * MIB, engine="auto")


@pytest.mark.parametrize("memory", [MINIMUM_RAM, MINIMUM_RAM + 4096, MAXIMUM_RAM])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_the_map_has_room_for_is_accepted(memory: int, engine: str) -> None:
    assert Config(memory, engine).memory == memory


@pytest.mark.parametrize("memory", [-1, 0, MINIMUM_RAM - 4096, MAXIMUM_RAM + 4096, 1 << 70])
def test_a_machine_too_small_or_too_large_is_refused(memory: int) -> None:
    sentence = f"--memory must be from 1M to 3072M, not {memory} bytes"
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        Config(memory)


def test_memory_comes_in_pages() -> None:
    with pytest.raises(
        UsageError, match=r"^--memory must be a multiple of 4096 bytes, not 1048577$"
    ):
        Config(MIB + 1)


def test_an_unknown_engine_is_refused_and_the_known_ones_are_named() -> None:
    sentence = "--engine must be one of auto, fast, portable, not 'kvm'"
    with pytest.raises(UsageError, match=f"^{sentence}$"):
        Config(engine="kvm")


def test_memory_is_given_in_bytes_or_as_text() -> None:
    assert memory_size(4096) == 4096
    assert memory_size("64M") == 64 * MIB


def test_text_that_is_no_size_names_the_option() -> None:
    with pytest.raises(UsageError, match=r"^--memory: a size is a whole number .* not 'lots'$"):
        memory_size("lots")


def test_the_clock_starts_in_2026_and_a_reset_boots_again_unless_told_otherwise() -> None:
    assert Config().rtc == RTC_START == datetime(2026, 1, 1)
    assert Config().reboot is True


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-05-01T12:00:00", datetime(2030, 5, 1, 12)),
        ("2030-05-01T12:00:07Z", datetime(2030, 5, 1, 12, 0, 7)),
        ("2030-05-01T12:30", datetime(2030, 5, 1, 12, 30)),
        ("9999-12-31", datetime(9999, 12, 31)),
    ],
)
def test_a_date_and_time_is_text_or_a_datetime(text: str, moment: datetime) -> None:
    assert rtc_start(text) == rtc_start(moment) == moment


@pytest.mark.parametrize(
    "text",
    ["", "now", "12:00", "2030-5-1", "20300501", "2030-05-01 12:00", "2030-05-01T12:00:00+02:00",
     "2030-05-01T12:00:00.5", "2030-05-01T", " 2030-05-01", "2030-05-01\n", "٢٠٣٠-05-01"],
)  # fmt: skip
def test_text_in_another_form_is_refused_with_an_example(text: str) -> None:
    sentence = f"--rtc: a date and time is written 2030-05-01T12:00:00 and is UTC, not {text!r}"
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        rtc_start(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2030-02-29", "day is out of range for month"),
        ("2030-13-01T00:00", "month must be in 1..12"),
        ("2030-05-01T24:00:00", "hour must be in 0..23"),
        ("0000-01-01", "year 0 is out of range"),
    ],
)
def test_a_day_that_does_not_exist_is_refused_with_the_reason(text: str, reason: str) -> None:
    sentence = f"--rtc: {text!r} is on no calendar: {reason}"
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        rtc_start(text)


@pytest.mark.parametrize(
    "moment", [datetime(2026, 1, 1, microsecond=1), datetime(2026, 1, 1, tzinfo=UTC)]
)
def test_the_clock_counts_whole_seconds_and_knows_no_zones(moment: datetime) -> None:
    sentence = f"--rtc must be whole seconds in UTC, without a zone, not {moment}"
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        Config(rtc=moment)


def test_these_refusals_end_the_command_with_status_2() -> None:
    assert UsageError("").status == 2
