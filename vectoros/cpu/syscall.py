"""SYSCALL, which Unicorn 2.1.4 leaves to its hook.

One promise: the same state as the fast engine's ``syscall_enter`` in
``native.S``. Source: Intel SDM Vol. 2B, "SYSCALL". As on Intel's processors,
and our CPU model is one, there is no SYSCALL outside 64-bit mode; CSTAR, where
AMD's enter from compatibility mode, is kept and never used.
"""

from __future__ import annotations

from vectoros.cpu.bits import EFER_SCE, Flag, Gpr, Hidden, Seg
from vectoros.cpu.registers import Registers

SYSCALL_LENGTH = 2
"""Bytes of SYSCALL without prefixes."""

_SELECTOR_SHIFT = 32
"""STAR[47:32] is the kernel's CS; its SS is the next descriptor."""

_CODE64, _STACK = 0x00A0_9B00, 0x00C0_9300
"""Attributes that SYSCALL loads whatever the GDT says: accessed, DPL 0, 4 GiB limit."""

_FLAT_LIMIT = 0xFFFF_FFFF
_MASK64 = (1 << 64) - 1


def enter_syscall(regs: Registers, instruction_length: int = SYSCALL_LENGTH) -> bool:
    """Go to LSTAR at privilege level 0, or return False: the guest is due #UD.

    RIP must be that of the instruction. Needs the arithmetic flags computed.
    """
    if not regs.efer & EFER_SCE or not regs._hflags & Hidden.CS64:
        return False
    flags = regs.rflags & ~Flag.RF
    regs.gpr[Gpr.RCX] = regs.rip + instruction_length & _MASK64
    regs.gpr[Gpr.R11] = flags
    regs.rflags = flags & ~regs.fmask & 0xFFFF_FFFF
    selector = regs.star >> _SELECTOR_SHIFT & 0xFFFC
    regs.segs[Seg.CS].load(selector, 0, _FLAT_LIMIT, _CODE64)
    regs.segs[Seg.SS].load(selector + 8, 0, _FLAT_LIMIT, _STACK)
    regs.rip = regs.lstar
    regs.update_hidden()
    return True
