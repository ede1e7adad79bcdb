"""``vectoros devices``: what a person reads and what a program gets."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from vectoros.commands import devices
from vectoros.errors import UsageError
from vectoros.layout import MEMORY, PORTS


def output(*arguments: str) -> str:
    result = CliRunner().invoke(devices.command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_manual_page_shows_real_output() -> None:
    example = next(part for part in (devices.__doc__ or "").split("\n\n") if "$ " in part)
    prompt, *expected = (line.strip() for line in example.splitlines())
    assert output(*prompt.split()[3:]).splitlines() == expected


def test_the_list_has_every_device_by_port() -> None:
    lines = output().splitlines()[1:]
    bases = [int(line.split()[1].split("..")[0], 16) for line in lines]
    assert bases == [*sorted(area.base for area in PORTS), *(area.base for area in MEMORY)]
    rows = [line.split()[:4] for line in lines]
    assert ["com1", "0x3f8..0x3ff", "4", "Uart"] in rows


def test_a_register_map_has_absolute_ports_banks_and_fields() -> None:
    page = output("com1")
    assert page.startswith("com1: Uart at 0x3f8..0x3ff\n")
    assert "0x3f9  DLM       8     rw      DLAB=1  0x00   divisor latch, high byte" in page
    assert "\n  1:0  WLS    word length\n                0: 5 bits\n" in page


def test_programs_get_the_same_as_data() -> None:
    listed = json.loads(output("--json"))["devices"]
    names = {area.name for area in (*PORTS, *MEMORY)}
    assert {device["name"] for device in listed} == names
    registers = json.loads(output("pic2", "--json"))["registers"]
    icw1 = next(register for register in registers if register["name"] == "ICW1")
    assert (icw1["port"], icw1["access"], icw1["when"]) == (0xA0, "w", "D4=1")
    ltim = icw1["fields"][1]
    assert (ltim["name"], ltim["high"], ltim["low"]) == ("LTIM", 3, 3)


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"^there is no device 'com9'; there are pic1, pit, "):
        CliRunner().invoke(devices.command, ["com9"], catch_exceptions=False)
