"""The process that asks for anything: three threads in a CNode of their own, and who revives them.

The root makes them, with one capability of nearly every type. Then it does the lowest
thing there is to do: whenever none of the three can run, it gives them back what they
run with, and starts them again.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.kernel import dsl, puppet, script
from tests.conformance.kernel.dsl import (
    CNODE,
    DOMAIN,
    LOG,
    PML4,
    SCHED,
    TCB,
    invoke,
    label,
    retype,
)
from tests.conformance.kernel.step import Kind, Step
from vectoros.kernel.objects import TABLES, Type
from vectoros.kernel.process_layout import Init

RADIX = 7
OWN = 96
"""Slot of the root's where the CNode is."""

TCBS, CONTEXTS = (48, 49, 50), (51, 52, 53)
PRIORITY = 100
SLICE = 400_000

SLOTS: dict[int, Type] = {}
"""What is in the CNode, by slot, at first; what is not here is empty."""

_MADE = (
    Type.ENDPOINT, Type.ENDPOINT, Type.NOTIFICATION, Type.NOTIFICATION, Type.REPLY, Type.REPLY,
    Type.SCHED_CONTEXT, Type.TCB, Type.PML4, Type.PDPT, Type.PD, Type.PT, Type.POLICY,
)  # fmt: skip
_SIZED = (
    (Type.FRAME, 12), (Type.FRAME, 12), (Type.CHANNEL, 12), (Type.CNODE, 4), (Type.UNTYPED, 12),
    (Type.UNTYPED, 18), (Type.UNTYPED, 16),
)  # fmt: skip
_FIRST = 1
_OWN_CNODE = 40
_OWN_TCBS = (41, 42, 43)
_OWN_CONTEXTS = (44, 45, 46)
_LENT = {
    47: (Init.COM1, Type.IO_PORT), 48: (Init.COM1_IRQ, Type.IRQ_HANDLER),
    49: (LOG, Type.AUDIT_LOG), 50: (SCHED, Type.SCHED_CONTROL), 51: (DOMAIN, Type.DOMAIN),
    52: (Init.ASID_POOL, Type.ASID_POOL),
}  # fmt: skip
_MOVED = {53: (Init.IRQ_CONTROL, Type.IRQ_CONTROL), 54: (Init.ASID_CONTROL, Type.ASID_CONTROL)}

SLOTS.update(enumerate(_MADE, _FIRST))
SLOTS.update({_FIRST + len(_MADE) + n: kind for n, (kind, _) in enumerate(_SIZED)})
SLOTS.update({_OWN_CNODE: Type.CNODE})
SLOTS.update(dict.fromkeys(_OWN_TCBS, Type.TCB))
SLOTS.update(dict.fromkeys(_OWN_CONTEXTS, Type.SCHED_CONTEXT))
SLOTS.update({slot: kind for slot, (_, kind) in (*_LENT.items(), *_MOVED.items())})

SPACE = 0x7000_0000
"""An address for which their address space has tables, and no page."""

SPARE = OWN + 1
"""A slot of the root's with the untyped that all of theirs comes from."""


def set_up() -> Iterator[Step]:
    """Make what they cannot lose."""
    yield retype(Type.UNTYPED, SPARE, bits=21)
    yield retype(Type.CNODE, OWN, bits=RADIX)
    for tcb, context in zip(TCBS, CONTEXTS, strict=True):
        yield retype(Type.TCB, tcb)
        yield retype(Type.SCHED_CONTEXT, context)
        yield invoke(SCHED, "SCHED_CONTROL.Configure", SLICE, SLICE, 0, 0, 0, context)
    for slot, (source, _) in _MOVED.items():
        yield invoke(OWN, "CNODE.Move", slot, RADIX, source, 64, CNODE)
    yield from _space()
    yield invoke(TCB, "TCB.SetPriority", 1, TCB)


def _space() -> Iterator[Step]:
    """Give them an address space with tables for SPACE, each in its slot."""
    own = [_FIRST + _MADE.index(kind) for kind in TABLES]
    for slot, kind in zip(range(SPARE + 1, SPARE + 5), TABLES, strict=True):
        yield invoke(SPARE, "UNTYPED.Retype", kind, 0, 0, 0, slot, 1, CNODE)
    yield invoke(Init.ASID_POOL, "ASID_POOL.Assign", SPARE + 1)
    for slot, kind in zip(range(SPARE + 2, SPARE + 5), TABLES[1:], strict=True):
        yield invoke(slot, f"{kind.name}.Map", SPACE, SPARE + 1)
    for slot, target in zip(range(SPARE + 1, SPARE + 5), own, strict=True):
        yield invoke(OWN, "CNODE.Move", target, RADIX, slot, 64, CNODE)


def give() -> Iterator[Step]:
    """Fill their slots, where nothing is."""
    for slot, (kind, bits) in enumerate((*((kind, 0) for kind in _MADE), *_SIZED), _FIRST):
        yield invoke(SPARE, "UNTYPED.Retype", kind, bits, 0, 0, slot, 1, OWN)
    yield invoke(OWN, "CNODE.Mint", _OWN_CNODE, RADIX, OWN, 64, 15, 64 - RADIX, CNODE)
    sources = (*zip(_OWN_TCBS, TCBS, strict=True), *zip(_OWN_CONTEXTS, CONTEXTS, strict=True))
    for slot, source in (*sources, *((slot, row[0]) for slot, row in _LENT.items())):
        yield invoke(OWN, "CNODE.Copy", slot, RADIX, source, 64, 15, CNODE)


def revive() -> Iterator[Step]:
    """Give the threads what they run with, and start them."""
    for tcb, context in zip(TCBS, CONTEXTS, strict=True):
        buffer = dsl.buffer("a"), dsl.buffer_frame("a")
        yield invoke(tcb, "TCB.Suspend")
        yield invoke(tcb, "TCB.Configure", 64 - RADIX, 0, buffer[0], OWN, PML4, buffer[1])
        yield invoke(SCHED, "SCHED_CONTROL.Configure", SLICE, SLICE, 0, 0, 0, context)
        yield invoke(tcb, "TCB.SetSchedParams", PRIORITY, PRIORITY, TCB, context, 127)
        yield invoke(DOMAIN, "DOMAIN.Set", 0, tcb)
        yield invoke(tcb, "TCB.WriteRegisters", 1, 3, more=(label("fuzz"), 0, 2))


def _jump(target: int) -> Step:
    return Step(Kind.JUMP, rdi=target)


def steps() -> list[Step]:
    """Return the root's script: set-up, then reviving for ever."""
    first, again = list(set_up()), list(revive())
    address = puppet.AREAS + sum(map(script.size_of, first))
    return [*first, *give(), *again, *again, *again, _jump(address)]
