"""SYSENTER, which Unicorn 2.1.4 leaves to its hook. Both engines come here.

Source: Intel SDM Vol. 2B, "SYSENTER". Unlike SYSCALL it keeps neither RIP nor
RSP; SYSEXIT, which Unicorn does itself, takes them from RDX and RCX.
"""

from __future__ import annotations

from vectoros.cpu.bits import EFER_LMA, Flag, Gpr, Seg
from vectoros.cpu.registers import Registers

_SELECTOR = 0xFFFC
_CODE64, _CODE32, _STACK = 0x00A0_9B00, 0x00C0_9B00, 0x00C0_9300
"""Attributes that SYSENTER loads whatever the GDT says: accessed, DPL 0, 4 GiB limit."""

_FLAT_LIMIT = 0xFFFF_FFFF


def enter_sysenter(regs: Registers) -> bool:
    """Go to SYSENTER_EIP at privilege level 0, or return False: the guest is due #GP(0).

    Outside protected mode Unicorn raises that itself.
    """
    selector = regs.sysenter_cs & _SELECTOR
    if not selector:
        return False
    regs._eflags &= ~int(Flag.VM | Flag.IF | Flag.RF)
    long = bool(regs.efer & EFER_LMA)
    regs.segs[Seg.CS].load(selector, 0, _FLAT_LIMIT, _CODE64 if long else _CODE32)
    regs.segs[Seg.SS].load(selector + 8 & _SELECTOR, 0, _FLAT_LIMIT, _STACK)
    mask = (1 << 64) - 1 if long else _FLAT_LIMIT
    regs.gpr[Gpr.RSP] = regs.sysenter_esp & mask
    regs.rip = regs.sysenter_eip & mask
    regs.update_hidden()
    return True
