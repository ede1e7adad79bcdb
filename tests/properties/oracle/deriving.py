"""What a capability can be copied to, and what becomes of it on the way."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap, Slot, put
from tests.properties.oracle.refusal import Refused, illegal
from tests.properties.oracle.things import Table
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

UNIQUE = (Type.IRQ_CONTROL, Type.IO_PORT_CONTROL, Type.ASID_CONTROL)
BADGED = (Type.ENDPOINT, Type.NOTIFICATION)
GUARD_SIZE = 0x3F


def derivable(cap: Cap) -> None:
    """Refuse what cannot be copied."""
    if cap.kind is Type.UNTYPED and cap.children:
        raise Refused(Error.REVOKE_FIRST)
    if cap.kind in UNIQUE or cap.dying:
        raise illegal()
    if cap.kind in (Type.PDPT, Type.PD, Type.PT) and cap.mapping is None:
        raise illegal()
    if cap.kind is Type.PML4 and isinstance(cap.thing, Table) and cap.thing.asid is None:
        raise illegal()


def derive(source: Cap, slot: Slot, rights: int = 15, badge: int | None = None) -> Cap:
    """Put a copy of ``source``, which is derivable, into an empty slot."""
    made = source.copy()
    made.rights &= rights
    if badge is not None:
        mark(made, badge)
    put(made, slot, source)
    if source.kind is Type.UNTYPED:
        source.badge, made.badge = 1 << source.bits, 0
    return made


def markable(cap: Cap, word: int) -> None:
    """Refuse a badge for what has one, and a guard that does not fit."""
    if cap.kind in BADGED and cap.badge:
        raise illegal()
    guardable(cap, word)


def guardable(cap: Cap, word: int) -> None:
    """Refuse a guard that does not fit."""
    size = word & GUARD_SIZE
    if cap.kind is Type.CNODE and (size + cap.bits > 64 or word >> 6 >> size):
        raise illegal()


def mark(cap: Cap, word: int) -> None:
    """Set badge or guard."""
    if cap.kind is Type.CNODE:
        cap.guard_size, cap.badge = word & GUARD_SIZE, word >> 6
    elif cap.kind in BADGED:
        cap.badge = word
