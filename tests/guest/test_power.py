"""Power management as a guest meets it: by the tables, the timer, the button and SCI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.board import Reason
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.units import REACTION_TICKS

ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)


def run(image: Path, engine: str, pause: int) -> tuple[Reason, int, str]:
    with Machine.from_image(image, engine=engine, memory="1M") as machine:
        machine.serial.expect("ftw$", timeout="20ms")
        assert machine.run(for_=f"{pause}us").reason is Reason.TICK
        pressed = machine.clock.now
        machine.power_button()
        stop = machine.run(for_="1ms")
        assert stop.tick > pressed + REACTION_TICKS
        return stop.reason, stop.tick, machine.state_hash()


@pytest.mark.parametrize("pause", [0, 1, 700])
def test_a_guest_finds_the_tables_and_the_power_button_switches_it_off(
    sector: Callable[[str], Path], pause: int
) -> None:
    image = sector("acpi")
    ends = {engine: run(image, engine, pause) for engine in ENGINES}
    assert {end[0] for end in ends.values()} == {Reason.POWER_OFF}
    assert len(set(ends.values())) == 1, ends
