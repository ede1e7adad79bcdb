"""Switching off by ACPI."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.power import Pm1Control, Power


class Rig:
    def __init__(self) -> None:
        self.off = 0
        self.power = Power(Clock(), power_off=self.switch_off)

    def switch_off(self) -> None:
        self.off += 1


@pytest.mark.parametrize("sleep_type", [0, 5])
def test_sleep_enable_with_a_soft_off_type_switches_off(sleep_type: int) -> None:
    rig = Rig()
    rig.power.write(0, 2, Pm1Control(0).replace(SLP_EN=1, SLP_TYP=sleep_type))
    assert rig.off == 1


def test_the_value_that_qemu_guests_write_is_0x2000() -> None:
    rig = Rig()
    rig.power.write(0, 2, 0x2000)
    assert rig.off == 1


@pytest.mark.parametrize("sleep_type", [1, 2, 3, 4, 6, 7])
def test_another_sleep_type_does_nothing_and_is_counted(sleep_type: int) -> None:
    rig = Rig()
    rig.power.write(0, 2, Pm1Control(0).replace(SLP_EN=1, SLP_TYP=sleep_type))
    assert rig.off == 0
    assert rig.power.guest_errors == 1


def test_sleep_type_alone_does_nothing_and_reads_back() -> None:
    rig = Rig()
    rig.power.write(0, 2, Pm1Control(0).replace(SLP_TYP=5, SCI_EN=1))
    assert rig.off == 0
    assert rig.power.read(0, 2) == 0x1401


def test_the_machine_cannot_leave_acpi_mode() -> None:
    rig = Rig()
    rig.power.write(0, 2, 0)
    assert rig.power.read(0, 2) == Pm1Control.SCI_EN.mask


def test_write_only_bits_read_as_zero() -> None:
    rig = Rig()
    assert rig.power.read(0, 2) == Pm1Control.SCI_EN.mask
    rig.power.write(0, 2, 0xFFFF)
    assert rig.power.read(0, 2) == Pm1Control(0).replace(SLP_TYP=7, BM_RLD=1, SCI_EN=1)
