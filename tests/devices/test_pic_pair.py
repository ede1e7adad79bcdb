"""Fifteen interrupts: master, slave, and what passes between them."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.pic_pair import PicPair

MASTER, SLAVE = 0x20, 0x28
EOI = 0x20
READ_ISR = 0x0B
AEOI, SFNM = 0x02, 0x10


def make(master_icw4: int = 0, slave_icw4: int = 0, icw3: int = 0x04, identity: int = 2) -> PicPair:
    """Return a pair initialized as PC firmware does."""
    pair = PicPair(Clock())
    for chip, words in (
        (pair.master, (MASTER, icw3, 1 | master_icw4)),
        (pair.slave, (SLAVE, identity, 1 | slave_icw4)),
    ):
        chip.write(0, 1, 0x11)
        for word in words:
            chip.write(1, 1, word)
    return pair


def pulse(pair: PicPair, irq: int) -> None:
    pair.input(irq).set(False)
    pair.input(irq).set(True)


def in_service(pair: PicPair) -> int:
    found = 0
    for chip, shift in ((pair.master, 0), (pair.slave, 8)):
        chip.write(0, 1, READ_ISR)
        found |= chip.read(0, 1) << shift
    return found


def test_all_fifteen_interrupts_in_order_of_priority() -> None:
    pair = make(AEOI, AEOI)
    irqs = [irq for irq in range(16) if irq != 2]
    for irq in irqs:
        pulse(pair, irq)
    vectors = []
    while pair.output.level:
        vectors.append(pair.acknowledge())
    expected = [0, 1, *range(8, 16), 3, 4, 5, 6, 7]
    assert vectors == [MASTER + irq if irq < 8 else SLAVE + irq - 8 for irq in expected]


def test_the_chips_are_named_as_in_the_address_map() -> None:
    pair = PicPair(Clock())
    assert (pair.master.name, pair.slave.name) == ("pic1", "pic2")


def test_a_slave_interrupt_is_in_service_in_both_chips() -> None:
    pair = make()
    pulse(pair, 14)
    assert pair.acknowledge() == SLAVE + 6
    assert in_service(pair) == 0x4004
    pulse(pair, 12)
    assert not pair.output.level, "the master does not tell one slave interrupt from another"
    pair.master.write(0, 1, EOI)
    assert pair.output.level
    assert pair.acknowledge() == SLAVE + 4


def test_a_second_request_of_the_slave_comes_through_after_the_first_has_ended() -> None:
    pair = make()
    pulse(pair, 12)
    pulse(pair, 14)
    assert pair.acknowledge() == SLAVE + 4
    pair.slave.write(0, 1, EOI)
    pair.master.write(0, 1, EOI)
    assert pair.acknowledge() == SLAVE + 6


def test_special_fully_nested_mode_lets_a_slave_interrupt_itself_and_nothing_below() -> None:
    pair = make(SFNM)
    pulse(pair, 14)
    pair.acknowledge()
    pulse(pair, 3)
    assert not pair.output.level, "a lower input of the master still waits"
    pulse(pair, 12)
    assert pair.acknowledge() == SLAVE + 4


def test_withdrawing_at_the_slave_withdraws_at_the_cpu() -> None:
    pair = make()
    pulse(pair, 14)
    pair.input(14).set(False)
    assert not pair.output.level
    assert pair.acknowledge() == MASTER + 7
    assert in_service(pair) == 0


def test_a_spurious_slave_interrupt_is_in_service_in_the_master_alone() -> None:
    pair = make()
    # The slave raises its output, and its mask closes in the middle of the cycle:
    # seen from the slave, the request is gone.
    pulse(pair, 14)
    pair.slave.imr = 0xFF
    assert pair.acknowledge() == SLAVE + 7
    assert in_service(pair) == 0x0004


def test_masking_at_the_slave_withdraws_the_request() -> None:
    pair = make()
    pulse(pair, 14)
    pair.slave.write(1, 1, 0xFF)
    assert not pair.output.level
    pair.slave.write(1, 1, 0x00)
    assert pair.acknowledge() == SLAVE + 6


@pytest.mark.parametrize(("icw3", "identity", "vector"), [(0x04, 5, 0xFF), (0x00, 2, MASTER + 2)])
def test_a_miswired_cascade_gets_what_the_bus_floats_to(
    icw3: int, identity: int, vector: int
) -> None:
    pair = make(icw3=icw3, identity=identity)
    pulse(pair, 14)
    assert pair.acknowledge() == vector


def test_each_acknowledge_lowers_the_output_so_that_more_makes_a_new_edge() -> None:
    pair = make(AEOI, AEOI)
    edges: list[bool] = []
    pulse(pair, 9)
    pulse(pair, 10)
    pair.output.connect(edges.append)
    assert pair.acknowledge() == SLAVE + 1
    assert pair.output.level
    assert pair.acknowledge() == SLAVE + 2
    assert not pair.output.level
    assert edges[-1] is False
