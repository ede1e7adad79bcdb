"""HLT: what ends it, what the host may do meanwhile, and when nothing can end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vectoros.board import Reason

if TYPE_CHECKING:
    from tests.board.conftest import Op, Rig


def halted(rig: type[Rig], *program: Op) -> Rig:
    """Return a machine that has run ``program`` and HLT."""
    machine = rig(*program, ("hlt", 0))
    machine.run(4 * (len(program) + 1))
    assert machine.board.halted
    return machine


def test_idle_time_is_skipped_up_to_the_next_event(rig: type[Rig]) -> None:
    machine = halted(rig, ("arm", 1_000_001))
    assert machine.log(1_000_005) == [("alarm", 1_000_001)]
    assert not machine.board.halted
    assert machine.cpu.slices == [8, 4]


def test_a_limit_divides_idle_time_and_changes_nothing(rig: type[Rig]) -> None:
    machine = halted(rig, ("arm", 10_000))
    assert machine.run(7_777) == (Reason.TICK, 7_777, 0)
    assert machine.board.halted
    assert machine.log(20_000) == [("alarm", 10_000)]


def test_an_event_that_interrupts_nobody_does_not_wake_the_cpu(rig: type[Rig]) -> None:
    machine = halted(rig, ("mask", 0xFF), ("arm", 5_000))
    assert machine.run(9_000) == (Reason.TICK, 9_000, 0)
    assert machine.board.halted
    assert machine.alarm.rings


def test_a_line_that_was_raised_just_before_wakes_it_when_it_is_seen(rig: type[Rig]) -> None:
    machine = halted(rig, ("lines", 1))
    assert machine.log(5_000) == [("irq3", 4_096)]


@pytest.mark.parametrize("limit", [None, 1_000_000])
def test_with_interrupts_off_it_is_idle_for_ever_whatever_is_to_come(
    rig: type[Rig], limit: int | None
) -> None:
    machine = halted(rig, ("arm", 10_000), ("cli", 0))
    for _ in range(2):
        assert machine.run(limit) == (Reason.IDLE, 12, 0)
    assert machine.restored().run(limit) == (Reason.IDLE, 12, 0)


def test_with_nothing_to_come_it_is_idle_for_ever_unless_there_is_a_limit(rig: type[Rig]) -> None:
    assert halted(rig).run() == (Reason.IDLE, 4, 0)
    assert halted(rig).run(500) == (Reason.TICK, 500, 0)
    assert halted(rig).run(1 << 70) == (Reason.IDLE, 4, 0)


def test_an_end_that_is_on_its_way_comes_even_with_interrupts_off(rig: type[Rig]) -> None:
    machine = halted(rig, ("end", 7), ("cli", 0))
    assert machine.run() == (Reason.EXIT, 4_096, 7)


def test_an_nmi_wakes_it_whatever_if_says_unless_nmis_are_blocked(rig: type[Rig]) -> None:
    machine = halted(rig, ("cli", 0))
    machine.cpu.regs.nmi_blocked = machine.cpu.nmi_pending = True
    assert machine.run()[0] is Reason.IDLE
    machine.cpu.regs.nmi_blocked = False
    assert machine.log(100) == [("nmi", 8)]


# The host at an idle machine.


def test_the_host_is_told_how_far_the_machine_is_about_to_skip(rig: type[Rig]) -> None:
    machine = halted(rig, ("arm", 50_000))
    served: list[tuple[int, int]] = []
    machine.run(60_000, lambda tick: served.append((machine.clock.now, tick)))
    assert served == [(8, 50_000), (60_000, 60_000)]


def test_input_enters_at_the_tick_to_which_the_host_has_set_the_clock(rig: type[Rig]) -> None:
    machine = halted(rig, ("arm", 50_000))

    def served(tick: int) -> None:
        if machine.clock.now < 20_000:
            machine.clock.set(20_000)
            machine.pic.input(3).set(True)

    machine.run(60_000, served)
    assert machine.cpu.log == [("irq3", 20_000), ("alarm", 50_000)]


def test_input_at_the_present_tick_ends_the_idle_time_there(rig: type[Rig]) -> None:
    machine = halted(rig, ("arm", 50_000))
    machine.run(60_000, lambda _: machine.pic.input(3).set(True))
    assert machine.cpu.log == [("irq3", 8), ("alarm", 50_000)]


def test_a_deadline_that_the_host_brings_near_is_met(rig: type[Rig]) -> None:
    machine = halted(rig, ("arm", 50_000))

    def served(tick: int) -> None:
        if machine.alarm.due is not None:
            machine.alarm.due = 30_000

    machine.run(31_000, served)
    assert machine.cpu.log == [("alarm", 30_000)]


def test_the_host_is_asked_again_when_it_has_waited_for_a_part_only(rig: type[Rig]) -> None:
    machine = halted(rig, ("arm", 50_000))
    seen: list[int] = []

    def served(tick: int) -> None:
        seen.append(machine.clock.now)
        machine.clock.set(min(tick, len(seen) * 20_000))

    assert machine.run(45_000, served) == (Reason.TICK, 45_000, 0)
    assert seen == [8, 20_000, 40_000]


def test_the_host_may_stop_the_machine_instead(rig: type[Rig]) -> None:
    machine = halted(rig, ("arm", 50_000))
    assert machine.run(served=lambda _: machine.board.interrupt()) == (Reason.INTERRUPTED, 8, 0)
    stop = machine.board.request_stop
    assert machine.run(served=lambda _: stop(Reason.IDLE)) == (Reason.IDLE, 8, 0)
