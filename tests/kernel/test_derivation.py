"""The derivation tree, against an oracle that keeps parents and children."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.kernel.plain_memory import PlainMemory
from tests.kernel.tree import descendants
from vectoros.kernel import derivation
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Type
from vectoros.kernel.slot import Slot

ANCHOR = 0x1000
SLOTS = [0x2000 + 64 * n for n in range(10)]


class Deriving(RuleBasedStateMachine):
    """Insert, move and remove; the children of what is removed become its parent's."""

    @initialize()
    def start(self) -> None:
        self.ram = Ram(PlainMemory(bytearray(0x4000)))
        derivation.plant(self.ram, ANCHOR)
        self.children: dict[int, list[int]] = {ANCHOR: []}
        self.objects = 0

    def free(self) -> list[int]:
        return [slot for slot in SLOTS if slot not in self.children]

    def used(self) -> list[int]:
        return [slot for slot in SLOTS if slot in self.children]

    @precondition(lambda self: self.free())
    @rule(data=st.data())
    def derive(self, data: st.DataObject) -> None:
        parent = data.draw(st.sampled_from([ANCHOR, *self.used()]))
        slot = data.draw(st.sampled_from(self.free()))
        self.objects += parent == ANCHOR
        same = self.objects if parent == ANCHOR else Slot(self.ram, parent).object
        Slot(self.ram, slot).fill(Type.TCB, same)
        derivation.insert(self.ram, slot, parent)
        self.children[parent].insert(0, slot)
        self.children[slot] = []

    @precondition(lambda self: self.used())
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(self.used()))
        derivation.remove(self.ram, slot)
        orphans = self.children.pop(slot)
        self.replace(slot, orphans)

    @precondition(lambda self: self.used() and self.free())
    @rule(data=st.data(), badge=st.integers(0, 2**64 - 1))
    def move(self, data: st.DataObject, badge: int) -> None:
        slot = data.draw(st.sampled_from(self.used()))
        target = data.draw(st.sampled_from(self.free()))
        Slot(self.ram, slot).badge = badge
        derivation.move(self.ram, slot, target)
        assert (Slot(self.ram, target).badge, Slot(self.ram, slot).type) == (badge, Type.NULL)
        self.children[target] = self.children.pop(slot)
        self.replace(slot, [target])

    def replace(self, slot: int, others: list[int]) -> None:
        for siblings in self.children.values():
            if slot in siblings:
                at = siblings.index(slot)
                siblings[at : at + 1] = others

    def below(self, slot: int, depth: int = 1) -> list[tuple[int, int]]:
        found = []
        for child in self.children[slot]:
            found += [(child, depth), *self.below(child, depth + 1)]
        return found

    @invariant()
    def every_slot_has_the_descendants_that_it_should(self) -> None:
        for slot in (ANCHOR, *self.used()):
            assert list(descendants(self.ram, slot)) == self.below(slot)
            assert derivation.has_children(self.ram, slot) == bool(self.children[slot])
            if self.children[slot]:
                assert next(derivation.children(self.ram, slot)) == self.children[slot][0]

    @invariant()
    def the_last_capability_to_an_object_is_seen_from_its_neighbours(self) -> None:
        objects = {slot: Slot(self.ram, slot).object for slot in self.used()}
        for slot, thing in objects.items():
            alone = list(objects.values()).count(thing) == 1
            assert derivation.is_final(self.ram, slot) == alone


Deriving.TestCase.settings = settings(max_examples=80, stateful_step_count=25)
TestDeriving = Deriving.TestCase
