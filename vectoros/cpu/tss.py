"""The task-state segment: stacks for each privilege level.

Source: Intel SDM Vol. 3A, "Task-State Segment (TSS)", "16-Bit Task-State
Segment (TSS)" and "Task Management in 64-Bit Mode".
"""

from __future__ import annotations

import struct

from vectoros.cpu.bits import DESC_P
from vectoros.cpu.descriptors import SystemType, selector_error
from vectoros.cpu.faults import CpuFault, Vector
from vectoros.cpu.paging import PhysicalMemory, read_linear
from vectoros.cpu.registers import Registers

TSS16_STACKS, TSS32_STACKS, TSS64_STACKS = 2, 4, 4
"""Offset of the ring-0 stack pointer."""

TSS64_IST = 0x24
"""Offset of IST1; six more follow."""

IO_MAP_BASE = 0x66
"""Offset of the 16-bit offset of the I/O permission bitmap."""

TSS_MINIMUM_LIMIT = 103
"""Limit of the smallest TSS that is not a 16-bit one."""

TSS_NONE = DESC_P | SystemType.TSS_AVAILABLE << 8
"""Attributes for a TR that holds nothing, with a limit of 0: see :func:`require_task`."""


def require_task(regs: Registers) -> None:
    """Make sure that a delivery finds a TSS in TR, if only one of no size.

    LTR with a null selector empties TR on Unicorn 2.1.4, where refusals.py is not at work, and
    a delivery that wants a stack from it then ends the host's process. From a TSS of
    no size it gets #TS. The fast engine does the same (``native.S``).
    """
    if not regs.tr.flags & DESC_P:
        regs.tr.flags, regs.tr.limit = TSS_NONE, 0


def tss_type(regs: Registers) -> int:
    """Return the type in TR, without its busy bit, or 0 if TR holds no present TSS."""
    if not regs.tr.flags & DESC_P:
        return 0
    return regs.tr.flags >> 8 & 0xF & ~2


def inner_stack(regs: Registers, memory: PhysicalMemory, dpl: int) -> tuple[int, int]:
    """Return SS and (E)SP for privilege level ``dpl``, outside long mode."""
    kind = tss_type(regs)
    if kind == SystemType.TSS16_AVAILABLE:
        sp, ss = struct.unpack("<HH", _read(regs, memory, TSS16_STACKS + dpl * 4, 4, 4))
    elif kind == SystemType.TSS_AVAILABLE:
        sp, ss = struct.unpack("<IH", _read(regs, memory, TSS32_STACKS + dpl * 8, 6, 8))
    else:
        raise CpuFault(Vector.TS, selector_error(regs.tr.selector))
    return ss, sp


def inner_stack64(regs: Registers, memory: PhysicalMemory, dpl: int, ist: int) -> int:
    """Return RSP for privilege level ``dpl``, or that of the interrupt stack table if asked."""
    if not regs.tr.flags & DESC_P:
        raise CpuFault(Vector.TS, selector_error(regs.tr.selector))
    offset = TSS64_IST + (ist - 1) * 8 if ist else TSS64_STACKS + dpl * 8
    return int.from_bytes(_read(regs, memory, offset, 8, 8), "little")


def _read(regs: Registers, memory: PhysicalMemory, offset: int, size: int, cell: int) -> bytes:
    """Return ``size`` bytes of the TSS, if the whole ``cell`` of bytes lies within its limit."""
    if offset + cell - 1 > regs.tr.limit:
        raise CpuFault(Vector.TS, selector_error(regs.tr.selector))
    return read_linear(regs, memory, regs.tr.base + offset, size)
