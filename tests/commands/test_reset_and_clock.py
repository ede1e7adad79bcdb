"""``vectoros boot --no-reboot`` and ``--rtc``."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Sector = Callable[[str], Path]


def test_a_guest_that_resets_the_machine_boots_again(run: Run, sector: Sector) -> None:
    done = run("boot", "--no-bios", sector("reset"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1\n2\n3\n", b"")


def test_with_no_reboot_the_first_reset_ends_the_run_with_status_0(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    done = run("boot", "--no-bios", sector("reset"), "--no-reboot", "--report", report)
    assert (done.returncode, done.stdout) == (0, b"1\n")
    line = rb"vectoros: stopped at a reset \(--no-reboot\) after \d+\.\d{3} us\n"
    assert re.fullmatch(line, done.stderr)
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["stop_reason"], found["exit_code"], found["resets"]) == ("reset", 0, 0)


def test_the_report_counts_resets_that_the_machine_survived(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    run("boot", "--no-bios", sector("reset"), "--report", report)
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["stop_reason"], found["resets"]) == ("power_off", 2)


def test_a_restored_machine_may_stop_at_a_reset_too(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    run("snapshot", "save", "--no-bios", sector("reset"), "-o", "saved.vxs", "--until", "1")
    assert run("snapshot", "restore", "saved.vxs").stdout == b"2\n3\n"
    done = run("snapshot", "restore", "saved.vxs", "--no-reboot")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"stopped at a reset" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "first", "second"),
    [
        ([], b"20260101000000", b"20260101000001"),
        (["--rtc", "2030-05-01T12:59:59"], b"20300501125959", b"20300501130000"),
        (["--rtc", "2030-05-01T12:59:59Z"], b"20300501125959", b"20300501130000"),
        (["--rtc", "2024-02-28T23:59"], b"20240228235900", b"20240228235901"),
        (["--rtc", "1999-12-31"], b"19991231000000", b"19991231000001"),
    ],
)
def test_the_clock_starts_where_it_is_told_and_then_runs_in_virtual_time(
    run: Run, sector: Sector, arguments: list[str], first: bytes, second: bytes
) -> None:
    done = run("boot", "--no-bios", sector("rtc"), *arguments)
    assert (done.returncode, done.stdout.split()) == (0, [first, second])


def test_a_snapshot_has_the_time_that_it_was_saved_with(run: Run, sector: Sector) -> None:
    image = sector("rtc")
    run(
        "snapshot",
        "save",
        "--no-bios",
        image,
        "-o",
        "s.vxs",
        "--rtc",
        "2040-01-01T00:00:07",
        "--at",
        "1",
    )
    assert run("snapshot", "restore", "s.vxs").stdout.split()[1] == b"20400101000008"
