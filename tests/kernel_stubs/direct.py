"""A machine as stage 2 leaves it, without firmware: for tests of what comes after.

Kernel and modules of a manifest are where stage 2 would have put them, the boot
record says so, and the CPU stands at the kernel's first instruction.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from vectoros.api import Machine
from vectoros.cpu.bits import Gpr, Seg
from vectoros.cpu.selftest import reset_real_mode
from vectoros.image import format as fmt
from vectoros.image.constants import constants
from vectoros.image.kernel_constants import GATE_VIRTUAL, PHYSMAP
from vectoros.image.manifest import load
from vectoros.image.pieces import Piece, all_pieces
from vectoros.kernel.boot_record import Screen
from vectoros.layout import KERNEL_GATE
from vectoros.units import PAGE_SIZE

ROOT = Path(__file__).parents[2]
DEV_MANIFEST = ROOT / "images" / "dev.toml"
BOOT_TABLES = 0x2000
BOOT_STACK = 0x7000
PRESENT_WRITABLE, WRITE, PCD, ACCESSED, DIRTY, LARGE = 3, 1 << 1, 1 << 4, 1 << 5, 1 << 6, 1 << 7
NX = 1 << 63


def kernel_with(path: Path, programs: str) -> Path:
    """Write a manifest of our kernel and ``programs``, the rest of the text, to ``path``."""
    text = DEV_MANIFEST.read_text(encoding="utf-8").partition('[[program]]\nname = "shell"')[0]
    text = text.replace('"../', f'"{ROOT}/').replace('"programs/', f'"{ROOT}/images/programs/')
    path.write_text(text + programs, encoding="utf-8")
    return path


@functools.cache
def names(manifest: Path = DEV_MANIFEST) -> Mapping[str, int]:
    """Return every number that the manifest's sources may use by name."""
    return constants(load(manifest))


@functools.cache
def pieces(manifest: Path = DEV_MANIFEST) -> Sequence[Piece]:
    """Return the pieces of the manifest's image but stage 2, which is not needed here."""
    plan = load(manifest)
    rest = tuple(p for p in plan.programs if p.kind is not fmt.Kind.STAGE2)
    mine = type(plan)(plan.path, plan.boot_sector, rest, plan.data)
    return list(all_pieces(mine, names(manifest)))


def enter(machine: Machine, found: Sequence[Piece], screen: Screen | None = None) -> None:
    """Put the kernel and the modules among ``found`` in place, and enter the kernel.

    A screen's memory is RAM that the kernel is told to be a device's.
    """
    _load(machine, found, screen)
    _long_mode(machine)


def _load(machine: Machine, found: Sequence[Piece], screen: Screen | None) -> None:
    at, name = fmt.MODULES_ADDRESS, names()
    modules = []
    for entry, content in found:
        where = entry.load
        if entry.kind.is_module:
            where = at
            at += -(-len(content) // PAGE_SIZE) * PAGE_SIZE
            modules.append((entry, where))
        machine.memory.write(where, content)
    directory = struct.pack("<8sHHHH", fmt.MAGIC, fmt.VERSION, len(found), 8, 0)
    directory = directory.ljust(fmt.HEADER_SIZE, b"\0")
    directory += b"".join(entry.pack() for entry, _ in found)
    machine.memory.write(fmt.DIRECTORY_ADDRESS, directory)

    record = bytearray(PAGE_SIZE)
    struct.pack_into(
        "<QIIQQ", record, 0, name["BOOT_MAGIC_VALUE"], 3, len(modules), at, fmt.DIRECTORY_ADDRESS
    )
    ram = machine.memory.size if screen is None else screen.base
    _kernel_space(machine, [entry for entry, _ in found if entry.kind is fmt.Kind.KERNEL], ram)
    struct.pack_into("<Q", record, name["BOOT_KERNEL_SPACE"], fmt.KERNEL_TABLES)
    if screen is not None:
        struct.pack_into(
            "<QIIII", record, name["BOOT_SCREEN_BASE"], screen.base, screen.width, screen.height,
            screen.pitch, screen.bpp,
        )  # fmt: skip
    rows = ((0, 0x9FC00, 1), (0xF0000, 0x10000, 2), (0x10_0000, ram - 0x10_0000, 1))
    for index, (base, length, kind) in enumerate(rows):
        struct.pack_into("<QQII", record, name["BOOT_MEMORY"] + 24 * index, base, length, kind, 0)
    for index, (entry, where) in enumerate(modules):
        struct.pack_into(
            "<16sQQHHH", record, name["BOOT_MODULES"] + 48 * index, entry.name.encode(), where,
            entry.length, entry.kind, entry.priority, entry.grants,
        )  # fmt: skip
    machine.memory.write(name["BOOT_RECORD"], bytes(record))


def _kernel_space(machine: Machine, sections: Sequence[fmt.Entry], ram: int) -> None:
    """Build what firmware/kernel_space.S does: the kernel's sections, PHYSMAP and the gate."""
    tables: dict[tuple[int, ...], int] = {(): fmt.KERNEL_TABLES}

    def put(virtual: int, entry: int, level: int) -> None:
        path: tuple[int, ...] = ()
        for shift in range(39, level, -9):
            index = virtual >> shift & 511
            if (*path, index) not in tables:
                tables[*path, index] = new = fmt.KERNEL_TABLES + len(tables) * PAGE_SIZE
                at = tables[path] + index * 8
                machine.memory.write(at, struct.pack("<Q", new | PRESENT_WRITABLE | ACCESSED))
            path = (*path, index)
        at = tables[path] + (virtual >> level & 511) * 8
        machine.memory.write(at, struct.pack("<Q", entry | 1 | ACCESSED | DIRTY))

    for entry in sections:
        access = WRITE if entry.access & fmt.Access.WRITE else 0
        access |= 0 if entry.access & fmt.Access.EXECUTE else NX
        for offset in range(0, entry.memory, PAGE_SIZE):
            put(entry.virtual + offset, entry.load + offset | access, 12)
    for address in range(0, ram, 1 << 21):
        put(PHYSMAP + address, address | WRITE | LARGE | NX, 21)
    put(GATE_VIRTUAL, KERNEL_GATE | WRITE | NX | PCD, 12)


def _long_mode(machine: Machine) -> None:
    for at, value in (
        (0, BOOT_TABLES + 0x1000),
        (511 * 8, BOOT_TABLES + 0x1000),
        (0x1000, BOOT_TABLES + 0x2000),
        (0x1000 + 510 * 8, BOOT_TABLES + 0x2000),
        (0x2000, LARGE),
    ):
        machine.memory.write(BOOT_TABLES + at, struct.pack("<Q", value | PRESENT_WRITABLE))
    regs = machine.cpu
    reset_real_mode(regs, 0)
    for seg in Seg:
        regs.segs[seg].load(0x10, 0, 0xFFFF_FFFF, 0xCF9300)
    regs.segs[Seg.CS].load(8, 0, 0xFFFF_FFFF, 0xAF9B00)
    regs.cr3, regs.cr4, regs.efer, regs.cr0 = BOOT_TABLES, 1 << 5, 0xD01, 0x8000_0011
    regs.rip, regs.gpr[Gpr.RSP] = names()["KERNEL_VIRTUAL"], BOOT_STACK
    regs.gpr[Gpr.RDI] = names()["BOOT_RECORD"]
    regs.update_hidden()
    machine.pc.cpu.registers_changed()
