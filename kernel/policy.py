"""Policies: which traps and methods a thread may ask for at all.

A capability says what may be done with one object; a policy says what its thread may
ask of any object of a type. It is a mask for each type, bit n for method n, and one
for the traps. Masks lose bits and never gain any. A thread that has a policy gets no
wider one, and what it makes, threads and policies, has no more than it has itself:
so a process that was restricted stays so, with everything that comes of it.

A thread whose policy was revoked may do nothing. Otherwise it could give itself a
narrower one, made from memory of its own, and free itself by revoking that.
"""

from __future__ import annotations

from vectoros.kernel import audit, derivation
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import ILLEGAL, Error, Refusal
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import POLICY, Tcb
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import MASK, Field, View

KINDS = 32

SEND, RECEIVE = 1, 2
"""Bits of what has no methods: endpoints and notifications both, Reply objects the first."""

(_RESTRICTED,) = Tcb.indices("restricted")
_HELD = POLICY + Slot.fields["object"].offset >> 3


class Policy(View):
    """The object: a word for each type of object, of which that of type 0 is the traps'."""

    traps = Field(0x00, "bit n: trap n is allowed")

    @property
    def masks(self) -> tuple[int, ...]:
        """Every word; of type t, bit n allows method n."""
        return tuple(self.words[self.at : self.at + KINDS])


def allows(trap: Trap, label: int, target: int = 0) -> bool:
    """Whether the caller may ask for the method ``label``, or for a trap, which is below 256.

    If it may not, that is written down. A caller without policy costs one word read.
    """
    words, at = trap.words, trap.caller >> 3
    if not words[at + _RESTRICTED]:
        return True
    held, kind = words[at + _HELD], label >> 8
    if held and kind < KINDS and words[(held >> 3) + kind] >> (label & 0xFF) & 1:
        return True
    audit.note(trap, Event.DENIED, target, label, status=Error.ILLEGAL_OPERATION)
    return False


def inherit(trap: Trap, made: int) -> None:
    """Let the TCB ``made``, which is new, have the caller's policy."""
    maker, thread = trap.thread, Tcb(trap.ram, made)
    thread.restricted = maker.restricted
    if maker.restricted:
        derivation.derive(trap.ram, maker.address + POLICY, made + POLICY)


def initial_mask(trap: Trap, made: int) -> None:
    """Let the policy ``made``, which is new, allow what the caller may: all, without a policy."""
    maker = trap.thread
    first = _masks(maker.slot(POLICY)) if maker.restricted else (MASK,) * KINDS
    for index, mask in enumerate(first, made >> 3):
        trap.words[index] = mask


def may_replace(old: Slot, new: Slot) -> bool:
    """Whether a thread that has ``old`` in its slot POLICY may have ``new`` instead."""
    if not Tcb(old.ram, old.address - POLICY).restricted:
        return True
    return not any(after & ~before for before, after in zip(_masks(old), _masks(new), strict=True))


def replace(thread: Tcb, new: Slot) -> tuple[int, ...]:
    """Let ``new`` decide for ``thread``."""
    held = thread.slot(POLICY)
    if held.type:
        derivation.remove(thread.ram, held.address)
    derivation.derive(thread.ram, new.address, held.address)
    thread.restricted = 1
    return ()


def _masks(slot: Slot) -> tuple[int, ...]:
    return Policy(slot.ram, slot.object).masks if slot.type else (0,) * KINDS


def _refusal(slot: Slot, right: Right, kind: int) -> Refusal | None:
    """Refuse who has not the right, and a type that there is not."""
    if not slot.rights & right:
        return ILLEGAL
    return None if kind <= max(Type) else Refusal(Error.RANGE_ERROR, (0, int(max(Type))))


@decodes(Type.POLICY, "Restrict")
def _decode_restrict(invocation: Invocation) -> Action | Refusal:
    (kind, mask), slot = invocation.words, invocation.slot

    def perform() -> tuple[int, ...]:
        slot.words[(slot.object >> 3) + kind] &= mask
        return ()

    return _refusal(slot, Right.WRITE, kind) or perform


@decodes(Type.POLICY, "Describe")
def _decode_describe(invocation: Invocation) -> Action | Refusal:
    (kind,), slot = invocation.words, invocation.slot
    return _refusal(slot, Right.READ, kind) or (lambda: (_masks(slot)[kind],))
