"""An unmodified Linux and our ACPI tables: it uses them, and complains of nothing."""

from __future__ import annotations

import re

import pytest

from vectoros import Machine
from vectoros.board import Reason

pytestmark = pytest.mark.linux


def answer(linux: Machine, command: str) -> str:
    """Type ``command``; return what it said."""
    linux.serial.send(f"{command}\n")
    return linux.serial.expect(r"(?s)\n(.*)\nlinux# ", timeout="5s")[1].decode().replace("\r", "")


def test_it_reads_the_tables_and_finds_no_fault_with_them(linux: Machine) -> None:
    said = linux.serial.text  # the kernel has said it on its console
    assert "ACPI: RSDP 0x00000000000E0000" in said
    assert "ACPI: PM: (supports S0 S5)" in said
    assert "ACPI: PM-Timer IO Port: 0x608" in said
    assert "ACPI: Using PIC for interrupt routing" in said
    assert re.findall(r"(?i).*acpi.*(?:warning|error|exception).*", said) == []


def test_sci_and_the_power_management_timer_are_there(linux: Machine) -> None:
    assert re.search(r"^ +9: +0 +XT-PIC +acpi$", answer(linux, "cat /proc/interrupts"), re.M)
    clocks = "/sys/devices/system/clocksource/clocksource0/available_clocksource"
    assert "acpi_pm" in answer(linux, f"cat {clocks}")


def test_poweroff_switches_the_machine_off(linux: Machine) -> None:
    linux.serial.send("poweroff -f\n")
    assert linux.run(for_="10s").reason is Reason.POWER_OFF
    assert "Preparing to enter system sleep state S5" in linux.serial.text
