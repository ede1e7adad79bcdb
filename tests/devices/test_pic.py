"""One interrupt controller and the pair, driven by lines and by offset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.clock import Clock
from vectoros.devices.pic import Pic
from vectoros.devices.pic_pair import PicPair
from vectoros.errors import ConfigError
from vectoros.irq import Line

BASE = 0x20
NON_SPECIFIC_EOI, SPECIFIC_EOI = 0x20, 0x60
ROTATE_NON_SPECIFIC, ROTATE_SPECIFIC, SET_PRIORITY = 0xA0, 0xE0, 0xC0
ROTATE_AEOI_ON, ROTATE_AEOI_OFF = 0x80, 0x00
READ_IRR, READ_ISR, POLL = 0x0A, 0x0B, 0x0C
SPECIAL_MASK_ON, SPECIAL_MASK_OFF = 0x68, 0x48
AEOI, SFNM = 0x02, 0x10
LTIM = 0x08


class Chip:
    """A single 8259A in 8086 mode, acknowledged as the CPU would."""

    def __init__(self, icw1: int = 0, icw4: int = 0) -> None:
        self.output = Line()
        self.pic = Pic(Clock(), output=self.output)
        self.write(0, 0x13 | icw1)  # single, ICW4 follows
        self.write(1, BASE)
        self.write(1, 0x01 | icw4)

    def write(self, offset: int, value: int) -> None:
        self.pic.write(offset, 1, value)

    def read(self, command: int) -> int:
        self.write(0, command)
        return self.pic.read(0, 1)

    def pulse(self, *levels: int) -> None:
        """Make new edges, and stay high."""
        for level in levels:
            self.pic.inputs[level].set(False)
            self.pic.inputs[level].set(True)

    def acknowledge(self) -> int:
        level = self.pic.accept()
        return self.pic.vector(7 if level is None else level)

    def order(self) -> list[int]:
        """Request everything, and return the levels in the order of service, without EOI."""
        found = []
        self.pulse(*range(8))
        while self.output.level:
            found.append(self.acknowledge() - BASE)
            self.write(0, SPECIFIC_EOI | found[-1])
        return found


def test_an_edge_requests_and_the_acknowledge_puts_it_in_service() -> None:
    chip = Chip()
    chip.pulse(3)
    assert chip.output.level
    assert (chip.read(READ_IRR), chip.read(READ_ISR)) == (0x08, 0)
    assert chip.acknowledge() == BASE + 3
    assert not chip.output.level
    assert (chip.read(READ_IRR), chip.read(READ_ISR)) == (0, 0x08)


def test_level_zero_is_served_first() -> None:
    assert Chip().order() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_a_lower_priority_waits_for_the_end_of_a_higher_one() -> None:
    chip = Chip()
    chip.pulse(3)
    chip.acknowledge()
    chip.pulse(5)
    assert not chip.output.level
    chip.write(0, NON_SPECIFIC_EOI)
    assert chip.acknowledge() == BASE + 5


def test_a_higher_priority_interrupts_a_lower_one() -> None:
    chip = Chip()
    chip.pulse(3)
    chip.acknowledge()
    chip.pulse(1)
    assert chip.acknowledge() == BASE + 1
    chip.write(0, NON_SPECIFIC_EOI)
    assert chip.read(READ_ISR) == 0x08, "the non-specific end is that of the highest"


def test_a_line_that_stays_high_requests_once_when_edges_count() -> None:
    chip = Chip()
    chip.pulse(3)
    chip.acknowledge()
    chip.write(0, NON_SPECIFIC_EOI)
    assert not chip.output.level


def test_a_line_that_stays_high_requests_again_when_levels_count() -> None:
    chip = Chip(icw1=LTIM)
    chip.pulse(3)
    chip.acknowledge()
    assert not chip.output.level
    chip.write(0, NON_SPECIFIC_EOI)
    assert chip.output.level
    chip.pic.inputs[3].set(False)
    assert not chip.output.level


@pytest.mark.parametrize("icw1", [0, LTIM])
def test_a_request_that_is_withdrawn_gives_the_spurious_level_and_no_service(icw1: int) -> None:
    chip = Chip(icw1)
    chip.pulse(3)
    chip.pic.inputs[3].set(False)
    assert not chip.output.level
    assert chip.acknowledge() == BASE + 7
    assert chip.read(READ_ISR) == 0


def test_masked_requests_wait_until_they_are_unmasked() -> None:
    chip = Chip()
    chip.write(1, 0x08)
    chip.pulse(3)
    assert not chip.output.level
    assert chip.pic.read(1, 1) == 0x08
    chip.write(1, 0)
    assert chip.acknowledge() == BASE + 3


def test_initialization_forgets_edges_masks_and_priorities() -> None:
    chip = Chip()
    chip.pulse(3)
    chip.write(1, 0xF0)
    chip.write(0, SET_PRIORITY | 3)
    assert chip.output.level
    chip.write(0, 0x13)
    assert not chip.output.level, "nothing is requested until initialization is complete"
    chip.write(1, 0x40)
    chip.write(1, 0x01)
    assert chip.pic.read(1, 1) == 0
    assert not chip.output.level, "a line that was high already must rise anew"
    chip.pulse(3, 4)
    assert chip.acknowledge() == 0x43


def test_initialization_forgets_every_mode() -> None:
    chip = Chip(icw4=AEOI)
    for command in (ROTATE_AEOI_ON, SPECIAL_MASK_ON, READ_ISR, POLL):
        chip.write(0, command)
    for word in (0x13, BASE, 0x01):
        chip.write(word != 0x13, word)
    assert chip.pic.state() == Chip().pic.state()


def test_levels_that_are_high_request_as_soon_as_levels_count() -> None:
    chip = Chip()
    chip.pulse(3)
    chip.acknowledge()
    for word in (0x13 | LTIM, BASE, 0x01):
        chip.write(not word & 0x10, word)
    assert chip.acknowledge() == BASE + 3


@pytest.mark.parametrize(
    ("icw1", "words"),
    [
        (0x10, {"icw2": 0x48, "icw3": 0x14}),
        (0x11, {"icw2": 0x48, "icw3": 0x14, "icw4": 0x01}),
        (0x12, {"icw2": 0x48}),
        (0x13, {"icw2": 0x48, "icw4": 0x01}),
    ],
)
def test_icw1_says_which_words_follow(icw1: int, words: dict[str, int]) -> None:
    pic = Pic(Clock(), output=Line())
    pic.write(0, 1, icw1)
    for value in words.values():
        pic.write(1, 1, value)
    pic.write(1, 1, 0xA5)
    assert pic.read(1, 1) == 0xA5
    taken = {name: int(getattr(pic, name)) for name in ("icw2", "icw3", "icw4")}
    assert taken == {"icw2": 0, "icw3": 0, "icw4": 0} | words


def test_power_on_lowers_the_output_and_forgets_everything() -> None:
    chip = Chip()
    chip.pulse(3)
    chip.pic.reset()
    assert not chip.output.level
    assert chip.pic.state() == {
        **dict.fromkeys(("icw1", "icw2", "icw3", "icw4", "irr", "isr", "imr"), 0),
        **dict.fromkeys(("reads_isr", "polling", "special_mask", "rotates"), False),
        "lowest": 7,
        "expects": "D4=1",
        "by_level": 0,
    }


def test_an_uninitialized_chip_requests_nothing_but_can_be_masked() -> None:
    output = Line()
    pic = Pic(Clock(), output=output)
    pic.inputs[0].set(True)
    assert not output.level
    pic.write(1, 1, 0xFF)
    assert pic.read(1, 1) == 0xFF


def test_specific_end_of_interrupt_ends_that_level() -> None:
    chip = Chip()
    chip.pulse(5)
    chip.acknowledge()
    chip.pulse(1)
    chip.acknowledge()
    chip.write(0, SPECIFIC_EOI | 5)
    assert chip.read(READ_ISR) == 0x02


def test_automatic_end_of_interrupt_leaves_nothing_in_service() -> None:
    chip = Chip(icw4=AEOI)
    chip.pulse(3, 5)
    assert chip.acknowledge() == BASE + 3
    assert chip.read(READ_ISR) == 0
    assert chip.acknowledge() == BASE + 5


def test_rotation_makes_the_ended_level_the_lowest() -> None:
    chip = Chip()
    chip.pulse(2)
    chip.acknowledge()
    chip.write(0, ROTATE_NON_SPECIFIC)
    assert chip.order() == [3, 4, 5, 6, 7, 0, 1, 2]
    chip.pulse(5)
    chip.acknowledge()
    chip.write(0, ROTATE_SPECIFIC | 5)
    assert chip.order() == [6, 7, 0, 1, 2, 3, 4, 5]
    chip.write(0, SET_PRIORITY | 0)
    assert chip.order() == [1, 2, 3, 4, 5, 6, 7, 0]


def test_rotation_in_automatic_mode_shares_the_cpu_fairly() -> None:
    chip = Chip(icw4=AEOI)
    chip.write(0, ROTATE_AEOI_ON)
    served = []
    for _ in range(4):
        chip.pulse(2, 4)
        served.append(chip.acknowledge() - BASE)
    assert served == [2, 4, 2, 4]
    chip.write(0, ROTATE_AEOI_OFF)
    chip.pulse(2, 4)
    assert chip.acknowledge() == BASE + 2
    chip.pulse(2, 4)
    assert chip.acknowledge() == BASE + 2


def test_special_mask_mode_lets_lower_levels_in() -> None:
    chip = Chip()
    chip.pulse(3)
    chip.acknowledge()
    chip.pulse(6)
    chip.write(1, 0x08)
    assert not chip.output.level
    chip.write(0, SPECIAL_MASK_ON)
    assert chip.output.level
    assert chip.acknowledge() == BASE + 6
    chip.write(0, NON_SPECIFIC_EOI)
    assert chip.read(READ_ISR) == 0x08, "a non-specific end does not see a masked level"
    chip.write(0, SPECIAL_MASK_OFF)
    chip.pulse(6)
    assert not chip.output.level


def test_poll_acknowledges_and_names_the_level() -> None:
    chip = Chip()
    chip.pulse(4, 5)
    assert chip.read(POLL) == 0x84
    assert not chip.output.level
    assert chip.pic.read(0, 1) == 0x20, "only one read is the poll; now it is IRR again"
    chip.pic.inputs[5].set(False)
    assert chip.read(READ_ISR) == 0x10
    assert chip.read(POLL) == 0x00
    chip.write(0, NON_SPECIFIC_EOI)
    chip.pulse(1)
    chip.write(0, POLL)
    assert chip.pic.read(1, 1) == 0x81, "either offset will do"
    assert chip.read(READ_ISR) == 0x02


def test_looking_does_not_poll() -> None:
    chip = Chip()
    chip.pulse(4)
    chip.write(0, POLL)
    assert {view.name: view.value for view in chip.pic.peek()}["POLL_0"] == 0x84
    assert chip.output.level
    assert chip.pic.read(0, 1) == 0x84


def test_the_output_is_restored_without_an_edge() -> None:
    chip, other = Chip(), Chip()
    chip.pulse(4)
    edges: list[bool] = []
    other.output.connect(edges.append)
    other.pic.restore(chip.pic.state())
    assert (other.output.level, edges) == (True, [])
    assert other.acknowledge() == BASE + 4


class Nested:
    """Fully nested mode in four lines: an oracle that knows nothing of bits or rotation."""

    def __init__(self) -> None:
        self.high: set[int] = set()
        self.requests: set[int] = set()
        self.service: set[int] = set()
        self.masked: set[int] = set()

    def best(self) -> int | None:
        level = min(self.requests - self.masked, default=None)
        return None if level is None or level >= min(self.service, default=8) else level

    def drive(self, level: int, high: bool) -> None:
        if high and level not in self.high:
            self.requests.add(level)
        if not high:
            self.requests.discard(level)
        (self.high.add if high else self.high.discard)(level)

    def acknowledge(self) -> int:
        level = self.best()
        if level is None:
            return BASE + 7
        self.requests.remove(level)
        self.service.add(level)
        return BASE + level


STEPS = st.one_of(
    st.tuples(st.just("drive"), st.integers(0, 7), st.booleans()),
    st.tuples(st.just("acknowledge"), st.just(0), st.just(False)),
    st.tuples(st.just("end"), st.just(0), st.just(False)),
    st.tuples(st.just("end level"), st.integers(0, 7), st.just(False)),
    st.tuples(st.just("mask"), st.integers(0, 0xFF), st.just(False)),
)


@given(st.lists(STEPS, max_size=60))
def test_fully_nested_mode_agrees_with_the_oracle(steps: list[tuple[str, int, bool]]) -> None:
    chip, oracle = Chip(), Nested()
    for step, number, high in steps:
        if step == "drive":
            chip.pic.inputs[number].set(high)
            oracle.drive(number, high)
        elif step == "acknowledge":
            assert chip.acknowledge() == oracle.acknowledge()
        elif step == "end":
            chip.write(0, NON_SPECIFIC_EOI)
            oracle.service.discard(min(oracle.service, default=-1))
        elif step == "end level":
            chip.write(0, SPECIFIC_EOI | number)
            oracle.service.discard(number)
        else:
            chip.write(1, number)
            oracle.masked = {level for level in range(8) if number >> level & 1}
        assert chip.output.level == (oracle.best() is not None)
        assert chip.read(READ_ISR) == sum(1 << level for level in oracle.service)
        assert chip.read(READ_IRR) == sum(1 << level for level in oracle.requests)


def test_the_pair_refuses_lines_that_do_not_exist() -> None:
    pair = PicPair(Clock())
    for irq in (-1, 2, 16):
        with pytest.raises(ConfigError, match=rf"not 2 \(the cascade\), not {irq}$"):
            pair.input(irq)
