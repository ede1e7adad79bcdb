"""Edge or level, input by input: the registers, and what they do to the 8259As."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.elcr import Elcr
from vectoros.devices.pic_pair import PicPair

MASTER, SLAVE = 0x20, 0x28
EOI = 0x20
SCI = 9
SCI_BY_LEVEL = 1 << SCI - 8


class Rig:
    """A pair of interrupt controllers as firmware leaves it, with nothing masked."""

    def __init__(self, elcr2: int = 0) -> None:
        self.pair = PicPair(Clock())
        self.elcr = Elcr(Clock(), pics=self.pair)
        self.elcr.write(1, 1, elcr2)
        self.initialize()
        self.line = self.pair.input(SCI)

    def initialize(self) -> None:
        for chip, words in ((self.pair.master, (MASTER, 4, 1)), (self.pair.slave, (SLAVE, 2, 1))):
            chip.write(0, 1, 0x11)
            for word in words:
                chip.write(1, 1, word)

    def end(self) -> None:
        self.pair.slave.write(0, 1, EOI)
        self.pair.master.write(0, 1, EOI)


def test_every_input_is_an_edge_at_power_on() -> None:
    assert Rig().elcr.read(0, 2) == 0


def test_inputs_of_the_first_pc_are_edges_for_ever() -> None:
    rig = Rig()
    rig.elcr.write(0, 2, 0xFFFF)
    assert rig.elcr.read(0, 2) == 0xDEF8  # not IRQ 0, 1, 2, 8, 13


def test_a_level_that_stays_interrupts_again_after_the_end_of_interrupt() -> None:
    rig = Rig(SCI_BY_LEVEL)
    rig.line.set(True)
    assert rig.pair.acknowledge() == SLAVE + 1
    assert not rig.pair.output.level
    rig.end()
    assert rig.pair.output.level
    assert rig.pair.acknowledge() == SLAVE + 1
    rig.line.set(False)
    rig.end()
    assert not rig.pair.output.level


def test_an_edge_interrupts_once_however_long_the_line_is_high() -> None:
    rig = Rig()
    rig.line.set(True)
    assert rig.pair.acknowledge() == SLAVE + 1
    rig.end()
    assert not rig.pair.output.level


def test_another_input_of_the_same_chip_keeps_its_edge() -> None:
    rig = Rig(SCI_BY_LEVEL)
    rig.pair.input(12).set(True)
    assert rig.pair.acknowledge() == SLAVE + 4
    rig.end()
    assert not rig.pair.output.level


def test_a_line_that_is_high_when_it_becomes_a_level_requests() -> None:
    rig = Rig()
    rig.line.set(True)
    rig.pair.acknowledge()
    rig.end()
    rig.elcr.write(1, 1, SCI_BY_LEVEL)
    assert rig.pair.output.level


@pytest.mark.parametrize(("elcr2", "requests"), [(0, False), (SCI_BY_LEVEL, True)])
def test_initialization_forgets_edges_and_sees_levels(elcr2: int, requests: bool) -> None:
    rig = Rig(elcr2)
    rig.line.set(True)
    rig.initialize()
    assert rig.pair.output.level is requests
    assert rig.elcr.read(1, 1) == elcr2


def test_the_state_is_the_interrupt_controllers_and_a_reset_clears_it() -> None:
    rig = Rig(SCI_BY_LEVEL)
    assert rig.elcr.state() == {}
    assert rig.pair.slave.state()["by_level"] == SCI_BY_LEVEL
    for device in (rig.pair.master, rig.pair.slave, rig.elcr):
        device.system_reset()
    assert rig.elcr.read(0, 2) == 0
