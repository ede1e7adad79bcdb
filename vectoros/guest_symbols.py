"""The symbols of a running guest: those of files, moved to where its code is.

A Linux kernel with KASLR does not run where it was linked. Where it does is told
by a register: LSTAR holds the address of ``entry_SYSCALL_64``. So the kernel's own
files need no offset from the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vectoros import symbol_map
from vectoros.errors import UserError
from vectoros.pc import Pc
from vectoros.symbols import files
from vectoros.symbols.table import Symbols, Table, Union
from vectoros.units import MIB

ANCHOR = "entry_SYSCALL_64"
"""Where SYSCALL enters Linux (arch/x86/entry/entry_64.S)."""

KASLR_ALIGN = 2 * MIB
"""What a kernel is moved by is a multiple of this (CONFIG_PHYSICAL_ALIGN, at least)."""


def known(pc: Pc, given: Sequence[Table]) -> Union:
    """Return ``given``, or what lies beside the disk image, as it stands in the guest.

    Those of a Linux kernel that has moved itself are moved to where it is.
    """
    return Union([_placed(pc, table) for table in given or _beside_disk(pc)])


def _beside_disk(pc: Pc) -> list[Table]:
    if pc.disk is None:
        return []
    path = Path(pc.disk.path)
    try:
        found = symbol_map.beside(path)
    except UserError:  # nobody has asked for this file
        return []
    where = str(path.with_suffix(symbol_map.SUFFIX))
    return [files.of_map(found, where)] if found.symbols else []


def _placed(pc: Pc, table: Table) -> Symbols:
    linked, entry = table.address(ANCHOR), pc.cpu.regs.lstar
    if linked is None or not entry:
        return table
    moved = entry - linked
    return table.moved(moved) if moved and moved % KASLR_ALIGN == 0 else table
