"""Where BOOT takes memory from: untypeds over all RAM that is free.

Free RAM is what the BIOS says is RAM, above the kernel, its modules and its root
object. It is cut into the largest powers of two that fit their own alignment; each
is an untyped. An object comes from the untyped with the least room that is enough,
so that the large ones stay whole for who gets them.
"""

from __future__ import annotations

from collections.abc import Iterable

from vectoros.alloc import pieces
from vectoros.kernel import derivation, untyped
from vectoros.kernel.boot_record import MEMORY_RAM, MemoryRange
from vectoros.kernel.cnode import ADDRESS_BITS
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import SLOT_BITS, Type
from vectoros.kernel.process_layout import MAX_UNTYPEDS
from vectoros.kernel.root import Root
from vectoros.kernel.slot import Slot


class BootError(Exception):
    """The system cannot start; the text says why. It ends as a PANIC response."""


def free_ranges(memory: Iterable[MemoryRange], first: int, limit: int) -> list[tuple[int, int]]:
    """Return where RAM is free from ``first`` up to ``limit``, in ascending order."""
    found = []
    for entry in memory:
        start, end = max(entry.base, first), min(entry.base + entry.length, limit)
        if entry.kind == MEMORY_RAM and start < end:
            found.append((start, end))
    return sorted(found)


class Supply:
    """The boot untypeds."""

    def __init__(self, ram: Ram, root: Root) -> None:
        """Start without any."""
        self._ram = ram
        self._root = root
        self._untypeds: list[Slot] = []

    def add(self, start: int, end: int, *, device: bool = False) -> None:
        """Make untypeds that cover ``start`` to ``end``."""
        for address, bits in pieces(start, end):
            number = self._root.untyped_count
            if number == MAX_UNTYPEDS:
                raise BootError(f"memory is in more than {MAX_UNTYPEDS} pieces")
            slot = self._root.untyped(number)
            slot.fill(Type.UNTYPED, address, bits=bits)
            slot.device = device
            derivation.insert(self._ram, slot.address, self._root.anchor)
            self._root.untyped_count = number + 1
            self._root.device_count += device
            if not device:
                self._untypeds.append(slot)

    def make(self, kind: Type, target: int, what: str, *, bits: int = 0) -> int:
        """Make an object with its capability at ``target``; return its address."""
        size = 1 << untyped.object_bits(kind, bits)
        fitting = (slot for slot in self._untypeds if untyped.room(slot, size) is not None)
        best = min(fitting, key=lambda slot: slot.size - slot.badge, default=None)
        if best is None:
            raise BootError(f"not enough memory: no {size:#x} bytes are left for {what}")
        return untyped.retype(self._root, best, kind, bits, target)

    def make_cnode(self, radix: int, number: int, what: str) -> int:
        """Make a CNode that has the capability to itself in its slot ``number``."""
        spare = self._root.spare.address
        address = self.make(Type.CNODE, spare, what, bits=radix)
        own = address + (number << SLOT_BITS)
        derivation.move(self._ram, spare, own)
        Slot(self._ram, own).guard_size = ADDRESS_BITS - radix
        return address

    def device_frame(self, address: int, target: int, bits: int) -> None:
        """Make a capability to the frame at ``address``, the next of a device's."""
        for number in range(self._root.untyped_count):
            slot = self._root.untyped(number)
            if slot.device and untyped.room(slot, 1 << bits) == address:
                untyped.retype(self._root, slot, Type.FRAME, bits, target)
                return
        raise BootError(f"no device memory is left at {address:#x}")
