"""A reset of the machine: everything anew but RAM and the clock, at its tick and once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros.board import Reason

if TYPE_CHECKING:
    from tests.board.conftest import Log, Op, Rig

SPIN = ("spin", 0)
QUIET: dict[str, object] = {"halted": False, "intr_rise": None, "guest_stop": None, "events": {}}


def test_a_reset_comes_4096_ticks_after_the_access_and_the_clock_goes_on(rig: type[Rig]) -> None:
    machine = rig(SPIN, ("reboot", 0)).reboots()
    assert machine.run(4_096) == (Reason.TICK, 4_096, 0)
    assert machine.starts == []
    assert machine.run(9_000) == (Reason.TICK, 9_000, 0)
    assert machine.starts == [4_100, 8_200]
    assert machine.board.resets == 2


def test_without_somebody_to_start_the_cpu_it_is_a_final_stop(rig: type[Rig]) -> None:
    machine = rig(SPIN, ("reboot", 0))
    for run in (machine.run, machine.run, machine.restored().run):
        assert run() == (Reason.RESET, 4_100, 0)
    assert machine.board.resets == 0


def test_a_halt_with_interrupts_off_waits_for_the_reset(rig: type[Rig]) -> None:
    machine = rig(("reboot", 0), ("cli", 0), ("hlt", 0)).reboots()
    machine.run(5_000)
    assert machine.starts == [4_096]


def test_a_request_of_the_host_while_the_cpu_stands_acts_at_once(rig: type[Rig]) -> None:
    machine = rig().reboots()
    machine.run(1_000)
    machine.board.request_stop(Reason.RESET)
    machine.run(1_000)
    assert machine.starts == [1_000]


def test_every_device_is_reset_and_what_was_on_its_way_never_comes(rig: type[Rig]) -> None:
    machine = rig(("lines", 3), ("arm", 50_000), ("reboot", 0), ("skip", 100), ("lines", 1))
    machine.reboots()
    new = rig()
    machine.run(4_104)
    for device, fresh in zip(machine.devices[2:], new.devices[2:], strict=True):
        assert device.state() == fresh.state(), device.name
    assert machine.pic.master.imr == machine.pic.master.irr == 0
    assert not machine.cpu.intr
    assert machine.board.state() == QUIET
    assert machine.starts == [4_104]


def test_an_interrupt_that_the_cpu_has_not_taken_is_gone(rig: type[Rig]) -> None:
    machine = rig(("cli", 0), ("lines", 1), ("skip", 6_000), ("reboot", 0)).reboots()
    machine.run(7_000)
    assert machine.cpu.intr
    machine.cpu.program = []
    machine.run(20_000)
    assert (machine.cpu.intr, machine.cpu.log) == (False, [])


def test_a_second_request_does_not_put_off_the_first(rig: type[Rig]) -> None:
    machine = rig(("reboot", 0), ("skip", 996), ("reboot", 0), ("skip", 10_000)).reboots()
    machine.run(11_000)
    assert machine.starts == [11_004], "at the first boundary, for both"


@pytest.mark.parametrize(
    ("program", "end"),
    [
        ([("end", 7), ("reboot", 0)], (Reason.EXIT, 4_096, 7)),
        ([("reboot", 0), ("crash", 0)], (Reason.TRIPLE_FAULT, 8, 0)),
        ([("end", 255), ("reboot", 0)], (Reason.POWER_OFF, 4_096, 0)),
    ],
)
def test_an_end_that_comes_sooner_is_the_end(
    rig: type[Rig], program: list[Op], end: tuple[Reason, int, int]
) -> None:
    machine = rig(*program).reboots()
    assert machine.run() == end
    assert machine.starts == []


def test_a_reset_that_comes_sooner_prevents_an_end(rig: type[Rig]) -> None:
    machine = rig(("reboot", 0), ("end", 7)).reboots()
    assert machine.run(9_000)[0] is Reason.TICK
    assert machine.starts == [4_096, 8_192]


def test_a_reset_on_its_way_is_state(rig: type[Rig]) -> None:
    machine = rig(("reboot", 0)).reboots()
    machine.run(1_000)
    assert machine.board.state() == {**QUIET, "guest_stop": [4_096, "RESET", 0]}
    twin = machine.restored().reboots()
    twin.run(5_000)
    machine.run(5_000)
    assert twin.starts == machine.starts == [4_096]
    assert twin.board.state() == machine.board.state()


def test_whether_it_goes_on_is_a_choice_of_the_host_and_no_state(rig: type[Rig]) -> None:
    stopped = rig(("reboot", 0))
    assert stopped.run() == (Reason.RESET, 4_096, 0)
    going = stopped.restored().reboots()
    assert going.run(5_000) == (Reason.TICK, 5_000, 0)
    assert going.starts == [4_096]


OPS = st.one_of(
    st.tuples(st.just("skip"), st.integers(4, 6_000)),
    st.tuples(st.just("lines"), st.integers(0, 3)),
    st.tuples(st.just("arm"), st.integers(1, 9_000)),
    st.tuples(st.sampled_from(["reboot", "poll", "sti", "cli", "hlt"]), st.just(0)),
)
END = 60_000


def go(machine: Rig, pauses: random.Random | None) -> tuple[Log, int, Any, list[Any]]:
    """Run to END, or to a halt for ever; pause, save and restore as ``pauses`` has it."""
    machine.reboots()
    while pauses is not None and machine.clock.now < END - 4_000:
        if machine.run(machine.clock.now + pauses.randrange(1, 4_000))[0] is Reason.IDLE:
            break
        if pauses.random() < 0.5:
            machine = machine.restored().reboots()
    machine.run(END)
    states = [device.state() for device in machine.devices]
    return machine.cpu.log, machine.clock.now, machine.board.state(), states


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=st.lists(OPS, max_size=25), seed=st.integers(0, 1 << 32))
def test_pauses_and_snapshots_around_resets_change_nothing(
    rig: type[Rig], program: list[Op], seed: int
) -> None:
    expected = go(rig(*program), None)
    assert go(rig(*program), random.Random(seed)) == expected


def test_a_reset_that_means_something_else_stops_the_machine_before_it(rig: type[Rig]) -> None:
    machine = rig(SPIN, ("reboot", 0)).reboots()
    meanings = [Reason.RESET, Reason.PANIC]
    machine.board.judge_resets(meanings.pop)
    assert machine.run(9_000) == (Reason.PANIC, 4_100, 0)
    assert machine.starts == []
    assert machine.run(5_000) == (Reason.TICK, 5_000, 0)
    assert machine.starts == [4_100]
