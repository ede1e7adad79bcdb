"""The trap frame: a thread's registers while it is not running, at the start of its TCB.

The CPU pushes the last five words itself when ring 3 traps, because ``TSS.rsp0``
points behind them; the stub stores the rest (kernel/stubs/traps.S). System calls
use the registers of the System V ABI's convention for kernels, but for the capability
addresses that a trap names besides the first: those are in r12 and r13.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from vectoros.kernel.views import WORD, Field, View

WORDS = 24
SIZE = WORDS * WORD

FRAME_SYSCALL = 0x100
"""In ``vector``: the thread came by SYSCALL, so SYSRET may take it back."""

SYSCALL_BYTES = 2
"""Length of the SYSCALL instruction: a trap that is to be made again starts this much before."""

USER_CODE = 0x2B
USER_DATA = 0x23
"""Selectors of ring 3, in the order that SYSRET wants (kernel/stubs/descriptors.S)."""

USER_FLAGS = 0x202
"""RFLAGS at entry: interrupts on; bit 1 is always set."""

USER_WRITES = 0x40DD5
"""Bits of RFLAGS that another thread may set: CF PF AF ZF SF TF DF OF AC."""


class TrapFrame(View):
    """Registers in the order in which they are pushed, from the last to the first."""

    r15 = Field(0 * WORD, "")
    r14 = Field(1 * WORD, "")
    r13 = Field(2 * WORD, "NBSendRecv: capability address to send to")
    r12 = Field(3 * WORD, "reply capability address; NBSendWait: capability address to send to")
    r11 = Field(4 * WORD, "lost to SYSCALL")
    rbp = Field(5 * WORD, "")
    rbx = Field(6 * WORD, "")
    rcx = Field(7 * WORD, "lost to SYSCALL")
    rax = Field(8 * WORD, "in: trap number; out: status")
    rdi = Field(9 * WORD, "in: capability address; out: badge")
    rsi = Field(10 * WORD, "message info")
    rdx = Field(11 * WORD, "message register 0")
    r10 = Field(12 * WORD, "message register 1")
    r8 = Field(13 * WORD, "message register 2")
    r9 = Field(14 * WORD, "message register 3")
    vector = Field(15 * WORD, "exception or interrupt, or FRAME_SYSCALL")
    error = Field(16 * WORD, "error code of the exception, or 0")
    rip = Field(17 * WORD, "")
    cs = Field(18 * WORD, "")
    rflags = Field(19 * WORD, "")
    rsp = Field(20 * WORD, "")
    ss = Field(21 * WORD, "")
    fs_base = Field(22 * WORD, "")
    gs_base = Field(23 * WORD, "")

    def write(self, registers: Mapping[str, int]) -> None:
        """Set registers; of rflags, only what programs may set."""
        for name, value in registers.items():
            keep = self.rflags & ~USER_WRITES | value & USER_WRITES
            setattr(self, name, keep if name == "rflags" else value)
        self.vector = 0  # so that IRETQ restores them all


ANSWER_AT, MESSAGE_AT = TrapFrame.fields["rax"].offset, TrapFrame.fields["rdx"].offset
"""Offsets of the registers that an answer sets, and of the four of them with its message."""

write_answer = struct.Struct("<7Q").pack_into
"""Called with memory, where to write, status, badge, message info, and four words."""

read_message = struct.Struct("<4Q").unpack_from
"""Called with memory and where to read; the kernel's fastest way to some words in a row."""
