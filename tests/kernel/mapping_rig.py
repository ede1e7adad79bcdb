"""A system with memory to make objects of, for tests of mapping."""

from __future__ import annotations

from tests.kernel.system import PAIR, System, boot
from vectoros.kernel import deletion, derivation, methods, vspace
from vectoros.kernel.gate import Op
from vectoros.kernel.objects import READ_WRITE, Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.root import Root
from vectoros.kernel.slot import Slot
from vectoros.kernel.supply import Supply
from vectoros.kernel.trap import Trap as KernelTrap
from vectoros.kernel.untyped import retype

FIRST_FREE = 200
R, W, RW = 2, 1, 3
EXECUTE = 1
PLACE = 0x1234_5678_9000
"""Where nothing is mapped, in a region of which no table is there."""

SHIFTS = {Type.PDPT: 39, Type.PD: 30, Type.PT: 21}


class Rig:
    """The server of a pair, which has INSPECT, and what it makes."""

    def __init__(self, system: System | None = None) -> None:
        self.system = system or boot(PAIR)
        self.ram, self.thread = self.system.ram, self.system.running
        self.used = FIRST_FREE

    @property
    def root(self) -> Root:
        return self.system.root

    def slot(self, number: int) -> Slot:
        return self.system.slot(self.thread, number)

    @property
    def space(self) -> int:
        """The PML4 of the thread that runs."""
        return self.thread.space

    def new(self, kind: Type, bits: int = 12, *, source: Slot | None = None) -> int:
        """Make an object; return its slot."""
        self.used += 1
        untyped = source or self._largest()
        address = retype(self.root, untyped, kind, bits, self.slot(self.used - 1).address)
        assert address is not None
        return self.used - 1

    def _largest(self) -> Slot:
        slots = (self.slot(Init.UNTYPEDS + n) for n in range(self.root.untyped_count))
        return max(
            (slot for slot in slots if slot.type == Type.UNTYPED and not slot.device),
            key=lambda slot: slot.size - slot.badge,
        )

    def device_frame(self, bits: int, address: int = 1 << 32) -> int:
        """Make a frame of device memory; return its slot."""
        Supply(self.ram, self.root).add(address, address + (1 << bits), device=True)
        return self.new(Type.FRAME, bits, source=self.root.untyped(self.root.untyped_count - 1))

    def copy(self, number: int, *, rights: int = READ_WRITE) -> int:
        """Derive a capability, as CNode.Copy does; return its slot."""
        self.used += 1
        source, target = self.slot(number), self.slot(self.used - 1)
        derivation.derive(self.ram, source.address, target.address).rights &= rights
        return self.used - 1

    def new_space(self) -> int:
        """Make an address space that has a number; return the slot of the PML4."""
        number = self.new(Type.PML4)
        assert self.call(Init.ASID_POOL, "Assign", capabilities=(number,)) == (0,)
        return number

    def call(self, number: int, name: str, *words: int, capabilities: tuple[int, ...] = (),
             kind: Type | None = None) -> tuple[int, ...]:  # fmt: skip
        """Invoke; return the status and the message registers."""
        slot = self.slot(number)
        label = methods.label(kind or Type(slot.type), name)
        answer = self.system.call(number, label, *words, caps=capabilities)
        assert self.system.running.address == self.thread.address
        return answer

    def map(self, number: int, vaddr: int, rights: int = RW, attributes: int = 0,
            space: int = Init.PML4) -> tuple[int, ...]:  # fmt: skip
        """Frame.Map."""
        return self.call(number, "Map", vaddr, rights, attributes, capabilities=(space,))

    def tables(self, vaddr: int, *, bits: int = 12, space: int = Init.PML4) -> dict[Type, int]:
        """Map the tables that a frame at ``vaddr`` needs; return the slots of the new ones."""
        made = {}
        for kind, shift in SHIFTS.items():
            _, reached = vspace.find(self.ram, self.slot(space).object, vaddr, bits)
            if reached == shift > bits:
                made[kind] = self.new(kind)
                assert self.call(made[kind], "Map", vaddr, capabilities=(space,)) == (0,)
        return made

    def walk(self, vaddr: int, space: int = Init.PML4) -> tuple[int, int] | None:
        return vspace.walk(self.ram, self.slot(space).object, vaddr)

    def delete(self, number: int) -> KernelTrap:
        """Delete a capability to what holds no others; return the trap it was done in."""
        trap = self.system.inside()
        deletion.empty(trap, self.slot(number).address)
        return trap

    def forgotten(self) -> list[int]:
        """Addresses that the processor is told to translate anew."""
        return [value for kind, _, _, value in self.system.ops if kind == Op.INVLPG]
