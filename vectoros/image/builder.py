"""From a manifest to a disk image: the same bytes on every host, from any directory.

Nothing but the manifest and the sources it names goes in: no time, no path, no
host. So a committed image can be checked against its sources with one comparison.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from vectoros.assembler import Program, assemble_sources
from vectoros.errors import BadFileError
from vectoros.image import format as fmt
from vectoros.image.manifest import Manifest, ProgramPlan, load
from vectoros.kernel import abi
from vectoros.layout import BOOT_SECTOR, IRQS, LOW_MEMORY_END, PORTS
from vectoros.units import MIB

HIGH_MEMORY = 1 * MIB
"""Where memory goes on above the legacy video and adapter area."""

_BOOT_END = BOOT_SECTOR + fmt.SECTOR
_ROUND = 8  # sizes are multiples of this, so that the guest can clear memory in words


def build(path: Path) -> bytes:
    """Return the image that the manifest at ``path`` describes."""
    manifest = load(path)
    names = constants(manifest)
    programs = [(plan, _assemble(manifest, plan, names)) for plan in manifest.programs]
    pieces = [piece for plan, program in programs for piece in _pieces(manifest, plan, program)]
    _check(manifest, [entry for entry, _ in pieces])
    kernel = next(plan for plan in manifest.programs if plan.kind is fmt.Kind.KERNEL)
    return _lay_out(_boot_code(manifest, names), pieces, kernel.virtual)


def constants(manifest: Manifest) -> dict[str, int]:
    """Return every number that the guest's sources may use by name."""
    return {
        **{f"PORT_{area.name.upper()}": area.base for area in PORTS},
        **{f"IRQ_{name.upper()}": line for name, line in IRQS.items()},
        **fmt.constants(),
        **abi.constants(),
        **{f"{plan.name.upper()}_LOAD": plan.load for plan in manifest.programs},
        **{f"{plan.name.upper()}_VIRTUAL": plan.virtual for plan in manifest.programs},
        "BOOT_SECTOR": BOOT_SECTOR,
    }


def _boot_code(manifest: Manifest, names: dict[str, int]) -> bytes:
    sources = manifest.read(manifest.boot_sector)
    code = assemble_sources(sources, origin=BOOT_SECTOR, constants=names, bits=16).code
    if len(code) > fmt.BOOT_CODE_SIZE:
        raise BadFileError(
            manifest.path,
            f"the boot sector has {len(code)} bytes of code; {fmt.BOOT_CODE_SIZE} fit",
        )
    return code


def _assemble(manifest: Manifest, plan: ProgramPlan, names: dict[str, int]) -> Program:
    own = {**names, "PROGRAM_LOAD": plan.load, "PROGRAM_VIRTUAL": plan.virtual}
    bits = 16 if plan.kind is fmt.Kind.STAGE2 else 64
    program = assemble_sources(
        manifest.read(plan.sources), origin=plan.virtual, constants=own, bits=bits
    )
    for section in program.sections:
        if section not in plan.sections:
            raise BadFileError(
                manifest.path, f"program {plan.name}: section {section} has no access"
            )
    for section in plan.sections:
        if section not in program.sections:
            raise BadFileError(
                manifest.path, f"program {plan.name}: no source has a section {section}"
            )
    return program


def _pieces(
    manifest: Manifest, plan: ProgramPlan, program: Program
) -> Iterator[tuple[fmt.Entry, bytes]]:
    """Yield the entry and the bytes of each section that is loaded."""
    for section, (start, end) in program.sections.items():
        access = plan.sections[section]
        code = program.code[start - plan.virtual : end - plan.virtual]
        if access is None:
            if any(code):
                raise BadFileError(
                    manifest.path, f"program {plan.name}: the guard {section} is not empty"
                )
            continue
        if plan.kind is fmt.Kind.PROGRAM:
            access |= fmt.Access.USER
        stored = code.rstrip(b"\0")  # the boot code zeroes what the image does not hold
        stored = stored.ljust(_rounded(len(stored)), b"\0")
        yield (
            fmt.Entry(
                name=f"{plan.name}.{section}",
                lba=0,
                length=len(stored),
                load=plan.load + start - plan.virtual,
                memory=_rounded(len(code)),
                virtual=start,
                kind=plan.kind,
                access=access,
                digest=sha256(stored).digest(),
            ),
            stored,
        )


def _rounded(size: int) -> int:
    return -(-size // _ROUND) * _ROUND


def _check(manifest: Manifest, entries: Sequence[fmt.Entry]) -> None:
    """Refuse what the boot code could not load: too many, too large, in the wrong place."""
    if len(entries) > fmt.MAX_ENTRIES:
        raise BadFileError(
            manifest.path, f"has {len(entries)} sections; a directory holds {fmt.MAX_ENTRIES}"
        )
    if entries[0].access:
        raise BadFileError(
            manifest.path, "stage 2 is loaded and never mapped: its access must be boot"
        )
    for entry in entries:
        span = _span(entry.name, entry.load, entry.memory)
        if LOW_MEMORY_END <= entry.load < HIGH_MEMORY:
            hole = f"{LOW_MEMORY_END:#x}..{HIGH_MEMORY - 1:#x}"
            raise BadFileError(manifest.path, f"{span} lies in the hole at {hole}")
        limit = _limit(entry)
        if entry.load + entry.memory > limit:
            raise BadFileError(manifest.path, f"{span} is too large: it must end below {limit:#x}")
    boot = ("the boot code's own memory", fmt.DIRECTORY_ADDRESS, _BOOT_END - fmt.DIRECTORY_ADDRESS)
    _check_apart(manifest, [boot, *((entry.name, entry.load, entry.memory) for entry in entries)])
    _check_apart(manifest, [(entry.name, entry.virtual, entry.memory) for entry in entries])


def _limit(entry: fmt.Entry) -> int:
    if entry.kind is fmt.Kind.STAGE2:
        return fmt.STAGE2_LIMIT
    if entry.load < LOW_MEMORY_END:
        return LOW_MEMORY_END
    return fmt.KERNEL_LIMIT if entry.kind is fmt.Kind.KERNEL else fmt.ADDRESS_LIMIT


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


def _lay_out(boot_code: bytes, pieces: Sequence[tuple[fmt.Entry, bytes]], start: int) -> bytes:
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
