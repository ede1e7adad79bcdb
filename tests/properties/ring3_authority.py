"""Authority confinement (T3): what a process can reach at first bounds what it ever holds.

What it can reach is found by following its capabilities: slots of CNodes and of TCBs,
and all memory of untypeds. Whatever it holds later must be a capability to one of those
objects, with no more rights, or to an object in that memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.kernel.tree import descendants
from tests.properties.ring3_scene import OWN, SPARE
from vectoros.kernel.objects import SLOT_BITS, Type
from vectoros.kernel.root import Root
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.tcb import CSPACE, SLOTS, Tcb
from vectoros.kernel_image import inspect, walks

_OPEN = {Type.IRQ_CONTROL: Type.IRQ_HANDLER}
"""Capabilities that make others without memory."""


class Held(NamedTuple):
    """A capability somewhere."""

    kind: Type
    object: int
    rights: int


class Authority:
    """The bound of one process, which the CNode in the root's slot OWN is the table of."""

    def __init__(self, root: Root) -> None:
        """Find out what it can reach now."""
        self._root = root
        self.cnode = self._find_cnode()
        self._others = self._outside()
        spare = Slot(root.ram, self.table.object + SPARE * SIZE)
        self._memory = [(spare.object, spare.object + spare.size)]
        self._rights: dict[tuple[Type, int], int] = {}
        for slot in self._reached():
            kind = Type(slot.type)
            if kind is Type.UNTYPED:
                self._memory.append((slot.object, slot.object + slot.size))
            key = kind, slot.object
            self._rights[key] = self._rights.get(key, 0) | slot.rights
        self._revocable = self._derived()

    def _derived(self) -> set[int]:
        """Return the slots of the root with what was derived from the process's capabilities."""
        ram, first = self._root.ram, self.table.object
        below = {
            address for slot in self._reached() for address, _ in descendants(ram, slot.address)
        }
        return {n for n in range(1 << self.table.bits) if first + n * SIZE in below}

    def _find_cnode(self) -> Slot:
        """Return the slot of the root's with the process's CNode."""
        ram = self._root.ram
        threads = (Tcb(ram, address) for address in inspect.objects(self._root, Type.TCB))
        self.table = next(each for each in threads if each.process == 1).slot(CSPACE)
        return Slot(ram, self.table.object + OWN * SIZE)

    def _outside(self) -> list[Held]:
        """Return what the root holds, but for what it shares with the process."""
        ram, table = self._root.ram, self.table
        slots = (Slot(ram, table.object + n * SIZE) for n in range(1 << table.bits))
        return [Held(Type(s.type), s.object, s.rights) for s in slots]

    def _reached(self) -> Iterator[Slot]:
        """Yield every slot that the process can reach through CNodes and TCBs."""
        ram, seen, todo = self._root.ram, set[int](), [self.cnode]
        while todo:
            slot = todo.pop()
            if not slot.type or slot.address in seen:
                continue
            seen.add(slot.address)
            yield slot
            if slot.type == Type.CNODE and slot.object != self.table.object:
                todo += [Slot(ram, slot.object + (n << SLOT_BITS)) for n in range(1 << slot.bits)]
            elif slot.type == Type.TCB:
                # What a thread runs with it can use, and nobody can take it out of there.
                todo += [
                    Slot(ram, slot.object + at)
                    for at in SLOTS
                    if Slot(ram, slot.object + at).type == Type.CNODE
                ]

    def check(self) -> None:
        """Raise :class:`AssertionError` if the process holds anything else."""
        for slot in self._reached():
            kind = Type(slot.type)
            if kind is Type.ZOMBIE or self._own_memory(slot):
                continue
            maker = next((by for by, made in _OPEN.items() if made is kind), None)
            if maker is not None and (maker, 0) in self._rights:
                continue
            bound = self._rights.get((kind, slot.object))
            assert bound is not None, f"it has got a {kind.name} at {slot.object:#x}"
            assert not slot.rights & ~bound, f"it has got rights to {kind.name} {slot.object:#x}"
            if kind is Type.PML4:
                self._check_mappings(slot.object)
        for number, (before, now) in enumerate(zip(self._others, self._outside(), strict=True)):
            same = before == now or (number in self._revocable and not now.kind)
            assert same, f"it has changed slot {number} of the root: {before} is {now}"

    def _own_memory(self, slot: Slot) -> bool:
        return any(start <= slot.object < end for start, end in self._memory)

    def _check_mappings(self, pml4: int) -> None:
        frames = {address for kind, address in self._rights if kind is Type.FRAME}
        for page in walks.mappings(self._root.ram, pml4):
            inside = any(start <= page.frame < end for start, end in self._memory)
            assert inside or page.frame in frames, f"it has mapped {page.frame:#x}"
