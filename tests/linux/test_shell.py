"""The shell of an unmodified Linux: what it was told of the machine, and its end."""

from __future__ import annotations

import re

import pytest

from vectoros import Machine
from vectoros.board import Reason
from vectoros.image.initramfs import PROMPT
from vectoros.units import TICKS_PER_SECOND

pytestmark = pytest.mark.linux


def answer(machine: Machine, command: str, timeout: str = "2s") -> str:
    """Type ``command``; return what it printed."""
    start = len(machine.serial.text)
    machine.serial.send(command + "\n")
    machine.serial.expect(re.escape(PROMPT), timeout=timeout)
    said = machine.serial.text[start:].replace("\r", "")
    return said.partition("\n")[2].rpartition(PROMPT)[0]


def test_it_says_what_it_is(linux: Machine) -> None:
    assert re.match(
        r"Linux \(none\) 6\.\S+-cloud-amd64 #1 SMP .* x86_64", answer(linux, "uname -a")
    )


def test_every_device_that_it_uses_is_on_its_line_of_the_interrupt_controllers(
    linux: Machine,
) -> None:
    table = answer(linux, "cat /proc/interrupts")
    found = dict(re.findall(r"^ *(\d+): +\d+ +XT-PIC +(\S+)$", table, re.MULTILINE))
    expected = {
        "0": "timer", "1": "i8042", "2": "cascade", "4": "ttyS0", "8": "rtc0", "12": "i8042",
    }  # fmt: skip
    assert found | expected == found
    assert re.search(r"^ERR: +0$", table, re.MULTILINE), "spurious interrupts"


def test_its_clock_is_the_machines(linux: Machine) -> None:
    info = answer(linux, "cat /proc/cpuinfo")
    assert "cpu MHz\t\t: 4000.000" in info
    assert "constant_tsc" in info


def test_the_kernel_found_the_devices_and_complains_of_none(linux: Machine) -> None:
    log = answer(linux, "dmesg")
    for line in (
        "ttyS0 at I/O 0x3f8 (irq = 4, base_baud = 115200) is a 16550A",
        "serio: i8042 KBD port at 0x60,0x64 irq 1",
        "serio: i8042 AUX port at 0x60,0x64 irq 12",
        "input: AT Translated Set 2 keyboard as /devices/platform/i8042/serio0/input/input0",
        ": registered as rtc0",
        "setting system clock to 2026-01-01T00:00:00 UTC",
        "tsc: Detected 4000.000 MHz processor",
    ):
        assert line in log
    complaint = (
        r"unknown nmi|lost|stuck|timed? ?out|BUG|WARNING|Call Trace|segfault|i8042.*(fail|err)"
    )
    assert re.findall(f".*(?:{complaint}).*", log) == []


def test_a_key_on_the_keyboard_interrupts_it(linux: Machine) -> None:
    def count() -> int:
        table = answer(linux, "cat /proc/interrupts")
        return int(re.findall(r"^ *1: +(\d+)", table, re.MULTILINE)[0])

    before = count()
    linux.keyboard.press("a")
    linux.run(for_="10ms")
    assert count() == before + 2  # the key goes down and up


def test_sleep_takes_as_long_as_it_says(linux: Machine) -> None:
    start = linux.clock.now
    answer(linux, "sleep 3", timeout="5s")
    assert 3.0 <= (linux.clock.now - start) / TICKS_PER_SECOND < 3.2


def test_a_job_is_stopped_continued_and_interrupted_by_keys(linux: Machine) -> None:
    linux.serial.send("sleep 100\n")
    linux.run(for_="300ms")
    linux.serial.send(b"\x1a")
    linux.serial.expect(re.escape(PROMPT), timeout="2s")
    assert "Stopped" in answer(linux, "jobs")
    linux.serial.send("fg\n")
    linux.run(for_="300ms")
    linux.serial.send(b"\x03")
    linux.serial.expect(re.escape(PROMPT), timeout="2s")
    assert answer(linux, "jobs") == ""


def test_a_process_that_breaks_the_rules_dies_and_the_shell_lives(linux: Machine) -> None:
    said = answer(linux, "sh -c 'kill -SEGV $$'; echo status $?")
    assert "status 139" in said


def test_reboot_starts_the_same_kernel_again(linux: Machine) -> None:
    linux.serial.send("reboot -f\n")
    linux.serial.expect("Restarting system", timeout="2s")
    linux.serial.expect("Linux version 6", timeout="2s")
    linux.serial.expect(re.escape(PROMPT), timeout="5s")
    linux.run(for_="10ms")
    assert answer(linux, "echo again") == "again\n"


def test_the_hardware_clock_tells_the_time_and_can_be_set(linux: Machine) -> None:
    year = "busybox hwclock -ru | busybox awk '{print $5, $4}'"
    assert answer(linux, year, timeout="4s").startswith("2026 00:00:0")
    answer(linux, "busybox date -us '2031-05-06 07:08:09'; busybox hwclock -wu", timeout="4s")
    assert answer(linux, year, timeout="4s").startswith("2031 07:08:")


def test_halt_leaves_a_machine_that_nothing_can_wake(linux: Machine) -> None:
    linux.serial.send("halt -f\n")
    stop = linux.run(for_="2s")
    assert stop.reason is Reason.IDLE
    assert "reboot: System halted" in linux.serial.text
    crash = linux.crash(stop)
    assert crash is not None
    assert "halted" in crash.summary
