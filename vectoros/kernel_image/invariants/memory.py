"""Memory and the derivation tree: I1 to I19."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TypeVar

from vectoros.errors import hold
from vectoros.kernel import derivation
from vectoros.kernel.objects import PAGE_SIZES, RIGHTS, Type
from vectoros.kernel.root import ROOT_SIZE, Root
from vectoros.kernel.slot import SIZE
from vectoros.kernel_image.invariants.facts import Cap, Facts

T = TypeVar("T")

_DERIVED = {Type.IRQ_HANDLER: Type.IRQ_CONTROL, Type.IO_PORT: Type.IO_PORT_CONTROL}
_SINGLE = (Type.IRQ_CONTROL, Type.IO_PORT_CONTROL, Type.ASID_CONTROL)
_MIN_UNTYPED, _MAX_UNTYPED = 4, 47


def pspace_aligned(facts: Facts) -> None:
    """I1: every object's address is a multiple of its size."""
    for cap in facts.caps:
        if cap.has_memory:
            hold(cap.object % (cap.end - cap.object) == 0, f"I1: {cap} is not aligned")


def pspace_distinct(facts: Facts) -> None:
    """I2: no two objects share a byte."""
    ranges = sorted(_leaves(facts))
    for (first, end, kind), (start, _, other) in pairwise(ranges):
        hold(end <= start, f"I2: {kind.name} at {first:#x} overlaps {other.name} at {start:#x}")


def _leaves(facts: Facts) -> set[tuple[int, int, Type]]:
    """Return the objects that are memory, but no untypeds, as start, end and type."""
    found = (cap for cap in facts.caps if cap.has_memory and cap.kind is not Type.UNTYPED)
    return {(cap.object, cap.end, cap.kind) for cap in found}


def valid_cap(facts: Facts) -> None:
    """I3: a capability has the size, guard, watermark and rights that its type can have."""
    sizes: dict[tuple[Type, int], int] = {}
    for cap in facts.caps:
        known = sizes.setdefault(cap.identity, cap.bits)
        if cap.has_memory and cap.kind is not Type.UNTYPED:
            hold(known == cap.bits, f"I3: {cap} has another size elsewhere")
        if cap.kind in RIGHTS:
            hold(not cap.rights & ~RIGHTS[cap.kind], f"I3: {cap} has rights {cap.rights:#x}")
        match cap.kind:
            case Type.CNODE:
                hold(0 < cap.guard_size + cap.bits <= 64, f"I3: {cap} reads too many bits")
                hold(cap.badge >> cap.guard_size == 0, f"I3: {cap} has a guard that is too long")
            case Type.UNTYPED:
                size = _MIN_UNTYPED <= cap.bits <= _MAX_UNTYPED
                hold(size and cap.badge <= cap.size, f"I3: {cap} is used beyond its end")
            case Type.FRAME | Type.CHANNEL:
                hold(cap.bits in PAGE_SIZES, f"I3: {cap} has no size of a page")


def valid_untyped(facts: Facts) -> None:
    """I4: an object is outside an untyped, or below its watermark."""
    for (start, end, kind), around in _around(facts, _leaves(facts)):
        for untyped in around:
            inside = untyped.object <= start and end <= untyped.object + untyped.badge
            hold(inside, f"I4: {kind.name} at {start:#x} is not in the used part of {untyped}")


def untyped_mdb(facts: Facts) -> None:
    """I5: whatever lies in an untyped was derived from it, so that it can be revoked."""
    caps = (cap for cap in facts.caps if cap.has_memory and cap.kind is not Type.UNTYPED)
    for (start, _, cap), around in _around(facts, ((cap.object, cap.end, cap) for cap in caps)):
        for untyped in around:
            known = untyped.object > start or cap.is_under(untyped)
            hold(known, f"I5: {cap} does not descend from {untyped}")


def _around(
    facts: Facts, spans: Iterable[tuple[int, int, T]]
) -> Iterator[tuple[tuple[int, int, T], list[Cap]]]:
    """Yield each span, from a start to an end, with the untypeds that share a byte with it."""
    coming = sorted(facts.of[Type.UNTYPED], key=lambda cap: cap.object, reverse=True)
    near: list[Cap] = []
    for span in sorted(spans, key=lambda span: span[0]):
        start, end, _ = span
        while coming and coming[-1].object < end:
            near.append(coming.pop())
        near = [untyped for untyped in near if start < untyped.end]
        yield span, [untyped for untyped in near if untyped.object < end]


def _untypeds_over(cap: Cap) -> list[Cap]:
    found = []
    while cap.parent is not None:
        cap = cap.parent
        if cap.kind is Type.UNTYPED:
            found.append(cap)
    return found


def untyped_inc(facts: Facts) -> None:
    """I6: of two untypeds that share memory, one descends from the other's used part."""
    ordered = sorted(facts.of[Type.UNTYPED], key=lambda cap: (cap.object, -cap.size, cap.opens))
    around: list[Cap] = []
    for cap in ordered:
        around = [other for other in around if cap.object < other.end]
        for other in around:
            used = other.object + other.badge
            known = cap.is_under(other) and cap.end <= used
            hold(known, f"I6: {cap} is in {other}, and not of what was made of it")
        around.append(cap)


def cap_refs_respects_device_region(facts: Facts) -> None:
    """I7: a capability is to a device's memory exactly if its untyped is."""
    for cap in facts.caps:
        over = _untypeds_over(cap)[:1] if cap.has_memory else []
        for untyped in over:
            hold(cap.device == untyped.device, f"I7: {cap} and {untyped} differ in device")


def valid_machine_state(facts: Facts) -> None:
    """I8: what an untyped says is zero is zero, so that no old contents can be seen."""
    view = facts.root.ram.view
    for cap in facts.of[Type.UNTYPED]:
        if not cap.device and cap.mapping > cap.badge:
            data = view[cap.object + cap.badge : cap.object + cap.mapping]
            hold(data == bytes(len(data)), f"I8: {cap} is not zero above its watermark")


def ledger(facts: Facts) -> None:
    """I9: what was made of an untyped is no more than was retyped of it; the rest is lost."""
    children: dict[int, int] = {}
    for identity, cap in {cap.identity: cap for cap in facts.caps if cap.has_memory}.items():
        over = [u for u in _untypeds_over(cap) if u.identity != identity][:1]
        for untyped in over:
            size = cap.end - cap.object
            children[untyped.address] = children.get(untyped.address, 0) + size
    for cap in facts.of[Type.UNTYPED]:
        made = children.get(cap.address, 0)
        hold(made <= cap.badge, f"I9: {made:#x} bytes were made of {cap}, {cap.badge:#x} retyped")


def mdb_cte_at(facts: Facts) -> None:
    """I10: every slot of the tree is a slot, and holds a capability (seen to by the walk)."""
    for cap in facts.caps:
        hold(cap.address % SIZE == 0, f"I10: {cap} is not in a slot")


def no_mloop(facts: Facts) -> None:
    """I11: no capability descends from itself (seen to by the walk)."""
    for cap in facts.caps:
        hold(cap.opens < cap.closes, f"I11: {cap} closes before it opens")


def descendants_inc(facts: Facts) -> None:
    """I12: a child names its parent's object with no more rights, a part, or what it issued."""
    for cap in facts.caps:
        parent = cap.parent
        if parent is None:
            continue
        if parent.kind is Type.UNTYPED:
            inside = parent.object <= cap.object and cap.end <= parent.end
            hold(cap.has_memory and inside, f"I12: {cap} is not in its parent {parent}")
        elif parent.identity == cap.identity or Type.ZOMBIE in (parent.kind, cap.kind):
            hold(not cap.rights & ~parent.rights, f"I12: {cap} may more than its parent")
            if parent.badge and cap.kind in (Type.ENDPOINT, Type.NOTIFICATION):
                hold(cap.badge == parent.badge, f"I12: {cap} has another badge than its parent")
        else:
            hold(_DERIVED.get(cap.kind) is parent.kind, f"I12: {cap} is a child of {parent}")


def valid_ioc(facts: Facts) -> None:
    """I13: a slot that is not empty is in the tree, and an empty one is all zero."""
    for first, count in facts.containers():
        for address in range(first, first + count * SIZE, SIZE):
            data = bytes(facts.root.ram.view[address : address + SIZE])
            if data[0]:
                hold(address in facts.slots, f"I13: slot {address:#x} is in no tree")
            else:
                hold(not any(data), f"I13: slot {address:#x} is empty and not zero")


def irq_revocable(facts: Facts) -> None:
    """I14: of those controls that say what has been issued, there is one capability at most."""
    for kind in _SINGLE:
        caps = facts.of[kind]
        hold(len(caps) <= 1, f"I14: there are {len(caps)} capabilities to {kind.name}")
        hold(all(cap.parent is None for cap in caps), f"I14: {kind.name} was derived")


def zombies_final(facts: Facts) -> None:
    """I15: a ZOMBIE is the only capability to its object, and waits to be emptied."""
    waiting, slot = [], facts.root.dying
    while slot:
        hold(slot not in waiting, "I15: the list of zombies has a loop")
        hold(slot in facts.slots, f"I15: {slot:#x} is in the list of zombies, and no slot")
        waiting.append(slot)
        slot = facts.slots[slot].mapping
    hold(sorted(waiting) == sorted(cap.address for cap in facts.of[Type.ZOMBIE]),
         "I15: the list of zombies is not that of all zombies")  # fmt: skip
    objects = [cap.object for cap in facts.caps if cap.has_memory and cap.kind is not Type.UNTYPED]
    for cap in facts.of[Type.ZOMBIE]:
        hold(objects.count(cap.object) == 1, f"I15: {cap} is not the last")


def if_live_then_nonz_cap(facts: Facts) -> None:
    """I16: a thread that runs, or waits for messages or signals, has a capability."""
    threads, root = set(facts.objects(Type.TCB)), facts.root
    processor = root.processor
    for name in ("current", "fpu_owner"):
        found = getattr(processor, name)
        hold(not found or found in threads, f"I16: {name} is {found:#x}, which is no thread")
    for place in facts.objects(Type.ENDPOINT) + facts.objects(Type.NOTIFICATION):
        for member in facts.members(place):
            hold(member in threads, f"I16: {member:#x} waits at {place:#x}, and is no thread")


def if_unsafe_then_cap(facts: Facts) -> None:
    """I17: every slot of the tree is in the root object, or in a container with a capability."""
    inside = {
        address
        for first, count in facts.containers()
        for address in range(first, first + count * SIZE, SIZE)
    }
    for cap in facts.caps:
        known = cap.address in inside or _in_root(facts.root, cap.address)
        hold(known, f"I17: {cap} is in no CNode, TCB or root object")


def _in_root(root: Root, slot: int) -> bool:
    return root.address <= slot < root.address + ROOT_SIZE


def valid_mdb(facts: Facts) -> None:
    """I18: links are mutual and parentheses nested (seen to by the walk)."""
    for cap in facts.caps:
        under = cap.parent is None or cap.is_under(cap.parent)
        hold(under, f"I18: {cap} closes outside its parent")


def is_final(facts: Facts) -> None:
    """I19: a slot's neighbours tell whether it is its object's last capability."""
    counts: dict[tuple[Type, int], int] = {}
    for cap in facts.caps:
        counts[cap.identity] = counts.get(cap.identity, 0) + 1
    for cap in facts.caps:
        if cap.has_memory and cap.kind not in (Type.UNTYPED, Type.ZOMBIE):
            final = derivation.is_final(facts.root.ram, cap.address)
            hold(final == (counts[cap.identity] == 1), f"I19: {cap} is taken for its last")


MEMORY = (
    pspace_aligned, pspace_distinct, valid_cap, valid_untyped, untyped_mdb, untyped_inc,
    cap_refs_respects_device_region, valid_machine_state, ledger, mdb_cte_at, no_mloop,
    descendants_inc, valid_ioc, irq_revocable, zombies_final, if_live_then_nonz_cap,
    if_unsafe_then_cap, valid_mdb, is_final,
)  # fmt: skip
