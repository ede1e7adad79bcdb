"""The rules E1 to E4 of vectoros/events.py."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.registers import Access, Register
from vectoros.errors import InvariantError
from vectoros.events import NEVER, EventQueue
from vectoros.units import REACTION_TICKS


class Alarm(Device):
    """A device with one deadline, which an access can set."""

    def __init__(self, clock: Clock, name: str, log: list[tuple[str, int]]) -> None:
        self.due: int | None = None
        self.period: int | None = None
        super().__init__(clock)
        self.name = name
        self._log = log

    def next_event(self) -> int | None:
        return self.due

    def advance(self) -> None:
        self._log.append((self.name, self.clock.now))
        if self.due is not None:
            self.due = None if self.period is None else self.due + self.period


@dataclass
class Rig:
    """Three alarms, a queue and a clock."""

    clock: Clock = field(default_factory=Clock)
    log: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.alarms = [Alarm(self.clock, name, self.log) for name in "abc"]
        self.a, self.b, self.c = self.alarms
        self.queue = EventQueue(self.alarms)

    def access(self, alarm: Alarm, due: int | None) -> None:
        """Let the CPU set ``alarm``."""
        alarm.catch_up()
        alarm.due = due
        self.queue.accessed(alarm, self.clock)

    def poll(self, alarm: Alarm) -> None:
        """Let the CPU read ``alarm``."""
        alarm.catch_up()
        self.queue.accessed(alarm, self.clock)

    def fire(self, tick: int) -> None:
        self.clock.set(tick)
        self.queue.fire(tick)


def test_without_deadlines_nothing_is_ever_due() -> None:
    assert Rig().queue.next == NEVER
    assert EventQueue([]).next == NEVER


def test_a_deadline_that_is_there_from_the_beginning_is_known() -> None:
    rig = Rig()
    rig.b.due = 70
    assert EventQueue(rig.alarms).next == 70


def test_a_reset_forgets_the_floors() -> None:
    rig = Rig()
    rig.access(rig.b, 70)
    rig.queue.reset()
    assert (rig.queue.next, rig.queue.state()) == (70, {})


def test_a_far_deadline_is_the_event() -> None:
    rig = Rig()
    rig.access(rig.b, 10_000)
    assert rig.queue.next == 10_000
    assert rig.queue.state() == {}
    rig.fire(9_999)
    assert rig.log == []
    rig.fire(10_001)
    assert rig.log == [("b", 10_001)]
    assert rig.queue.next == NEVER


@pytest.mark.parametrize("after", [0, 1, REACTION_TICKS - 1])
def test_a_deadline_that_an_access_brings_near_waits_for_its_floor(after: int) -> None:
    rig = Rig()
    rig.clock.set(1000)
    rig.access(rig.b, 1000 + after)
    assert rig.queue.next == 1000 + REACTION_TICKS
    assert rig.queue.state() == {"b": 1000 + REACTION_TICKS}
    rig.fire(1000 + REACTION_TICKS - 1)
    assert rig.log == []
    rig.fire(1000 + REACTION_TICKS)
    assert rig.log == [("b", 1000 + REACTION_TICKS)]
    assert rig.queue.state() == {}


def test_a_deadline_just_as_late_as_the_floor_needs_none() -> None:
    rig = Rig()
    rig.access(rig.b, REACTION_TICKS)
    assert rig.queue.next == REACTION_TICKS
    assert rig.queue.state() == {}


def test_polling_a_device_does_not_postpone_it() -> None:
    rig = Rig()
    rig.access(rig.a, 50)
    for tick in range(0, 50, 7):
        rig.clock.set(tick)
        rig.poll(rig.a)
        assert rig.queue.next == REACTION_TICKS


def test_a_poll_after_the_deadline_does_what_is_due_itself() -> None:
    rig = Rig()
    rig.access(rig.a, 50)
    rig.clock.set(60)
    rig.poll(rig.a)
    assert rig.log == [("a", 60)]
    assert rig.queue.next == NEVER
    assert rig.queue.state() == {}


def test_a_periodic_device_fires_however_often_it_is_polled() -> None:
    rig = Rig()
    rig.a.period = 6_000
    rig.access(rig.a, 6_000)
    for tick in range(0, 60_000, 100):
        rig.clock.set(tick)
        rig.queue.fire(tick)
        rig.poll(rig.a)
    assert rig.log == [("a", tick) for tick in range(6_000, 60_000, 6_000)]


def test_an_access_that_moves_the_deadline_away_lifts_the_floor() -> None:
    rig = Rig()
    rig.access(rig.a, 50)
    rig.access(rig.a, 5_000)
    assert (rig.queue.next, rig.queue.state()) == (5_000, {})
    rig.access(rig.a, None)
    assert rig.queue.next == NEVER


def test_the_floor_counts_from_the_access_that_moved_the_deadline() -> None:
    rig = Rig()
    rig.access(rig.a, 50)
    rig.clock.set(20)
    rig.access(rig.a, 60)
    assert rig.queue.next == 20 + REACTION_TICKS


def test_one_devices_floor_does_not_hold_another_back() -> None:
    rig = Rig()
    rig.access(rig.a, 9_000)
    rig.clock.set(8_990)
    rig.access(rig.b, 8_995)
    assert rig.queue.next == 9_000
    rig.fire(9_000)
    assert rig.log == [("a", 9_000)]
    assert rig.queue.state() == {"b": 8_990 + REACTION_TICKS}


def test_events_come_in_the_order_of_ticks_and_at_equal_ticks_of_devices() -> None:
    rig = Rig()
    for alarm, due in ((rig.c, 5_000), (rig.b, 6_000), (rig.a, 6_000)):
        rig.access(alarm, due)
    rig.fire(7_000)
    assert rig.log == [("c", 7_000), ("a", 7_000), ("b", 7_000)]


def test_a_floor_orders_events_as_if_it_were_the_deadline() -> None:
    rig = Rig()
    rig.access(rig.b, 4_500)
    rig.clock.set(500)
    rig.access(rig.a, 501)
    rig.fire(5_000)
    assert rig.log == [("b", 5_000), ("a", 5_000)]


def test_a_device_that_stays_due_breaks_its_promise() -> None:
    rig = Rig()
    rig.a.period = 0
    rig.access(rig.a, 5_000)
    rig.clock.set(5_000)
    with pytest.raises(InvariantError, match=r"D3: a is still due after advance\(\)"):
        rig.queue.fire(5_000)


def test_changes_from_outside_are_seen_after_a_refresh_and_need_no_floor() -> None:
    rig = Rig()
    rig.a.due = 10
    assert rig.queue.next == NEVER
    rig.queue.refresh()
    assert (rig.queue.next, rig.queue.state()) == (10, {})


def test_a_floor_is_kept_only_while_it_is_later_than_the_deadline() -> None:
    rig = Rig()
    rig.access(rig.a, 50)
    rig.queue.refresh()
    assert rig.queue.state() == {"a": REACTION_TICKS}
    rig.a.due = REACTION_TICKS
    rig.queue.refresh()
    assert rig.queue.state() == {}


def test_an_access_to_a_port_of_another_device_moves_that_devices_deadline() -> None:
    rig = Rig()
    rig.b.timekeeper = rig.a
    rig.a.due = 50
    rig.queue.accessed(rig.b, rig.clock)
    assert (rig.queue.next, rig.queue.state()) == (REACTION_TICKS, {"a": REACTION_TICKS})
    rig.fire(REACTION_TICKS)
    assert rig.log == [("a", REACTION_TICKS)]


def test_a_deadline_beyond_all_time_is_none() -> None:
    rig = Rig()
    rig.access(rig.a, NEVER + 1)
    assert rig.queue.next == NEVER


def test_a_state_is_refused_by_the_name_of_what_is_wrong() -> None:
    rig = Rig()
    cases: list[tuple[object, str]] = [
        ([], "board.events must be a table, not list"),
        ({"z": 1}, "board.events.z is not a device"),
        ({"a": -1}, "board.events.a must be a tick, not -1"),
        ({"a": NEVER + 1}, f"board.events.a must be a tick, not {NEVER + 1}"),
        ({"a": True}, "board.events.a must be a tick, not True"),
    ]
    for state, reason in cases:
        with pytest.raises(ValueError, match=f"^{reason}$"):
            rig.queue.check(state, "board.events")


Step = tuple[int, int, int | None]  # ticks that pass, device, when an access wants it due

STEPS = st.tuples(st.integers(0, 3_000), st.integers(0, 2), st.integers(1, 9_000) | st.none())


def play(steps: list[Step], restored_after: int | None) -> list[tuple[str, int]]:
    """Return what fires when; after one of ``steps`` go on in a new queue."""
    rig = Rig()
    for number, (ticks, device, due) in enumerate(steps):
        rig.fire(rig.clock.now + ticks)
        if due is None:
            rig.poll(rig.alarms[device])
        else:
            rig.access(rig.alarms[device], rig.clock.now + due)
        assert rig.queue.next > rig.clock.now
        if number == restored_after:
            rig = restored(rig)
    rig.fire(NEVER - 1)
    return rig.log


def restored(rig: Rig) -> Rig:
    """Return a new rig in the state of ``rig``."""
    new = Rig(Clock(rig.clock.now), rig.log)
    for theirs, ours in zip(new.alarms, rig.alarms, strict=True):
        theirs.due = ours.due
    new.queue.check(rig.queue.state(), "events")
    new.queue.adopt(rig.queue.state())
    assert new.queue.state() == rig.queue.state()
    assert new.queue.next == rig.queue.next
    return new


@given(st.lists(STEPS, max_size=20), st.integers(0, 19))
def test_a_restored_queue_goes_on_as_if_nothing_had_happened(steps: list[Step], at: int) -> None:
    assert play(steps, None) == play(steps, at)


def test_a_device_without_deadlines_has_no_floor_whatever_a_snapshot_says() -> None:
    class Lamp(Device):
        level = Register(0, Access.RW, int, "how bright", reset=0)

    queue = EventQueue([Lamp(Clock())])
    queue.adopt({"lamp": 5_000})
    assert queue.state() == {}
    assert queue.next == NEVER
