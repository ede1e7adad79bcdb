"""The format of a VectorOS disk image: what is in which byte.

Sector 0 is an ordinary boot sector with an MBR partition table. From sector 1
comes the *directory*: a header, and entries. Stage 2 and each section of the kernel
are pieces of memory at fixed addresses; the kernel maps its own. Everything else
is a *module*: a whole file, a program or data, which the boot code puts into
memory and the kernel opens. All numbers are little-endian, sectors are 512 bytes.

This module is the only place where the layout is written. The builder packs with
it, the reader unpacks with it, and the guest's assembly sees its offsets as the
constants that :func:`constants` returns. docs/reference/image-format.md is the
same in prose.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from vectoros.kernel.process_layout import Grant
from vectoros.units import PAGE_SIZE

SECTOR = 512
DIRECTORY_SECTOR = 1
MAX_DIRECTORY_SECTORS = 8
"""The boot code has room for no more (``DIRECTORY`` in firmware/stage2.S)."""

DIRECTORY_ADDRESS = 0x600
"""Where the boot code puts the directory: the first free byte above the BIOS data area."""

KERNEL_TABLES = 0x20000
"""Where the boot code builds the kernel's address space (``firmware/kernel_space.S``)."""

STAGE2_LIMIT = 64 << 10
"""Stage 2 is read and entered in real mode, in segment 0."""

KERNEL_FIRST = 1 << 20
"""Where memory goes on above the legacy video and adapter area."""

KERNEL_LIMIT = 2 << 20
"""The boot code's page tables map this much for the kernel to start in."""

MODULES_ADDRESS = KERNEL_LIMIT
"""Physical address of the first module. Each begins at the page after the one before."""

ADDRESS_LIMIT = 16 << 20
"""Everything loads below 16 MiB of physical memory, which every machine has."""

MAGIC = b"VXIMAGE\x01"
VERSION = 2

BOOT_CODE_SIZE = 446
"""Bytes before the partition table (the classic MBR layout of PC DOS 2.0)."""

BOOT_SIGNATURE = b"\x55\xaa"
PARTITION_TYPE = 0xDA
"""Non-file-system data: partitioning tools show it and keep away from it."""

HEADER_FIELDS = {
    "MAGIC": "8s",
    "VERSION": "H",
    "COUNT": "H",
    "SECTORS": "H",
    "RESERVED": "H",
    "IMAGE_SECTORS": "I",
    "CHECKSUM": "I",
    "ENTRY": "Q",
    "BOOT_DIGEST": "32s",
}
ENTRY_FIELDS = {
    "NAME": "16s",
    "LBA": "I",
    "LENGTH": "I",
    "LOAD": "I",
    "MEMORY": "I",
    "VIRTUAL": "Q",
    "KIND": "H",
    "ACCESS": "H",
    "PRIORITY": "H",
    "GRANTS": "H",
    "DIGEST": "32s",
}
"""Field by field, in order, with its type as :mod:`struct` writes it."""


def offsets(fields: dict[str, str]) -> dict[str, int]:
    """Return where each of ``fields`` starts, in bytes."""
    types = list(fields.values())
    starts = (struct.calcsize("<" + "".join(types[:index])) for index in range(len(types)))
    return dict(zip(fields, starts, strict=True))


HEADER = struct.Struct("<" + "".join(HEADER_FIELDS.values()))
ENTRY = struct.Struct("<" + "".join(ENTRY_FIELDS.values()))
HEADER_SIZE = HEADER.size
ENTRY_SIZE = ENTRY.size
MAX_ENTRIES = (MAX_DIRECTORY_SECTORS * SECTOR - HEADER_SIZE) // ENTRY_SIZE
NAME_SIZE = 16
MODULE_NAME_SIZE = NAME_SIZE - 1
"""Characters of a module's name, which guests read up to the zero at its end."""

MAX_PRIORITY = 255


class Kind(IntEnum):
    """What an entry is for."""

    STAGE2 = 1
    """The rest of the boot code. Always entry 0, loaded by the boot sector."""

    KERNEL = 2
    """A section of the kernel."""

    PROGRAM = 3
    """A module: an ELF64 executable, which the kernel makes a process of."""

    DATA = 4
    """A module: any file."""

    @property
    def is_module(self) -> bool:
        """Whether an entry of this kind is a whole file, at no address of its own."""
        return self in (Kind.PROGRAM, Kind.DATA)


class Access(IntFlag):
    """How an entry may be used once mapped; none means that it is never mapped."""

    READ = 1
    WRITE = 2
    EXECUTE = 4

    def __str__(self) -> str:
        """Three letters, as ``ls`` would show them."""
        pairs = zip("rwx", (self.READ, self.WRITE, self.EXECUTE), strict=True)
        return "".join(letter if bit in self else "-" for letter, bit in pairs)


NO_GRANTS = Grant(0)


def grant_words(grants: Grant) -> list[str]:
    """Return ``grants`` by name, as a manifest has them.

    >>> grant_words(Grant.CLOCK | Grant.CONSOLE)
    ['console', 'clock']
    """
    return [str(grant.name).lower() for grant in Grant if grant in grants]


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of memory: where it is on the disk, and where it goes."""

    name: str
    lba: int
    """First sector on the disk; 0 if ``length`` is 0."""
    length: int
    """Bytes on the disk."""
    load: int
    """Physical address; 0 for a module."""
    memory: int
    """Bytes in memory; those that the disk does not hold are zero."""
    virtual: int
    """0 for a module."""
    kind: Kind
    access: Access
    digest: bytes
    """SHA-256 of the bytes on the disk."""
    priority: int = 0
    """Of the first thread of a program."""
    grants: Grant = NO_GRANTS
    """What a program is given."""

    @property
    def sectors(self) -> int:
        """Sectors on the disk."""
        return -(-self.length // SECTOR)

    def pack(self) -> bytes:
        """Return the entry as it is in the directory."""
        return ENTRY.pack(
            self.name.encode("ascii"), self.lba, self.length, self.load, self.memory,
            self.virtual, self.kind, self.access, self.priority, self.grants, self.digest,
        )  # fmt: skip


LOAD_RANGES = {
    Kind.STAGE2: range(DIRECTORY_ADDRESS, STAGE2_LIMIT),
    Kind.KERNEL: range(KERNEL_FIRST, KERNEL_LIMIT),
}
"""Physical addresses between which an entry is loaded, by kind."""


def modules_end(sizes: Iterable[int]) -> int:
    """Return the physical address after the last page of modules of ``sizes``."""
    return MODULES_ADDRESS + sum(-(-size // PAGE_SIZE) * PAGE_SIZE for size in sizes)


@dataclass(frozen=True, slots=True)
class Header:
    """The first bytes of the directory."""

    magic: bytes
    version: int
    count: int
    """Entries."""
    directory_sectors: int
    reserved: int
    image_sectors: int
    checksum: int
    """See :func:`checksum`."""
    entry: int
    """Virtual address at which the kernel starts."""
    boot_digest: bytes
    """SHA-256 of sector 0."""

    def pack(self) -> bytes:
        """Return the header as it is in the directory."""
        return HEADER.pack(
            self.magic, self.version, self.count, self.directory_sectors, self.reserved,
            self.image_sectors, self.checksum, self.entry, self.boot_digest,
        )  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Read the header at the start of ``data``."""
        return cls(*HEADER.unpack_from(data))


def checksum(directory: bytes) -> int:
    """Return the CRC-32 of all sectors of the directory, the checksum itself taken as zero."""
    offset = offsets(HEADER_FIELDS)["CHECKSUM"]
    start = zlib.crc32(directory[:offset])
    return zlib.crc32(directory[offset + 4 :], zlib.crc32(bytes(4), start))


def constants() -> dict[str, int]:
    """Return the format under the names that assembly uses."""
    return {
        "DIRECTORY": DIRECTORY_ADDRESS,
        "DIRECTORY_SECTOR": DIRECTORY_SECTOR,
        "MODULES": MODULES_ADDRESS,
        "KERNEL_TABLES": KERNEL_TABLES,
        "MAGIC_LOW": int.from_bytes(MAGIC[:4], "little"),
        "MAGIC_HIGH": int.from_bytes(MAGIC[4:], "little"),
        "HEADER_SIZE": HEADER_SIZE,
        "ENTRY_SIZE": ENTRY_SIZE,
        **{f"HEADER_{name}": offset for name, offset in offsets(HEADER_FIELDS).items()},
        **{f"ENTRY_{name}": offset for name, offset in offsets(ENTRY_FIELDS).items()},
        **{f"KIND_{kind.name}": kind.value for kind in Kind},
        **{f"ACCESS_{access.name}": access.value for access in Access},
    }
