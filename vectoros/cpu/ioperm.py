"""Who may use an I/O port: IOPL and the TSS's permission bitmap.

Unicorn 2.1.4 executes IN and OUT at any privilege level, so the port hooks of
both engines ask here. Source: Intel SDM Vol. 1, "I/O Privilege Level" and "I/O
Permission Bit Map".

The bitmap is looked at without side effects, because the CPU is in the middle
of an instruction: a page of the TSS that is not there denies the port with
#GP(0), where hardware raises #PF, and accessed bits stay as they are.
"""

from __future__ import annotations

from vectoros.cpu.bits import CR0_PE, Flag
from vectoros.cpu.descriptors import SystemType
from vectoros.cpu.faults import CpuFault
from vectoros.cpu.paging import PhysicalMemory, read_linear
from vectoros.cpu.registers import Registers
from vectoros.cpu.tss import IO_MAP_BASE, TSS_MINIMUM_LIMIT, tss_type

_IOPL_SHIFT = 12


def port_access_allowed(regs: Registers, memory: PhysicalMemory, port: int, width: int) -> bool:
    """Whether the program may access the ``width`` ports from ``port``, or gets #GP(0)."""
    if not regs.cr0 & CR0_PE:
        return True
    flags = regs._eflags
    iopl = flags >> _IOPL_SHIFT & 3
    if regs.cpl <= iopl and not flags & Flag.VM:
        return True
    return _bitmap_allows(regs, memory, port, width)


def _bitmap_allows(regs: Registers, memory: PhysicalMemory, port: int, width: int) -> bool:
    tr = regs.tr
    if tss_type(regs) != SystemType.TSS_AVAILABLE or tr.limit < TSS_MINIMUM_LIMIT:
        return False
    try:
        base = read_linear(regs, memory, tr.base + IO_MAP_BASE, 2, look=True)
        at = int.from_bytes(base, "little") + port // 8
        if at + 1 > tr.limit:  # the processor always reads two bytes
            return False
        bits = read_linear(regs, memory, tr.base + at, 2, look=True)
    except CpuFault:
        return False
    return not int.from_bytes(bits, "little") >> port % 8 & (1 << width) - 1
