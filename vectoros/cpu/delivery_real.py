"""Delivery of an event in real mode, through the interrupt vector table.

Source: Intel SDM Vol. 3A, "Interrupt and Exception Handling" in real-address mode.
"""

from __future__ import annotations

import struct

from vectoros.cpu.bits import Flag, Gpr, Seg
from vectoros.cpu.faults import IDT_BIT, CpuFault, Event, Vector
from vectoros.cpu.paging import PhysicalMemory, read_linear, write_linear
from vectoros.cpu.registers import Registers

_VECTOR_BYTES = 4
_CLEARED = Flag.IF | Flag.TF | Flag.AC | Flag.RF


def enter_real(regs: Registers, memory: PhysicalMemory, event: Event) -> None:
    """Push FLAGS, CS and IP, and go where the vector points."""
    at = event.vector * _VECTOR_BYTES
    if at + _VECTOR_BYTES - 1 > regs.idtr.limit:
        raise CpuFault(Vector.GP, event.vector * 8 | IDT_BIT)
    entry = regs.idtr.base + at
    words = (read_linear(regs, memory, entry + half, 2) for half in (0, 2))  # as a device sees it
    offset, selector = (int.from_bytes(word, "little") for word in words)
    cs, ss = regs.segs[Seg.CS], regs.segs[Seg.SS]
    sp = regs.gpr[Gpr.RSP]
    for value in (regs.rflags, cs.selector, event.return_rip(regs.rip)):
        sp -= 2
        word = struct.pack("<H", value & 0xFFFF)
        write_linear(regs, memory, ss.base + (sp & 0xFFFF), word)
    regs.gpr[Gpr.RSP] = regs.gpr[Gpr.RSP] & ~0xFFFF | sp & 0xFFFF
    cs.selector, cs.base = selector, selector << 4
    regs.rip = offset
    regs.rflags &= ~_CLEARED
