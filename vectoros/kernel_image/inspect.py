"""What is in a RAM image: capabilities, threads, queues, memory, audit records.

Pure functions over memory. They change nothing and need no kernel that runs, so they
work on a snapshot, on a crash's image and beside a machine that is stopped. Everything
is found from the root object by way of the derivation tree.

An image may be damaged. Promise: each function ends, and either tells what is there or
raises :class:`InspectError`, which says what cannot be, and where.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple, TypeVar

from vectoros.kernel.abi import Fault, State
from vectoros.kernel.audit import AuditLog, Event, Record
from vectoros.kernel.derivation import CLOSE, OPEN
from vectoros.kernel.memory import Memory, Ram
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import FIXED_BITS, PAGE_BITS, SLOT_BITS, Type
from vectoros.kernel.queue import NEXT
from vectoros.kernel.reply import Reply
from vectoros.kernel.root import IRQ_LINES, MAGIC, ROOT_SIZE, Root
from vectoros.kernel.sched_context import MAX_REFILLS, SchedContext
from vectoros.kernel.scheduler import DOMAINS, PRIORITIES
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.views import WORD
from vectoros.kernel.vspace import ADDRESS, ENTRIES, HALF
from vectoros.kernel.vspace import Entry as Bits
from vectoros.kernel_image.walks import Mapping
from vectoros.units import PAGE_SIZE

E = TypeVar("E", bound=IntEnum)

MEMORYLESS = (
    Type.ASID_CONTROL, Type.IRQ_CONTROL, Type.IRQ_HANDLER, Type.IO_PORT_CONTROL, Type.IO_PORT,
    Type.SCHED_CONTROL, Type.DOMAIN,
)  # fmt: skip
"""Capabilities that name no memory."""


class InspectError(Exception):
    """The image holds what no kernel writes."""


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
    device: bool
    mapping: int
    was: Type
    """Of a zombie, what it was before; else the type."""
    parent: int
    """Slot of the capability that it was derived from; the anchor, if of none."""

    @property
    def size(self) -> int:
        """Bytes of the object; 0: it is no memory."""
        if self.was in MEMORYLESS:
            return 0
        extra = SLOT_BITS if self.was is Type.CNODE else 0
        return 1 << FIXED_BITS.get(self.was, self.bits + extra)


class Thread(NamedTuple):
    """A thread, as ``ps`` shows it."""

    tcb: int
    id: int
    process: int
    name: str
    state: State
    priority: int
    max_priority: int
    domain: int
    consumed: int
    """Ticks."""
    rip: int
    fault: Fault
    fault_ip: int
    fault_address: int
    blocked_on: int
    bound: int
    reply: int
    sched_context: int
    space: int


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
    label: int
    status: int
    words: tuple[int, int]


def find_root(memory: Memory) -> int | None:
    """Return the physical address of the root object, or None: no kernel has run here."""
    ram = Ram(memory)
    pages = range(PAGE_SIZE, ram.size - ROOT_SIZE + 1, PAGE_SIZE)
    return next((page for page in pages if Root(ram, page).magic == MAGIC), None)


def tree(root: Root) -> Iterator[Capability]:
    """Yield every capability, parents before children."""
    node, inside, seen = root.anchor + OPEN, [root.anchor], {root.anchor}
    while True:
        after: int = root.words[(node >> 3) + 1]
        slot = after - after % SIZE
        if after == slot + CLOSE and slot == inside[-1]:
            inside.pop()
            if not inside:
                return
        elif after == slot + OPEN and slot not in seen:
            yield _capability(root, slot, len(inside), inside[-1])
            seen.add(slot)
            inside.append(slot)
        else:
            raise InspectError(f"the derivation tree breaks at {node:#x}: {after:#x} follows")
        node = after


def _capability(root: Root, address: int, depth: int = 0, parent: int = 0) -> Capability:
    slot = Slot(root.ram, _in_ram(root, address, SIZE, "slot"))
    kind = _member(Type, slot.type, f"slot {address:#x}")
    was = _member(Type, slot.guard_size, f"zombie {address:#x}") if kind is Type.ZOMBIE else kind
    device = bool(slot.device) and kind in (Type.UNTYPED, Type.FRAME)
    found = Capability(
        address, depth, kind, slot.object, slot.badge, slot.rights, slot.bits, device,
        slot.mapping, was, parent,
    )  # fmt: skip
    if kind in (Type.NULL, Type.LEASE):
        raise InspectError(f"slot {address:#x} holds no capability")
    if found.size and not device:
        _in_ram(root, found.object, found.size, f"slot {address:#x} leads to a {kind.name}, which")
    return found


def _in_ram(root: Root, address: int, size: int, what: str) -> int:
    """Return ``address`` if so large an object can be there."""
    if address % WORD or not 0 < address <= root.ram.size - size:
        raise InspectError(f"{what} cannot be at {address:#x}")
    return address


def _member(kind: type[E], value: int, what: str) -> E:
    try:
        return kind(value)
    except ValueError:
        name = kind.__name__.lower()
        raise InspectError(f"{what} is of {name} {value}, which there is not") from None


def objects(root: Root, kind: Type) -> list[int]:
    """Return the objects of type ``kind``, in ascending order."""
    return sorted({found.object for found in tree(root) if found.type is kind})


def capabilities(root: Root, cnode: Slot) -> dict[int, Capability]:
    """Return what is in the CNode that ``cnode`` is a capability to, by slot number."""
    _in_ram(root, cnode.object, 1 << cnode.bits + SLOT_BITS, "CNode")
    slots = (cnode.object + (number << SLOT_BITS) for number in range(1 << cnode.bits))
    types = root.ram.view  # a slot starts with its type
    return {number: _capability(root, slot) for number, slot in enumerate(slots) if types[slot]}


def threads(root: Root) -> list[Thread]:
    """Return all threads, by process."""
    found = [_thread(Tcb(root.ram, address)) for address in objects(root, Type.TCB)]
    return sorted(found, key=lambda thread: (thread.process, thread.id))


def _thread(tcb: Tcb) -> Thread:
    what = f"thread {tcb.address:#x}"
    values = {name: getattr(tcb, name) for name in Thread._fields[1:]}
    values["state"] = _member(State, tcb.state, what)
    values["fault"] = _member(Fault, tcb.fault, what)
    return Thread(tcb.address, **values)


def ready(root: Root) -> dict[tuple[int, int], list[int]]:
    """Return who is ready, by domain and priority, highest first, where anybody is."""
    places = [(domain, p) for domain in range(DOMAINS) for p in range(PRIORITIES - 1, -1, -1)]
    processor = root.processor
    queues = {
        (domain, priority): _members(root, processor.queue(priority, domain))
        for domain, priority in places
    }
    return {place: members for place, members in queues.items() if members}


def released(root: Root) -> list[int]:
    """Return who waits for its budget, in the order in which that comes."""
    return _members(root, root.processor.release_queue)


def waiting(root: Root) -> dict[int, list[int]]:
    """Return who waits at each endpoint and notification where anybody does."""
    places = objects(root, Type.ENDPOINT) + objects(root, Type.NOTIFICATION)
    queues = {place: _members(root, place) for place in places}
    return {place: members for place, members in queues.items() if members}


def _members(root: Root, at: int) -> list[int]:
    """Return the threads of the queue whose head is at ``at``."""
    found: dict[int, None] = {}
    thread = root.words[at >> 3]
    while thread:
        _in_ram(root, thread, 1 << FIXED_BITS[Type.TCB], f"a thread of queue {at:#x}")
        if thread in found:
            raise InspectError(f"queue {at:#x} has no end: thread {thread:#x} is in it twice")
        found[thread] = None
        thread = root.words[(thread >> 3) + NEXT]
    return list(found)


def notifications(root: Root) -> list[Notification]:
    """Return the notifications."""
    return [Notification(root.ram, at) for at in objects(root, Type.NOTIFICATION)]


def replies(root: Root) -> list[Reply]:
    """Return the Reply objects."""
    return [Reply(root.ram, at) for at in objects(root, Type.REPLY)]


def contexts(root: Root) -> list[SchedContext]:
    """Return the scheduling contexts."""
    found = [SchedContext(root.ram, at) for at in objects(root, Type.SCHED_CONTEXT)]
    for view in found:
        if not view.refill_count <= view.refill_max <= MAX_REFILLS:
            raise InspectError(f"scheduling context {view.address:#x} has too many refills")
    return found


def untypeds(root: Root) -> list[Piece]:
    """Return the untypeds, by address."""
    found = (cap for cap in tree(root) if cap.type is Type.UNTYPED)
    return sorted(Piece(cap.object, cap.size, cap.badge, cap.device) for cap in found)


def pages(root: Root, pml4: int) -> Iterator[Mapping]:
    """Yield what is mapped in the lower half of ``pml4``, by address."""
    yield from _pages(root, pml4, 0, 0, set())


def _pages(root: Root, table: int, level: int, base: int, seen: set[int]) -> Iterator[Mapping]:
    _in_ram(root, table, 1 << PAGE_BITS, f"a page table of level {level}")
    if table in seen:
        raise InspectError(f"page table {table:#x} is in two places of one address space")
    seen.add(table)
    shift = 39 - 9 * level
    start = table >> 3
    entries = root.words[start : start + (ENTRIES if level else HALF)].tolist()
    for number, entry in enumerate(entries):
        if not entry & Bits.PRESENT:
            continue
        address = base | number << shift
        if level == 3 or (level and entry & Bits.LARGE):
            yield Mapping(address, entry & ADDRESS, 1 << shift, entry & ~ADDRESS)
        else:
            yield from _pages(root, entry & ADDRESS, level + 1, address, seen)


def interrupts(root: Root) -> dict[int, Slot]:
    """Return the capabilities to the notifications that interrupt lines signal, by line."""
    slots = {line: root.interrupt(line) for line in range(IRQ_LINES)}
    return {line: slot for line, slot in slots.items() if slot.type}


def audit(root: Root) -> list[Entry]:
    """Return the records of the audit log that are left, oldest first; the log itself may go."""
    if not root.audit.type:
        return []
    page = _in_ram(root, root.audit.object, 1 << FIXED_BITS[Type.AUDIT_LOG], "the audit log")
    log = AuditLog(root.ram, page)
    return [_entry(log.record(index)) for index in range(log.dropped, log.written)]


def _entry(record: Record) -> Entry:
    event = _member(Event, record.event, f"audit record {record.address:#x}")
    return Entry(
        record.tick, event, record.subject, record.object, record.label, record.status,
        (record.word0, record.word1),
    )  # fmt: skip
