"""What a capability to a CNode can do: copy, move and take back capabilities.

A slot is told by an index and a depth, from the invoked CNode or from another that
the message names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vectoros.kernel import deletion, derivation, derive, endpoint, preemption
from vectoros.kernel.cnode import ADDRESS_BITS, BAD_DEPTH, OCCUPIED, find, lookup, lookup_empty
from vectoros.kernel.errors import ILLEGAL, Error, Lookup, Refusal
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.objects import ALL_RIGHTS, Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.trap import Trap


def _decode_deletion(
    invocation: Invocation, operation: Callable[[Trap, int], bool]
) -> Action | Refusal:
    trap, (index, depth) = invocation.trap, invocation.words
    slot = find(trap.words, invocation.place, index, depth)
    if isinstance(slot, Refusal):
        return slot
    return lambda: preemption.finish(trap, done=operation(trap, slot))


decodes(Type.CNODE, "Delete")(partial(_decode_deletion, operation=deletion.delete))
decodes(Type.CNODE, "Revoke")(partial(_decode_deletion, operation=deletion.revoke))


@decodes(Type.CNODE, "CancelBadgedSends")
def _decode_cancel(invocation: Invocation) -> Action | Refusal:
    trap, (index, depth) = invocation.trap, invocation.words
    slot = lookup(invocation.slot, index, depth)
    if isinstance(slot, Refusal):
        return slot
    if slot.type != Type.ENDPOINT or slot.rights != ALL_RIGHTS:
        return ILLEGAL

    def perform() -> tuple[int, ...]:
        endpoint.cancel_badged(trap, slot.object, slot.badge)
        return ()

    return perform


@decodes(Type.CNODE, "Copy")
@decodes(Type.CNODE, "Mint")
def _decode_copy(invocation: Invocation) -> Action | Refusal:
    slots, (rights, *badge) = _slots(invocation), invocation.words[4:]
    if isinstance(slots, Refusal):
        return slots
    target, source = slots
    return derive.refusal(source, *badge) or (
        lambda: derive.copy(source.ram, source.address, target.address, rights, *badge)
    )


@decodes(Type.CNODE, "Move")
@decodes(Type.CNODE, "Mutate")
def _decode_move(invocation: Invocation) -> Action | Refusal:
    slots, guard = _slots(invocation), invocation.words[4:]
    if isinstance(slots, Refusal):
        return slots
    target, source = slots
    return _fixed(source, *guard) or (lambda: _move(source, target, *guard))


def _slots(invocation: Invocation) -> tuple[Slot, Slot] | Refusal:
    """Return the target, which is empty, and the source, which is not."""
    index, depth, source_index, source_depth, *_ = invocation.words
    if _beyond(depth, source_depth):
        return BAD_DEPTH
    target = lookup_empty(invocation.slot, index, depth)
    if isinstance(target, Refusal):
        return target
    source = lookup(invocation.capabilities[0], source_index, source_depth, True)
    if isinstance(source, Refusal):
        return source
    return _empty(source, 1, source_depth) or (target, source)


def _beyond(*depths: int) -> bool:
    return not all(1 <= depth <= ADDRESS_BITS for depth in depths)


def _empty(slot: Slot, was_source: int, depth: int) -> Refusal | None:
    failure = (was_source, Lookup.MISSING_CAPABILITY, depth)
    return None if slot.type else Refusal(Error.FAILED_LOOKUP, failure)


def _fixed(slot: Slot, guard: int = 0) -> Refusal | None:
    """Return why a capability cannot be moved, or have the guard; None: it can."""
    if slot.type == Type.CNODE:
        return derive.guard_refusal(slot, guard)
    return ILLEGAL if guard or slot.type == Type.ZOMBIE else None


def _move(source: Slot, target: Slot, guard: int | None = None) -> tuple[int, ...]:
    derivation.move(source.ram, source.address, target.address)
    if guard is not None and target.type == Type.CNODE:
        derive.set_guard(target, guard)
    return ()


@decodes(Type.CNODE, "Rotate")
def _decode_rotate(invocation: Invocation) -> Action | Refusal:
    index, depth, guard, pivot_index, pivot_depth, pivot_guard, *last = invocation.words
    (pivot_root, source_root), trap = invocation.capabilities, invocation.trap
    if _beyond(depth, pivot_depth, last[1]):
        return BAD_DEPTH
    target = lookup(invocation.slot, index, depth)
    if isinstance(target, Refusal):
        return target
    source = lookup(source_root, last[0], last[1], True)
    if isinstance(source, Refusal):
        return source
    pivot = lookup(pivot_root, pivot_index, pivot_depth)
    if isinstance(pivot, Refusal):
        return pivot
    if pivot.address in (source.address, target.address):
        return ILLEGAL
    if target.address != source.address and target.type:
        return OCCUPIED
    refusal = _empty(source, 1, last[1]) or _empty(pivot, 0, pivot_depth)
    refusal = refusal or _fixed(pivot, guard) or _fixed(source, pivot_guard)

    def perform() -> tuple[int, ...]:
        spare = trap.root.spare
        _move(pivot, spare, guard)
        _move(source, pivot, pivot_guard)
        return _move(spare, target)

    return refusal or deletion.when_drained(trap, perform)
