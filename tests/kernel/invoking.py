"""Methods by name, and objects to invoke them on."""

from __future__ import annotations

from tests.kernel.system import System
from tests.kernel.tree import descendants
from vectoros.kernel import untyped
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb

SPARE = 29
"""A slot that boot leaves empty, as FAR is (tests/kernel/system.py); 30 and 31 are, too."""

DEPTH = 64
"""Bits of the address of a slot of a process's CNode."""


def invoke(
    system: System, slot: int, kind: Type, name: str, *words: int, caps: tuple[int, ...] = ()
) -> tuple[int, ...]:
    """Call a method; return status and the message registers of the answer."""
    return system.call(slot, label(kind, name), *words, caps=caps)


def make(system: System, owner: Tcb, kind: Type, number: int, *, bits: int = 0) -> Slot:
    """Make an object with its capability in slot ``number`` of the owner."""
    target = system.slot(owner, number)
    size = 1 << untyped.object_bits(kind, bits)
    for slot in _untypeds(system):
        if untyped.room(slot, size) is not None:
            untyped.retype(system.root, slot, kind, bits, target.address)
            return target
    raise AssertionError(f"no room for a {kind.name}")


def _untypeds(system: System) -> list[Slot]:
    """Return the untypeds of RAM, the smallest first."""
    tree = descendants(system.ram, system.root.anchor)
    held = [Slot(system.ram, address) for address, _ in tree]
    found = [slot for slot in held if slot.type == Type.UNTYPED and not slot.device]
    return sorted(found, key=lambda slot: slot.size)


def delete(system: System, number: int) -> tuple[int, ...]:
    """Delete the running thread's capability in slot ``number``."""
    return invoke(system, Init.CNODE, Type.CNODE, "Delete", number, DEPTH)


def revoke(system: System, number: int) -> tuple[int, ...]:
    """Delete what was derived from it."""
    return invoke(system, Init.CNODE, Type.CNODE, "Revoke", number, DEPTH)


def copy(system: System, source: int, target: int, rights: int = 15) -> tuple[int, ...]:
    """Copy the running thread's capability in slot ``source``."""
    words = (target, DEPTH, source, DEPTH, rights)
    return invoke(system, Init.CNODE, Type.CNODE, "Copy", *words, caps=(Init.CNODE,))
