"""Instructions that Unicorn 2.1.4 takes for undefined and that are not.

Both engines come here before they raise #UD. What is done here is what the SDM says
the instruction does, faults included; what is not listed is undefined:

* F6 /1 and F7 /1, other encodings of TEST (Vol. 2D, "Opcode Extensions", group 3);
* 0F 0D and 0F 18 with a register, which are NOPs that are kept free (groups P and 16);
* CMPPS, CMPPD, CMPSS and CMPSD with a predicate above 7: bits 7:3 do not count;
* F1, which is INT1.

An SSE exception is not raised and MXCSR's flags are not set: Unicorn does neither.
"""

from __future__ import annotations

import struct

from vectoros.cpu.accesses import accesses
from vectoros.cpu.bits import CC_OP_EFLAGS, Flag
from vectoros.cpu.breakpoints import Cause
from vectoros.cpu.disasm import instruction_length
from vectoros.cpu.faults import CONTRIBUTORY, CpuFault, PageFault, Vector
from vectoros.cpu.operands import Decoded, decode, split
from vectoros.cpu.paging import Access, PhysicalMemory, read_code, read_linear
from vectoros.cpu.registers import Registers
from vectoros.cpu.sse_compare import compare

_INT1, _TEST8, _TEST, _PREFETCH, _HINT, _COMPARE = (
    bytes.fromhex(code) for code in ("f1", "f6", "f7", "0f0d", "0f18", "0fc2")
)
_LOCK = 0xF0
_HIGH_BYTES = range(4, 8)
"""Encodings of AH, CH, DH and BH among byte registers, where there is no REX prefix."""


def attempt(
    regs: Registers, bus: PhysicalMemory, memory: PhysicalMemory, counted: int
) -> tuple[int | None, int]:
    """Do the instruction at RIP, if it is known here.

    Returns the vector that is due, or None, and how many bytes the instruction has more
    than ``counted``. ``memory`` is looked at for the code; the instruction reaches its
    operand through ``bus``.
    """
    regs._error_code = Cause.STEP
    try:
        length = _execute(regs, bus, memory)
    except CpuFault as fault:
        _note(regs, fault)
        return fault.vector, 0
    mask = (1 << 64) - 1 if regs.code_bits == 64 else (1 << 32) - 1
    regs.rip = regs.rip + length & mask
    regs.interrupt_shadow = False
    trap = regs._error_code == Cause.INT1 or regs._eflags & Flag.TF
    return Vector.DB if trap else None, length - counted


def _execute(regs: Registers, bus: PhysicalMemory, memory: PhysicalMemory) -> int:
    """Do the instruction but for RIP, and return its length."""
    code = read_code(regs, memory)
    prefixes, opcode = split(code, regs.code_bits)
    at = prefixes + len(opcode)
    if _LOCK in code[:prefixes]:
        raise CpuFault(Vector.UD)
    if opcode == _INT1:
        regs._error_code = Cause.INT1
        return at
    if at >= len(code):
        raise CpuFault(Vector.UD)
    mod, reg = code[at] >> 6, code[at] >> 3 & 7
    if opcode in {_PREFETCH, _HINT} and mod == 3:
        return at + 1
    if opcode in {_TEST8, _TEST} and reg == 1:
        usual = code[:at] + bytes((code[at] & 0xC7,)) + code[at + 1 :]
        plan = _planned(regs, bus, usual, len(code))
        _test(regs, bus, usual, plan, at)
        return plan.length
    if opcode == _COMPARE:
        plan = _planned(regs, bus, code, len(code))
        _compare(regs, bus, code, plan, at)
        return plan.length
    raise CpuFault(Vector.UD)


def _planned(regs: Registers, bus: PhysicalMemory, code: bytes, present: int) -> Decoded:
    """Decode ``code``, of which ``present`` bytes are there; fetch what is missing."""
    padded = code.ljust(15, b"\0")
    length = instruction_length(padded, regs.code_bits)
    plan = decode(padded, regs.code_bits)
    if not length or plan is None:
        raise CpuFault(Vector.UD)
    if length > present:
        read_linear(regs, bus, regs.linear_rip + present, 1, _rights(regs) | Access.FETCH)
    return plan


def _rights(regs: Registers) -> Access:
    return Access.USER if regs.cpl == 3 else Access.READ


def _test(regs: Registers, bus: PhysicalMemory, code: bytes, plan: Decoded, at: int) -> None:
    """Do TEST with an immediate value; ``at`` is where its ModRM byte is."""
    size = plan.operand_size if code[at - 1] == _TEST[0] else 1
    width = min(size, 4)
    immediate = int.from_bytes(code[plan.length - width : plan.length], "little", signed=True)
    if code[at] >> 6 == 3:
        value = _register(regs, code, at, size)
    else:
        value = int.from_bytes(_memory(regs, bus, code), "little")
    result = value & immediate & (1 << 8 * size) - 1
    flags = Flag.ZF if result == 0 else 0
    flags |= Flag.SF if result >> 8 * size - 1 else 0
    flags |= Flag.PF if (result & 0xFF).bit_count() % 2 == 0 else 0
    regs._cc_op, regs._cc_src = CC_OP_EFLAGS, int(flags)


def _register(regs: Registers, code: bytes, at: int, size: int) -> int:
    """Return the general-purpose register that the ModRM byte names."""
    number, rex = code[at] & 7, code[at - 2] if at > 1 and regs.code_bits == 64 else 0
    has_rex = rex >> 4 == 4
    if size == 1 and number in _HIGH_BYTES and not has_rex:
        return regs.gpr[number - 4] >> 8 & 0xFF
    return regs.gpr[number | (8 if has_rex and rex & 1 else 0)] & (1 << 8 * size) - 1


def _memory(regs: Registers, bus: PhysicalMemory, code: bytes) -> bytes:
    """Read the operand in memory."""
    (access,) = accesses(code.ljust(15, b"\0"), regs)
    return read_linear(regs, bus, access.linear, access.size, _rights(regs))


def _compare(regs: Registers, bus: PhysicalMemory, code: bytes, plan: Decoded, at: int) -> None:
    """Do CMPPS, CMPPD, CMPSS or CMPSD."""
    rex = code[at - 3] if at > 2 and regs.code_bits == 64 and code[at - 3] >> 4 == 4 else 0
    left = regs.xmm[code[at] >> 3 & 7 | (rex & 4) << 1]
    if code[at] >> 6 == 3:
        other = regs.xmm[code[at] & 7 | (rex & 1) << 3]
        right = struct.pack("<QQ", other.low, other.high)
    else:
        right = _memory(regs, bus, code).ljust(16, b"\0")
    result = compare(
        struct.pack("<QQ", left.low, left.high),
        right,
        code[plan.length - 1] & 7,
        code[: at - 2],
        daz=bool(regs.mxcsr & 1 << 6),
    )
    left.low, left.high = struct.unpack("<QQ", result)


def _note(regs: Registers, fault: CpuFault) -> None:
    """Make ``regs`` look as if Unicorn had raised ``fault``."""
    regs._error_code = fault.error_code
    regs._exception_next_rip = ~regs.rip & (1 << 64) - 1  # of no fetch
    if isinstance(fault, PageFault):
        regs.cr2 = fault.linear
    if fault.vector in CONTRIBUTORY or fault.vector == Vector.PF:
        regs._old_exception = fault.vector
