"""A capability slot: 64 bytes that name an object and what may be done with it.

Slots lie in CNodes, in TCBs and in the kernel's root object; programs can map none
of these, so a capability cannot be forged. What a field means depends on the type:

    type          bits     badge            object       mapping
    Untyped       size     bytes retyped    address      bytes that are zero or retyped
    CNode         radix    guard            address
    Endpoint               badge            address
    Notification           badge            address
    TCB, AuditLog                           address
    Frame         size                      address      where it is mapped
    PDPT, PD, PT                            address      where it is mapped
    PML4                                    address      its number, plus one
    ASIDPool               its number       address
    IRQHandler                              line
    IOPort                 last port        first port
    Zombie                 slots left       address      the zombie before it, or 0

The links say from which capability this one was derived (kernel/derivation.py).
"""

from __future__ import annotations

import struct

from vectoros.kernel.objects import PAGE_BITS, Type
from vectoros.kernel.views import WORD, Field, View

SIZE = 64
_COPIED = 4 * WORD
"""Bytes that a derived capability starts with: everything but the links."""

read_head = struct.Struct("<4Q").unpack_from
"""Called with memory and where a slot is: its first four words. Type, rights and what else is
in the first, badge, object, mapping. Four fields of a view cost three times as much."""

_MAPPED_BY_EACH = (Type.FRAME, Type.CHANNEL)
"""Objects that each capability may map in a place of its own."""

_PAGE_SHIFT = 28
"""A mapping is a page number of at most 35 bits, and the number of the PML4, plus one."""


class Slot(View):
    """One slot; all zero is an empty one."""

    type = Field(0x00, "a TYPE; 0: empty", width=1)
    rights = Field(0x01, "bits: RIGHT", width=1)
    bits = Field(0x02, "size as a power of two; of a CNode, its radix", width=1)
    guard_size = Field(0x03, "bits of the guard; of a zombie, the TYPE that it was", width=1)
    device = Field(0x04, "1: not RAM, so the kernel never touches it", width=1)
    badge = Field(0x08, "badge, guard, watermark, last port or slots left")
    object = Field(0x10, "physical address, interrupt line or first port")
    mapping = Field(0x18, "where it is mapped; bytes that are zero; next zombie; or 0")
    open_prev = Field(0x20, "derivation: what comes before this capability")
    open_next = Field(0x28, "derivation: its first child, or its end")
    close_prev = Field(0x30, "derivation: the end of its last child, or its start")
    close_next = Field(0x38, "derivation: what comes after its last descendant")

    @property
    def mapped_at(self) -> tuple[int, int] | None:
        """The number of the PML4, and the virtual address, of the mapping."""
        word = self.mapping
        if not word:
            return None
        return (word & (1 << _PAGE_SHIFT) - 1) - 1, word >> _PAGE_SHIFT << PAGE_BITS

    def set_mapping(self, asid: int, address: int) -> None:
        """Remember where the object is mapped."""
        self.mapping = address >> PAGE_BITS << _PAGE_SHIFT | asid + 1

    def fill(
        self, kind: Type, address: int, *, bits: int = 0, rights: int = 0, badge: int = 0
    ) -> None:
        """Make a capability; the slot must be empty, and is not yet in the tree."""
        self.type, self.bits, self.rights = kind, bits, rights
        self.object, self.badge = address, badge

    def copy_from(self, source: Slot) -> None:
        """Name the same object as ``source``, mapped nowhere."""
        self.ram.view[self.address : self.address + _COPIED] = self.ram.view[
            source.address : source.address + _COPIED
        ]
        if self.type in _MAPPED_BY_EACH:
            self.mapping = 0

    @property
    def size(self) -> int:
        """Bytes of an untyped or a frame."""
        return 1 << self.bits
