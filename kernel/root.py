"""The root object: what the kernel itself remembers, at one place in RAM.

Found through ROOT in the gate block. It is the kernel's own memory, as its image is:
it lies behind the modules and below the first untyped, so no capability covers it.
"""

from __future__ import annotations

from vectoros.kernel.memory import Ram
from vectoros.kernel.scheduler import Processor
from vectoros.kernel.slot import SIZE as SLOT
from vectoros.kernel.slot import Slot
from vectoros.kernel.views import Field, View

MAGIC = int.from_bytes(b"VXROOT\x01\0", "little")

ANCHOR = 0x100
AUDIT = 0x140
SPARE = 0x180
INTERRUPTS = 0x400
UNTYPEDS = 0x1000
PROCESSOR = 0x2000
ROOT_SIZE = 0x4000

IRQ_LINES = 16
"""Inputs of the two interrupt controllers."""


class Root(View):
    """The object, its slots and the structure of its one processor."""

    magic = Field(0x00, "VXROOT, version 1")
    irq_mask = Field(0x08, "bits of the interrupt controllers that are masked")
    memory_total = Field(0x10, "bytes of RAM that the machine has")
    process_count = Field(0x18, "processes made at boot")
    untyped_count = Field(0x20, "boot untypeds, of RAM and of devices")
    device_count = Field(0x28, "how many of those are of devices; they come last")

    @property
    def anchor(self) -> int:
        """Physical address of the derivation tree's outermost slot, which is no capability."""
        return self.address + ANCHOR

    @property
    def audit(self) -> Slot:
        """The slot of the audit log."""
        return Slot(self.ram, self.address + AUDIT)

    @property
    def spare(self) -> Slot:
        """An empty slot, for a capability on its way into the object that it names."""
        return Slot(self.ram, self.address + SPARE)

    def interrupt(self, line: int) -> Slot:
        """The slot of the notification that interrupt ``line`` signals."""
        return Slot(self.ram, self.address + INTERRUPTS + line * SLOT)

    def untyped(self, index: int) -> Slot:
        """The slot of a boot untyped, unless a process has got it."""
        return Slot(self.ram, self.address + UNTYPEDS + index * SLOT)

    @property
    def processor(self) -> Processor:
        """The one processor."""
        return Processor(self.ram, self.address + PROCESSOR)


def valid(ram: Ram, address: int) -> bool:
    """Whether there is a root object at ``address``."""
    inside = 0 < address <= ram.size - ROOT_SIZE and not address % 8
    return inside and Root(ram, address).magic == MAGIC
