"""The task switch that an interrupt makes through a task gate.

Like a CALL, it nests: the new TSS links back to the old one and NT is set, so
that IRET returns. Source: Intel SDM Vol. 3A, "Task Switching". A fault half way
leaves what the steps before it did, as in Unicorn 2.1.4, whose order this is,
and so are its departures from the SDM:

* The old state is saved in the format of the *new* TSS.
* The segment selectors of a 16-bit TSS are taken 4 bytes apart, not 2. SS then
  lies where the LDT's selector is, so that entering a 16-bit task ends in #TS.
* A not-present SS raises #NP, not #SS; the T bit is ignored.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vectoros.cpu.bits import ARITHMETIC_FLAGS, CR0_PG, CR0_TS, Flag, Seg
from vectoros.cpu.descriptors import (
    RPL,
    TI,
    TSS_BUSY,
    Descriptor,
    SystemType,
    is_null,
    read_descriptor,
    selector_error,
)
from vectoros.cpu.faults import CpuFault, Vector
from vectoros.cpu.paging import PhysicalMemory, read_linear, write_linear
from vectoros.cpu.registers import Registers
from vectoros.cpu.tss import TSS_MINIMUM_LIMIT

_TSS16_MINIMUM_LIMIT = 43
_BUSY_ATTRIBUTE = TSS_BUSY << 8
_WIDE = 8
"""Bit of a TSS's type: it is a 32-bit one."""

_LOADED = ARITHMETIC_FLAGS | int(
    Flag.TF | Flag.AC | Flag.ID | Flag.IF | Flag.IOPL | Flag.VM | Flag.RF | Flag.NT | Flag.DF
)
"""Flags that a task switch loads; those of the high half only from a 32-bit TSS."""

_V86_ATTRIBUTES = 0xF300
"""Attributes of a segment in virtual-8086 mode: present, DPL 3, writable, accessed."""

_DR7_LOCAL, _DR7_FIXED = 0x55, 0x400
"""DR7's local breakpoint enables, and the bit that is always set."""


@dataclass(slots=True)
class TaskState:
    """What a TSS holds for the processor to load."""

    cr3: int
    eip: int
    eflags: int
    gpr: tuple[int, ...]
    selectors: tuple[int, ...]
    ldt: int


def call_task(regs: Registers, memory: PhysicalMemory, selector: int, return_eip: int) -> None:
    """Switch to the task whose TSS ``selector`` names, and leave the old one at ``return_eip``."""
    tss = _checked_tss(regs, memory, selector)
    wide = bool(tss.type & _WIDE)
    state = (_read_wide if wide else _read_narrow)(regs, memory, tss.base)
    _probe_old(regs, memory)
    (_save_wide if wide else _save_narrow)(regs, memory, return_eip)
    write_linear(regs, memory, tss.base, struct.pack("<H", regs.tr.selector))
    _set_busy(regs, memory, selector)
    regs.cr0 |= CR0_TS
    regs.tr.load(selector, tss.base, tss.limit, tss.attributes & ~_BUSY_ATTRIBUTE)
    if wide and regs.cr0 & CR0_PG:
        regs.cr3 = state.cr3
    _load_state(regs, memory, state, wide)


def _checked_tss(regs: Registers, memory: PhysicalMemory, selector: int) -> Descriptor:
    error_code = selector_error(selector)
    if selector & TI:
        raise CpuFault(Vector.TS, error_code)
    tss = read_descriptor(regs, memory, selector)
    if tss is None or tss.is_segment or tss.type & 7 != SystemType.TSS16_AVAILABLE:
        raise CpuFault(Vector.GP, error_code)
    if not tss.present:
        raise CpuFault(Vector.NP, error_code)
    minimum = TSS_MINIMUM_LIMIT if tss.type & _WIDE else _TSS16_MINIMUM_LIMIT
    if tss.limit < minimum:
        raise CpuFault(Vector.TS, error_code)
    return tss


def _read_wide(regs: Registers, memory: PhysicalMemory, base: int) -> TaskState:
    """Read a 32-bit TSS."""
    words = struct.unpack("<19I", read_linear(regs, memory, base + 0x1C, 76))
    selectors = tuple(word & 0xFFFF for word in words[11:17])
    return TaskState(words[0], words[1], words[2], words[3:11], selectors, words[17] & 0xFFFF)


def _read_narrow(regs: Registers, memory: PhysicalMemory, base: int) -> TaskState:
    """Read a 16-bit TSS."""
    words = struct.unpack("<17H", read_linear(regs, memory, base + 0x0E, 34))
    gpr = tuple(word | 0xFFFF_0000 for word in words[2:10])
    return TaskState(0, words[0], words[1], gpr, (*words[10:17:2], 0, 0), words[14])


def _probe_old(regs: Registers, memory: PhysicalMemory) -> None:
    """Write the old TSS's first and last byte back, so that saving does not fault half way."""
    wide = regs.tr.flags >> 8 & _WIDE
    ends = (0, TSS_MINIMUM_LIMIT if wide else _TSS16_MINIMUM_LIMIT)
    kept = [read_linear(regs, memory, regs.tr.base + end, 1) for end in ends]
    for end, byte in zip(ends, kept, strict=True):
        write_linear(regs, memory, regs.tr.base + end, byte)


def _save_wide(regs: Registers, memory: PhysicalMemory, eip: int) -> None:
    """Save EIP, EFLAGS, the registers and the selectors in the old TSS."""
    base = regs.tr.base
    for number, value in enumerate((eip, regs.rflags, *regs.gpr[:8])):
        data = struct.pack("<I", value & 0xFFFF_FFFF)
        write_linear(regs, memory, base + 0x20 + number * 4, data)
    for number, segment in enumerate(regs.segs):
        data = struct.pack("<H", segment.selector)
        write_linear(regs, memory, base + 0x48 + number * 4, data)


def _save_narrow(regs: Registers, memory: PhysicalMemory, eip: int) -> None:
    """Save IP, FLAGS, the registers and four selectors in the old TSS."""
    base = regs.tr.base
    for number, value in enumerate((eip, regs.rflags, *regs.gpr[:8])):
        data = struct.pack("<H", value & 0xFFFF)
        write_linear(regs, memory, base + 0x0E + number * 2, data)
    for number, segment in enumerate(regs.segs[:4]):
        data = struct.pack("<H", segment.selector)
        write_linear(regs, memory, base + 0x22 + number * 4, data)


def _set_busy(regs: Registers, memory: PhysicalMemory, selector: int) -> None:
    at = regs.gdtr.base + (selector & 0xFFF8) + 4
    high = int.from_bytes(read_linear(regs, memory, at, 4), "little")
    write_linear(regs, memory, at, struct.pack("<I", high | _BUSY_ATTRIBUTE))


def _load_state(regs: Registers, memory: PhysicalMemory, state: TaskState, wide: bool) -> None:
    """Load the new task's registers; a fault from here on is the new task's."""
    regs.rip = state.eip
    loaded = _LOADED if wide else _LOADED & 0xFFFF
    regs.rflags = regs.rflags & ~loaded | (state.eflags | Flag.NT) & loaded
    for number, value in enumerate(state.gpr):
        regs.gpr[number] = value
    v86 = bool(state.eflags & Flag.VM)
    for seg, selector in zip(Seg, state.selectors, strict=True):
        if v86:
            regs.segs[seg].load(selector, selector << 4, 0xFFFF, _V86_ATTRIBUTES)
        else:
            regs.segs[seg].load(selector, 0, 0, 0)
    regs.update_hidden()
    _load_ldt(regs, memory, state.ldt)
    if not v86:
        cpl = state.selectors[Seg.CS] & RPL
        for seg in (Seg.CS, Seg.SS, Seg.ES, Seg.DS, Seg.FS, Seg.GS):
            _load_segment(regs, memory, seg, state.selectors[seg], cpl)
    if state.eip > regs.segs[Seg.CS].limit:
        raise CpuFault(Vector.GP)
    if regs.dr[7] & _DR7_LOCAL:
        regs.dr[7] = regs.dr[7] & ~_DR7_LOCAL | _DR7_FIXED


def _load_ldt(regs: Registers, memory: PhysicalMemory, selector: int) -> None:
    regs.ldtr.load(selector & ~TI, 0, 0, 0)
    error_code = selector_error(selector)
    if selector & TI:
        raise CpuFault(Vector.TS, error_code)
    if is_null(selector):
        return
    ldt = read_descriptor(regs, memory, selector)
    if ldt is None or ldt.is_segment or ldt.type != SystemType.LDT or not ldt.present:
        raise CpuFault(Vector.TS, error_code)
    regs.ldtr.load(selector, ldt.base, ldt.limit, ldt.attributes)


def _load_segment(
    regs: Registers, memory: PhysicalMemory, seg: Seg, selector: int, cpl: int
) -> None:
    """Load ``seg`` if its descriptor may be in a task of privilege ``cpl``."""
    error_code = selector_error(selector)
    if is_null(selector):
        if seg in (Seg.CS, Seg.SS):
            raise CpuFault(Vector.TS, error_code)
        return
    segment = read_descriptor(regs, memory, selector)
    if segment is None or not _fits(segment, seg, selector & RPL, cpl):
        raise CpuFault(Vector.TS, error_code)
    if not segment.present:
        raise CpuFault(Vector.NP, error_code)
    regs.segs[seg].load(selector, segment.base, segment.limit, segment.attributes)
    regs.update_hidden()


def _fits(segment: Descriptor, seg: Seg, rpl: int, cpl: int) -> bool:
    """Whether ``segment`` has the type and the privilege that ``seg`` asks for."""
    if seg is Seg.CS:
        return segment.is_code and segment.dpl == rpl
    if seg is Seg.SS:
        return segment.is_writable_data and segment.dpl == cpl == rpl
    if not segment.is_readable:
        return False
    return segment.is_conforming or segment.dpl >= max(cpl, rpl)
