"""The ACPI PM1 event block: statuses, and the line that they raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.clock import Clock
from vectoros.devices.pm_timer import tick_of_toggle, toggles
from vectoros.devices.power_events import Pm1Enable, Pm1Status, PowerEvents
from vectoros.irq import Line

STATUS, ENABLE = 0, 2
TMR, PWRBTN = Pm1Status.TMR_STS.mask, Pm1Status.PWRBTN_STS.mask
FIRST = tick_of_toggle(1)


class Rig:
    """The block, and every edge of its line with its tick."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.line = Line()
        self.edges: list[tuple[int, bool]] = []
        self.line.connect(lambda level: self.edges.append((self.clock.now, level)))
        self.events = PowerEvents(self.clock, irq=self.line)

    def write(self, offset: int, value: int) -> None:
        self.events.write(offset, 2, value)

    def read(self, offset: int) -> int:
        return self.events.read(offset, 2)

    def run_to(self, tick: int) -> None:
        """Go to ``tick`` by every deadline."""
        while (due := self.events.next_event()) is not None and due <= tick:
            self.clock.set(due)
            self.events.advance()
        self.clock.set(tick)


def test_events_have_the_same_bit_in_status_and_enable() -> None:
    assert (Pm1Enable.TMR_EN.mask, Pm1Enable.PWRBTN_EN.mask) == (TMR, PWRBTN)


def test_the_button_sets_its_status_and_raises_sci_only_if_enabled() -> None:
    rig = Rig()
    rig.events.press_button()
    assert (rig.read(STATUS), rig.line.level) == (PWRBTN, False)
    rig.write(ENABLE, PWRBTN)
    assert rig.line.level
    rig.write(STATUS, PWRBTN)
    assert (rig.read(STATUS), rig.line.level) == (0, False)


def test_sci_stays_high_until_every_enabled_status_is_cleared() -> None:
    rig = Rig()
    rig.write(ENABLE, TMR | PWRBTN)
    rig.run_to(FIRST)
    rig.events.press_button()
    rig.write(STATUS, PWRBTN)
    assert rig.line.level
    rig.write(STATUS, TMR)
    assert not rig.line.level


def test_writing_zeros_clears_nothing() -> None:
    rig = Rig()
    rig.events.press_button()
    rig.write(STATUS, 0xFFFF & ~PWRBTN)
    assert rig.read(STATUS) == PWRBTN


def test_the_timer_raises_sci_at_the_very_tick_of_each_toggle() -> None:
    rig = Rig()
    rig.write(ENABLE, TMR)
    for number in (1, 2, 3):
        rig.run_to(tick_of_toggle(number))
        rig.write(STATUS, TMR)
    ups = [tick for tick, level in rig.edges if level]
    assert ups == [tick_of_toggle(number) for number in (1, 2, 3)]


def test_toggles_that_nobody_cleared_are_one_status() -> None:
    rig = Rig()
    rig.run_to(tick_of_toggle(7))
    assert rig.read(STATUS) == TMR
    rig.write(STATUS, TMR)
    assert rig.read(STATUS) == 0
    rig.run_to(tick_of_toggle(8) - 1)
    assert rig.read(STATUS) == 0
    rig.run_to(tick_of_toggle(8))
    assert rig.read(STATUS) == TMR


def test_without_tmr_en_the_timer_is_no_event() -> None:
    rig = Rig()
    assert rig.events.next_event() is None
    rig.run_to(FIRST)
    assert rig.edges == []
    rig.write(ENABLE, TMR)  # it has toggled before: SCI comes at once
    assert rig.line.level


def test_a_late_board_is_no_excuse_a_read_shows_the_level_as_of_now() -> None:
    rig = Rig()
    rig.write(ENABLE, TMR)
    rig.clock.set(FIRST + 5)
    assert rig.read(STATUS) == TMR
    assert rig.line.level


def test_the_enable_bits_of_the_standard_read_back_and_others_do_not() -> None:
    rig = Rig()
    rig.write(ENABLE, 0xFFFF)
    assert rig.read(ENABLE) == 0x4721


def test_one_access_of_four_bytes_reaches_both_registers() -> None:
    rig = Rig()
    rig.events.press_button()
    rig.events.write(0, 4, PWRBTN << 16 | PWRBTN)
    assert rig.events.read(0, 4) == PWRBTN << 16


def test_a_reset_forgets_what_has_happened_and_lowers_sci() -> None:
    rig = Rig()
    rig.write(ENABLE, PWRBTN)
    rig.events.press_button()
    rig.run_to(FIRST)
    rig.events.system_reset()
    assert (rig.events.read(0, 4), rig.line.level) == (0, False)


@pytest.mark.parametrize("late", [0, 1])
def test_an_interrupt_that_is_due_is_not_lost_in_a_snapshot(late: int) -> None:
    rig, twin = Rig(), Rig()
    rig.write(ENABLE, TMR)
    rig.clock.set(FIRST + late)  # due, and the board has not come yet
    twin.clock.set(FIRST + late)
    twin.events.restore(rig.events.state())
    assert twin.events.next_event() == FIRST
    twin.events.advance()
    assert twin.edges == [(FIRST + late, True)]


def test_a_line_that_was_high_in_a_snapshot_falls_when_the_guest_clears() -> None:
    rig, twin = Rig(), Rig()
    rig.write(ENABLE, PWRBTN)
    rig.events.press_button()
    twin.events.restore(rig.events.state())
    assert (twin.line.level, twin.edges) == (True, []), "restored, and nobody is told"
    twin.write(STATUS, PWRBTN)
    assert twin.edges == [(0, False)]


STEP = st.one_of(
    st.tuples(st.just("write"), st.sampled_from([STATUS, ENABLE]), st.integers(0, 0xFFFF)),
    st.tuples(st.just("wait"), st.just(0), st.integers(0, 3 * FIRST)),
    st.tuples(st.just("press"), st.just(0), st.just(0)),
)


@given(steps=st.lists(STEP))
def test_it_is_as_a_model_that_counts_every_toggle(steps: list[tuple[str, int, int]]) -> None:
    rig = Rig()
    status = enable = seen = 0
    for what, offset, value in steps:
        if what == "write":
            rig.write(offset, value)
        elif what == "press":
            rig.events.press_button()
            status |= PWRBTN
        else:
            rig.run_to(rig.clock.now + value)
        now = toggles(rig.clock.now)
        status, seen = status | (TMR if now > seen else 0), now
        if what == "write" and offset == STATUS:
            status &= ~value
        elif what == "write":
            enable = value & Pm1Enable.mask
        assert (rig.read(STATUS), rig.read(ENABLE)) == (status, enable)
        assert rig.line.level == bool(status & enable)
