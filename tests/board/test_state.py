"""What the run loop saves: enough to go on exactly, and nothing that is derived."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros.board import Reason

if TYPE_CHECKING:
    from tests.board.conftest import Log, Op, Rig

QUIET: dict[str, object] = {"halted": False, "intr_rise": None, "guest_stop": None, "events": {}}


def test_nothing_of_the_queue_is_saved_but_the_floors(rig: type[Rig]) -> None:
    machine = rig(("arm", 100_000))
    machine.run(8)
    assert machine.board.state() == QUIET
    machine = rig(("arm", 10))
    machine.run(8)
    assert machine.board.state() == {**QUIET, "events": {"alarm": 4_096}}


def test_a_line_and_an_end_that_are_on_their_way_are_saved(rig: type[Rig]) -> None:
    machine = rig(("lines", 1), ("end", 7), ("hlt", 0))
    machine.run(12)
    assert machine.board.state() == {
        "halted": True,
        "intr_rise": 4_096,
        "guest_stop": [4_100, "EXIT", 7],
        "events": {},
    }
    assert machine.restored().run() == (Reason.EXIT, 4_100, 7)


def test_what_the_host_waits_for_is_not_saved(rig: type[Rig]) -> None:
    machine = rig()
    machine.board.request_stop(Reason.MATCH)
    machine.board.interrupt()
    machine.board.slice_ticks = 5
    assert machine.board.state() == QUIET


def test_a_restored_cpu_sees_its_pin_as_before(rig: type[Rig]) -> None:
    machine = rig(("cli", 0), ("lines", 1))
    machine.run(5_000)
    assert machine.cpu.intr
    assert machine.restored().cpu.intr
    early = rig(("cli", 0), ("lines", 1))
    early.run(8)
    assert not early.restored().cpu.intr


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("halted", 1, "board.halted must be true or false, not int 1"),
        ("intr_rise", -1, "board.intr_rise must be a whole number from 0 to "),
        ("intr_rise", 1 << 63, "board.intr_rise must be a whole number from 0 to "),
        ("events", {"alarm": "x"}, "board.events.alarm must be a tick, not 'x'"),
        ("events", None, "board.events must be a table, not NoneType"),
        *(
            (
                "guest_stop",
                value,
                "board.guest_stop must be tick, reason and code of an end, or none",
            )
            for value in (7, [], [1, "EXIT"], [1, "TICK", 0], [-1, "EXIT", 0], [1, "EXIT", None])
        ),
        ("more", 0, "board.more is not a field of Board"),
    ],
)
def test_a_bad_state_is_refused_by_field_and_changes_nothing(
    rig: type[Rig], field: str, value: object, reason: str
) -> None:
    machine = rig(("lines", 1), ("end", 7), ("arm", 5))
    machine.run(12)
    before = machine.board.state()
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}"):
        machine.board.restore({**before, field: value})  # type: ignore[dict-item]
    assert machine.board.state() == before


def test_a_missing_field_is_named(rig: type[Rig]) -> None:
    state: dict[str, Any] = rig().board.state()
    del state["intr_rise"]
    with pytest.raises(ValueError, match=r"^board\.intr_rise is missing$"):
        rig().board.restore(state)


OPS = st.one_of(
    st.tuples(st.just("skip"), st.integers(4, 6_000)),
    st.tuples(st.just("lines"), st.integers(0, 3)),
    st.tuples(st.just("arm"), st.integers(1, 9_000)),
    st.tuples(st.just("mask"), st.sampled_from([0, 0, 0x08, 0x48])),
    st.tuples(st.sampled_from(["poll", "poll", "sti", "sti", "cli", "hlt"]), st.just(0)),
)
END = 60_000


def go(machine: Rig, pauses: random.Random | None) -> tuple[Log, int, Any, list[Any]]:
    """Run to END, or to a halt for ever; pause, save and restore as ``pauses`` has it."""
    while pauses is not None and machine.clock.now < END - 4_000:
        if machine.run(machine.clock.now + pauses.randrange(1, 4_000))[0] is Reason.IDLE:
            break
        if pauses.random() < 0.5:
            machine = machine.restored()
    machine.run(END)
    return (
        machine.cpu.log,
        machine.clock.now,
        machine.board.state(),
        [device.state() for device in machine.devices],
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=st.lists(OPS, max_size=25), seed=st.integers(0, 1 << 32))
def test_pauses_and_snapshots_anywhere_change_nothing(
    rig: type[Rig], program: list[Op], seed: int
) -> None:
    expected = go(rig(*program), None)
    assert go(rig(*program), random.Random(seed)) == expected
