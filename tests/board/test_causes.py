"""Rules B1 and B3 of vectoros/board.py: what an access causes, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vectoros.board import Reason

if TYPE_CHECKING:
    from tests.board.conftest import Rig

SPIN = ("spin", 0)


def test_a_line_that_an_access_raises_is_seen_4096_ticks_after_it(rig: type[Rig]) -> None:
    assert rig(SPIN, ("lines", 1)).log(4_100) == []
    assert rig(SPIN, ("lines", 1)).log(9_000) == [("irq3", 4_100)]
    assert rig(("skip", 7), ("lines", 1)).log(9_000) == [("irq3", 7 + 4_096)]


def test_it_is_seen_at_the_first_boundary_from_then_on(rig: type[Rig]) -> None:
    assert rig(("lines", 1), ("skip", 4_091)).log(9_000) == [("irq3", 4_099)]


def test_a_deadline_that_an_access_sets_is_met_4096_ticks_later_at_the_soonest(
    rig: type[Rig],
) -> None:
    for ticks in (1, 4_096):
        assert rig(("arm", ticks)).log(9_000) == [("alarm", 4_096)]
    assert rig(("arm", 8_000)).log(9_000) == [("alarm", 8_000)]


def test_a_line_that_an_event_raises_is_seen_at_once(rig: type[Rig]) -> None:
    assert rig(("arm", 8_000), ("skip", 7_999)).log(9_000) == [("alarm", 8_003)]


def test_polling_a_device_for_ever_does_not_postpone_its_deadline(rig: type[Rig]) -> None:
    polls = [("poll", 0)] * 3_000
    assert rig(("arm", 8_000), *polls).log(9_000) == [("alarm", 8_000)]


def test_a_poll_that_finds_the_deadline_passed_raises_the_line_itself(rig: type[Rig]) -> None:
    program = [("arm", 100), ("skip", 196), ("poll", 0)]
    assert rig(*program).log(9_000) == [("alarm", 200 + 4_096)]


def test_a_line_that_an_access_lowers_before_it_is_seen_was_never_high(rig: type[Rig]) -> None:
    assert rig(("lines", 1), ("skip", 4_088), ("lines", 0)).log(9_000) == []


def test_a_line_that_an_access_lowers_after_it_is_seen_falls_at_once(rig: type[Rig]) -> None:
    program = [("cli", 0), ("lines", 1), ("skip", 8_000), ("lines", 0), ("sti", 0)]
    assert rig(*program).log(20_000) == []


def test_masking_acts_at_once_and_unmasking_does_not(rig: type[Rig]) -> None:
    visible = [("cli", 0), ("lines", 1), ("skip", 7_992), ("mask", 0xFF), ("sti", 0)]
    assert rig(*visible).log(20_000) == []
    assert rig(*visible, ("mask", 0)).log(20_000) == [("irq3", 8_008 + 4_096)]


def test_a_line_that_falls_and_rises_again_counts_from_the_second_time(rig: type[Rig]) -> None:
    program = [("lines", 1), ("skip", 992), ("lines", 0), ("lines", 1)]
    assert rig(*program).log(9_000) == [("irq3", 1_000 + 4_096)]


def test_a_second_request_does_not_put_off_the_first(rig: type[Rig]) -> None:
    log = rig(("lines", 2), ("skip", 996), ("lines", 3)).log(20_000)
    assert log == [("irq3", 4_096), ("irq5", 2 * 4_096)]


def test_what_an_acknowledge_leaves_is_seen_4096_ticks_after_it(rig: type[Rig]) -> None:
    machine = rig(("lines", 3))
    assert machine.log(20_000) == [("irq3", 4_096), ("irq5", 2 * 4_096)]
    assert machine.board.interrupts == 2


def test_an_acknowledge_brings_the_end_of_the_slice_near(rig: type[Rig]) -> None:
    machine = rig(("lines", 3))
    machine.run(10_000)
    assert machine.cpu.slices == [10_000, 10_000 - 4_096, 10_000 - 2 * 4_096]


def test_the_vector_is_that_of_the_moment_of_delivery(rig: type[Rig]) -> None:
    program = [("cli", 0), ("lines", 2), ("skip", 8_000), ("lines", 3), ("sti", 0)]
    assert rig(*program).log(9_000) == [("irq3", 8_016)]
    program[3:4] = [("lines", 3), ("mask", 1 << 3)]
    assert rig(*program).log(9_000) == [("irq5", 8_020)]


def test_an_nmi_comes_before_an_interrupt(rig: type[Rig]) -> None:
    machine = rig()
    machine.pic.input(3).set(True)
    machine.cpu.nmi_pending = True
    assert machine.log(100) == [("nmi", 0), ("irq3", 0)]


@pytest.mark.parametrize(
    ("code", "end"), [(0, (Reason.EXIT, 0)), (7, (Reason.EXIT, 7)), (255, (Reason.POWER_OFF, 0))]
)
def test_the_guest_ends_the_machine_4096_ticks_later(
    rig: type[Rig], code: int, end: tuple[Reason, int]
) -> None:
    reason, tick, status = rig(SPIN, ("end", code)).run()
    assert (reason, status) == end
    assert tick == 4_100


def test_a_match_stops_the_machine_4096_ticks_later(rig: type[Rig]) -> None:
    machine = rig(SPIN, ("call", 0))
    machine.cpu.hook = lambda: machine.board.request_stop(Reason.MATCH)
    assert machine.run() == (Reason.MATCH, 4_100, 0)


def test_what_the_host_changes_while_the_cpu_stands_acts_at_once(rig: type[Rig]) -> None:
    machine = rig()
    machine.run(1_000)
    machine.board.request_stop(Reason.MATCH)
    assert machine.run() == (Reason.MATCH, 1_000, 0)
    machine.pic.input(3).set(True)
    machine.alarm.due = 1_200
    assert machine.log(2_000) == [("irq3", 1_000), ("alarm", 1_200)]


def test_what_the_host_does_from_within_an_access_is_caused_by_it(rig: type[Rig]) -> None:
    machine = rig(("call", 0))
    machine.cpu.hook = lambda: machine.pic.input(3).set(True)
    assert machine.log(9_000) == [("irq3", 4_096)]


def test_an_access_is_over_even_if_the_host_fails_in_it(rig: type[Rig]) -> None:
    machine = rig(("call", 0))

    def fail() -> None:
        raise ZeroDivisionError

    machine.cpu.hook = fail
    with pytest.raises(ZeroDivisionError):
        machine.run()
    machine.pic.input(3).set(True)
    assert machine.log(100) == [("irq3", 0)]


def test_the_host_may_use_the_devices_before_the_first_run(rig: type[Rig]) -> None:
    machine = rig()
    assert machine.board.port_read(0x9999, 4) == 0xFFFF_FFFF
    machine.board.port_write(0x21, 1, 0xFF)
    assert machine.pic.master.imr == 0xFF


def test_devices_see_the_memory_bus_as_they_see_the_ports(rig: type[Rig]) -> None:
    machine = rig(("call", 0))
    area = machine.board.ports.mappings[2].area
    machine.board.mmio.attach(area, machine.devices[2])
    machine.cpu.hook = lambda: machine.board.mmio_write(area.base, 1, 1)
    assert machine.log(9_000) == [("irq3", 4_096)]
    assert machine.board.mmio_read(area.last + 1, 4) == 0xFFFF_FFFF
    assert machine.board.mmio.holes == {area.last + 1: 1}
