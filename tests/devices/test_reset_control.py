"""Resetting by port CF9h."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.reset_control import ResetControl


class Rig:
    def __init__(self, *written: int) -> None:
        self.resets = 0
        self.device = ResetControl(Clock(), reset=self.reset)
        for value in written:
            self.device.write(0, 1, value)

    def reset(self) -> None:
        self.resets += 1


@pytest.mark.parametrize("value", [0x04, 0x06, 0x0E, 0xFF])
def test_a_rise_of_rcpu_resets_whatever_the_other_bits_are(value: int) -> None:
    assert Rig(value).resets == 1


def test_what_guests_do_choose_a_hard_reset_then_make_it() -> None:
    assert Rig(0x02).resets == 0
    assert Rig(0x02, 0x06).resets == 1


def test_a_bit_that_stays_set_resets_once_and_one_that_rises_again_twice() -> None:
    assert Rig(0x04, 0x06, 0x04).resets == 1
    assert Rig(0x04, 0x00, 0x04).resets == 2


@pytest.mark.parametrize("value", [0x00, 0x01, 0x02, 0x08, 0xFB])
def test_without_rcpu_nothing_happens(value: int) -> None:
    assert Rig(value).resets == 0


def test_it_reads_back_without_its_reserved_bits_and_is_zero_after_a_reset() -> None:
    rig = Rig(0xFF)
    assert rig.device.read(0, 1) == 0x06
    rig.device.system_reset()
    assert rig.device.read(0, 1) == 0
    assert rig.resets == 1
