"""The A20 gate and the fast reset of port 92h."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.system_control import SystemControlA


class Rig:
    def __init__(self, *written: int) -> None:
        self.resets = 0
        self.device = SystemControlA(Clock(), reset=self.reset)
        for value in written:
            self.device.write(0, 1, value)

    def reset(self) -> None:
        self.resets += 1


def test_a20_is_open_at_power_on() -> None:
    assert Rig().device.read(0, 1) == 0x02


@pytest.mark.parametrize("value", [0x00, 0x02])
def test_the_a20_bit_reads_back_what_was_written(value: int) -> None:
    rig = Rig(value)
    assert (rig.device.read(0, 1), rig.resets) == (value, 0)


def test_a_rise_of_fast_reset_resets_once_until_it_rises_again() -> None:
    assert Rig(0x01).resets == 1
    assert Rig(0x03, 0x01).resets == 1
    assert Rig(0x03, 0x02, 0x03).resets == 2


def test_reserved_bits_are_dropped() -> None:
    rig = Rig(0xFE)
    assert (rig.device.read(0, 1), rig.resets) == (0x02, 0)


def test_a_reset_opens_a20_and_clears_fast_reset() -> None:
    rig = Rig(0x01)
    rig.device.system_reset()
    assert (rig.device.read(0, 1), rig.resets) == (0x02, 1)
