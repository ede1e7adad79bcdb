"""From a manifest to a disk image: the same bytes on every host, from any directory.

Nothing but the manifest and the sources it names goes in: no time, no path, no
host. So a committed image can be checked against its sources with one comparison.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from vectoros.assembler import assemble_sources
from vectoros.errors import BadFileError
from vectoros.image import format as fmt
from vectoros.image.constants import constants
from vectoros.image.manifest import Manifest, load
from vectoros.image.pieces import Piece, all_pieces
from vectoros.kernel.boot_record import MAX_MODULES
from vectoros.layout import BOOT_SECTOR

_BOOT_END = BOOT_SECTOR + fmt.SECTOR


def build(path: Path) -> bytes:
    """Return the image that the manifest at ``path`` describes."""
    manifest = load(path)
    names = constants(manifest)
    pieces = list(all_pieces(manifest, names))
    _check(manifest, [entry for entry, _ in pieces])
    kernel = next(plan for plan in manifest.programs if plan.kind is fmt.Kind.KERNEL)
    return _lay_out(_boot_code(manifest, names), pieces, kernel.virtual)


def _boot_code(manifest: Manifest, names: dict[str, int]) -> bytes:
    sources = manifest.read(manifest.boot_sector)
    code = assemble_sources(sources, origin=BOOT_SECTOR, constants=names, bits=16).code
    if len(code) > fmt.BOOT_CODE_SIZE:
        raise BadFileError(
            manifest.path,
            f"the boot sector has {len(code)} bytes of code; {fmt.BOOT_CODE_SIZE} fit",
        )
    return code


def _check(manifest: Manifest, entries: Sequence[fmt.Entry]) -> None:
    """Refuse what the boot code could not load: too many, too large, in the wrong place."""
    if len(entries) > fmt.MAX_ENTRIES:
        raise BadFileError(
            manifest.path, f"has {len(entries)} entries; a directory holds {fmt.MAX_ENTRIES}"
        )
    if entries[0].access:
        raise BadFileError(
            manifest.path, "stage 2 is loaded and never mapped: its access must be boot"
        )
    loaded = [entry for entry in entries if not entry.kind.is_module]
    for entry in loaded:
        allowed = fmt.LOAD_RANGES[entry.kind]
        if entry.load < allowed.start or entry.load + entry.memory > allowed.stop:
            span = _span(entry.name, entry.load, entry.memory)
            where = f"{allowed.start:#x}..{allowed.stop - 1:#x}"
            raise BadFileError(manifest.path, f"{span} does not lie in {where}")
    boot = ("the boot code's own memory", fmt.DIRECTORY_ADDRESS, _BOOT_END - fmt.DIRECTORY_ADDRESS)
    _check_apart(manifest, [boot, *((entry.name, entry.load, entry.memory) for entry in loaded)])
    _check_apart(manifest, [(entry.name, entry.virtual, entry.memory) for entry in loaded])
    _check_modules(manifest, [entry for entry in entries if entry.kind.is_module])


def _check_modules(manifest: Manifest, modules: Sequence[fmt.Entry]) -> None:
    if len(modules) > MAX_MODULES:
        raise BadFileError(
            manifest.path,
            f"has {len(modules)} modules; the boot code has room for {MAX_MODULES}",
        )
    end = fmt.modules_end(entry.length for entry in modules)
    if end > fmt.ADDRESS_LIMIT:
        raise BadFileError(
            manifest.path,
            f"has modules that end at {end:#x} in memory; they must end below"
            f" {fmt.ADDRESS_LIMIT:#x}",
        )


def _check_apart(manifest: Manifest, ranges: list[tuple[str, int, int]]) -> None:
    """Refuse two of ``ranges``, each a name, a start and a size, that share a byte."""
    ordered = sorted(ranges, key=lambda item: item[1])
    for (name, start, size), (other, first, length) in pairwise(ordered):
        if first < start + size:
            raise BadFileError(
                manifest.path,
                f"{_span(other, first, length)} overlaps {_span(name, start, size)}",
            )


def _span(name: str, start: int, size: int) -> str:
    return f"{name} at {start:#x}..{start + size - 1:#x}"


def _lay_out(boot_code: bytes, pieces: Sequence[Piece], start: int) -> bytes:
    """Place everything on the disk, one after the other, each at a sector."""
    directory_size = fmt.HEADER_SIZE + len(pieces) * fmt.ENTRY_SIZE
    directory_sectors = -(-directory_size // fmt.SECTOR)
    sector = fmt.DIRECTORY_SECTOR + directory_sectors
    entries, body = [], bytearray()
    for entry, stored in pieces:
        entries.append(replace(entry, lba=sector if stored else 0))
        sector += entry.sectors
        body += stored.ljust(entry.sectors * fmt.SECTOR, b"\0")
    boot = _boot_sector(boot_code, sector)
    header = fmt.Header(
        fmt.MAGIC, fmt.VERSION, len(entries), directory_sectors, 0, sector, 0, start,
        sha256(boot).digest(),
    )  # fmt: skip
    tail = b"".join(entry.pack() for entry in entries)
    tail = tail.ljust(directory_sectors * fmt.SECTOR - fmt.HEADER_SIZE, b"\0")
    header = replace(header, checksum=fmt.checksum(header.pack() + tail))
    return boot + header.pack() + tail + bytes(body)


def _boot_sector(code: bytes, sectors: int) -> bytes:
    """Return sector 0: ``code``, a partition that covers the rest of the disk, the signature."""
    partition = struct.pack(
        "<B3sB3sII",
        0x80,  # active
        b"\x00\x02\x00",  # cylinder 0, head 0, sector 2: LBA 1
        fmt.PARTITION_TYPE,
        b"\xfe\xff\xff",  # "beyond what cylinders can say"
        1,
        sectors - 1,
    )
    table = partition.ljust(4 * len(partition), b"\0")
    return code.ljust(fmt.BOOT_CODE_SIZE, b"\0") + table + fmt.BOOT_SIGNATURE
