"""The exit device: a byte written is the exit status."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.exit import Exit


@pytest.mark.parametrize(("width", "value"), [(1, 7), (2, 0x107), (4, 0xFFFF_FF07)])
def test_a_write_of_any_width_stops_with_its_low_byte(width: int, value: int) -> None:
    codes: list[int] = []
    device = Exit(Clock(), stop=codes.append)
    device.write(0, width, value)
    assert codes == [7]
    assert device.guest_errors == 0


def test_there_is_nothing_to_read_and_nothing_behind_the_first_port() -> None:
    codes: list[int] = []
    device = Exit(Clock(), stop=codes.append)
    assert device.read(0, 4) == 0xFFFF_FFFF
    device.write(1, 1, 7)
    assert codes == []
    assert device.guest_errors == 2
