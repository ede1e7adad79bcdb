"""Delivery of an event in long mode, from 64-bit or compatibility code.

Source: Intel SDM Vol. 3A, "64-Bit Mode Interrupt and Exception Handling". Every
check is in Unicorn 2.1.4's order; ``delivery.py`` lists what that leaves out.
"""

from __future__ import annotations

import struct

from vectoros.cpu.bits import DESC_DPL_SHIFT, Flag, Gpr, Seg
from vectoros.cpu.descriptors import (
    DESCRIPTOR_BYTES,
    RPL,
    Descriptor,
    Gate,
    SystemType,
    is_null,
    read_descriptor,
    read_gate,
    selector_error,
)
from vectoros.cpu.faults import IDT_BIT, CpuFault, Event, EventKind, Vector
from vectoros.cpu.paging import PhysicalMemory, write_linear
from vectoros.cpu.registers import Registers
from vectoros.cpu.tss import inner_stack64

STACK_ALIGNMENT = 16
_GATES = (SystemType.INTERRUPT_GATE, SystemType.TRAP_GATE)
_CLEARED = Flag.TF | Flag.VM | Flag.RF | Flag.NT
_MASK64 = (1 << 64) - 1


def enter_long(regs: Registers, memory: PhysicalMemory, event: Event) -> None:
    """Go through the gate of ``event``, switching stacks if it or the privilege asks for it."""
    gate = _checked_gate(regs, memory, event)
    code = _checked_code(regs, memory, gate.selector)
    level = regs.cpl if code.is_conforming else code.dpl
    switches = level < regs.cpl or gate.ist > 0
    if switches:
        rsp = inner_stack64(regs, memory, level, gate.ist)
    elif regs.rflags & Flag.VM:
        raise CpuFault(Vector.GP, selector_error(gate.selector))
    else:
        rsp = regs.gpr[Gpr.RSP]
    rsp = _push_frame(regs, memory, event, rsp & -STACK_ALIGNMENT)
    regs.rflags &= ~(_CLEARED | (Flag.IF if gate.is_interrupt_gate else 0))
    if switches:
        regs.segs[Seg.SS].load(level, 0, 0, level << DESC_DPL_SHIFT)
    regs.gpr[Gpr.RSP] = rsp
    selector = gate.selector & ~RPL | level
    regs.segs[Seg.CS].load(selector, code.base, code.limit, code.attributes)
    regs.rip = gate.offset
    regs.update_hidden()


def _push_frame(regs: Registers, memory: PhysicalMemory, event: Event, rsp: int) -> int:
    """Push the frame below ``rsp``, a quadword at a time; return the new RSP."""
    frame = [
        regs.segs[Seg.SS].selector,
        regs.gpr[Gpr.RSP],
        regs.rflags,
        regs.segs[Seg.CS].selector,
        event.return_rip(regs.rip),
    ]
    if event.pushes_error_code:
        frame.append(event.error_code or 0)
    for value in frame:
        rsp = rsp - 8 & _MASK64
        write_linear(regs, memory, rsp, struct.pack("<Q", value))
    return rsp


def _checked_gate(regs: Registers, memory: PhysicalMemory, event: Event) -> Gate:
    error_code = event.vector * DESCRIPTOR_BYTES | IDT_BIT
    gate = read_gate(regs, memory, event.vector)
    if gate is None or gate.type not in _GATES:
        raise CpuFault(Vector.GP, error_code)
    if event.kind is EventKind.SOFTWARE and gate.dpl < regs.cpl:
        raise CpuFault(Vector.GP, error_code)
    if not gate.present:
        raise CpuFault(Vector.NP, error_code)
    if is_null(gate.selector):
        raise CpuFault(Vector.GP)
    return gate


def _checked_code(regs: Registers, memory: PhysicalMemory, selector: int) -> Descriptor:
    error_code = selector_error(selector)
    code = read_descriptor(regs, memory, selector)
    if code is None or not code.is_code or code.dpl > regs.cpl:
        raise CpuFault(Vector.GP, error_code)
    if not code.present:
        raise CpuFault(Vector.NP, error_code)
    if not code.is_64_bit_code:
        raise CpuFault(Vector.GP, error_code)
    return code
