"""The ACPI tables: what a guest is told of the machine, and how to switch it off.

They are made from the address map and the devices' own constants; nothing about
the machine is written here a second time. :func:`place` puts them where a guest
looks for them; every boot protocol may call it.

The machine is a small one: one CPU, two 8259As and no APIC, so there is no MADT;
no PCI; no sleep but soft off; no SMM, so it is in ACPI mode from the start.

Source: ACPI 6.5. Numbers in parentheses are its sections.
"""

from __future__ import annotations

import functools
import struct

from vectoros.boot import acpi_fields as acpi
from vectoros.boot.dsdt import definition_block
from vectoros.devices.power_events import PowerEvents
from vectoros.devices.reset_control import Rc
from vectoros.devices.rtc import CENTURY
from vectoros.layout import ACPI_TABLES, IRQS, Area, port_area
from vectoros.memory import Memory

ALIGNMENT = 64
"""Tables start at multiples of it: the FACS must (5.2.10); the RSDP at one of 16 (5.2.5.1)."""

OEM: dict[str, int | bytes] = {
    "OEMID": b"VECTOR",
    "OEM_Table_ID": b"VECTOROS",
    "OEM_Revision": 1,
    "Creator_ID": b"VECT",
    "Creator_Revision": 1,
}
"""Who made a table, and with what."""

DSDT_REVISION = 2
"""From 2 on AML's integers have 64 bits (5.2.11.1)."""


def checksum(data: bytes) -> int:
    """Return the byte that makes the sum of ``data`` zero, modulo 256."""
    return -sum(data) & 0xFF


def table(signature: bytes, revision: int, body: bytes) -> bytes:
    """Return a table: its header, with the checksum, and ``body`` (5.2.6)."""
    fields = acpi.HEADER_FIELDS
    values = OEM | {"Signature": signature, "Revision": revision}
    values["Length"] = acpi.size(fields) + len(body)
    values["Checksum"] = checksum(acpi.pack(fields, **values) + body)
    return acpi.pack(fields, **values) + body


def generic_address(area: Area, access: int) -> bytes:
    """Return the generic address of ports that take accesses of ``access`` bytes (5.2.3.2)."""
    return acpi.pack(
        acpi.GENERIC_ADDRESS_FIELDS,
        Address_Space_ID=acpi.SYSTEM_IO,
        Register_Bit_Width=8 * area.size,
        Access_Size=access.bit_length(),  # 1 is a byte, 2 a word, 3 a double word
        Address=area.base,
    )


def fadt(facs: int, dsdt: int) -> bytes:
    """Return the FADT, with the addresses of the two tables that it names (5.2.9)."""
    events, control = port_area("power_events"), port_area("power")
    timer, reset = port_area("pm_timer"), port_area("reset_control")
    body = acpi.pack(
        acpi.FADT_FIELDS,
        FIRMWARE_CTRL=facs,
        DSDT=dsdt,
        Preferred_PM_Profile=acpi.DESKTOP,
        SCI_INT=IRQS["power_events"],
        PM1a_EVT_BLK=events.base,
        PM1a_CNT_BLK=control.base,
        PM_TMR_BLK=timer.base,
        PM1_EVT_LEN=events.size,
        PM1_CNT_LEN=control.size,
        PM_TMR_LEN=timer.size,
        P_LVL2_LAT=acpi.NO_C2,
        P_LVL3_LAT=acpi.NO_C3,
        CENTURY=CENTURY,
        IAPC_BOOT_ARCH=acpi.LEGACY_DEVICES | acpi.HAS_8042 | acpi.MSI_NOT_SUPPORTED,
        Flags=acpi.WBINVD | acpi.PROC_C1 | acpi.SLP_BUTTON | acpi.FIX_RTC | acpi.RESET_REG_SUP,
        RESET_REG=generic_address(reset, reset.size),
        RESET_VALUE=Rc.RCPU.mask | Rc.SRST.mask,
        FADT_Minor_Version=acpi.FADT_MINOR,
        X_DSDT=dsdt,
        X_PM1a_EVT_BLK=generic_address(events, PowerEvents.pm1_sts.width),
        X_PM1a_CNT_BLK=generic_address(control, control.size),
        X_PM_TMR_BLK=generic_address(timer, timer.size),
    )
    return table(b"FACP", acpi.FADT_MAJOR, body)


def facs() -> bytes:
    """Return the FACS (5.2.10)."""
    fields = acpi.FACS_FIELDS
    return acpi.pack(fields, Signature=b"FACS", Length=acpi.size(fields), Version=2)


def rsdp(rsdt: int, xsdt: int) -> bytes:
    """Return the root pointer, which names the two root tables (5.2.5.3)."""
    fields = acpi.RSDP_FIELDS
    values: dict[str, int | bytes] = {
        "Signature": b"RSD PTR ",
        "OEMID": OEM["OEMID"],
        "Revision": 2,
        "RsdtAddress": rsdt,
        "Length": acpi.size(fields),
        "XsdtAddress": xsdt,
    }
    values["Checksum"] = checksum(acpi.pack(fields, **values)[: acpi.RSDP_1])
    values["Extended_Checksum"] = checksum(acpi.pack(fields, **values))
    return acpi.pack(fields, **values)


@functools.cache
def tables(base: int) -> bytes:
    """Return all tables, linked so that they can lie at ``base``; the RSDP is the first."""
    image = bytearray(ALIGNMENT)  # the RSDP's place

    def add(data: bytes) -> int:
        address = base + len(image)
        image.extend(data + bytes(-len(data) % ALIGNMENT))
        return address

    dsdt = add(table(b"DSDT", DSDT_REVISION, definition_block()))
    fixed = add(fadt(add(facs()), dsdt))
    root = rsdp(
        add(table(b"RSDT", 1, struct.pack("<I", fixed))),
        add(table(b"XSDT", 1, struct.pack("<Q", fixed))),
    )
    return root + bytes(image[len(root) :])


def place(memory: Memory) -> int:
    """Put the tables where a guest looks for them; return the address of the RSDP."""
    memory.write(ACPI_TABLES.base, tables(ACPI_TABLES.base))
    return ACPI_TABLES.base
