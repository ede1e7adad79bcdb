"""What the CMOS RAM says of the machine, as a BIOS and its setup left it there.

Addresses and encodings: IBM PC/AT Technical Reference, "CMOS RAM Information", and
those above 30h as every later BIOS and QEMU have them. The rest of it is zero.
"""

from __future__ import annotations

from vectoros.devices.ata_identify import HEADS, SECTORS_PER_TRACK, Geometry
from vectoros.layout import LOW_MEMORY_END
from vectoros.units import KIB, MIB

EQUIPMENT, BASE_MEMORY, EXTENDED_MEMORY, CHECKSUM = 0x14, 0x15, 0x17, 0x2E
EXTENDED_MEMORY_FOUND, MEMORY_ABOVE_16M = 0x30, 0x34
DISK_TYPES, DISK_TYPE_0, DISK_GEOMETRY_0 = 0x12, 0x19, 0x1B

CHECKED = range(0x10, 0x2E)
"""Bytes whose sum is at 2Eh (high byte) and 2Fh (low byte)."""

FPU, POINTING_DEVICE = 1 << 1, 1 << 2
"""Of the equipment byte. Bits 5:4 are 0: the display has a BIOS of its own, as VGA has."""

EXTENDED_TYPE, USER_TYPE = 0xF0, 47
"""Disk 0 has a type above 14; and that type is the one whose geometry stands beside it."""

_NO_PRECOMPENSATION = 0xFFFF
_MORE_THAN_8_HEADS = 1 << 3
_WORD = 0xFFFF


def cmos_contents(memory: int, disk_sectors: int | None) -> dict[int, int]:
    """Return the bytes that are not zero for so much RAM, by address.

    ``disk_sectors`` is the size of the first disk; None if there is none. There
    is no floppy drive, so byte 10h is zero.
    """
    found: dict[int, int] = {EQUIPMENT: FPU | POINTING_DEVICE}
    extended = min((memory - MIB) // KIB, _WORD)
    above_16m = min(max(memory - 16 * MIB, 0) // (64 * KIB), _WORD)
    found |= _word(BASE_MEMORY, LOW_MEMORY_END // KIB)
    found |= _word(EXTENDED_MEMORY, extended) | _word(EXTENDED_MEMORY_FOUND, extended)
    found |= _word(MEMORY_ABOVE_16M, above_16m)
    if disk_sectors is not None:
        found |= _disk(Geometry(disk_sectors).cylinders)
    total = sum(found.get(address, 0) for address in CHECKED)
    return found | {CHECKSUM: total >> 8 & 0xFF, CHECKSUM + 1: total & 0xFF}


def _disk(cylinders: int) -> dict[int, int]:
    """Return type and geometry of the first disk."""
    found = {DISK_TYPES: EXTENDED_TYPE, DISK_TYPE_0: USER_TYPE}
    at = DISK_GEOMETRY_0
    found |= _word(at, cylinders) | {at + 2: HEADS} | _word(at + 3, _NO_PRECOMPENSATION)
    found |= {at + 5: _MORE_THAN_8_HEADS} | _word(at + 6, cylinders)  # where the heads land
    return found | {at + 8: SECTORS_PER_TRACK}


def _word(address: int, value: int) -> dict[int, int]:
    """Return ``value`` in two bytes, the low one first."""
    return {address: value & 0xFF, address + 1: value >> 8}
