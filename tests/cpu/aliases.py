"""Machines in which one piece of memory lies at several linear addresses."""

from __future__ import annotations

from tests.cpu.machines import DATA, NX, PRESENT, Machine
from vectoros.cpu.bits import CR4_OSFXSR, CR4_PSE, EFER_NXE
from vectoros.units import PAGE_SIZE

FUNCTION = DATA + PAGE_SIZE  # physical, and linear where it is mapped one to one
ALIAS, OTHER, LARGE = 0x1F_0000, 0x1F_8000, 0xC0_0000  # further linear addresses of it
PAGES = 3
PAGE_SIZE_BIT = 0x80


def booted(engine: str, mode: str, ring: int = 0) -> Machine:
    """Return a machine with PAGES pages at FUNCTION mapped there, at ALIAS, OTHER, and LARGE."""
    machine = Machine(engine)
    machine.boot(mode if mode != "legacy" and mode != "pae" else "protected32", ring=ring)
    if mode in ("legacy", "pae"):
        machine._paging(mode)
    if mode != "legacy":
        machine.regs.efer |= EFER_NXE
    never = 0 if mode == "legacy" else NX
    for page in range(PAGES):
        machine.map(ALIAS + page * PAGE_SIZE, FUNCTION + page * PAGE_SIZE, PRESENT | never)
        machine.map(OTHER + page * PAGE_SIZE, FUNCTION + page * PAGE_SIZE)
    map_large(machine, never)
    machine.cpu.registers_changed()
    return machine


def map_large(machine: Machine, flags: int) -> None:
    """Map the RAM from LARGE on, in one large page."""
    regs = machine.regs
    regs.cr4 |= CR4_PSE | CR4_OSFXSR
    machine.map(LARGE, 0)  # the structures above it
    table = regs.cr3
    if machine.kind == "legacy":
        entry, size = table + (LARGE >> 22) * 4, 4
    else:
        if machine.kind == "long":
            table = int.from_bytes(machine.memory.read(table, 8), "little") & ~0xFFF
        directory = int.from_bytes(machine.memory.read(table, 8), "little") & ~0xFFF
        entry, size = directory + (LARGE >> 21) * 8, 8
    machine.memory.write(entry, (PRESENT | PAGE_SIZE_BIT | flags).to_bytes(size, "little"))


def views(mode: str) -> dict[str, int]:
    """Return the further linear addresses of FUNCTION, by name."""
    found = {"nx": ALIAS, "executable": OTHER, "large": LARGE + FUNCTION}
    if mode == "legacy":
        del found["nx"]
    return found
