"""INT 13h: the first hard disk, by cylinder, head and sector, and by block.

Sectors come from and go to the same overlay as through the ATA ports, so the disk
image is never changed. A transfer takes no virtual time beyond its code.

Source: Ralf Brown's Interrupt List, INT 13; Phoenix, Enhanced Disk Drive
Specification 1.1.
"""

from __future__ import annotations

import struct

from vectoros.boot.frame import Frame, linear
from vectoros.boot.service import Host, Sectors, Service

FIRST_DISK = 0x80
SECTOR = 512
SECTORS_A_TRACK = 63
MAX_CYLINDERS = 1024
HEADS = (16, 32, 64, 128, 255)
"""Numbers of heads that a translated disk may have: the first that is enough."""

MAX_TRANSFER = 127
"""Sectors in one transfer by block (EDD 1.1, "disk address packet")."""

OK, BAD_COMMAND, NOT_FOUND, BOUNDARY = 0x00, 0x01, 0x04, 0x09
"""Status codes: done, invalid function or parameter, sector not found, too much at once."""

HARD_DISK = 0x03
EDD_MAGIC_IN, EDD_MAGIC_OUT = 0x55AA, 0xAA55
EDD_1_1 = 0x21
EDD_SUBSETS = 0x01 | 0x04
"""Extended disk access, and the parameters of function 48h."""

PACKET = struct.Struct("<BBBBHHQ")
RESULT = struct.Struct("<HHIIIQH")
GEOMETRY_VALID = 1 << 1


def geometry(sectors: int) -> tuple[int, int, int]:
    """Return cylinders, heads and sectors a track of a disk, as programs are to see it.

    >>> geometry(2048)
    (3, 16, 63)
    """
    for heads in HEADS:
        cylinders = -(-sectors // (heads * SECTORS_A_TRACK))
        if cylinders <= MAX_CYLINDERS:
            break
    return min(cylinders, MAX_CYLINDERS), heads, SECTORS_A_TRACK


def _end(host: Host, frame: Frame, status: int) -> None:
    """Report ``status`` where programs look for it."""
    frame.ah = status
    frame.carry = status != OK
    host.area.disk_status = status


def _disk(host: Host, frame: Frame) -> Sectors | None:
    """Return the disk that DL names; if there is none, report that."""
    if frame.dl == FIRST_DISK and host.disk is not None:
        return host.disk
    _end(host, frame, BAD_COMMAND)
    return None


def _lba(disk: Sectors, frame: Frame) -> int | None:
    """Return the block that CX and DH name, or None if it is on no track."""
    _, heads, per_track = geometry(disk.sectors)
    cylinder = frame.ch | (frame.cl & 0xC0) << 2
    sector = frame.cl & 0x3F
    if not 1 <= sector <= per_track or frame.dh >= heads:
        return None
    return (cylinder * heads + frame.dh) * per_track + sector - 1


def reset(host: Host, frame: Frame) -> None:
    """AH=00h: nothing to reset."""
    if _disk(host, frame) is not None:
        _end(host, frame, OK)


def status(host: Host, frame: Frame) -> None:
    """AH=01h: the status of the operation before."""
    frame.ah = host.area.disk_status
    frame.carry = frame.ah != OK


def transfer_chs(host: Host, frame: Frame) -> None:
    """AH=02h reads, 03h writes, 04h verifies AL sectors at CX and DH, memory at ES:BX."""
    disk = _disk(host, frame)
    if disk is None:
        return
    count, lba = frame.al, _lba(disk, frame)
    operation, frame.al = frame.ah, 0
    if count == 0:
        _end(host, frame, BAD_COMMAND)
    elif frame.bx + count * SECTOR > 0x10000 and operation != 0x04:
        _end(host, frame, BOUNDARY)
    elif lba is None or lba + count > disk.sectors:
        _end(host, frame, NOT_FOUND)
    else:
        _transfer(host, disk, operation, lba, (linear(frame.es, frame.bx), count))
        frame.al = count
        _end(host, frame, OK)


def _transfer(host: Host, disk: Sectors, operation: int, lba: int, buffer: tuple[int, int]) -> None:
    """Move sectors; the low four bits of ``operation`` are 2 to read and 3 to write."""
    address, count = buffer
    if operation & 0xF == 2:
        host.memory.write(address, b"".join(disk.read(lba + n) for n in range(count)))
    elif operation & 0xF == 3:
        data = host.memory.read(address, count * SECTOR)
        for number in range(count):
            disk.write(lba + number, data[number * SECTOR : (number + 1) * SECTOR])


def parameters(host: Host, frame: Frame) -> None:
    """AH=08h: the last cylinder, head and sector, and the number of disks."""
    disk = _disk(host, frame)
    if disk is None:
        return
    cylinders, heads, per_track = geometry(disk.sectors)
    last = cylinders - 1
    frame.ch, frame.cl = last & 0xFF, (last >> 2 & 0xC0) | per_track
    frame.dh, frame.dl = heads - 1, 1
    frame.al = frame.bl = 0
    _end(host, frame, OK)


def disk_type(host: Host, frame: Frame) -> None:
    """AH=15h: a hard disk of CX:DX sectors."""
    disk = host.disk if frame.dl == FIRST_DISK else None
    frame.carry = False
    if disk is None:
        frame.ah = 0  # no such drive; not an error
        return
    sectors = min(disk.sectors, 0xFFFF_FFFF)
    frame.cx, frame.dx = sectors >> 16, sectors & 0xFFFF
    _end(host, frame, OK)
    frame.ah = HARD_DISK


def extensions(host: Host, frame: Frame) -> None:
    """AH=41h: the extensions are here."""
    if _disk(host, frame) is None:
        return
    if frame.bx != EDD_MAGIC_IN:
        _end(host, frame, BAD_COMMAND)
        return
    _end(host, frame, OK)
    frame.ah, frame.bx, frame.cx = EDD_1_1, EDD_MAGIC_OUT, EDD_SUBSETS


def transfer_blocks(host: Host, frame: Frame) -> None:
    """AH=42h reads, 43h writes, 44h verifies, 47h seeks, as the packet at DS:SI says."""
    disk = _disk(host, frame)
    if disk is None:
        return
    address = linear(frame.ds, frame.si)
    size, _, count, _, offset, segment, lba = PACKET.unpack(host.memory.read(address, PACKET.size))
    if size < PACKET.size or not 1 <= count <= MAX_TRANSFER:
        _end(host, frame, BAD_COMMAND)
        return
    if lba + count > disk.sectors:
        host.memory.write(address + 2, b"\0")  # sectors done
        _end(host, frame, NOT_FOUND)
        return
    if frame.ah in (0x42, 0x43):
        _transfer(host, disk, frame.ah, lba, (linear(segment, offset), count))
    _end(host, frame, OK)


def disk_parameters(host: Host, frame: Frame) -> None:
    """AH=48h: geometry, sectors and their size, into the buffer at DS:SI."""
    disk = _disk(host, frame)
    if disk is None:
        return
    address = linear(frame.ds, frame.si)
    size = int.from_bytes(host.memory.read(address, 2), "little")
    if size < RESULT.size:
        _end(host, frame, BAD_COMMAND)
        return
    cylinders, heads, per_track = geometry(disk.sectors)
    result = (RESULT.size, GEOMETRY_VALID, cylinders, heads, per_track, disk.sectors, SECTOR)
    host.memory.write(address, RESULT.pack(*result))
    _end(host, frame, OK)


def unknown(host: Host, frame: Frame) -> None:
    """Any other function fails."""
    _end(host, frame, BAD_COMMAND)


SERVICES = (
    Service(0x13, 0x00, "reset the disk", reset),
    Service(0x13, 0x01, "get the status of the last operation", status),
    Service(0x13, 0x02, "read sectors by cylinder, head and sector", transfer_chs),
    Service(0x13, 0x03, "write sectors by cylinder, head and sector", transfer_chs),
    Service(0x13, 0x04, "verify sectors by cylinder, head and sector", transfer_chs),
    Service(0x13, 0x08, "get the disk's geometry", parameters),
    Service(0x13, 0x15, "get the disk's type", disk_type),
    Service(0x13, 0x41, "EDD: are there extensions?", extensions),
    Service(0x13, 0x42, "EDD: read blocks", transfer_blocks),
    Service(0x13, 0x43, "EDD: write blocks", transfer_blocks),
    Service(0x13, 0x44, "EDD: verify blocks", transfer_blocks),
    Service(0x13, 0x47, "EDD: seek", transfer_blocks),
    Service(0x13, 0x48, "EDD: get the disk's parameters", disk_parameters),
    Service(0x13, None, "any other function fails with status 01h", unknown),
)
