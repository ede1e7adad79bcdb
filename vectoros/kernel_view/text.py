"""A kernel's state as text: the sections that ``vectoros kernel show`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vectoros.kernel.abi import Fault, State, Trap
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type
from vectoros.kernel.root import IRQ_LINES
from vectoros.kernel_image.inspect import Entry, Thread
from vectoros.kernel_view import tree as tree_text
from vectoros.kernel_view.declared import camel, error_name, type_name
from vectoros.kernel_view.image import Image
from vectoros.kernel_view.memory_map import ledger
from vectoros.kernel_view.survey import Space, Survey
from vectoros.kernel_view.words import RIGHTS_KEY, amount, method_name, ranges, used
from vectoros.messages import table
from vectoros.units import format_ticks


def overview(image: Image, survey: Survey) -> str:
    """Return what the kernel is doing, and how much of everything there is."""
    root, names = survey.root, survey.names
    processor = root.processor
    counts: dict[Type, set[int]] = {}
    for cap in survey.caps:
        counts.setdefault(cap.type, set()).add(cap.object)
    kinds = ", ".join(f"{len(found)} {type_name(kind)}" for kind, found in sorted(counts.items()))
    when = "RAM" if image.tick is None else f"snapshot at tick {image.tick} ({_time(image.tick)})"
    book = ledger(survey.plots)
    rows = [
        ("file", f"{image.path}, {when}"),
        ("kernel", f"root object at {root.address:#x}"),
        ("processor", f"runs {names.thread(processor.current)}" if processor.current else "idle"),
        ("address space", _space_name(survey, processor.space)),
        ("timer", f"due at tick {processor.timer}" if processor.timer else "off"),
        ("idle so far", _time(processor.idle)),
        ("memory", f"{amount(book.total)} of untypeds, {used(book.total - book.free, book.total)}"
                   f" used, of {amount(root.memory_total)} of RAM"),
        ("threads", str(len(survey.threads))),
        ("capabilities", str(len(survey.caps))),
        ("objects", kinds),
    ]  # fmt: skip
    return table(("", ""), rows)


def _space_name(survey: Survey, pml4: int) -> str:
    owners = [survey.names.thread(t.tcb) for t in survey.threads if t.space == pml4]
    return f"PML4 {pml4:#x}" + (f" of {', '.join(owners)}" if owners else ", the kernel's own")


def _time(ticks: int) -> str:
    return format_ticks(ticks)


def capability_tree(survey: Survey, *, full: bool = False) -> str:
    """Return the derivation tree."""
    return "\n".join([f"rights: {RIGHTS_KEY}", *tree_text.lines(survey, full=full)])


def threads(survey: Survey) -> str:
    """Return the threads, and the time that they may use."""
    names = survey.names
    rows = [
        (
            names.thread(thread.tcb),
            str(thread.id),
            camel(thread.state.name),
            f"{thread.priority}/{thread.max_priority}",
            str(thread.domain),
            _time(thread.consumed),
            f"{thread.rip:#x}",
            _doing(survey, thread),
        )
        for thread in survey.threads
    ]
    head = ("thread", "id", "state", "priority/max", "domain", "had", "rip", "")
    shown = [table(head, rows)]
    if survey.contexts:
        shown.append(_contexts(survey))
    return "\n\n".join(shown)


def _doing(survey: Survey, thread: Thread) -> str:
    names, parts = survey.names, []
    if thread.tcb == survey.root.processor.current:
        parts.append("runs")
    if thread.state is State.BLOCKED_ON_NOTIFICATION:
        parts.append(f"at {names.object(Type.NOTIFICATION, thread.blocked_on)}")
    elif thread.state in (State.BLOCKED_ON_SEND, State.BLOCKED_ON_RECEIVE):
        parts.append(f"at {names.object(Type.ENDPOINT, thread.blocked_on)}")
    elif thread.state is State.BLOCKED_ON_REPLY and thread.reply:
        parts.append(f"on {names.object(Type.REPLY, thread.reply)}")
    if thread.fault is not Fault.NONE:
        where = f"at {thread.fault_ip:#x}, address {thread.fault_address:#x}"
        parts.append(f"last fault {camel(thread.fault.name)} {where}")
    return "; ".join(parts)


def _contexts(survey: Survey) -> str:
    names = survey.names
    rows = [
        (
            names.object(Type.SCHED_CONTEXT, row.address),
            names.thread(row.tcb),
            _time(row.budget),
            "round robin" if row.round_robin else _time(row.period),
            _time(row.consumed),
            ", ".join(f"{_time(much)} from {_time(when)}" for when, much in row.refills),
        )
        for row in survey.contexts
    ]
    return table(("scheduling context", "thread", "budget", "period", "used", "refills"), rows)


def queues(survey: Survey) -> str:
    """Return who is ready, and who waits for whom."""
    return "\n".join([*_ready(survey), *_places(survey), *_replies(survey), *_lines(survey)])


def _ready(survey: Survey) -> Iterator[str]:
    for (domain, priority), members in survey.ready.items():
        yield f"ready in domain {domain} at priority {priority}: {_who(survey, members)}"
    if not survey.ready:
        yield "ready: nobody"
    if survey.released:
        yield f"waiting for budget: {_who(survey, survey.released)}"


def _places(survey: Survey) -> Iterator[str]:
    for kind in (Type.ENDPOINT, Type.NOTIFICATION):
        for address in sorted({cap.object for cap in survey.caps if cap.type is kind}):
            if address in survey.waiting:
                what = f"{type_name(kind)} {survey.names.object(kind, address)}"
                yield f"{what}: {_waits(survey, survey.waiting[address])}"
    for row in survey.notifications:
        what = f"Notification {survey.names.object(Type.NOTIFICATION, row.address)}"
        if row.active:
            yield f"{what}: signals {row.signals:#x} that nobody has taken"
        if row.bound:
            yield f"{what}: bound to {survey.names.thread(row.bound)}"


def _replies(survey: Survey) -> Iterator[str]:
    states = {thread.tcb: thread.state for thread in survey.threads}
    for row in survey.replies:
        what = f"Reply {survey.names.object(Type.REPLY, row.address)}"
        if row.tcb:
            waits = states.get(row.tcb) is State.BLOCKED_ON_REPLY
            does = "waits for an answer" if waits else "receives with it"
            yield f"{what}: {survey.names.thread(row.tcb)} {does}"
        if row.sched_context:
            yield f"{what}: on top of scheduling context {row.sched_context:#x}"


def _lines(survey: Survey) -> Iterator[str]:
    for line, slot in survey.interrupts.items():
        target = survey.names.object(Type.NOTIFICATION, slot.object)
        yield f"interrupt {line}: signals {slot.badge:#x} at {target}"
    closed = [line for line in range(IRQ_LINES) if survey.root.irq_mask >> line & 1]
    yield f"interrupts masked: {ranges(closed) or 'none'}"


def _who(survey: Survey, members: list[int]) -> str:
    return ", ".join(map(survey.names.thread, members))


def _waits(survey: Survey, members: list[int]) -> str:
    states = {thread.tcb: thread.state for thread in survey.threads}
    first = states.get(members[0])
    verb = "to send" if first is State.BLOCKED_ON_SEND else "to receive"
    if first is State.BLOCKED_ON_NOTIFICATION:
        verb = "for a signal"
    return f"{_who(survey, members)} wait{'s' if len(members) == 1 else ''} {verb}"


def spaces(survey: Survey) -> str:
    """Return what each address space maps, and whether any of it breaks W^X."""
    shown = [_space(space) for space in survey.spaces]
    wrong = sum(not region.exclusive for space in survey.spaces for region in space.regions)
    last = "writable and executable: nothing"
    if wrong:
        last = f"WRITABLE AND EXECUTABLE: {wrong} regions, marked with !"
    return "\n\n".join([*shown, last])


def _space(space: Space) -> str:
    size = sum(region.end - region.start for region in space.regions)
    asid = "no ASID" if space.asid is None else f"ASID {space.asid}"
    owner = ", ".join(space.owners) or "nobody's"
    rows = [
        (
            f"  {region.start:#018x}",
            f"{region.end - 1:#018x}",
            region.access + ("" if region.exclusive else "!"),
            f"{region.pages} of {amount(region.page_size)}",
        )
        for region in space.regions
    ]
    title = f"{owner}: PML4 {space.pml4:#x}, {asid}, {amount(size)} mapped"
    return title + ("\n" + table(("  first", "last", "", "pages"), rows) if rows else "")


def memory(survey: Survey) -> str:
    """Return what was made of each untyped, and the ledger."""
    rows = [
        (
            "  " * plot.level + f"{plot.base:#x}",
            ("device " if plot.device else "") + amount(plot.size),
            used(plot.used, plot.size),
            amount(plot.free),
            amount(plot.waste),
            ", ".join(
                f"{count} {type_name(kind)} ({amount(size)})"
                for kind, (count, size) in sorted(plot.made.items())
            ),
        )
        for plot in survey.plots
    ]
    book = ledger(survey.plots)
    total = (
        f"ledger: {amount(book.objects)} of objects + {amount(book.free)} free + "
        f"{amount(book.waste)} lost = {amount(book.total)} of untypeds"
    )
    head = ("untyped", "size", "used", "free", "lost", "what was made of it")
    return f"{table(head, rows)}\n{total}"


def audit(survey: Survey) -> str:
    """Return the audit log."""
    subjects = {thread.id: survey.names.thread(thread.tcb) for thread in survey.threads}
    rows = [
        (
            str(record.tick),
            camel(record.event.name),
            subjects.get(record.subject, f"#{record.subject}"),
            _what(record),
            survey.names.thread(record.object)
            if record.object in survey.names.threads
            else f"{record.object:#x}",
            _status(record.status),
            " ".join(f"{word:#x}" for word in record.words),
        )
        for record in survey.audit
    ]
    if not rows:
        return "nothing was written"
    return table(("tick", "event", "who", "what", "object", "result", "words"), rows)


def _what(record: Entry) -> str:
    """Return what a record's label is of: a fault, a trap or a method."""
    label = record.label
    if record.event is Event.STOPPED and label in set(Fault):
        return camel(Fault(label).name)
    if record.event is Event.DENIED and label in set(Trap):
        return camel(Trap(label).name)
    return method_name(label)


def _status(status: int) -> str:
    return error_name(Error(status)) if status in set(Error) else str(status)


SECTIONS: dict[str, Callable[[Survey], str]] = {
    "tree": capability_tree,
    "threads": threads,
    "queues": queues,
    "spaces": spaces,
    "memory": memory,
    "audit": audit,
}
"""By the name of the option that selects each."""

TITLES = {
    "tree": "Capabilities: what was derived from what, and whose slot it is in",
    "threads": "Threads",
    "queues": "Who waits",
    "spaces": "Address spaces",
    "memory": "Memory: what was made of the untypeds",
    "audit": "Audit log",
}


def document(parts: dict[str, str]) -> Iterator[str]:
    """Yield the sections, each under its title."""
    for name, shown in parts.items():
        yield f"{TITLES[name]}\n\n{shown}\n" if name in TITLES else f"{shown}\n"
