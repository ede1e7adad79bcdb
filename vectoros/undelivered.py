"""Why an exception could not be delivered, as far as the tables in memory tell.

Source: Intel SDM Vol. 3A, "Interrupt and Exception Handling".
"""

from __future__ import annotations

from vectoros.cpu.bits import CR0_PE
from vectoros.cpu.descriptors import Gate, is_null, read_descriptor, read_gate
from vectoros.cpu.faults import CpuFault
from vectoros.guest_view import address
from vectoros.pc import Pc

_LAST_GATE_TYPE = 15
_GATE_TYPES = frozenset({5, 6, 7, 14, 15})
"""Task, interrupt and trap gates (:class:`vectoros.cpu.descriptors.SystemType`)."""


def failure(pc: Pc, vector: int) -> str:
    """Return why ``vector`` could not be delivered, from what the tables say now."""
    regs = pc.cpu.regs
    table = f"the IDT at {regs.idtr.base:#x}"
    if not regs.cr0 & CR0_PE:
        if vector * 4 + 3 > regs.idtr.limit:
            return f"{table} has no entry {vector}: its limit is {regs.idtr.limit:#x}"
        return "its frame could not be pushed"
    try:
        gate = read_gate(regs, pc.memory, vector, look=True)
        if gate is None:
            return f"{table} has no entry {vector}: its limit is {regs.idtr.limit:#x}"
        return _gate_fault(pc, vector, gate)
    except CpuFault as fault:
        return f"entry {vector} of {table}, or what it names, cannot be read: {fault}"


def _gate_fault(pc: Pc, vector: int, gate: Gate) -> str:
    entry = f"entry {vector} of the IDT"
    if gate.type not in _GATE_TYPES:
        return f"{entry} is not a gate: its type is {gate.type & _LAST_GATE_TYPE}"
    if not gate.present:
        return f"{entry} is not present"
    if is_null(gate.selector):
        return f"{entry} has the null selector"
    code = read_descriptor(pc.cpu.regs, pc.memory, gate.selector, look=True)
    if code is None:
        return f"{entry} names selector {gate.selector:#x}, which is beyond its table"
    if not code.is_code or not code.present:
        return f"{entry} names selector {gate.selector:#x}, which is not a present code segment"
    handler = address(pc.cpu.regs, gate.selector, gate.offset)
    stack = f"stack {gate.ist} of the interrupt stack table" if gate.ist else "its stack"
    return f"{entry} is sound (handler {handler}): the frame could not be pushed on {stack}"
