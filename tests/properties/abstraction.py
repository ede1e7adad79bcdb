"""What a kernel's memory means: the abstract state of a system, read from its RAM.

A flat dictionary, so that two states are compared, and their difference printed, key by
key. Everything is found from the root object; nothing is asked of the kernel's code but
where fields are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.kernel.system import System
from vectoros.kernel import domain
from vectoros.kernel.abi import State as ThreadState
from vectoros.kernel.derivation import CLOSE, OPEN
from vectoros.kernel.endpoint import CALLS
from vectoros.kernel.methods.threads import REGISTERS
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.reply import Reply
from vectoros.kernel.ring import RING
from vectoros.kernel.root import (
    ASID_POOLS,
    BELLS,
    IRQ_LINES,
    MAX_ASID_POOLS,
    MAX_DOMAIN_ENTRIES,
    ROOT_SIZE,
)
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.scheduler import DOMAINS, PRIORITIES
from vectoros.kernel.slot import SIZE as SLOT_SIZE
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import NAME, Tcb
from vectoros.kernel_image import inspect
from vectoros.units import PAGE_SIZE

State = dict[tuple[Any, ...], Any]
Reader = Callable[[System, int], State]
"""Reads what is in an object's memory."""

ADDRESS = 0x000F_FFFF_FFFF_F000
PRESENT, WRITABLE, LARGE, NO_EXECUTE = 1, 2, 0x80, 1 << 63
SHIFTS = (39, 30, 21, 12)
ASIDS = (1 << 28) - 1
BELL_MAPPING = Slot.fields["mapping"].offset >> 3
"""Word of a channel's notification that says which channel's it is."""
PAGED = (Type.FRAME, Type.CHANNEL)
TABLES = (Type.PML4, Type.PDPT, Type.PD, Type.PT)
SIZED = {Type.UNTYPED, Type.CNODE, *PAGED}
MARKED = {Type.UNTYPED, Type.CNODE, Type.ENDPOINT, Type.NOTIFICATION, Type.IO_PORT}
"""Types of capabilities whose second word means something."""
MAPPED = {*PAGED, *TABLES[1:]}
PLACED = {Type.UNTYPED, *PAGED}
SENDS = CALLS | Right.GRANT | Right.GRANT_REPLY
NAMES = {int(kind): kind.name for kind in Type}


def read(system: System) -> State:
    """Return the state of a system."""
    state: State = {}
    root, words = system.root, system.ram.words
    found: dict[int, set[int]] = {}
    order: list[int] = []
    for slot, parent in _tree(words, root.anchor):
        kind, state["slot", slot] = _slot(words, slot, parent)
        found.setdefault(kind, set()).add(words[(slot >> 3) + 2])
        order.append(slot)
    state["tree",] = tuple(order)
    for kind, reader in _READERS.items():
        for address in found.get(kind, ()):
            state.update(reader(system, address))
    pools = root.address + ASID_POOLS >> 3
    for pool in range(MAX_ASID_POOLS):
        base = words[pools + pool]
        state["pool", pool] = (base, _pool(words, base)) if base else None
    for line in range(IRQ_LINES):
        state["line", line] = root.interrupt(line).address
    state["log",] = root.audit.address
    state["masked",] = root.irq_mask & 0xFFFF
    state["next id",] = root.next_id
    state["current",] = system.block.next
    for key, members in _ready(system):
        state["ready", *key] = members
    bells = root.address + BELLS >> 3
    mappings = words[bells : root.address + ROOT_SIZE >> 3][BELL_MAPPING :: SLOT_SIZE >> 3]
    state["bells",] = bells << 3, tuple(mappings.tolist())
    state["broadcasts",] = root.broadcasts
    state.update(_clock(system))
    state["audit",] = tuple(
        (entry.event, entry.subject, entry.object, entry.label, entry.status, entry.words)
        for entry in inspect.audit(root)
    )
    return state


def describe(system: System) -> State:
    """Return the state, and what is in the pages that are not empty."""
    state = read(system)
    for kind, address, _, _, _, bits, device, *_ in [
        value for key, value in state.items() if key[0] == "slot"
    ]:
        if kind == "FRAME" and not device:
            for page in range(address, address + (1 << bits), PAGE_SIZE):
                words = tuple(system.ram.words[page >> 3 : page + PAGE_SIZE >> 3])
                if any(words):
                    state["page", page] = words
    return state


def _tree(words: memoryview, anchor: int) -> Iterator[tuple[int, int]]:
    """Yield each slot of the derivation tree and its parent's, parents first."""
    parents = [0]
    node = words[anchor + OPEN + 8 >> 3]
    while node != anchor + CLOSE:
        if node & CLOSE == CLOSE:
            parents.pop()
        else:
            yield node - OPEN, parents[-1]
            parents.append(node - OPEN)
        node = words[node + 8 >> 3]


def _slot(words: memoryview, slot: int, parent: int) -> tuple[int, tuple[Any, ...]]:
    head, badge, thing, mapped = words[slot >> 3 : (slot >> 3) + 4]
    kind, mapping = head & 0xFF, None
    if kind in MAPPED and mapped & ASIDS:
        mapping = (mapped & ASIDS) - 1, mapped >> 28 << 12
    return kind, (
        NAMES[kind],
        thing,
        head >> 8 & 0xFF,
        badge if kind in MARKED else 0,
        head >> 24 & 0xFF if kind == Type.CNODE else 0,
        head >> 16 & 0xFF if kind in SIZED else 0,
        head >> 32 & 0xFF if kind in PLACED else 0,
        mapping,
        parent,
    )


def _tcb(system: System, address: int) -> State:
    tcb = Tcb(system.ram, address)
    words = system.ram.words
    name = address + NAME >> 3
    buffer = tcb.buffer
    fields: dict[str, Any] = {
        "state": ThreadState(tcb.state).name,
        "priority": tcb.priority,
        "maximum": tcb.max_priority,
        "domain": tcb.domain,
        "id": tcb.id,
        "flags": tcb.flags,
        "name": (words[name], words[name + 1]),
        "generation": tcb.generation,
        "context": tcb.sched_context,
        "bound": tcb.bound,
        "reply": tcb.reply,
        "at": tcb.blocked_on,
        "fault": tcb.fault,
        "seen": (tcb.fault_ip, tcb.fault_address, tcb.fault_code),
        "lease": _lease(tcb),
        "consumed": tcb.consumed,
        "heard": tcb.heard,
        "sending": _sending(tcb),
        "buffer": tuple(words[buffer >> 3 : (buffer >> 3) + 512]) if buffer else (),
        **{register: getattr(tcb, register) for register in REGISTERS},
    }
    return {("thread", address, key): value for key, value in fields.items()}


def _sending(tcb: Tcb) -> tuple[int, ...]:
    """Return what a thread that waits will do when it is met: badge, flags, whether it faults."""
    match tcb.state:
        case ThreadState.BLOCKED_ON_SEND:
            return tcb.send_badge, tcb.send_flags & SENDS, tcb.fault_pending
        case ThreadState.BLOCKED_ON_RECEIVE:
            return (tcb.send_flags & Right.GRANT,)
        case ThreadState.BLOCKED_ON_REPLY:
            return tcb.send_flags & Right.GRANT, tcb.fault_pending
    return ()


def _lease(tcb: Tcb) -> tuple[int, int, int]:
    lent = tcb.lease_base, tcb.lease_length, tcb.lease_rights
    return lent if tcb.lease_length else (0, 0, 0)


def _queue(system: System, address: int) -> tuple[int, ...]:
    """Return the threads whose links start at ``address``: head, tail."""
    found: list[int] = []
    thread = system.ram.words[address >> 3]
    while thread and len(found) < 1000:
        found.append(thread)
        thread = Tcb(system.ram, thread).queue_next
    return tuple(found)


def _endpoint(system: System, address: int) -> State:
    return {("endpoint", address): _queue(system, address)}


def _notification(system: System, address: int) -> State:
    found = Notification(system.ram, address)
    values = (
        _queue(system, address), bool(found.active), found.signals, found.bound,
        found.sched_context, found.broadcast, found.broadcast_badge,
    )  # fmt: skip
    return {("notification", address): values}


def _reply(system: System, address: int) -> State:
    return {("reply", address): system.ram.words[address >> 3]}


def _context(system: System, address: int) -> State:
    found = SchedContext(system.ram, address)
    stack: list[int] = []
    reply = found.reply
    while reply and len(stack) < 1000:
        stack.append(reply)
        reply = Reply(system.ram, reply).below
    values = (
        found.tcb, found.notification, tuple(reversed(stack)), found.budget, found.period,
        found.badge, found.refill_max,
    )  # fmt: skip
    return {("context", address): values, ("account", address): (found.consumed, _time(found))}


def _time(context: SchedContext) -> tuple[Any, ...]:
    """Return what is left of a turn, or first and last tick of each refill."""
    if not context.budget:
        return ()
    if context.round_robin:
        return (context.left,)
    return tuple((time, time + amount) for time, amount in context.refills)


def _channel(system: System, address: int) -> State:
    first = address >> 3
    return {("channel", address): tuple(system.ram.words[first : first + (RING >> 3)])}


def _policy(system: System, address: int) -> State:
    return {("policy", address): tuple(system.ram.words[address >> 3 : (address >> 3) + 32])}


def _space(system: System, address: int) -> State:
    return {
        ("entry", address, index): entry
        for index, entry in _entries(system, address, 0)
        if index < 256
    }


def _table(level: int) -> Reader:
    def reader(system: System, address: int) -> State:
        return {
            ("entry", address, index): entry for index, entry in _entries(system, address, level)
        }

    return reader


def _entries(system: System, table: int, level: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield index and meaning of what is there: a table's address, or a page and its use."""
    at = table >> 3
    for index, entry in enumerate(system.ram.words[at : at + 512]):
        if not entry & PRESENT:
            continue
        if level < 3 and not (level and entry & LARGE):
            yield index, ("table", entry & ADDRESS)
            continue
        address = entry & ADDRESS & ~((1 << SHIFTS[level]) - 1)
        use = bool(entry & WRITABLE), not entry & NO_EXECUTE
        yield index, ("page", address, SHIFTS[level], *use)


def _pool(words: memoryview, base: int) -> tuple[tuple[int, int], ...]:
    entries = enumerate(words[base >> 3 : (base >> 3) + 512])
    return tuple((index, space) for index, space in entries if space)


def _ready(system: System) -> Iterator[tuple[tuple[int, int], tuple[int, ...]]]:
    """Yield domain, priority and threads of each ready queue that is not empty."""
    at = system.root.processor.queue(0)
    heads = system.ram.words[at >> 3 : (at >> 3) + 2 * DOMAINS * PRIORITIES : 2]
    for index, head in enumerate(heads.tolist()):
        if head:
            yield divmod(index, PRIORITIES), _queue(system, at + 16 * index)


def _clock(system: System) -> State:
    """Return who waits for time, how far it is charged, and the domains' schedule."""
    root, processor = system.root, system.root.processor
    rows = {index: domain.entry(root, index) for index in range(MAX_DOMAIN_ENTRIES)}
    return {
        ("waiting",): _queue(system, processor.release_queue),
        ("charged",): processor.started,
        ("turn",): (
            processor.domain, root.domain_index, processor.domain_end, root.domain_start,
        ),
        **{("schedule", index): (row.domain, row.duration) for index, row in rows.items()},
    }  # fmt: skip


_READERS: dict[Type, Reader] = {
    Type.TCB: _tcb,
    Type.ENDPOINT: _endpoint,
    Type.NOTIFICATION: _notification,
    Type.REPLY: _reply,
    Type.SCHED_CONTEXT: _context,
    Type.POLICY: _policy,
    Type.CHANNEL: _channel,
    Type.PML4: _space,
    Type.PDPT: _table(1),
    Type.PD: _table(2),
    Type.PT: _table(3),
}
