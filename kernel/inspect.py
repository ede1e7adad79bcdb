"""What is in a RAM image: threads, queues, memory, capabilities, audit records.

Pure functions over memory. They change nothing and need no kernel that runs, so they
work on a snapshot, on a crash's image and beside a machine that is stopped. Everything
is found from the root object by way of the derivation tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vectoros.kernel import derivation, queue
from vectoros.kernel.abi import Fault, State
from vectoros.kernel.audit import AuditLog, Event
from vectoros.kernel.memory import Memory, Ram
from vectoros.kernel.objects import SLOT_BITS, Type
from vectoros.kernel.root import Root, valid
from vectoros.kernel.scheduler import PRIORITIES
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.units import PAGE_SIZE


class Capability(NamedTuple):
    """A slot that is not empty."""

    slot: int
    depth: int
    """Below the anchor of the derivation tree; 0 where it is not known."""
    type: Type
    object: int
    badge: int
    rights: int
    bits: int


class Thread(NamedTuple):
    """A thread, as ``ps`` shows it."""

    tcb: int
    process: int
    name: str
    state: State
    priority: int
    consumed: int
    """Ticks."""
    rip: int
    fault: Fault
    fault_ip: int
    fault_address: int


class Piece(NamedTuple):
    """An untyped."""

    base: int
    size: int
    used: int
    device: bool


class Entry(NamedTuple):
    """A record of the audit log."""

    tick: int
    event: Event
    subject: int
    object: int
    detail: int
    words: tuple[int, int]


def find_root(memory: Memory) -> int | None:
    """Return the physical address of the root object, or None: no kernel has run here."""
    ram = Ram(memory)
    found = (page for page in range(PAGE_SIZE, ram.size, PAGE_SIZE) if valid(ram, page))
    return next(found, None)


def tree(root: Root) -> Iterator[Capability]:
    """Yield every capability, parents before children."""
    for address, depth in derivation.descendants(root.ram, root.anchor):
        yield _capability(Slot(root.ram, address), depth)


def _capability(slot: Slot, depth: int = 0) -> Capability:
    kind = Type(slot.type)
    return Capability(slot.address, depth, kind, slot.object, slot.badge, slot.rights, slot.bits)


def objects(root: Root, kind: Type) -> list[int]:
    """Return the objects of type ``kind``, in ascending order."""
    return sorted({found.object for found in tree(root) if found.type is kind})


def threads(root: Root) -> list[Thread]:
    """Return all threads, by process."""
    found = [_thread(Tcb(root.ram, address)) for address in objects(root, Type.TCB)]
    return sorted(found, key=lambda thread: thread.process)


def _thread(tcb: Tcb) -> Thread:
    return Thread(
        tcb.address,
        tcb.process,
        tcb.name,
        State(tcb.state),
        tcb.priority,
        tcb.consumed,
        tcb.rip,
        Fault(tcb.fault),
        tcb.fault_ip,
        tcb.fault_address,
    )


def ready(root: Root) -> dict[int, list[int]]:
    """Return the threads in each ready queue that has any, highest priority first."""
    processor = root.processor
    queues = {
        priority: list(queue.members(root.words, processor.queue(priority)))
        for priority in range(PRIORITIES - 1, -1, -1)
    }
    return {priority: members for priority, members in queues.items() if members}


def waiting(root: Root) -> dict[int, list[int]]:
    """Return who waits at each endpoint and notification where anybody does."""
    places = objects(root, Type.ENDPOINT) + objects(root, Type.NOTIFICATION)
    queues = {place: list(queue.members(root.words, place)) for place in places}
    return {place: members for place, members in queues.items() if members}


def untypeds(root: Root) -> list[Piece]:
    """Return the untypeds, by address."""
    found = (cap for cap in tree(root) if cap.type is Type.UNTYPED)
    pieces = (
        Piece(cap.object, 1 << cap.bits, cap.badge, bool(Slot(root.ram, cap.slot).device))
        for cap in found
    )
    return sorted(pieces)


def capabilities(root: Root, cnode: Slot) -> dict[int, Capability]:
    """Return what is in the CNode that ``cnode`` is a capability to, by slot number."""
    slots = (
        Slot(root.ram, cnode.object + (number << SLOT_BITS)) for number in range(1 << cnode.bits)
    )
    return {number: _capability(slot) for number, slot in enumerate(slots) if slot.type}


def audit(root: Root) -> list[Entry]:
    """Return the records of the audit log that are left, oldest first."""
    return [
        Entry(
            record.tick,
            Event(record.event),
            record.subject,
            record.object,
            record.detail,
            (record.word0, record.word1),
        )
        for record in AuditLog(root.ram, root.audit.object).records
    ]
