"""Capabilities, the slots that hold them, and the tree that says which came from which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vectoros.kernel.objects import Type
from vectoros.kernel_image.inspect import MEMORYLESS

if TYPE_CHECKING:
    from tests.properties.oracle.things import Thing


@dataclass(eq=False, repr=False)
class Slot:
    """A place for a capability; its address is its name."""

    address: int
    cap: Cap | None = None


@dataclass(eq=False, repr=False)
class Cap:
    """A capability, and its place in the derivation tree."""

    kind: Type
    thing: Thing
    rights: int = 0
    badge: int = 0
    """Badge; of a CNode, the guard; of an untyped, the bytes retyped; of ports, the last."""
    guard_size: int = 0
    bits: int = 0
    """Size of an untyped, a frame or a channel; radix of a CNode."""
    device: bool = False
    mapping: tuple[int, int] | None = None
    """ASID and address where it is mapped."""
    dying: bool = False
    """It was the last, and what its object holds is being deleted."""
    slot: Slot | None = None
    parent: Cap | None = None
    children: list[Cap] = field(default_factory=list)
    """Latest first."""

    @property
    def final(self) -> bool:
        """Whether nothing else leads to the object."""
        shared = self.kind is not Type.UNTYPED and self.kind not in _CONTROLS
        return not shared or len(self.thing.caps) == 1

    @property
    def home(self) -> Slot:
        """The slot that it is in."""
        assert self.slot is not None
        return self.slot

    def descendants(self) -> Iterator[Cap]:
        """Yield what was derived from it, and what from that."""
        for child in self.children:
            yield child
            yield from child.descendants()

    def copy(self) -> Cap:
        """Return another capability to the same object, in no slot, mapped nowhere if a page."""
        pages = (Type.FRAME, Type.CHANNEL)
        return Cap(
            self.kind, self.thing, self.rights, self.badge, self.guard_size, self.bits,
            self.device, None if self.kind in pages else self.mapping,
        )  # fmt: skip


_CONTROLS = {*MEMORYLESS} - {Type.IRQ_HANDLER, Type.IO_PORT}


def put(cap: Cap, slot: Slot, parent: Cap | None) -> None:
    """Put a new capability into an empty slot, as the first child of ``parent``."""
    assert slot.cap is None
    slot.cap, cap.slot, cap.parent = cap, slot, parent
    cap.thing.caps.append(cap)
    if parent is not None:
        parent.children.insert(0, cap)


def take(cap: Cap) -> None:
    """Empty its slot; its children become its parent's, where it stood."""
    assert cap.parent is not None
    siblings = cap.parent.children
    at = siblings.index(cap)
    siblings[at : at + 1] = cap.children
    for child in cap.children:
        child.parent = cap.parent
    cap.thing.caps.remove(cap)
    cap.home.cap = None
    cap.slot, cap.children = None, []


def move(cap: Cap, slot: Slot) -> None:
    """Put it into an empty slot, with its place in the tree."""
    assert slot.cap is None
    cap.home.cap = None
    slot.cap, cap.slot = cap, slot
