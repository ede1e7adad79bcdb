"""Which bytes of memory an instruction reads and writes, told before it runs.

For data breakpoints. It covers operands in memory, the stack, and the string
instructions; not what the processor reads and writes on its own, such as
descriptors and the frames of events. An instruction that faults half way may have
accessed less. The operands are decoded by capstone, whose addresses are right; its
sizes and its directions are not always, so the tables here decide.

Source: Intel SDM Vol. 2, the instructions' own pages and "Opcode Map".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vectoros.cpu.bits import Gpr, Seg
from vectoros.cpu.delivery_protected import stack_mask
from vectoros.cpu.operands import Decoded, Memory, decode
from vectoros.cpu.registers import Registers

_MASK32, _MASK64 = (1 << 32) - 1, (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Access:
    """``size`` bytes from a linear address."""

    linear: int
    size: int
    write: bool


def accesses(code: bytes, regs: Registers) -> list[Access]:
    """Return what the instruction that ``code`` starts with, at RIP, will access."""
    plan = decode(code, regs.code_bits)
    if plan is None:
        return []
    return [*_operands(plan, regs), *_strings(plan, regs), *_stack(plan, regs)]


def repeats(code: bytes, regs: Registers) -> int | None:
    """Return how often ``code``, a repeated string instruction, goes on; None if it is not one."""
    plan = decode(code, regs.code_bits)
    if plan is None or not plan.repeated:
        return None
    return regs.gpr[Gpr.RCX] & _mask(plan.address_size)


def _mask(size: int) -> int:
    return (1 << 8 * size) - 1


def _linear(plan: Decoded, regs: Registers, seg: int, offset: int) -> int:
    """Return the linear address of ``offset`` in a segment, if no prefix names another."""
    offset &= _mask(plan.address_size)
    if plan.bits == 64:
        base = regs.segs[seg].base if seg in {Seg.FS, Seg.GS} else 0
        return base + offset & _MASK64
    return regs.segs[seg].base + offset & _MASK32


def _operands(plan: Decoded, regs: Registers) -> Iterator[Access]:
    """Yield the access to the operand in memory, if there is one."""
    operand = plan.memory
    if operand is None or not operand.size:
        return
    linear = _linear(plan, regs, operand.segment, _offset(plan, regs, operand))
    if operand.bit_index is not None:
        linear += _bit_offset(plan, regs, operand.bit_index)
    yield Access(linear & _MASK64, operand.size, operand.write)


def _offset(plan: Decoded, regs: Registers, operand: Memory) -> int:
    offset = operand.displacement
    if operand.base is not None:
        offset += regs.gpr[operand.base]
        if plan.pops_to_memory and operand.base == Gpr.RSP:
            offset += plan.stack_size  # POP computes the address behind the pop
    if operand.index is not None:
        offset += regs.gpr[operand.index] * operand.scale
    if operand.ip_relative:
        offset += regs.rip + plan.length
    return offset


def _bit_offset(plan: Decoded, regs: Registers, register: int) -> int:
    """Return by how many bytes BT's bit offset in a register moves its operand."""
    width = 8 * plan.operand_size
    value = regs.gpr[register] & _mask(plan.operand_size)
    value -= value >> width - 1 << width
    return (value >> width.bit_length() - 1) * plan.operand_size


def _strings(plan: Decoded, regs: Registers) -> Iterator[Access]:
    """Yield the accesses of one iteration of a string instruction, and of XLAT."""
    if plan.repeated and not regs.gpr[Gpr.RCX] & _mask(plan.address_size):
        return
    size = plan.element_size
    if plan.reads_source:
        yield Access(_linear(plan, regs, plan.source_segment, regs.gpr[Gpr.RSI]), size, False)
    if plan.uses_target:
        linear = _linear(plan, regs, Seg.ES, regs.gpr[Gpr.RDI])
        yield Access(linear, size, plan.writes_target)
    if plan.is_xlat:
        offset = regs.gpr[Gpr.RBX] + (regs.gpr[Gpr.RAX] & 0xFF)
        yield Access(_linear(plan, regs, plan.source_segment, offset), 1, False)
    if plan.masked_store:
        linear = _linear(plan, regs, plan.source_segment, regs.gpr[Gpr.RDI])
        yield Access(linear, plan.masked_store, True)


def _stack(plan: Decoded, regs: Registers) -> Iterator[Access]:
    """Yield the accesses to the stack."""
    pointer = regs.gpr[Gpr.RBP] if plan.frame == "leave" else regs.gpr[Gpr.RSP]
    size = plan.stack_size
    for slot in range(plan.pops):
        yield Access(_stack_linear(plan, regs, pointer + slot * size), size, False)
    for slot in range(1, plan.pushes + 1):
        yield Access(_stack_linear(plan, regs, pointer - slot * size), size, True)
    for level in range(1, plan.frame_levels):  # ENTER copies these from the frame before
        where = regs.gpr[Gpr.RBP] - level * size
        yield Access(_stack_linear(plan, regs, where), size, False)


def _stack_linear(plan: Decoded, regs: Registers, pointer: int) -> int:
    if plan.bits == 64:
        return pointer & _MASK64
    stack = regs.segs[Seg.SS]
    return stack.base + (pointer & stack_mask(stack.flags)) & _MASK32
