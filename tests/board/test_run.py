"""Rules B2 and B4 of vectoros/board.py: slices, stops, and ends."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from vectoros.board import SLICE_ACCESSES, SLICE_TICKS, Reason

if TYPE_CHECKING:
    from tests.board.conftest import Op, Rig


def test_a_slice_is_at_most_ten_million_ticks_and_the_host_is_served_behind_it(
    rig: type[Rig],
) -> None:
    machine = rig(*[("skip", 6_000_000)] * 5)
    served: list[int] = []
    machine.run(25_000_000, served.append)
    assert SLICE_TICKS == 10_000_000
    assert machine.cpu.slices == [10_000_000, 10_000_000, 1_000_000]
    assert served == [12_000_000, 24_000_000, 30_000_000]


def test_the_host_may_choose_shorter_slices_and_the_guest_cannot_tell(rig: type[Rig]) -> None:
    program = [("arm", 5_000), ("lines", 3), ("skip", 700), ("arm", 9)]
    machine = rig(*program)
    machine.board.slice_ticks = 100
    assert machine.log(20_000) == rig(*program).log(20_000)
    assert max(machine.cpu.slices) == 100


def test_a_slice_ends_at_the_limit_and_at_events(rig: type[Rig]) -> None:
    machine = rig(("arm", 10_000))
    assert machine.run(20_001) == (Reason.TICK, 20_004, 0)
    assert machine.cpu.slices == [20_001, 10_001]


def test_a_limit_that_has_passed_stops_at_once_after_what_is_due(rig: type[Rig]) -> None:
    machine = rig(("arm", 5_000), ("skip", 6_000))
    for _ in range(2):
        assert machine.run(10) == (Reason.TICK, 6_004, 0)
        assert machine.alarm.rings
    assert machine.cpu.slices == [10]


def test_many_accesses_end_a_slice_so_that_the_host_is_served(rig: type[Rig]) -> None:
    machine = rig(*[("poll", 0)] * (SLICE_ACCESSES + 100))
    served: list[int] = []
    machine.run(100_000, served.append)
    assert served == [4 * (SLICE_ACCESSES - 1) + 4_096, 100_000]


def test_an_interrupt_from_a_signal_handler_ends_the_run_with_the_slice(rig: type[Rig]) -> None:
    machine = rig(("call", 0))
    machine.board.slice_ticks = 1_000
    machine.cpu.hook = lambda: os.kill(os.getpid(), signal.SIGUSR1)
    before = signal.signal(signal.SIGUSR1, lambda *_: machine.board.interrupt())
    try:
        assert machine.run() == (Reason.INTERRUPTED, 1_000, 0)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert machine.run(2_000) == (Reason.TICK, 2_000, 0)


def test_an_interrupt_that_comes_between_runs_is_not_lost(rig: type[Rig]) -> None:
    machine = rig()
    machine.board.interrupt()
    assert machine.run(0) == (Reason.INTERRUPTED, 0, 0)
    assert machine.run(0) == (Reason.TICK, 0, 0)


def test_a_stop_of_the_host_that_does_not_come_is_forgotten_with_the_run(rig: type[Rig]) -> None:
    machine = rig(("call", 0))
    machine.cpu.hook = lambda: machine.board.request_stop(Reason.MATCH)
    assert machine.run(100) == (Reason.TICK, 100, 0)
    assert machine.run(10_000) == (Reason.TICK, 10_000, 0)


def test_the_earliest_stop_of_the_host_counts(rig: type[Rig]) -> None:
    machine = rig(("call", 0), ("skip", 96), ("call", 0))
    machine.cpu.hook = lambda: machine.board.request_stop(Reason.MATCH, machine.clock.now)
    assert machine.run() == (Reason.MATCH, 4_096, 0)


def test_a_stop_of_the_host_hides_no_end_of_the_guest(rig: type[Rig]) -> None:
    machine = rig(("call", 0), ("end", 7))
    machine.cpu.hook = lambda: machine.board.request_stop(Reason.MATCH)
    assert machine.run() == (Reason.MATCH, 4_096, 0)
    assert machine.run() == (Reason.EXIT, 4_100, 7)


@pytest.mark.parametrize(
    ("op", "end"),
    [
        (("end", 9), (Reason.EXIT, 4_096, 9)),
        (("end", 255), (Reason.POWER_OFF, 4_096, 0)),
        (("crash", 0), (Reason.TRIPLE_FAULT, 4, 0)),
    ],
)
def test_an_end_is_final_here_and_in_a_restored_machine(
    rig: type[Rig], op: Op, end: tuple[Reason, int, int]
) -> None:
    machine = rig(op, ("lines", 1))
    assert machine.run() == end
    before = machine.board.state()
    assert machine.run() == machine.run(1 << 30) == end
    assert machine.restored().run() == end
    assert machine.board.state() == before
    assert len(machine.cpu.slices) == 1


def test_an_end_comes_before_a_stop_of_the_host_at_the_same_tick(rig: type[Rig]) -> None:
    machine = rig(("end", 7), ("skip", 8_000))
    machine.board.interrupt()
    assert machine.run(0)[0] is Reason.INTERRUPTED
    assert machine.run(4_096) == (Reason.EXIT, 8_004, 7)


def test_the_first_of_two_ends_counts_unless_the_second_comes_sooner(rig: type[Rig]) -> None:
    assert rig(("end", 1), ("end", 2)).run() == (Reason.EXIT, 4_096, 1)
    assert rig(("end", 1), ("crash", 0)).run() == (Reason.TRIPLE_FAULT, 8, 0)
    assert rig(("end", 1), ("skip", 4_092), ("crash", 0)).run() == (Reason.EXIT, 4_096, 1)


def test_waiting_for_a_text_changes_nothing_in_the_machine(rig: type[Rig]) -> None:
    program = [("call", 0), ("arm", 6_000), ("cli", 0), ("hlt", 0)]
    plain, watched = rig(*program), rig(*program)
    watched.cpu.hook = lambda: watched.board.request_stop(Reason.MATCH)
    assert plain.run() == (Reason.IDLE, 16, 0)
    assert watched.run() == (Reason.MATCH, 16, 0)
    assert watched.run() == (Reason.IDLE, 16, 0)
    assert watched.board.state() == plain.board.state()


def test_an_alarm_rings_at_its_tick_and_does_no_more_than_ring(rig: type[Rig]) -> None:
    machine = rig()
    heard: list[int] = []
    machine.board.set_alarm(50_000, lambda: heard.append(machine.clock.now))
    before = machine.board.state()
    assert machine.run(20_000) == (Reason.TICK, 20_000, 0)
    assert (heard, machine.board.state()) == ([], before)
    assert machine.run(90_000) == (Reason.TICK, 90_000, 0)  # the next run has not forgotten it
    assert heard == [50_000]


def test_whoever_hears_the_alarm_may_stop_the_machine_there(rig: type[Rig]) -> None:
    machine = rig()
    machine.board.set_alarm(50_000, lambda: machine.board.request_stop(Reason.PANIC))
    assert machine.run(90_000) == (Reason.PANIC, 50_000, 0)
    assert machine.run(90_000) == (Reason.TICK, 90_000, 0)


def test_a_later_alarm_replaces_the_one_before(rig: type[Rig]) -> None:
    machine = rig()
    heard: list[str] = []
    machine.board.set_alarm(50_000, lambda: heard.append("first"))
    machine.board.set_alarm(60_000, lambda: heard.append("second"))
    machine.run(90_000)
    assert heard == ["second"]
