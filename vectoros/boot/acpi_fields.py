"""The layout of the ACPI tables: fields in their order, and what their bits mean.

Source: ACPI 6.5, whose names these are. Numbers in parentheses are its sections. The
formats are those of :mod:`struct`, little-endian, without padding.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from vectoros.errors import hold

RSDP_FIELDS = {
    "Signature": "8s",
    "Checksum": "B",
    "OEMID": "6s",
    "Revision": "B",
    "RsdtAddress": "I",
    "Length": "I",
    "XsdtAddress": "Q",
    "Extended_Checksum": "B",
    "Reserved": "3s",
}
"""Root system description pointer (5.2.5.3)."""

RSDP_1 = 20
"""Bytes of it that ACPI 1.0 knows and ``Checksum`` covers."""

HEADER_FIELDS = {
    "Signature": "4s",
    "Length": "I",
    "Revision": "B",
    "Checksum": "B",
    "OEMID": "6s",
    "OEM_Table_ID": "8s",
    "OEM_Revision": "I",
    "Creator_ID": "4s",
    "Creator_Revision": "I",
}
"""What every table but the FACS starts with (5.2.6)."""

FADT_FIELDS = {
    "FIRMWARE_CTRL": "I",
    "DSDT": "I",
    "INT_MODEL": "B",
    "Preferred_PM_Profile": "B",
    "SCI_INT": "H",
    "SMI_CMD": "I",
    "ACPI_ENABLE": "B",
    "ACPI_DISABLE": "B",
    "S4BIOS_REQ": "B",
    "PSTATE_CNT": "B",
    "PM1a_EVT_BLK": "I",
    "PM1b_EVT_BLK": "I",
    "PM1a_CNT_BLK": "I",
    "PM1b_CNT_BLK": "I",
    "PM2_CNT_BLK": "I",
    "PM_TMR_BLK": "I",
    "GPE0_BLK": "I",
    "GPE1_BLK": "I",
    "PM1_EVT_LEN": "B",
    "PM1_CNT_LEN": "B",
    "PM2_CNT_LEN": "B",
    "PM_TMR_LEN": "B",
    "GPE0_BLK_LEN": "B",
    "GPE1_BLK_LEN": "B",
    "GPE1_BASE": "B",
    "CST_CNT": "B",
    "P_LVL2_LAT": "H",
    "P_LVL3_LAT": "H",
    "FLUSH_SIZE": "H",
    "FLUSH_STRIDE": "H",
    "DUTY_OFFSET": "B",
    "DUTY_WIDTH": "B",
    "DAY_ALRM": "B",
    "MON_ALRM": "B",
    "CENTURY": "B",
    "IAPC_BOOT_ARCH": "H",
    "Reserved": "B",
    "Flags": "I",
    "RESET_REG": "12s",
    "RESET_VALUE": "B",
    "ARM_BOOT_ARCH": "H",
    "FADT_Minor_Version": "B",
    "X_FIRMWARE_CTRL": "Q",
    "X_DSDT": "Q",
    "X_PM1a_EVT_BLK": "12s",
    "X_PM1b_EVT_BLK": "12s",
    "X_PM1a_CNT_BLK": "12s",
    "X_PM1b_CNT_BLK": "12s",
    "X_PM2_CNT_BLK": "12s",
    "X_PM_TMR_BLK": "12s",
    "X_GPE0_BLK": "12s",
    "X_GPE1_BLK": "12s",
    "SLEEP_CONTROL_REG": "12s",
    "SLEEP_STATUS_REG": "12s",
    "Hypervisor_Vendor_Identity": "8s",
}
"""Fixed ACPI description table, behind its header (5.2.9)."""

FACS_FIELDS = {
    "Signature": "4s",
    "Length": "I",
    "Hardware_Signature": "I",
    "Firmware_Waking_Vector": "I",
    "Global_Lock": "I",
    "Flags": "I",
    "X_Firmware_Waking_Vector": "Q",
    "Version": "B",
    "Reserved": "31s",
}
"""Firmware ACPI control structure (5.2.10). It has no checksum: the guest writes to it."""

# Flags of the FADT (5.2.9, "Fixed Feature Flags").
WBINVD = 1 << 0  # the CPU has a WBINVD that works
PROC_C1 = 1 << 2  # HLT works
SLP_BUTTON = 1 << 5  # no sleep button in the event block
FIX_RTC = 1 << 6  # no status of the RTC's alarm in the event block
RESET_REG_SUP = 1 << 10

# IAPC_BOOT_ARCH (5.2.9.3).
LEGACY_DEVICES = 1 << 0
HAS_8042 = 1 << 1
MSI_NOT_SUPPORTED = 1 << 3

DESKTOP = 1
"""Of Preferred_PM_Profile."""

NO_C2, NO_C3 = 101, 1001
"""Latencies in microseconds above which the CPU has no such state."""

GENERIC_ADDRESS_FIELDS = {
    "Address_Space_ID": "B",
    "Register_Bit_Width": "B",
    "Register_Bit_Offset": "B",
    "Access_Size": "B",
    "Address": "Q",
}
"""Generic address structure (5.2.3.2)."""

SYSTEM_IO = 1
"""Of ``Address_Space_ID``: an I/O port."""

FADT_MAJOR, FADT_MINOR = 6, 5
"""Of the FADT: the version of the standard that all of the tables follow."""


def size(fields: Mapping[str, str]) -> int:
    """Return how many bytes a structure has."""
    return struct.calcsize("<" + "".join(fields.values()))


def pack(fields: Mapping[str, str], **values: int | bytes) -> bytes:
    """Return a structure; a field that ``values`` does not name is zero."""
    hold(values.keys() <= fields.keys(), f"{values.keys() - fields.keys()} are no fields")
    empty: dict[str, int | bytes] = {
        name: b"" if code.endswith("s") else 0 for name, code in fields.items()
    }
    return struct.pack("<" + "".join(fields.values()), *(empty | values).values())
