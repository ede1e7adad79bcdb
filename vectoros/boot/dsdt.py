r"""The DSDT's program: devices that no bus reports, and the value that switches off.

Source: ACPI 6.5, sections 5.2.11.1 (DSDT), 6.1.5 (_HID), 6.2.2 (_CRS), 7.4.2 (_S5);
the identifiers are those of Microsoft's list of plug and play devices.
"""

from __future__ import annotations

from dataclasses import dataclass

from vectoros.boot import aml
from vectoros.devices.power import SOFT_OFF
from vectoros.layout import IRQS, port_area


@dataclass(frozen=True, slots=True)
class IsaDevice:
    """A device for the DSDT: its areas and its interrupt are rows of the address map."""

    name: str
    hardware_id: str
    areas: tuple[str, ...]
    irq: str | None = None

    def term(self) -> bytes:
        """Return its AML."""
        rows = [port_area(area) for area in self.areas]
        found = [aml.ports(row.base, row.size) for row in rows]
        if self.irq is not None:
            found.append(aml.irq(IRQS[self.irq]))
        return aml.device(
            self.name,
            aml.name("_HID", aml.eisa_id(self.hardware_id)),
            aml.name("_CRS", aml.resources(*found)),
        )


ISA_DEVICES = (
    IsaDevice("PIC_", "PNP0000", ("pic1", "pic2", "elcr")),
    IsaDevice("TIMR", "PNP0100", ("pit",), "pit"),
    IsaDevice("KBD_", "PNP0303", ("keyboard", "keyboard_control"), "keyboard"),
    IsaDevice("MOU_", "PNP0F13", (), "mouse"),
    IsaDevice("RTC_", "PNP0B00", ("rtc",), "rtc"),
    IsaDevice("COM1", "PNP0501", ("com1",), "com1"),
)


def definition_block() -> bytes:
    """Return the terms of the DSDT."""
    # PM1a's value for S5, PM1b's (there is no PM1b), and two that are reserved (7.4.2).
    soft_off = aml.package(aml.integer(SOFT_OFF[0]), *[aml.integer(0)] * 3)
    devices = aml.scope("\\_SB_", *(device.term() for device in ISA_DEVICES))
    return aml.name("\\_S5_", soft_off) + devices
