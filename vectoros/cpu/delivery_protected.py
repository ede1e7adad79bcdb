"""Delivery of an event in protected mode outside long mode, and from virtual-8086 mode.

Source: Intel SDM Vol. 3A, "Exception- or Interrupt-Handler Procedures". Every
check is in Unicorn 2.1.4's order; ``delivery.py`` lists what that leaves out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vectoros.cpu.bits import DESC_B, DESC_L, Flag, Gpr, Seg
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
from vectoros.cpu.task_switch import call_task
from vectoros.cpu.tss import inner_stack

_GATES = (
    SystemType.INTERRUPT_GATE16,
    SystemType.TRAP_GATE16,
    SystemType.INTERRUPT_GATE,
    SystemType.TRAP_GATE,
)
_CLEARED = Flag.TF | Flag.VM | Flag.RF | Flag.NT


@dataclass(slots=True)
class Stack:
    """Where the frame goes: pushing moves ``sp`` and nothing else."""

    base: int
    sp: int
    mask: int  # the bits of SP that address the stack: by the B bit of its segment

    def push(self, regs: Registers, memory: PhysicalMemory, value: int, size: int) -> None:
        """Push ``value`` as a word or a doubleword.

        A word's address does not wrap at 4 GiB (Unicorn 2.1.4, ``PUSHW``).
        """
        self.sp = self.sp - size & 0xFFFF_FFFF
        linear = self.base + (self.sp & self.mask)
        if size == 4:
            linear &= 0xFFFF_FFFF
        data = struct.pack("<I", value & 0xFFFF_FFFF)[:size]
        write_linear(regs, memory, linear, data)

    def commit(self, regs: Registers) -> None:
        """Load ESP, or only SP if the stack is a 16-bit one."""
        kept = ~0xFFFF if self.mask == 0xFFFF else 0
        regs.gpr[Gpr.RSP] = regs.gpr[Gpr.RSP] & kept | self.sp & ~kept & 0xFFFF_FFFF


def enter_protected(regs: Registers, memory: PhysicalMemory, event: Event) -> None:
    """Go through the gate of ``event``, to the same privilege level or an inner one."""
    gate = _checked_gate(regs, memory, event)
    if gate.type == SystemType.TASK_GATE:
        _enter_task(regs, memory, event, gate)
        return
    code = _checked_code(regs, memory, gate.selector)
    level = regs.cpl if code.is_conforming else code.dpl
    from_v86 = bool(regs.rflags & Flag.VM)
    inner: Descriptor | None = None
    ss = 0
    if level < regs.cpl:
        ss, esp = inner_stack(regs, memory, level)
        inner = _checked_stack(regs, memory, ss, level)
        stack = Stack(inner.base, esp, stack_mask(inner.attributes))
    elif from_v86:
        raise CpuFault(Vector.GP, selector_error(gate.selector))
    else:
        outer = regs.segs[Seg.SS]
        stack = Stack(outer.base, regs.gpr[Gpr.RSP], stack_mask(outer.flags))
    for value in _frame(regs, event, switches=inner is not None):
        stack.push(regs, memory, value, 2 if gate.is_16_bit else 4)
    regs.rflags &= ~(_CLEARED | (Flag.IF if gate.is_interrupt_gate else 0))
    if inner is not None:
        if from_v86:
            for seg in (Seg.ES, Seg.DS, Seg.FS, Seg.GS):
                regs.segs[seg].load(0, 0, 0, 0)
        regs.segs[Seg.SS].load(ss & ~RPL | level, inner.base, inner.limit, inner.attributes)
    stack.commit(regs)
    selector = gate.selector & ~RPL | level
    regs.segs[Seg.CS].load(selector, code.base, code.limit, code.attributes)
    regs.rip = gate.offset
    regs.update_hidden()


def stack_mask(attributes: int) -> int:
    """Return the bits of ESP that address a stack segment with ``attributes``."""
    if attributes & DESC_L:  # reserved in a data segment; Unicorn 2.1.4 then addresses the base
        return 0
    return 0xFFFF_FFFF if attributes & DESC_B else 0xFFFF


def _frame(regs: Registers, event: Event, *, switches: bool) -> list[int]:
    """Return what is pushed, in order."""
    selectors = [segment.selector for segment in regs.segs]
    frame: list[int] = []
    if switches:
        if regs.rflags & Flag.VM:
            frame += [selectors[seg] for seg in (Seg.GS, Seg.FS, Seg.DS, Seg.ES)]
        frame += [selectors[Seg.SS], regs.gpr[Gpr.RSP]]
    frame += [regs.rflags, selectors[Seg.CS], event.return_rip(regs.rip)]
    if event.pushes_error_code:
        frame.append(event.error_code or 0)
    return frame


def _enter_task(regs: Registers, memory: PhysicalMemory, event: Event, gate: Gate) -> None:
    """Switch to the task of a task gate, and push the error code on its stack.

    It is a 32-bit task: no other can be entered (``task_switch.py``).
    """
    if not gate.present:
        raise CpuFault(Vector.NP, event.vector * DESCRIPTOR_BYTES | IDT_BIT)
    call_task(regs, memory, gate.selector, event.return_rip(regs.rip) & 0xFFFF_FFFF)
    if event.pushes_error_code:
        outer = regs.segs[Seg.SS]
        mask = 0xFFFF_FFFF if outer.flags & DESC_B else 0xFFFF
        stack = Stack(outer.base, regs.gpr[Gpr.RSP], mask)
        stack.push(regs, memory, event.error_code or 0, 4)
        stack.commit(regs)


def _checked_gate(regs: Registers, memory: PhysicalMemory, event: Event) -> Gate:
    error_code = event.vector * DESCRIPTOR_BYTES | IDT_BIT
    gate = read_gate(regs, memory, event.vector)
    if gate is None:
        raise CpuFault(Vector.GP, error_code)
    if gate.type == SystemType.TASK_GATE:
        return gate
    if gate.type not in _GATES:
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
    return code


def _checked_stack(regs: Registers, memory: PhysicalMemory, ss: int, level: int) -> Descriptor:
    error_code = selector_error(ss)
    if is_null(ss) or ss & RPL != level:
        raise CpuFault(Vector.TS, error_code)
    stack = read_descriptor(regs, memory, ss)
    if stack is None or stack.dpl != level or not stack.is_writable_data or not stack.present:
        raise CpuFault(Vector.TS, error_code)
    return stack
