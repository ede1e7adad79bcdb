"""``vectoros boot``: statuses, streams, the report, the trace."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Sector = Callable[[str], Path]
ENGINES = ("fast", "portable")


def report_of(run: Run, image: Path, *arguments: str) -> dict[str, Any]:
    """Run ``image`` unseen and return its report."""
    path = image.with_suffix(".json")
    run("boot", image, "--no-bios", "--serial", "null", "--report", path, *arguments)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_serial_output_is_standard_output_unmodified(run: Run, sector: Sector) -> None:
    done = run("boot", "--no-bios", sector("hello"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", b"")


def test_the_status_is_the_guests_own(run: Run, sector: Sector) -> None:
    done = run("boot", "--no-bios", sector("exit7"))
    assert (done.returncode, done.stderr) == (7, b"")


def test_until_stops_with_status_0_though_the_output_is_hidden(run: Run, sector: Sector) -> None:
    done = run("boot", "--no-bios", sector("chatter"), "--until", "a{70}\n", "--serial", "null")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_max_time_is_virtual_and_ends_with_status_124(run: Run, sector: Sector) -> None:
    done = run("boot", "--no-bios", sector("spin"), "--max-time", "1us")
    assert (done.returncode, done.stdout) == (124, b"!\n")
    assert done.stderr.startswith(b"vectoros: stopped, its time is over (--max-time): 0000:7c")
    assert b", real mode, ring 0, at tick 4000 (1.000 us), about to do: " in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_without_a_limit_and_a_person_there_are_60_virtual_seconds(
    run: Run, sector: Sector
) -> None:
    done = run("boot", "--no-bios", sector("clock"))
    assert done.returncode == 124
    assert b", at tick 240000000000 (60.000 s), halted, then: " in done.stderr


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("triple_fault", b"Guest crash: triple fault"),
        ("idle", b"Guest crash: idle for ever: halted with interrupts off"),
        ("deaf", b"Guest crash: idle for ever: halted, and no device has anything left to do"),
    ],
)
def test_a_crash_is_status_70_and_a_report_on_standard_error(
    run: Run, sector: Sector, name: str, summary: bytes
) -> None:
    done = run("boot", "--no-bios", sector(name))
    assert done.returncode == 70
    assert done.stderr.startswith(summary)
    assert b"Traceback" not in done.stderr


def test_piped_input_is_typed_and_its_end_ends_nothing(run: Run, sector: Sector) -> None:
    done = run("boot", "--no-bios", sector("echo"), "--until", "62", given=b"a\r\x03\xffb")
    assert (done.returncode, done.stdout) == (0, b"?61 0d 03 ff 62 ")


def test_a_guest_that_waits_for_input_is_waited_for(
    sector: Sector, command: list[str], environment: dict[str, str]
) -> None:
    words = [*command, "boot", "--no-bios", str(sector("echo")), "--max-time", "1000s"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.read(1) == b"?"  # output does not wait for anything
        process.stdin.write(b"xq")
        process.stdin.close()
        assert process.stdout.read() == b"78 "
        assert process.wait(timeout=30) == 0


def test_serial_file_takes_the_output_and_gives_no_input(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    path = tmp_path / "out.txt"
    done = run("boot", "--no-bios", sector("hello"), "--serial", f"file:{path}", given=b"ignored")
    assert (done.returncode, done.stdout) == (0, b"")
    assert path.read_bytes() == b"hello\n"


def test_a_reader_that_goes_away_ends_the_run_quietly(
    sector: Sector, command: list[str], environment: dict[str, str]
) -> None:
    words = [*command, "boot", "--no-bios", str(sector("chatter")), "--max-time", "1000s"]
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"a" * 70 + b"\n"
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize("name", ["spin", "chatter"])
@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, b"Ctrl-C"), (signal.SIGTERM, 143, b"signal 15")],
)
def test_a_signal_stops_even_if_nobody_reads_the_output(
    sector: Sector,
    command: list[str],
    environment: dict[str, str],
    tmp_path: Path,
    name: str,
    number: int,
    status: int,
    word: bytes,
) -> None:
    report = tmp_path / "r.json"
    options = ["--no-bios", "--max-time", "10000s", "--report", str(report)]
    words = [*command, "boot", str(sector(name)), *options]
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.send_signal(number)
        assert process.wait(timeout=30) == status
        assert b"vectoros: stopped by " + word in process.stderr.read()
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["stop_reason"], found["exit_code"]) == ("interrupted", status)
    assert found["signal"] == signal.Signals(number).name


@pytest.mark.parametrize("engine", ENGINES)
def test_the_report_says_what_happened(run: Run, sector: Sector, engine: str) -> None:
    image = sector("interrupts")
    found = report_of(run, image, "--engine", engine)
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    assert found["image"] == {"path": str(image), "sha256": digest}
    assert found["engine"] == engine
    assert (found["stop_reason"], found["exit_code"], found["signal"]) == ("power_off", 0, None)
    assert (found["interrupts"], found["traps"], found["serial"]) == (3, {}, "t")
    assert found["ports"] == {"com1": 1, "pic1": 8, "pit": 3, "power": 1}
    assert found["virtual_ns"] == found["ticks"] // 4
    assert found["wall_s"] > 0
    assert found["instructions"] is None
    assert found["crash"] is None


def test_both_engines_report_one_machine(run: Run, sector: Sector) -> None:
    fast, portable = (report_of(run, sector("interrupts"), "--engine", name) for name in ENGINES)
    for row in (fast, portable):
        del row["engine"], row["wall_s"]
    assert fast == portable


def test_the_timeline_has_ticks_and_wall_time(run: Run, sector: Sector) -> None:
    found = report_of(run, sector("hello"))
    (row,) = found["timeline"]
    assert row["milestone"] == "hello"
    assert 0 < row["tick"] < found["ticks"]
    assert 0 < row["wall_ms"] <= found["wall_s"] * 1000


def test_a_crash_is_in_the_report(run: Run, sector: Sector) -> None:
    found = report_of(run, sector("triple_fault"))
    assert (found["stop_reason"], found["exit_code"]) == ("triple_fault", 70)
    assert found["traps"] == {"#DF": 1, "#PF": 1}
    assert [link["name"] for link in found["crash"]["chain"]] == ["#PF", "#DF"]


def test_the_report_replaces_an_old_one_and_leaves_nothing_else(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    image = sector("exit7")
    image.with_suffix(".json").write_text("old", encoding="utf-8")
    assert report_of(run, image)["exit_code"] == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exit7.img", "exit7.json"]


def test_tracing_changes_no_hash_and_writes_events_in_order(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    image, trace = sector("interrupts"), tmp_path / "trace.txt"
    plain = report_of(run, image)
    traced = report_of(run, image, "--trace", f"port,irq,fault,milestone,mmio:{trace}")
    assert plain["state_hash"] == traced["state_hash"]
    lines = trace.read_text(encoding="utf-8").splitlines()
    ticks = [int(line.split()[0]) for line in lines]
    assert ticks == sorted(ticks)
    assert [line.split()[1] for line in lines].count("irq") == 3
    assert lines[-1].split()[1:] == ["port", "out", "0x0604", "0x2000", "power"]


def test_a_trace_goes_to_standard_error_if_no_file_is_named(run: Run, sector: Sector) -> None:
    done = run("boot", "--no-bios", sector("hello"), "--trace", "milestone")
    assert (done.returncode, done.stdout) == (0, b"hello\n")
    assert done.stderr.split()[1:] == [b"milestone", b"hello"]


def test_messages_have_colour_only_where_it_is_wanted(
    sector: Sector, command: list[str], environment: dict[str, str]
) -> None:
    plain = {name: value for name, value in environment.items() if name != "NO_COLOR"}
    done = subprocess.run(
        [*command, "boot", "--no-bios", str(sector("idle"))],
        env=plain,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert b"\x1b" not in done.stderr  # not a terminal


def test_closed_standard_streams_do_no_harm(
    sector: Sector, command: list[str], environment: dict[str, str]
) -> None:
    line = f"{' '.join(command)} boot --no-bios {sector('hello')} <&- >&- 2>&-"
    done = subprocess.run(["bash", "-c", line], env=environment, check=False, timeout=60)
    assert done.returncode == 0


def test_dev_img_reaches_its_prompt_and_exits_as_told(run: Run) -> None:
    root = Path(__file__).parents[2]
    image = root / "images" / "dev.img"
    done = run("boot", image, "--until", "vectoros> ")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"VectorOS ready" in done.stdout
    assert run("boot", image, given=b"exit 7\n").returncode == 7
    assert run("boot", image, given=b"poweroff\n").returncode == 0
    assert os.fspath(image) not in done.stdout.decode()
