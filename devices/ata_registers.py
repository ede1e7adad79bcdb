"""The bits of the ATA task file, named as in ATA/ATAPI-6 (T13/1410D)."""

from __future__ import annotations

from enum import IntEnum

from vectoros.devices.fields import Bit, Bits, Fields


class Command(IntEnum):
    """Commands that the disk knows. It aborts every other one."""

    READ_SECTORS = 0x20
    READ_SECTORS_NO_RETRY = 0x21  # obsolete since ATA-5, and still in use
    WRITE_SECTORS = 0x30
    WRITE_SECTORS_NO_RETRY = 0x31
    EXECUTE_DEVICE_DIAGNOSTIC = 0x90
    FLUSH_CACHE = 0xE7
    IDENTIFY_DEVICE = 0xEC
    SET_FEATURES = 0xEF


class Status(Fields):
    """Status; a read of it, but not of the alternate status, clears the interrupt."""

    BSY = Bit(7, "busy: only while SRST is held")
    DRDY = Bit(6, "ready for a command")
    DF = Bit(5, "device fault: never")
    DSC = Bit(4, "seek complete, as older drivers expect")
    DRQ = Bit(3, "data request: the data port has or wants words")
    ERR = Bit(0, "the error register says why")


class Error(Fields):
    """Error; after a reset or a diagnostic, 01h: device 0 passed."""

    IDNF = Bit(4, "no such sector")
    ABRT = Bit(2, "no such command")
    CODE = Bit(0, "in a diagnostic code")


class DeviceHead(Fields):
    """Device: which of two, and how the address is meant."""

    OBS7 = Bit(7, "obsolete")
    LBA = Bit(6, "address", {0: "cylinder, head, sector", 1: "28-bit LBA"})
    OBS5 = Bit(5, "obsolete")
    DEV = Bit(4, "device", {0: "0", 1: "1: absent, its status reads as 0"})
    HEAD = Bits(3, 0, "head, or bits 27:24 of the LBA")


class DeviceControl(Fields):
    """Device control."""

    HOB = Bit(7, "high order byte: 48-bit addresses only, so without effect")
    SRST = Bit(2, "software reset, for as long as it is set")
    NIEN = Bit(1, "1: no interrupts")
