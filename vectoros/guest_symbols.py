"""The symbols of a running guest: those of files, moved to where its code is.

A Linux kernel with KASLR does not run where it was linked. Where it does is told
by a register: LSTAR holds the address of ``entry_SYSCALL_64``. So the kernel's own
files need no offset from the user. And where there is no file, the kernel's memory
has the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vectoros import symbol_map
from vectoros.cpu.faults import CpuFault
from vectoros.cpu.paging import translate
from vectoros.errors import UserError
from vectoros.pc import Pc
from vectoros.symbols import files
from vectoros.symbols.table import Symbols, Table, Union
from vectoros.units import MIB, PAGE_SIZE

if TYPE_CHECKING:
    from vectoros.symbols.kallsyms import Kallsyms

ANCHOR = "entry_SYSCALL_64"
"""Where SYSCALL enters Linux (arch/x86/entry/entry_64.S)."""

UPPER_HALF = 0xFFFF_8000_0000_0000

KERNEL_BELOW, KERNEL_ABOVE = 32 * MIB, 96 * MIB
"""So much of a kernel lies below its entry at most, and so much above: code, then data."""

_UNUSED_PAGES = 16
"""So many pages of zeros may lie within a kernel's data."""

KASLR_ALIGN = 2 * MIB
"""What a kernel is moved by is a multiple of this (CONFIG_PHYSICAL_ALIGN, at least)."""


class GuestSymbols:
    """The names of one machine's code."""

    def __init__(self, pc: Pc) -> None:
        """Know what lies beside the disk image of ``pc``, and what its guest knows itself."""
        self._pc = pc
        self._given: list[Table] = []
        self._found: tuple[tuple[int, int], Kallsyms | None] | None = None

    def add(self, table: Table) -> None:
        """Know ``table``, too. Those that the user gives go before all others."""
        self._given.append(table)

    def now(self) -> Union:
        """Return the names, for code as it lies in memory now."""
        placed: list[Symbols] = [_placed(self._pc, table) for table in self._tables()]
        if all(table.address(ANCHOR) is None for table in placed):
            kernel = self._kernel()
            placed += [] if kernel is None else [kernel]
        return Union(placed)

    def _tables(self) -> list[Table]:
        return self._given or [*_of_kernel_file(self._pc), *_beside_disk(self._pc)]

    def _kernel(self) -> Kallsyms | None:
        """Return the names that a Linux kernel has of itself. To find them takes a second."""
        key = (self._pc.clock.now, self._pc.cpu.regs.lstar)
        if self._found is None or self._found[0] != key:
            from vectoros.symbols import kallsyms  # loads numpy, which a boot does without

            found = (kallsyms.find(memory) for memory in _candidates(self._pc))
            self._found = (key, next((kernel for kernel in found if kernel is not None), None))
        return self._found[1]


def _candidates(pc: Pc) -> Iterator[memoryview]:
    """Yield pieces of memory that a kernel may be in, the likely ones first."""
    regs, memory = pc.cpu.regs, pc.memory
    inside = [address for address in (regs.lstar, regs.rip) if address >= UPPER_HALF]
    view = memoryview(memory.ram.view)
    for address in inside:
        try:
            physical = translate(regs, memory, address, look=True)
        except CpuFault:
            continue
        low = max(physical - KERNEL_BELOW, 0) & ~7
        yield view[low : min(physical + KERNEL_ABOVE, memory.size)]
    if inside:  # perhaps the page tables are what has gone wrong
        for first, end in _runs_of_pages(memory.ram.pages_in_use(0, memory.size // PAGE_SIZE)):
            yield view[first * PAGE_SIZE : end * PAGE_SIZE]


def _runs_of_pages(pages: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first page and end of each run of pages; a few unused ones do not end it."""
    first = last = None
    for page in pages:
        if first is None or last is None:
            first = page
        elif page - last > _UNUSED_PAGES:
            yield first, last + 1
            first = page
        last = page
    if first is not None and last is not None:
        yield first, last + 1


def _of_kernel_file(pc: Pc) -> list[Table]:
    """Return the symbols of the ELF file that the machine started with, if it did and has any."""
    kernel = pc.config.kernel
    if kernel is None:
        return []
    try:
        table = files.of_program(Path(kernel.path))
    except UserError:  # nobody has asked for its symbols
        return []
    return [] if table is None else [table]


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
