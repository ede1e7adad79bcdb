"""What is true of the kernel's memory between any two traps.

Each invariant is a function over the root object that raises :class:`InvariantError`
with its name and the offender. The numbers are those of the list that seL4's proofs
were read for (I1 and so on); the names in parentheses are l4v's.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from vectoros.errors import hold
from vectoros.kernel import derivation, inspect, queue, vspace
from vectoros.kernel.abi import State
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Type
from vectoros.kernel.root import Root
from vectoros.kernel.scheduler import BITMAP, PRIORITIES
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.tcb import BUFFER, CSPACE, HANDLER, VSPACE, Tcb
from vectoros.kernel.untyped import object_bits

_MEMORYLESS = (Type.IRQ_HANDLER, Type.IO_PORT)
_WAITS = {
    State.BLOCKED_ON_RECEIVE: Type.ENDPOINT,
    State.BLOCKED_ON_SEND: Type.ENDPOINT,
    State.BLOCKED_ON_NOTIFICATION: Type.NOTIFICATION,
}
_TCB_SLOTS = {
    CSPACE: (Type.CNODE,),
    VSPACE: (Type.PML4,),
    BUFFER: (Type.FRAME, Type.NULL),
    HANDLER: (Type.ENDPOINT, Type.NULL),
}
_LOW, _HIGH = vspace.HALF * 8, vspace.ENTRIES * 8
_FORBIDDEN = vspace.Entry.WRITE | vspace.Entry.NO_EXECUTE


def tree_is_nested(root: Root) -> None:
    """I10, I11, I18 (``valid_mdb``): links are mutual, and every slot opens, then closes."""
    words, open_slots = root.words, [root.anchor]
    node = root.anchor + derivation.OPEN
    for _ in range(root.ram.size // SIZE):
        after = words[(node >> 3) + 1]
        hold(words[after >> 3] == node, f"I18: node {after:#x} does not link back to {node:#x}")
        node, slot = after, after - after % SIZE
        if node == slot + derivation.OPEN:
            hold(slot not in open_slots, f"I11: slot {slot:#x} is its own descendant")
            hold(bool(Slot(root.ram, slot).type), f"I10: slot {slot:#x} is empty")
            open_slots.append(slot)
        else:
            hold(open_slots[-1] == slot, f"I18: slot {slot:#x} closes inside another")
            open_slots.pop()
        if not open_slots:
            return
    hold(False, "I11: the derivation tree has no end")


def objects_are_apart(root: Root) -> None:
    """I1, I2 (``pspace_aligned``, ``pspace_distinct``): aligned to their size, sharing no byte."""
    ranges = sorted(_ranges(root))
    for start, end, kind in ranges:
        hold(start % (end - start) == 0, f"I1: {kind.name} at {start:#x} is not aligned")
    for (first, end, kind), (start, _, other) in pairwise(ranges):
        hold(end <= start, f"I2: {kind.name} at {first:#x} overlaps {other.name} at {start:#x}")


def _ranges(root: Root) -> set[tuple[int, int, Type]]:
    """Return the objects that are memory, but no untypeds, as start, end and type."""
    return {
        (cap.object, cap.object + (1 << object_bits(cap.type, cap.bits)), cap.type)
        for cap in inspect.tree(root)
        if cap.type not in (*_MEMORYLESS, Type.UNTYPED)
    }


def untypeds_hold_their_children(root: Root) -> None:
    """I4, I9 (``valid_untyped``): all memory retyped lies below the watermark, none above."""
    pieces = inspect.untypeds(root)
    for piece in pieces:
        hold(piece.used <= piece.size, f"I4: untyped {piece.base:#x} is used beyond its end")
    for start, end, kind in _ranges(root):
        inside = [p for p in pieces if p.base <= start and end <= p.base + p.used]
        hold(len(inside) == 1, f"I4: {kind.name} at {start:#x} is not in the used part of one")
    total = sum(end - start for start, end, _ in _ranges(root))
    used = sum(piece.used for piece in pieces)
    hold(total <= used, f"I9: {total:#x} bytes of objects, {used:#x} bytes retyped")


def slots_are_of_known_type(root: Root) -> None:
    """I3, I25 (``valid_cap``, ``tcb_cap_cases``): a type, and in a TCB one that belongs there."""
    for address in inspect.objects(root, Type.TCB):
        for offset, kinds in _TCB_SLOTS.items():
            kind = Slot(root.ram, address + offset).type
            hold(kind in kinds, f"I25: TCB {address:#x} has type {kind} in slot {offset:#x}")
    for cap in inspect.tree(root):
        if cap.type is Type.CNODE:
            guard = Slot(root.ram, cap.slot).guard_size
            hold(0 < guard + cap.bits <= 64, f"I3: CNode {cap.object:#x} reads {guard} bits")


def queues_are_well_formed(root: Root) -> None:
    """I27, I30 (``valid_queues``): ready threads in their own queue, and the bitmap agrees."""
    processor, words = root.processor, root.words
    for priority in range(PRIORITIES):
        at = processor.queue(priority)
        members = _members(root, at)
        for address in members:
            thread = Tcb(root.ram, address)
            hold(thread.state == State.RUNNING, f"I27: thread {address:#x} is queued, not ready")
            hold(thread.priority == priority, f"I27: thread {address:#x} is in queue {priority}")
        bit = words[(processor.address + BITMAP >> 3) + (priority >> 6)] >> (priority & 63) & 1
        hold(bit == bool(members), f"I30: the bitmap is wrong at priority {priority}")
    for word in range(PRIORITIES // 64):
        some = bool(words[(processor.address + BITMAP >> 3) + word])
        hold(some == processor.occupied >> word & 1, f"I30: the summary is wrong at word {word}")


def _members(root: Root, at: int) -> list[int]:
    """Return the queue at ``at``, after checking its links."""
    before, found = 0, []
    for address in queue.members(root.words, at):
        hold(address not in found, f"I20: the queue at {at:#x} has a loop")
        thread = Tcb(root.ram, address)
        hold(thread.queue_prev == before, f"I20: thread {address:#x} does not link back")
        found.append(address)
        before = address
    hold(root.words[(at >> 3) + 1] == before, f"I20: the tail of the queue at {at:#x} is wrong")
    return found


def nobody_is_lost(root: Root) -> None:
    """I28 (``valid_blocked``): whoever could run is queued or runs, and in one place only."""
    processor = root.processor
    queued = [thread for members in inspect.ready(root).values() for thread in members]
    for thread in inspect.threads(root):
        places = queued.count(thread.tcb) + (processor.current == thread.tcb)
        expected = thread.state is State.RUNNING
        hold(places == expected, f"I28: thread {thread.name} is ready in {places} places")


def waiting_is_mutual(root: Root) -> None:
    """I20, I21, I33 (``sym_refs``): who waits is in the queue where it waits, in order."""
    places = {kind: inspect.objects(root, kind) for kind in (Type.ENDPOINT, Type.NOTIFICATION)}
    found = {}
    for kind, addresses in places.items():
        for at in addresses:
            members = [Tcb(root.ram, address) for address in _members(root, at)]
            found.update({thread.address: (kind, at) for thread in members})
            states = {thread.state for thread in members}
            hold(len(states) <= 1, f"I21: senders and receivers wait at {at:#x}")
            priorities = [thread.priority for thread in members]
            hold(priorities == sorted(priorities, reverse=True), f"I33: disorder at {at:#x}")
    for thread in (Tcb(root.ram, address) for address in inspect.objects(root, Type.TCB)):
        place = _WAITS.get(State(thread.state))
        expected = None if place is None else (place, thread.blocked_on)
        hold(found.get(thread.address) == expected, f"I20: thread {thread.name} waits nowhere")


def binding_is_mutual(root: Root) -> None:
    """I20 (``sym_refs``): a bound thread and its notification name each other."""
    for address in inspect.objects(root, Type.TCB):
        bound = Tcb(root.ram, address).bound
        back = Notification(root.ram, bound).bound if bound else address
        hold(back == address, f"I20: notification {bound:#x} is bound to {back:#x}")
    for address in inspect.objects(root, Type.NOTIFICATION):
        found = Notification(root.ram, address)
        back = Tcb(root.ram, found.bound).bound if found.bound else address
        hold(back == address, f"I20: thread {found.bound:#x} is bound to {back:#x}")
        hold(not (found.active and found.head), f"I21: {address:#x} is active and waited for")


def pages_are_not_writable_and_executable(root: Root) -> None:
    """W^X, and I35 (``valid_vs_lookup``): a mapped page is some capability's, mapped there."""
    caps = {
        (slot.mapped_at, slot.object)
        for slot in (Slot(root.ram, cap.slot) for cap in inspect.tree(root))
        if slot.type == Type.FRAME
    }
    for pml4 in inspect.objects(root, Type.PML4):
        for page in vspace.mappings(root.ram, pml4):
            name = f"page {page.address:#x} of PML4 {pml4:#x}"
            hold(page.access & _FORBIDDEN != vspace.Entry.WRITE, f"W^X: {name} is both")
            known = ((pml4, page.address), page.frame) in caps
            hold(known, f"I35: {name} has no capability")


def kernel_half_is_closed(root: Root) -> None:
    """I38 (``equal_kernel_mappings``): one upper half, and none of it is ring 3's."""
    spaces = inspect.objects(root, Type.PML4)
    for pml4 in spaces:
        half = root.ram.view[pml4 + _LOW : pml4 + _HIGH]
        first = root.ram.view[spaces[0] + _LOW : spaces[0] + _HIGH]
        hold(half == first, f"I38: PML4 {pml4:#x} has another kernel half")
        users = [entry for entry in half.cast("Q") if entry & vspace.Entry.USER]
        hold(not users, f"I38: ring 3 may use the kernel half of PML4 {pml4:#x}")


INVARIANTS: tuple[Callable[[Root], None], ...] = (
    tree_is_nested,
    objects_are_apart,
    untypeds_hold_their_children,
    slots_are_of_known_type,
    queues_are_well_formed,
    nobody_is_lost,
    waiting_is_mutual,
    binding_is_mutual,
    pages_are_not_writable_and_executable,
    kernel_half_is_closed,
)
"""All of them. The tree comes first, because the others walk along it."""


def check(root: Root) -> None:
    """Raise :class:`InvariantError` at the first invariant that does not hold."""
    for invariant in INVARIANTS:
        invariant(root)
