"""The ACPI power management control register: how a guest switches the machine off."""

from __future__ import annotations

from collections.abc import Callable

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.fields import Bit, Bits, Fields
from vectoros.devices.registers import Access, Register

SOFT_OFF = (0, 5)
"""Values of SLP_TYP that mean S5: 0 as on QEMU's ``pc``, 5 as on many boards.

The specification leaves the value to the machine's ACPI tables. A guest without
an interpreter for them writes one of these two.
"""


class Pm1Control(Fields):
    """PM1 control: fixed hardware."""

    SLP_EN = Bit(13, "sleep enable: enter the state in SLP_TYP; reads as 0")
    SLP_TYP = Bits(12, 10, "sleep type", {0: "soft off (S5)", 5: "soft off (S5)"})
    GBL_RLS = Bit(2, "global lock release: raises an SMI, and there is no SMM; reads as 0")
    BM_RLD = Bit(1, "a bus master request leaves C3; there is no C3")
    SCI_EN = Bit(0, "power events raise SCI, not SMI; always set: the machine is in ACPI mode")


class Power(Device):
    """PM1a control: no sleep but soft off.

    Setting SLP_EN with SLP_TYP 0 or 5 switches off. With another type nothing
    happens, and the write is counted as a guest's error.
    """

    source = 'ACPI 6.5, section 4.8.4.2, "PM1 Control Grouping"; QEMU, hw/acpi/core.c'

    pm1a_cnt = Register(
        0,
        Access.RW,
        Pm1Control,
        "PM1a control",
        width=2,
        reset=Pm1Control.SCI_EN.mask,
    )

    def __init__(self, clock: Clock, *, power_off: Callable[[], None]) -> None:
        """Call ``power_off`` when the guest switches the machine off."""
        self._power_off = power_off
        super().__init__(clock)

    @pm1a_cnt.written_by
    def _control(self, value: Pm1Control) -> None:
        self.pm1a_cnt = value.replace(SLP_EN=0, GBL_RLS=0, SCI_EN=1)
        if not value.SLP_EN:
            return
        if value.SLP_TYP in SOFT_OFF:
            self._power_off()
        else:
            self.guest_errors += 1
