"""The run report: complete, plain, and documented field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from vectoros import Machine
from vectoros.branches import BranchLine
from vectoros.bus import ELSEWHERE, MAX_HOLES

Sector = Callable[[str], Path]
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "run-report.md"
HOST_SIDE = {"version", "image", "exit_code", "signal", "output_closed", "wall_s"}


def report(image: Path, **choices: Any) -> dict[str, Any]:  # noqa: ANN401
    with Machine.from_image(image, **choices, firmware=False) as machine:
        return machine.report(machine.run(for_="1ms"))


def test_it_tells_how_the_run_ended(sector: Sector) -> None:
    found = report(sector("hello"))
    assert (found["stop_reason"], found["serial"], found["crash"]) == ("power_off", "hello\n", None)
    assert found["ticks"] > 0
    assert found["virtual_ns"] == found["ticks"] // 4
    assert re.fullmatch("[0-9a-f]{64}", found["state_hash"])


def test_accesses_are_counted_by_device(sector: Sector) -> None:
    found = report(sector("hello"))
    assert found["ports"] == {"com1": 6, "debug_console": 6, "power": 1}
    assert found["mmio"] == {}
    (row,) = found["timeline"]
    assert row["milestone"] == "hello"
    assert row["virtual_ns"] == row["tick"] // 4


def test_holes_are_counted_by_address(sector: Sector) -> None:
    found = report(sector("hole"), memory="1M")
    assert found["holes"] == {"port": {"0x2345": 1}, "memory": {"0x100000": 2}}


def test_holes_beyond_counting_are_one_entry(sector: Sector) -> None:
    with Machine.from_image(sector("hello"), firmware=False) as machine:
        for port in range(0x4000, 0x4000 + MAX_HOLES + 5):
            machine.pc.board.ports.read(port, 1)
        assert machine.pc.board.ports.holes[ELSEWHERE] == 5
        found = machine.report(machine.run(for_="1ms"))
    assert found["holes"]["port"]["elsewhere"] == 5


def test_it_says_where_the_guest_is(sector: Sector) -> None:
    cpu = report(sector("idle"))["cpu"]
    assert (cpu["mode"], cpu["ring"], cpu["cs"], cpu["rip"]) == ("real", 0, "0x0", "0x7c02")
    assert cpu["halted"] is True


def test_a_crash_is_part_of_it(sector: Sector) -> None:
    found = report(sector("triple_fault"))
    assert found["stop_reason"] == "triple_fault"
    assert found["traps"] == {"#DF": 1, "#PF": 1}
    assert found["crash"]["chain"][0]["name"] == "#PF"


@pytest.mark.parametrize("name", ["hello", "triple_fault", "hole"])
def test_equal_runs_give_equal_reports_and_plain_data(sector: Sector, name: str) -> None:
    first, second = report(sector(name)), report(sector(name))
    assert first == second
    assert json.loads(json.dumps(first)) == first


def test_every_field_is_documented_and_no_other(sector: Sector) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found = report(sector("triple_fault"))
    expected = {*found, *HOST_SIDE, *found["cpu"], *found["crash"], *found["crash"]["chain"][0]}
    expected |= {*found["crash"]["backtrace"][0]}
    expected |= {field.name for field in fields(BranchLine)}
    expected |= {"milestone", "tick", "virtual_ns", "wall_ms"}
    assert set(rows) == expected
