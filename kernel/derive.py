"""What may be copied, and what the copy is.

Whoever copies a capability goes through here: CNode methods, messages that carry
capabilities, and threads that are given theirs. A copy has at most the rights of its
source and is a child of it.
"""

from __future__ import annotations

from vectoros.kernel import derivation
from vectoros.kernel.cnode import ADDRESS_BITS
from vectoros.kernel.errors import ILLEGAL, Error, Refusal
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import ALL_RIGHTS, TABLES, Type
from vectoros.kernel.slot import Slot

_BADGED = (Type.ENDPOINT, Type.NOTIFICATION)
_NEVER = (Type.IRQ_CONTROL, Type.IO_PORT_CONTROL, Type.ASID_CONTROL, Type.ZOMBIE)
_GUARD_SIZE_BITS = 6


def refusal(source: Slot, badge: int | None = None) -> Refusal | None:
    """Return why ``source``, which is not empty, cannot be copied; None: it can.

    ``badge`` is what the copy is to have as badge or guard, if it is to have one.
    """
    kind = source.type
    if kind == Type.UNTYPED and derivation.has_children(source.ram, source.address):
        return Refusal(Error.REVOKE_FIRST)
    unfit = badge is not None and (
        (kind in _BADGED and source.badge) or (kind == Type.CNODE and guard_refusal(source, badge))
    )
    if unfit or kind in _NEVER or (kind in TABLES and not source.mapping):
        return ILLEGAL
    return None


def copy(
    ram: Ram, source: int, target: int, rights: int = ALL_RIGHTS, badge: int | None = None
) -> tuple[int, ...]:
    """Copy what :func:`refusal` lets into the empty slot ``target``, with ``rights`` at most.

    Of an untyped the copy is all that is left: the source has no memory any more, or the
    same bytes could be retyped through both.
    """
    made = derivation.derive(ram, source, target)
    made.rights &= rights
    if made.type == Type.UNTYPED:
        made.badge = made.mapping = 0
        Slot(ram, source).badge = made.size
    elif badge is not None and made.type == Type.CNODE:
        set_guard(made, badge)
    elif badge is not None and made.type in _BADGED:
        made.badge = badge
    return ()


def guard_refusal(cnode: Slot, word: int) -> Refusal | None:
    """Return why the guard in ``word``, its size in bits 0 to 5, does not fit; None: it does."""
    size, guard = _guard(word)
    return ILLEGAL if size + cnode.bits > ADDRESS_BITS or guard >> size else None


def set_guard(cnode: Slot, word: int) -> None:
    """Give the CNode a guard that fits."""
    cnode.guard_size, cnode.badge = _guard(word)


def _guard(word: int) -> tuple[int, int]:
    return word & (1 << _GUARD_SIZE_BITS) - 1, word >> _GUARD_SIZE_BITS
