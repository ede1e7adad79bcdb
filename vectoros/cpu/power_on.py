"""The CPU after RESET: what every register holds before the first instruction.

Source: Intel SDM Vol. 3A, "Processor State After Reset", column "Reset". Its first
instruction is at the reset vector, FFFFFFF0: CS has a base that no selector gives.

Two entries differ, as Unicorn's CPU does. TR is not busy (an engine would abort),
and IA32_MISC_ENABLE is zero. The time-stamp counter is the clock, which goes on.
"""

from __future__ import annotations

import struct

from vectoros.cpu import record
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Cpu
from vectoros.cpu.cpuid import LEAVES

RESET_BASE, RESET_OFFSET = 0xFFFF_0000, 0xFFF0
"""Base of CS, and RIP: together the reset vector."""

_LIMIT = 0xFFFF
_CODE, _DATA, _LDT, _TSS = 0x9B00, 0x9300, 0x8200, 0x8900
"""Access rights as in the high half of a descriptor: present, accessed, writable."""

_FPU_CONTROL, _FPU_ALL_VALID, _MXCSR = 0x0040, 0xFF, 0x1F80


def _fxsave() -> bytes:
    """Return the x87 and SSE registers: every one +0.0, and tagged as such."""
    head = struct.pack("<HHBxHQQI", _FPU_CONTROL, 0, _FPU_ALL_VALID, 0, 0, 0, _MXCSR)
    head += struct.pack("<I", record.MXCSR_MASK)
    return head.ljust(record.FXSAVE_BYTES, b"\0")


def _registers() -> record.Record:
    found: record.Record = dict.fromkeys(record.WORDS, 0)
    found |= {
        "rip": RESET_OFFSET,
        "cr0": 0x6000_0010,  # CD, NW, ET
        "xcr0": 1,
        "pat": 0x0007_0406_0007_0406,
        "rflags": 2,
        "dr": [0, 0, 0, 0, 0xFFFF_0FF0, 0x400],
        "breakpoints_due": 0,
        "gpr": [0] * 16,
        "fxsave": _fxsave(),
        "interrupt_shadow": False,
        "nmi_blocked": False,
    }
    found["gpr"][Gpr.RDX] = LEAVES[1, 0][0]  # the processor's signature
    found |= {name: [0, 0, _LIMIT, _DATA] for name in ("es", "ss", "ds", "fs", "gs")}
    found |= {"cs": [0xF000, RESET_BASE, _LIMIT, _CODE]}
    found |= {"ldtr": [0, 0, _LIMIT, _LDT], "tr": [0, 0, _LIMIT, _TSS]}
    return found | {"gdtr": [0, _LIMIT], "idtr": [0, _LIMIT]}


POWER_ON: record.Record = _registers()
"""The canonical record of the CPU after RESET."""


def power_on(cpu: Cpu) -> None:
    """Reset ``cpu``, which must be between two slices; then call ``registers_changed``."""
    cpu.nmi_pending = False
    record.load(cpu.regs, POWER_ON)
