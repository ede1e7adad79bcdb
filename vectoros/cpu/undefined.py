"""Instructions that Unicorn 2.1.4 takes for undefined and that are not.

Both engines come here before they raise #UD. What is done here is what the SDM says
the instruction does, faults included; what is not listed is undefined. Source: Intel
SDM Vol. 2, the instructions' own pages.
"""

from __future__ import annotations

from vectoros.cpu.bits import Flag
from vectoros.cpu.breakpoints import Cause
from vectoros.cpu.faults import CONTRIBUTORY, CpuFault, PageFault, Vector
from vectoros.cpu.operands import split
from vectoros.cpu.paging import PhysicalMemory, read_code
from vectoros.cpu.registers import Registers

_INT1 = 0xF1


def attempt(
    regs: Registers, bus: PhysicalMemory, memory: PhysicalMemory, counted: int
) -> tuple[int | None, int]:
    """Do the instruction at RIP, if it is known here.

    Returns the vector that is due, or None, and how many bytes the instruction has more
    than ``counted``. ``memory`` is looked at for the code; the instruction reaches its
    operand through ``bus``.
    """
    try:
        length = _execute(regs, bus, memory)
    except CpuFault as fault:
        _note(regs, fault)
        return fault.vector, 0
    mask = (1 << 64) - 1 if regs.code_bits == 64 else (1 << 32) - 1
    regs.rip = regs.rip + length & mask
    regs.interrupt_shadow = False
    if regs._error_code != Cause.INT1:
        regs._error_code = Cause.STEP
    trap = regs._error_code == Cause.INT1 or regs._eflags & Flag.TF
    return Vector.DB if trap else None, length - counted


def _execute(regs: Registers, bus: PhysicalMemory, memory: PhysicalMemory) -> int:
    """Do the instruction but for RIP, and return its length."""
    code = read_code(regs, memory)
    prefixes, opcode = split(code, regs.code_bits)
    regs._error_code = Cause.STEP
    if opcode == bytes((_INT1,)):
        regs._error_code = Cause.INT1
        return prefixes + 1
    raise CpuFault(Vector.UD)


def _note(regs: Registers, fault: CpuFault) -> None:
    """Make ``regs`` look as if Unicorn had raised ``fault``."""
    regs._error_code = fault.error_code
    regs._exception_next_rip = ~regs.rip & (1 << 64) - 1  # of no fetch
    if isinstance(fault, PageFault):
        regs.cr2 = fault.linear
    if fault.vector in CONTRIBUTORY or fault.vector == Vector.PF:
        regs._old_exception = fault.vector
