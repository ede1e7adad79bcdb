"""Segment descriptors, system descriptors and gates: their bits, decoded and encoded.

One promise: encoding what was decoded gives the same bytes, but for bits that
the architecture leaves undefined. Source: Intel SDM Vol. 3A, "Segment
Descriptors", "System Descriptor Types" and "IDT Descriptors".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from vectoros.cpu.bits import (
    DESC_B,
    DESC_C_E,
    DESC_CODE,
    DESC_DPL_SHIFT,
    DESC_G,
    DESC_L,
    DESC_P,
    DESC_R_W,
    DESC_S,
    EFER_LMA,
    VISIBLE_ATTRIBUTES,
)
from vectoros.cpu.paging import PhysicalMemory, read_linear
from vectoros.cpu.registers import Registers

DESCRIPTOR_BYTES = 8
LONG_DESCRIPTOR_BYTES = 16
"""Size of a gate in a long-mode IDT, and of a long-mode LDT or TSS descriptor."""

RPL = 3
"""Bits of a selector: requested privilege level."""

TI = 1 << 2
"""Bit of a selector: it names an entry of the LDT."""

_TYPE_SHIFT = 8


class SystemType(IntEnum):
    """Types of system descriptors and gates; in long mode 9, 11, 12, 14, 15 are 64-bit."""

    TSS16_AVAILABLE = 1
    LDT = 2
    TSS16_BUSY = 3
    CALL_GATE16 = 4
    TASK_GATE = 5
    INTERRUPT_GATE16 = 6
    TRAP_GATE16 = 7
    TSS_AVAILABLE = 9
    TSS_BUSY = 11
    CALL_GATE = 12
    INTERRUPT_GATE = 14
    TRAP_GATE = 15


TSS_BUSY = 2
"""Bit of a TSS's type."""


def selector_error(selector: int) -> int:
    """Return the error code that names ``selector``."""
    return selector & 0xFFFC


def is_null(selector: int) -> bool:
    """Whether ``selector`` names the unused entry 0 of the GDT."""
    return not selector & 0xFFFC


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A segment, TSS or LDT descriptor.

    ``attributes`` are bits 55:52 and 47:40 of the descriptor, in the places that
    they have in its high half, as :class:`~vectoros.cpu.registers.Segment` caches
    them. ``limit`` is in bytes: granularity is already applied.
    """

    base: int
    limit: int
    attributes: int

    @classmethod
    def decode(cls, data: bytes) -> Descriptor:
        """Decode 8 bytes, or 16 if ``data`` is a long-mode system descriptor."""
        low, high = struct.unpack_from("<II", data)
        base = low >> 16 | (high & 0xFF) << 16 | high & 0xFF00_0000
        if len(data) == LONG_DESCRIPTOR_BYTES:
            base |= int.from_bytes(data[8:12], "little") << 32
        limit = low & 0xFFFF | high & 0x000F_0000
        if high & DESC_G:
            limit = limit << 12 | 0xFFF
        return cls(base, limit, high & VISIBLE_ATTRIBUTES)

    def encode(self, size: int = DESCRIPTOR_BYTES) -> bytes:
        """Return the descriptor's 8 bytes, or 16 for a long-mode system descriptor."""
        limit = self.limit >> 12 if self.attributes & DESC_G else self.limit
        low = limit & 0xFFFF | (self.base & 0xFFFF) << 16
        high = self.attributes | limit & 0x000F_0000
        high |= self.base >> 16 & 0xFF | self.base & 0xFF00_0000
        return struct.pack("<IIQ", low, high, self.base >> 32)[:size]

    @property
    def dpl(self) -> int:
        """Descriptor privilege level."""
        return self.attributes >> DESC_DPL_SHIFT & 3

    @property
    def type(self) -> int:
        """The type field: a :class:`SystemType` unless it is a segment."""
        return self.attributes >> _TYPE_SHIFT & 0xF

    @property
    def present(self) -> bool:
        """Whether the P bit is set."""
        return bool(self.attributes & DESC_P)

    @property
    def is_segment(self) -> bool:
        """Whether it is a code or data segment: the S bit."""
        return bool(self.attributes & DESC_S)

    @property
    def is_code(self) -> bool:
        """Whether it is a code segment."""
        return bool(self.attributes & DESC_S and self.attributes & DESC_CODE)

    @property
    def is_conforming(self) -> bool:
        """Whether it is a code segment that runs at its caller's privilege."""
        return self.is_code and bool(self.attributes & DESC_C_E)

    @property
    def is_readable(self) -> bool:
        """Whether a program may read it: any data segment, and code that says so."""
        return self.is_segment and (not self.is_code or bool(self.attributes & DESC_R_W))

    @property
    def is_writable_data(self) -> bool:
        """Whether it can be a stack."""
        return self.is_segment and not self.is_code and bool(self.attributes & DESC_R_W)

    @property
    def is_64_bit_code(self) -> bool:
        """Whether it is a code segment of 64-bit mode: L set, D clear."""
        return self.is_code and self.attributes & (DESC_L | DESC_B) == DESC_L


@dataclass(frozen=True, slots=True)
class Gate:
    """An entry of the IDT."""

    selector: int
    offset: int
    type: int  # a SystemType; more than 15 if the S bit is wrongly set
    dpl: int
    present: bool
    ist: int = 0  # long mode: stack of the TSS to switch to, or 0

    @classmethod
    def decode(cls, data: bytes) -> Gate:
        """Decode 8 bytes, or 12 or more if it is a long-mode gate."""
        low, high = struct.unpack_from("<II", data)
        offset = low & 0xFFFF | high & 0xFFFF_0000
        ist = 0
        if len(data) > DESCRIPTOR_BYTES:
            offset |= int.from_bytes(data[8:12], "little") << 32
            ist = high & 7
        return cls(
            selector=low >> 16,
            offset=offset,
            type=high >> _TYPE_SHIFT & 0x1F,
            dpl=high >> DESC_DPL_SHIFT & 3,
            present=bool(high & DESC_P),
            ist=ist,
        )

    def encode(self, size: int = DESCRIPTOR_BYTES) -> bytes:
        """Return the gate's 8 bytes, or 16 for a long-mode IDT."""
        low = self.offset & 0xFFFF | self.selector << 16
        high = self.offset & 0xFFFF_0000 | self.type << _TYPE_SHIFT | self.dpl << DESC_DPL_SHIFT
        high |= self.ist | (DESC_P if self.present else 0)
        return struct.pack("<IIQ", low, high, self.offset >> 32)[:size]

    @property
    def is_interrupt_gate(self) -> bool:
        """Whether passing through it clears RFLAGS.IF."""
        return self.type in (SystemType.INTERRUPT_GATE16, SystemType.INTERRUPT_GATE)

    @property
    def is_16_bit(self) -> bool:
        """Whether it pushes words."""
        return self.type in (SystemType.INTERRUPT_GATE16, SystemType.TRAP_GATE16)


def read_descriptor(
    regs: Registers, memory: PhysicalMemory, selector: int, *, look: bool = False
) -> Descriptor | None:
    """Return the descriptor that ``selector`` names, or None if it is beyond its table.

    A null selector is not special here: it reads entry 0.
    """
    table = regs.ldtr if selector & TI else regs.gdtr
    index = selector & 0xFFF8
    if index + DESCRIPTOR_BYTES - 1 > table.limit:
        return None
    data = read_linear(regs, memory, table.base + index, DESCRIPTOR_BYTES, look=look)
    return Descriptor.decode(data)


def read_gate(
    regs: Registers, memory: PhysicalMemory, vector: int, *, look: bool = False
) -> Gate | None:
    """Return the gate of ``vector`` in protected or long mode, or None if the IDT has none."""
    size = LONG_DESCRIPTOR_BYTES if regs.efer & EFER_LMA else DESCRIPTOR_BYTES
    if vector * size + size - 1 > regs.idtr.limit:
        return None
    # Nobody reads the last four bytes of a long gate, so a page fault cannot lie there.
    used = min(size, 12)
    return Gate.decode(read_linear(regs, memory, regs.idtr.base + vector * size, used, look=look))
