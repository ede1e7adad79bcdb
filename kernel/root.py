"""The root object: what the kernel itself remembers, at one place in RAM.

Found through ROOT in the gate block. It is the kernel's own memory, as its image is:
it lies behind the modules and below the first untyped, so no capability covers it.
"""

from __future__ import annotations

from vectoros.kernel.objects import Type
from vectoros.kernel.scheduler import Processor
from vectoros.kernel.slot import SIZE as SLOT
from vectoros.kernel.slot import Slot
from vectoros.kernel.views import Field, View

MAGIC = int.from_bytes(b"VXROOT\x02\0", "little")

ASID_POOLS = 0x80
ANCHOR = 0x100
AUDIT = 0x140
SPARE = 0x180
CONTROLS = 0x1C0
FIRST_POOL = 0x300
INTERRUPTS = 0x400
DOMAIN_SCHEDULE = 0x800
UNTYPEDS = 0x1000
PROCESSOR = 0x2000
BELLS = 0x7000
ROOT_SIZE = 0x8000

IRQ_LINES = 16
"""Inputs of the two interrupt controllers."""

MAX_ASID_POOLS = 8
MAX_DOMAIN_ENTRIES = 16

CONTROL_TYPES = (
    Type.IRQ_CONTROL, Type.IO_PORT_CONTROL, Type.ASID_CONTROL, Type.SCHED_CONTROL, Type.DOMAIN,
)  # fmt: skip
"""Capabilities that are there once, in the order of their slots."""

_MAPPING = Slot.fields["mapping"].offset >> 3
"""Of a notification there, its channel, because notifications are not mapped."""


class Root(View):
    """The object, its slots and the structure of its one processor."""

    magic = Field(0x00, "VXROOT, version 2")
    irq_mask = Field(0x08, "bits of the interrupt controllers that are masked")
    memory_total = Field(0x10, "bytes of RAM that the machine has")
    process_count = Field(0x18, "processes made at boot")
    untyped_count = Field(0x20, "boot untypeds, of RAM and of devices")
    device_count = Field(0x28, "how many of those are of devices; they come last")

    dying = Field(0x30, "slot of the last capability that became a ZOMBIE, or 0")
    next_id = Field(0x38, "id of the next thread")
    kernel_space = Field(0x40, "PML4 of the kernel alone, for when no thread's is there")
    domain_index = Field(0x48, "entry of the domain schedule that runs")
    domain_start = Field(0x50, "entry at which the schedule starts")
    broadcasts = Field(0x58, "how often a notification woke all who waited")

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

    def control(self, kind: Type) -> Slot:
        """The slot of one of :data:`CONTROL_TYPES`, unless a process has got it."""
        return Slot(self.ram, self.address + CONTROLS + CONTROL_TYPES.index(kind) * SLOT)

    @property
    def first_pool(self) -> Slot:
        """The slot of the pool that has the first processes, unless one of them has got it."""
        return Slot(self.ram, self.address + FIRST_POOL)

    def interrupt(self, line: int) -> Slot:
        """The slot of the notification that interrupt ``line`` signals."""
        return Slot(self.ram, self.address + INTERRUPTS + line * SLOT)

    def bell(self, channel: int) -> Slot | None:
        """The slot of the notification that wakes who reads ``channel``; of 0, an empty slot."""
        words = self.words[self.at + (BELLS >> 3) : self.at + (ROOT_SIZE >> 3)]
        owners = words[_MAPPING :: SLOT >> 3].tolist()
        if channel not in owners:
            return None
        return Slot(self.ram, self.address + BELLS + owners.index(channel) * SLOT)

    def untyped(self, index: int) -> Slot:
        """The slot of a boot untyped, unless a process has got it."""
        return Slot(self.ram, self.address + UNTYPEDS + index * SLOT)

    @property
    def processor(self) -> Processor:
        """The one processor."""
        return Processor(self.ram, self.address + PROCESSOR)
