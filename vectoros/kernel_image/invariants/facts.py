"""What the invariants look at: every capability, found in one walk along the tree.

The walk itself is the first check. Links must be mutual and parentheses nested, or
nothing that is found by way of them means anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from vectoros.errors import hold
from vectoros.kernel import derivation, queue
from vectoros.kernel.objects import Type
from vectoros.kernel.root import Root
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.tcb import SLOTS, Tcb
from vectoros.kernel.untyped import object_bits
from vectoros.kernel_image.inspect import MEMORYLESS


class Cap(Slot):
    """A slot of the tree, and where it stands there."""

    __slots__ = ("closes", "kind", "opens", "parent")

    def __init__(self, root: Root, address: int, parent: Cap | None, opens: int) -> None:
        """Remember the place; ``closes`` is set when the walk gets there."""
        super().__init__(root.ram, address)
        self.kind = Type(self.type)
        self.parent = parent
        self.opens = self.closes = opens

    def is_under(self, other: Cap) -> bool:
        """Whether it was derived from ``other``, by any number of steps."""
        return other.opens < self.opens and self.closes < other.closes

    @property
    def end(self) -> int:
        """Physical address behind its object; a ZOMBIE still says what that was."""
        kind = Type(self.guard_size) if self.kind is Type.ZOMBIE else self.kind
        return self.object + (1 << object_bits(kind, self.bits))

    @property
    def has_memory(self) -> bool:
        """Whether it names memory at all."""
        return self.kind not in MEMORYLESS

    @property
    def identity(self) -> tuple[Type, int]:
        """What it is a capability to; a ZOMBIE's object has no type any more."""
        return self.kind, self.object

    def __str__(self) -> str:
        """Type, object and slot, for messages."""
        return f"{self.kind.name} {self.object:#x} in slot {self.address:#x}"


@dataclass
class Facts:
    """Everything about one system, at one moment."""

    root: Root
    caps: list[Cap]
    """In the order of the tree."""
    of: dict[Type, list[Cap]] = field(default_factory=lambda: defaultdict(list))
    slots: dict[int, Cap] = field(default_factory=dict)
    """By address."""

    @classmethod
    def collect(cls, root: Root) -> Facts:
        """Walk along the tree; raise :class:`InvariantError` if it is none."""
        facts = cls(root, list(_walk(root)))
        for cap in facts.caps:
            facts.of[cap.kind].append(cap)
            facts.slots[cap.address] = cap
        return facts

    def objects(self, kind: Type) -> list[int]:
        """Return the objects of type ``kind``, in ascending order."""
        return sorted({cap.object for cap in self.of[kind]})

    def threads(self) -> list[Tcb]:
        """Return all threads."""
        return [Tcb(self.root.ram, address) for address in self.objects(Type.TCB)]

    def containers(self) -> Iterable[tuple[int, int]]:
        """Yield where there are slots: the first one's address, and how many."""
        for cap in {cap.identity: cap for cap in self.of[Type.CNODE]}.values():
            yield cap.object, 1 << cap.bits
        for address in self.objects(Type.TCB):
            yield address + SLOTS[0], len(SLOTS)
        for cap in self.of[Type.ZOMBIE]:
            first = SLOTS[0] if cap.guard_size == Type.TCB else 0
            yield cap.object + first, cap.badge

    def members(self, at: int) -> list[int]:
        """Return the threads in the queue at ``at``, after checking its links."""
        root, before, found = self.root, 0, []
        for address in queue.members(root.words, at):
            hold(address not in found, f"I20: the queue at {at:#x} has a loop")
            thread = Tcb(root.ram, address)
            hold(thread.queue_prev == before, f"I20: thread {address:#x} does not link back")
            found.append(address)
            before = address
        hold(root.words[(at >> 3) + 1] == before, f"I20: the tail of the queue at {at:#x} is wrong")
        return found


def _walk(root: Root) -> Iterable[Cap]:
    """I10, I11, I18: follow the parentheses, and yield each slot where it opens."""
    words, stack, inside = root.words, [root.anchor], {root.anchor}
    found: dict[int, Cap] = {}
    node = root.anchor + derivation.OPEN
    for step in range(root.ram.size // SIZE * 2):
        after = words[(node >> 3) + 1]
        hold(after < root.ram.size and not after % 8, f"I18: node {node:#x} leads out of RAM")
        hold(words[after >> 3] == node, f"I18: node {after:#x} does not link back to {node:#x}")
        node, slot = after, after - after % SIZE
        if node == slot + derivation.OPEN:
            hold(slot not in inside, f"I11: slot {slot:#x} is its own descendant")
            hold(bool(Slot(root.ram, slot).type), f"I10: slot {slot:#x} is empty")
            found[slot] = cap = Cap(root, slot, found.get(stack[-1]), step)
            stack.append(slot)
            inside.add(slot)
            yield cap
        else:
            hold(stack[-1] == slot, f"I18: slot {slot:#x} closes inside another")
            stack.pop()
            inside.discard(slot)
            if not stack:
                return
            found[slot].closes = step
    hold(False, "I11: the derivation tree has no end")
