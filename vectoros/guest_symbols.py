"""The symbols of a running guest: those of files, moved to where its code is.

A Linux kernel with KASLR does not run where it was linked. Where it does is told
by a register: LSTAR holds the address of ``entry_SYSCALL_64``. So the kernel's own
files need no offset from the user.
"""

from __future__ import annotations

from collections.abc import Iterable

from vectoros.pc import Pc
from vectoros.symbols.table import Symbols, Table, Union
from vectoros.units import MIB

ANCHOR = "entry_SYSCALL_64"
"""Where SYSCALL enters Linux (arch/x86/entry/entry_64.S)."""

KASLR_ALIGN = 2 * MIB
"""What a kernel is moved by is a multiple of this (CONFIG_PHYSICAL_ALIGN, at least)."""


def placed(pc: Pc, tables: Iterable[Table]) -> Union:
    """Return ``tables`` with those of a relocated Linux kernel moved to where it is."""
    return Union([_placed(pc, table) for table in tables])


def _placed(pc: Pc, table: Table) -> Symbols:
    linked, entry = table.address(ANCHOR), pc.cpu.regs.lstar
    if linked is None or not entry:
        return table
    moved = entry - linked
    return table.moved(moved) if moved and moved % KASLR_ALIGN == 0 else table
