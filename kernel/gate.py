"""The gate block: what the stubs and the kernel tell each other at each trap.

One page for a CPU, of which the second half is the stubs' own: what they touch at each
trap besides, so that a trap touches one page less (kernel/stubs/memory.S). The stub
fills in the request and rings; the kernel fills in the response; the stub carries it
out with real instructions. So the kernel calls no device: it names ports and page
addresses, and says which thread is next.

The request comes from ring 0 and is believed. What ring 3 says is in the trap frame
of the thread (kernel/frame.py), and nothing of that is.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from vectoros.kernel.views import Field, View

SIZE = 4096
MAX_OPS = 32
OPS = 0xC0
OP_SIZE = 16
PANIC_TEXT = 0x300
PANIC_TEXT_SIZE = 0x200
"""Bytes, the zero at the end included."""


class Reason(IntEnum):
    """Why the doorbell rang."""

    BOOT = 0
    SYSCALL = 1
    EXCEPTION = 2
    INTERRUPT = 3


class Flag(IntFlag):
    """What the stub is to do besides the list of operations."""

    RELOAD_CR3 = 1
    SET_TS = 2
    CLEAR_TS = 4
    SET_TIMER = 8
    PANIC = 16


class Op(IntEnum):
    """Kinds of operation."""

    OUT = 0
    IN = 1
    INVLPG = 2


class GateBlock(View):
    """The fixed part of the block; the operations follow it at :data:`OPS`."""

    reason = Field(0x000, "why the doorbell rang: a REASON")
    vector = Field(0x008, "vector of the exception or interrupt")
    error = Field(0x010, "error code that the CPU pushed, or 0")
    cr2 = Field(0x018, "faulting address of a page fault")
    current = Field(0x020, "TCB of the thread that was running; 0: idle, or at boot")
    now = Field(0x028, "ticks; stored by the gate")
    record = Field(0x030, "boot record; at BOOT only")
    root = Field(0x038, "the kernel's root object; stored by the kernel at BOOT")
    cr3 = Field(0x040, "the PML4 in use; at BOOT the one whose upper half is the kernel's")
    next = Field(0x080, "TCB of the thread to run; 0: idle")
    flags = Field(0x088, "bits: RELOAD_CR3, SET_TS, CLEAR_TS, SET_TIMER, PANIC")
    cost = Field(0x090, "time that the kernel took, in units of COST_UNIT ticks")
    op_count = Field(0x098, "operations to carry out, at most 32")
    next_cr3 = Field(0x0A0, "PML4 to load first; 0: keep the one in use")
    timer = Field(0x0A8, "PIT counts, 1 to 65535, for channel 0 in mode 0")
    fpu_save = Field(0x0B0, "where to FXSAVE, or 0")
    fpu_load = Field(0x0B8, "where to FXRSTOR from after that, or 0")


class Operation(View):
    """One operation of the list."""

    kind = Field(0x0, "OUT, IN or INVLPG", width=1)
    width = Field(0x1, "bytes: 1, 2 or 4", width=1)
    port = Field(0x2, "I/O port", width=2)
    value = Field(0x4, "what to write", width=4)
    target = Field(0x8, "IN: physical address for the result, as 64 bits; INVLPG: linear")
