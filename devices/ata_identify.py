"""What the disk says of itself: its geometry, and the answer to IDENTIFY DEVICE.

Word numbers and bits are those of ATA/ATAPI-6 (T13/1410D), "IDENTIFY DEVICE".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MODEL = "VectorOS virtual disk"
SERIAL = "VD0000000001"
FIRMWARE = "1.0"

HEADS = 16
SECTORS_PER_TRACK = 63
"""The largest translation that ATA allows; BIOSes expect it for disks above 504 MiB."""

MAXIMUM_CYLINDERS = 16_383
MAXIMUM_LBA_SECTORS = (1 << 28) - 1
"""What words 60 and 61 may say (ATA-6, "28-bit addressing")."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Cylinders, heads and sectors of a disk of ``sectors`` sectors, as IDENTIFY promises them."""

    sectors: int

    @property
    def cylinders(self) -> int:
        """Whole cylinders, at least one and at most 16,383."""
        whole = self.sectors // (HEADS * SECTORS_PER_TRACK)
        return min(max(whole, 1), MAXIMUM_CYLINDERS)

    @property
    def addressable(self) -> int:
        """Sectors that a 28-bit address reaches."""
        return min(self.sectors, MAXIMUM_LBA_SECTORS)

    def lba(self, cylinder: int, head: int, sector: int) -> int | None:
        """Return the logical block address of a CHS address, or None if there is none such."""
        if cylinder >= self.cylinders or head >= HEADS or not 1 <= sector <= SECTORS_PER_TRACK:
            return None
        return (cylinder * HEADS + head) * SECTORS_PER_TRACK + sector - 1

    def chs(self, lba: int) -> tuple[int, int, int]:
        """Return cylinder, head and sector of ``lba``.

        >>> Geometry(1_000_000).chs(1008 + 63)
        (1, 1, 1)
        """
        track, sector = divmod(lba, SECTORS_PER_TRACK)
        cylinder, head = divmod(track, HEADS)
        return cylinder, head, sector + 1


def ata_string(text: str, size: int) -> bytes:
    """Return ``text`` in ``size`` bytes, in ATA's order: the first character in the high byte.

    >>> ata_string("ABC", 4)
    b'BA C'
    """
    padded = text.encode("ascii").ljust(size)
    return b"".join(padded[at : at + 2][::-1] for at in range(0, size, 2))


def identify(geometry: Geometry) -> bytes:
    """Return the 512 bytes of IDENTIFY DEVICE."""
    cylinders = geometry.cylinders
    chs_sectors = cylinders * HEADS * SECTORS_PER_TRACK
    words = {
        0: 0x0040,  # an ATA device, not removable
        1: cylinders,
        3: HEADS,
        6: SECTORS_PER_TRACK,
        47: 0x8000,  # READ MULTIPLE is not implemented
        49: 0x0200,  # LBA; no DMA
        50: 0x4000,  # fixed by the standard
        53: 0x0003,  # words 54-58 and 64-70 are valid
        54: cylinders,
        55: HEADS,
        56: SECTORS_PER_TRACK,
        57: chs_sectors & 0xFFFF,
        58: chs_sectors >> 16,
        60: geometry.addressable & 0xFFFF,
        61: geometry.addressable >> 16,
        64: 0x0003,  # PIO modes 3 and 4
        67: 120,  # PIO cycle, ns
        68: 120,
        80: 0x007E,  # ATA-1 to ATA-6
        83: 0x5000,  # FLUSH CACHE; bit 14 is fixed
        84: 0x4000,
        86: 0x1000,  # FLUSH CACHE is enabled
        87: 0x4000,
    }
    strings = {10: (SERIAL, 20), 23: (FIRMWARE, 8), 27: (MODEL, 40)}
    data = bytearray(512)
    for word, value in words.items():
        struct.pack_into("<H", data, 2 * word, value)
    for word, (text, size) in strings.items():
        data[2 * word : 2 * word + size] = ata_string(text, size)
    return bytes(data)
