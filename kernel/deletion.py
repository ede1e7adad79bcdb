"""Deletion: what happens when capabilities go, and when the last one of an object does.

The last capability of a CNode or a TCB takes those in it along. It becomes a zombie in
its slot, which counts how many slots are still to be emptied, and waits in a list that
starts in the root object, the latest first. :func:`drain` empties slots until there is
no zombie left. So nothing recurses, however deep CNodes are nested, and every step can
be the last one of its trap: whoever deletes next goes on with the list.

CNodes that hold their own or each other's last capabilities end like all others: a
zombie that is found in another's slot stays there until its own turn.

What the end of a capability means for its object is said, for each type, by a function
that registers itself and is called before the slot is emptied:

    @finalises(Type.ENDPOINT)
    def _finalise(trap: Trap, slot: Slot, final: bool) -> None:

``final`` says that no other capability to the object is left, so that nothing can refer
to it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.kernel import derivation
from vectoros.kernel.invocation import Action
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import SLOT_BITS, Type
from vectoros.kernel.preemption import finish, spend
from vectoros.kernel.root import PROCESSOR, Root
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE, SLOTS
from vectoros.kernel.trap import Trap

SLOT_COST = 4
"""Units of emptying a slot."""

VISIT_COST = 1
"""Units of looking at one that is empty."""

_DYING = (Root.fields["dying"].offset - PROCESSOR) >> 3
"""From where the processor is, in words."""

Finaliser = Callable[[Trap, Slot, bool], None]

FINALISERS: dict[int, Finaliser] = {}
"""By type. A type without one needs nothing done."""


def finalises(kind: Type) -> Callable[[Finaliser], Finaliser]:
    """Let the function that follows finalise capabilities of type ``kind``."""

    def register(function: Finaliser) -> Finaliser:
        FINALISERS[kind] = function
        return function

    return register


def delete(trap: Trap, slot: int) -> bool:
    """Empty ``slot``, and end all that ends with it; say whether that is done."""
    empty(trap, slot)
    return drain(trap)


def revoke(trap: Trap, slot: int) -> bool:
    """Delete all that was derived from the capability in ``slot``; say whether that is done."""
    while drain(trap):
        # The slot may have been in a CNode that was derived from what it holds.
        children = derivation.children(trap.ram, slot) if _alive(trap.ram, slot) else ()
        child = next(iter(children), 0)
        if not child:
            return True
        empty(trap, child)
        if spend(trap, SLOT_COST):
            break
    return False


def drain(trap: Trap) -> bool:
    """Empty the slots of zombies until there are none; say whether that is done."""
    if not trap.words[trap.cpu + _DYING]:
        return True
    root = trap.root
    while root.dying:
        zombie = Slot(trap.ram, root.dying)
        left = zombie.badge
        if not left:
            root.dying = zombie.mapping
            derivation.remove(trap.ram, zombie.address)
            continue
        zombie.badge = left - 1
        first = zombie.object + (CSPACE if zombie.guard_size == Type.TCB else 0)
        inner = first + (left - 1 << SLOT_BITS)
        occupied = _alive(trap.ram, inner)
        if occupied:
            empty(trap, inner)
        if spend(trap, SLOT_COST if occupied else VISIT_COST):
            return False
    return True


def when_drained(trap: Trap, change: Action) -> Action:
    """Perform ``change`` when no deletion is under way, in this trap or a later one.

    A zombie may be in the root object's spare slot, or have slots in memory that is free.
    """
    return lambda: change() if drain(trap) else finish(trap, done=False)


def empty(trap: Trap, slot: int) -> None:
    """Empty ``slot``, or make its capability a zombie; an empty slot and a zombie stay."""
    ram = trap.ram
    if not _alive(ram, slot):
        return
    found = Slot(ram, slot)
    kind, final = found.type, derivation.is_final(ram, slot)
    finalise = FINALISERS.get(kind)
    if finalise is not None:
        finalise(trap, found, final)
    if not final or kind not in (Type.CNODE, Type.TCB):
        derivation.remove(ram, slot)
        return
    found.type, found.guard_size = Type.ZOMBIE, kind
    found.badge = 1 << found.bits if kind == Type.CNODE else len(SLOTS)
    found.mapping, trap.root.dying = trap.root.dying, slot


def _alive(ram: Ram, slot: int) -> bool:
    return ram.words[slot >> 3] & 0xFF not in (Type.NULL, Type.ZOMBIE)
