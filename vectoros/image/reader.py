"""Reading a disk image, which may be anybody's: nothing in it is believed before it is checked.

Any file with a boot signature is an image that the machine can start. If sector 1
has a VectorOS directory besides, every number in it is checked against the file
and against the rules of :mod:`vectoros.image.format`; one that breaks a rule
makes the whole image bad. Only the boot sector and the directory are read, so a
file of many gigabytes costs no more than a small one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vectoros.errors import BadFileError
from vectoros.files import reading
from vectoros.image import format as fmt
from vectoros.image.format import Access, Entry, Header, Kind
from vectoros.kernel.boot_record import MAX_MODULES
from vectoros.kernel.process_layout import Grant
from vectoros.units import PAGE_SIZE

_PARTITION = struct.Struct("<B3xB3xII")


@dataclass(frozen=True, slots=True)
class Partition:
    """A row of the partition table that is in use."""

    active: bool
    type: int
    first: int
    """Sector."""
    sectors: int


@dataclass(frozen=True, slots=True)
class Image:
    """What an image says of itself."""

    path: Path
    size: int
    """Bytes of the file."""
    boot_sector: bytes
    partitions: tuple[Partition, ...]
    header: Header | None
    """None if the image has no VectorOS directory: it is somebody else's."""
    entries: tuple[Entry, ...]


def read(path: Path) -> Image:
    """Read and check the image at ``path``; raise :class:`BadFileError` if it is none."""
    with reading(path) as file:
        size = os.fstat(file.fileno()).st_size
        boot = file.read(fmt.SECTOR)
        if not boot:
            raise BadFileError(path, "is empty")
        if len(boot) < fmt.SECTOR:
            raise BadFileError(path, f"is {len(boot)} bytes long; a boot sector has {fmt.SECTOR}")
        if boot[-2:] != fmt.BOOT_SIGNATURE:
            raise BadFileError(path, "is not a disk image: bytes 510 and 511 are not 55 aa")
        partitions = _partitions(boot)
        first = file.read(fmt.SECTOR)
        if not first.startswith(fmt.MAGIC):
            return Image(path, size, boot, partitions, None, ())
        if len(first) < fmt.SECTOR:
            raise BadFileError(path, "is truncated: its directory is cut short")
        header = _header(path, first, size)
        directory = first + file.read((header.directory_sectors - 1) * fmt.SECTOR)
    if fmt.checksum(directory) != header.checksum:
        raise BadFileError(path, "is damaged: its directory does not match the checksum in it")
    entries = tuple(_entry(path, header, directory, index) for index in range(header.count))
    _check_together(path, entries)
    return Image(path, size, boot, partitions, header, entries)


def _partitions(boot: bytes) -> tuple[Partition, ...]:
    rows = (
        _PARTITION.unpack_from(boot, fmt.BOOT_CODE_SIZE + _PARTITION.size * index)
        for index in range(4)
    )
    return tuple(
        Partition(status == 0x80, kind, first, sectors)
        for status, kind, first, sectors in rows
        if kind
    )


def _header(path: Path, data: bytes, size: int) -> Header:
    header = Header.unpack(data)
    if header.version != fmt.VERSION:
        raise BadFileError(
            path, f"has a directory of version {header.version}; this program reads {fmt.VERSION}"
        )
    if not 1 <= header.directory_sectors <= fmt.MAX_DIRECTORY_SECTORS:
        raise BadFileError(
            path,
            f"has a directory of {header.directory_sectors} sectors;"
            f" 1 to {fmt.MAX_DIRECTORY_SECTORS} are allowed",
        )
    room = (header.directory_sectors * fmt.SECTOR - fmt.HEADER_SIZE) // fmt.ENTRY_SIZE
    if not 1 <= header.count <= room:
        raise BadFileError(
            path, f"has {header.count} entries in a directory with room for 1 to {room}"
        )
    if header.reserved:
        raise BadFileError(path, "has a reserved field in its directory that is not zero")
    if header.image_sectors < fmt.DIRECTORY_SECTOR + header.directory_sectors:
        raise BadFileError(
            path, f"says it has {header.image_sectors} sectors, too few for its directory"
        )
    if header.image_sectors * fmt.SECTOR > size:
        raise BadFileError(
            path,
            f"is truncated: it says {header.image_sectors * fmt.SECTOR} bytes, the file has {size}",
        )
    return header


def _entry(path: Path, header: Header, directory: bytes, index: int) -> Entry:
    """Return entry ``index`` once every field of it is known to be sound."""
    raw = fmt.ENTRY.unpack_from(directory, fmt.HEADER_SIZE + index * fmt.ENTRY_SIZE)
    text, lba, length, load, memory, virtual, kind, access, priority, grants, digest = raw
    name = text.rstrip(b"\0").decode("ascii", "replace")
    where = f"entry {index}"
    if not name.isascii() or not name.isprintable() or not name:
        raise BadFileError(path, f"{where} has a name that is not printable ASCII")
    where = f"{where} ({name})"
    if kind not in tuple(Kind):
        raise BadFileError(path, f"{where} has the unknown kind {kind}")
    if access & ~sum(Access):
        raise BadFileError(path, f"{where} has the unknown access {access:#x}")
    if grants & ~sum(Grant):
        raise BadFileError(path, f"{where} has the unknown grants {grants:#x}")
    entry = Entry(
        name, lba, length, load, memory, virtual, Kind(kind), Access(access), digest,
        priority, Grant(grants),
    )  # fmt: skip
    why = _place_fault(header, entry) or (
        _module_fault(entry) if entry.kind.is_module else _section_fault(entry)
    )
    if why:
        raise BadFileError(path, f"{where} {why}")
    return entry


def _place_fault(header: Header, entry: Entry) -> str | None:
    """Return what is wrong with where ``entry`` is on the disk, and with its size."""
    first = fmt.DIRECTORY_SECTOR + header.directory_sectors
    if entry.length and not first <= entry.lba <= header.image_sectors - entry.sectors:
        return (
            f"is at sectors {entry.lba}..{entry.lba + entry.sectors - 1};"
            f" the image has {first}..{header.image_sectors - 1} for entries"
        )
    if entry.memory < max(entry.length, 1):
        return f"is {entry.length} bytes on disk and {entry.memory} in memory"
    if entry.priority > fmt.MAX_PRIORITY:
        return f"has the priority {entry.priority}; the highest is {fmt.MAX_PRIORITY}"
    if entry.kind is not Kind.PROGRAM and (entry.priority or entry.grants):
        return "is no program and has a priority or grants"
    return None


def _module_fault(entry: Entry) -> str | None:
    """Return what is wrong with ``entry``, a whole file."""
    if len(entry.name) > fmt.MODULE_NAME_SIZE:
        return f"is a module with a name of more than {fmt.MODULE_NAME_SIZE} characters"
    if entry.load or entry.virtual or entry.access:
        return "is a module and has an address or an access"
    if entry.memory != entry.length:
        return f"is a module of {entry.length} bytes on disk and {entry.memory} in memory"
    return None


def _section_fault(entry: Entry) -> str | None:
    """Return what is wrong with ``entry``, a piece of memory of stage 2 or the kernel."""
    if entry.load % PAGE_SIZE or entry.virtual % PAGE_SIZE:
        return "has an address that is not the start of a page"
    allowed = fmt.LOAD_RANGES[entry.kind]
    end = entry.load + entry.memory
    if entry.load < allowed.start or end > allowed.stop:
        where = f"{allowed.start:#x}..{allowed.stop - 1:#x}"
        return f"is loaded at {entry.load:#x}..{end - 1:#x} and must lie in {where}"
    if not _canonical(entry):
        return f"is mapped at {entry.virtual:#x}, which no address reaches"
    if Access.WRITE in entry.access and Access.EXECUTE in entry.access:
        return "is writable and executable"
    return None


def _canonical(entry: Entry) -> bool:
    """Whether the entry lies in one of the two halves that 48-bit addresses have."""
    end = entry.virtual + entry.memory
    return end <= 1 << 47 or (entry.virtual >= (1 << 64) - (1 << 47) and end <= 1 << 64)


def _check_together(path: Path, entries: Sequence[Entry]) -> None:
    """Refuse entries that are sound one by one and not beside each other."""
    kinds = [entry.kind for entry in entries]
    if kinds[0] is not Kind.STAGE2 or kinds.count(Kind.STAGE2) != 1:
        raise BadFileError(path, "must have stage 2 as its first entry, and only there")
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise BadFileError(path, f"has two entries of the name {name}")
    loaded = [entry for entry in entries if not entry.kind.is_module]
    spans = [
        ("on disk", [(e.lba, e.lba + e.sectors, e.name) for e in entries if e.length]),
        ("in memory", [(e.load, e.load + e.memory, e.name) for e in loaded]),
        ("in the address space", [(e.virtual, e.virtual + e.memory, e.name) for e in loaded]),
    ]
    for place, ranges in spans:
        for (_, end, name), (start, _, other) in pairwise(sorted(ranges)):
            if start < end:
                raise BadFileError(path, f"has entries that overlap {place}: {name} and {other}")
    modules = [entry.length for entry in entries if entry.kind.is_module]
    if len(modules) > MAX_MODULES:
        raise BadFileError(path, f"has {len(modules)} modules; {MAX_MODULES} are allowed")
    if (end := fmt.modules_end(modules)) > fmt.ADDRESS_LIMIT:
        raise BadFileError(
            path, f"has modules up to {end:#x} in memory; {fmt.ADDRESS_LIMIT:#x} is the limit"
        )
