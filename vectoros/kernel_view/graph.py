"""The capability graph: who holds what, small enough to be drawn.

A box is a CSpace with its threads; each row of it is a capability, or several that are
better counted than listed. A node is an object; frames and page tables that only one
CSpace holds are one node together. Untypeds are apart from the other objects, because
what they are the source of is a derivation and not a holding.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from vectoros.kernel.objects import Type
from vectoros.kernel.slot import SIZE
from vectoros.kernel_image.inspect import MEMORYLESS, Capability, Thread
from vectoros.kernel_view.declared import camel, type_name
from vectoros.kernel_view.names import TCB_SLOTS
from vectoros.kernel_view.survey import Survey
from vectoros.kernel_view.words import (
    amount,
    is_memory,
    is_table,
    kind_and_size,
    ports,
    ranges,
    rights,
    used,
)
from vectoros.units import format_ticks

MANY = 8
"""More alike capabilities than these in one CSpace are one row."""

Key = Hashable


@dataclass
class Row:
    """A line of a box: a capability, or several alike."""

    text: str
    type: Type
    targets: list[Key]
    """Nodes that it leads to; none, if that is the box itself."""


@dataclass
class Box:
    """A CSpace with its threads, or the kernel's own slots."""

    title: str
    rows: list[Row] = field(default_factory=list)


@dataclass
class Node:
    """An object, or the frames or tables of one owner."""

    type: Type
    lines: list[str]
    share: float | None = None
    """Of an untyped, how much of it has been retyped."""


@dataclass
class Graph:
    """What there is to draw."""

    boxes: list[Box]
    nodes: dict[Key, Node]
    untypeds: dict[Key, Node]
    derived: list[tuple[Key | Row, Row]]
    """From an untyped, or from a row, to the row that came of it."""


def build(survey: Survey) -> Graph:
    """Return the graph of a kernel."""
    return _Builder(survey).graph()


class _Builder:
    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._names = survey.names
        self._threads = {thread.tcb: thread for thread in survey.threads}
        self._home = {cap.slot: self._box_key(cap.slot) for cap in survey.caps}
        self._holders: dict[tuple[Type, int], set[Key]] = defaultdict(set)
        for cap in survey.caps:
            self._holders[cap.type, cap.object].add(self._home[cap.slot])
        self._of: dict[Key, list[Capability]] = defaultdict(list)
        for cap in survey.caps:
            if cap.type is not Type.UNTYPED:
                self._of[self._node_key(cap)].append(cap)

    def _box_key(self, slot: int) -> Key:
        container = self._names.container(slot)
        if container is None:
            return "kernel"
        kind, start = container
        if kind is Type.TCB:
            cnode = self._names.roots.get(start)
            return ("TCB", start) if cnode is None else ("CNode", cnode)
        return ("CNode" if kind is Type.CNODE else "zombie", start)

    def graph(self) -> Graph:
        groups: dict[Key, dict[Key, list[Capability]]] = defaultdict(lambda: defaultdict(list))
        for cap in self._survey.caps:
            home = self._home[cap.slot]
            groups[home][self._row_key(cap, home)].append(cap)
        boxes: list[Box] = []
        rows: dict[int, Row] = {}
        for home in sorted(groups, key=self._box_order):
            box = Box(self._title(home))
            for caps in sorted(_split(groups[home].values()), key=_row_order):
                row = self._row(caps, home)
                box.rows.append(row)
                rows.update((cap.slot, row) for cap in caps)
            boxes.append(box)
        return Graph(boxes, self._nodes(), self._untypeds(), self._derived(rows))

    def _box_order(self, home: Key) -> tuple[object, ...]:
        order = [("CNode", cnode) for cnode in self._names.roots.values()]
        place = order.index(home) if home in order else len(order)
        return home == "kernel", place, str(home)

    def _title(self, home: Key) -> str:
        if not isinstance(home, tuple):
            return "the kernel's own slots"
        kind, start = home
        if kind == "TCB":
            return f"thread {self._names.thread(start)}"
        threads = [tcb for tcb, cnode in self._names.roots.items() if cnode == start]
        if kind == "CNode" and threads:
            return ", ".join(map(self._names.thread, threads))
        return f"{kind} at {start:#x}"

    def _row_key(self, cap: Capability, home: Key) -> Key:
        """Return what capabilities that share a row have in common."""
        container = self._names.container(cap.slot)
        if container is None or container[0] is Type.TCB:
            return cap.slot
        if cap.type is Type.UNTYPED:
            return cap.type, cap.device
        if is_memory(cap.type):
            return cap.size, cap.rights, self._node_key(cap)
        if cap.type in (Type.CNODE, Type.TCB, Type.ENDPOINT, Type.NOTIFICATION, Type.REPLY):
            return cap.type, cap.rights, cap.badge if cap.type is not Type.CNODE else 0
        return cap.slot

    def _node_key(self, cap: Capability) -> Key:
        if is_memory(cap.type):
            holders = frozenset(self._holders[cap.type, cap.object])
            shared = cap.object if len(holders) > 1 else 0
            return "memory", cap.type is Type.FRAME, holders, shared, cap.device
        if cap.type in MEMORYLESS:
            return cap.type, cap.object, cap.badge if cap.type is Type.IO_PORT else 0
        return cap.type, cap.object

    def _row(self, caps: list[Capability], home: Key) -> Row:
        first = caps[0]
        what = _what(caps)
        if first.type is Type.TCB and len(caps) == 1:
            what += f" {self._names.thread(first.object)}"
        if ("CNode", first.object) == home and first.type is Type.CNODE:
            return Row(f"{self._place(caps)} {what}: this one", first.type, [])
        if first.type is Type.UNTYPED:
            targets: list[Key] = [(cap.object, cap.size) for cap in caps]
        else:
            targets = list(dict.fromkeys(map(self._node_key, caps)))
        return Row(f"{self._place(caps)} {what}", first.type, targets)

    def _place(self, caps: list[Capability]) -> str:
        """Return the slots of a row, as short as its box allows."""
        first = caps[0].slot
        container = self._names.container(first)
        if container is None:
            return self._names.slot(first).removeprefix("kernel.")
        kind, start = container
        if kind is not Type.TCB:
            return f"[{ranges([(cap.slot - start) // SIZE for cap in caps])}]"
        roots = self._names.roots
        alone = start in roots and [*roots.values()].count(roots[start]) == 1
        name = TCB_SLOTS.get(first - start, "?")
        return f".{name}" if alone else f"{self._names.thread(start)}.{name}"

    def _nodes(self) -> dict[Key, Node]:
        shown = {}
        for key, caps in self._of.items():
            own = ("CNode", caps[0].object)
            inside = caps[0].type is Type.CNODE and self._holders[Type.CNODE, caps[0].object]
            if not inside or inside != {own}:
                kind = Type.PT if is_table(caps[0].type) else caps[0].type
                shown[key] = Node(kind, self._lines(caps))
        return shown

    def _lines(self, caps: list[Capability]) -> list[str]:
        cap = caps[0]
        if is_memory(cap.type):
            return _memory_lines(caps)
        name = type_name(cap.type)
        match cap.type:
            case Type.TCB:
                return _thread_lines(self._names.thread(cap.object), self._threads[cap.object])
            case Type.IRQ_HANDLER:
                return [f"IRQ line {cap.object}"]
            case Type.IO_PORT:
                return [f"ports {ports(cap)}"]
            case Type.PML4:
                return [f"{name} {cap.object:#x}", *self._space(cap.object)]
            case Type.NOTIFICATION:
                bound = [s.bound for s in self._survey.notifications
                         if s.address == cap.object and s.bound]  # fmt: skip
                return [f"{name} {cap.object:#x}", *(f"bound to {self._names.thread(b)}"
                                                     for b in bound)]  # fmt: skip
            case Type.SCHED_CONTEXT:
                times = [f"{format_ticks(c.budget)} in {format_ticks(c.period)}"
                         for c in self._survey.contexts if c.address == cap.object]  # fmt: skip
                return [f"{name} {cap.object:#x}", *times]
            case Type.CHANNEL:
                return [f"{name} {cap.object:#x}", self._names.channel(cap.object) or "no name yet"]
            case _ if cap.size:
                return [f"{name} {cap.object:#x}"]
        return [name]

    def _space(self, pml4: int) -> list[str]:
        return [
            f"{sum(r.pages for r in space.regions)} pages mapped"
            for space in self._survey.spaces
            if space.pml4 == pml4
        ]

    def _untypeds(self) -> dict[Key, Node]:
        return {
            (plot.base, plot.size): Node(
                Type.UNTYPED,
                [
                    f"{'device ' if plot.device else ''}{amount(plot.size)} at {plot.base:#x}",
                    f"{used(plot.used, plot.size)} used",
                ],
                plot.used / plot.size,
            )
            for plot in self._survey.plots
        }

    def _derived(self, rows: dict[int, Row]) -> list[tuple[Key | Row, Row]]:
        caps = {cap.slot: cap for cap in self._survey.caps}
        found: dict[tuple[Key, int], tuple[Key | Row, Row]] = {}
        for cap in self._survey.caps:
            parent = caps.get(cap.parent)
            if parent is None:
                continue
            target = rows[cap.slot]
            source: Key | Row = rows[parent.slot]
            if parent.type is Type.UNTYPED:
                source = (parent.object, parent.size)
            if source is not target:
                mark = id(source) if isinstance(source, Row) else source
                found[mark, id(target)] = (source, target)
        return list(found.values())


def _split(groups: Iterable[list[Capability]]) -> Iterable[list[Capability]]:
    """Yield the rows' capabilities: few of a kind each in a row of its own."""
    for caps in groups:
        countable = is_memory(caps[0].type) or caps[0].type is Type.UNTYPED
        if countable or len(caps) > MANY:
            yield caps
        else:
            yield from ([cap] for cap in caps)


def _row_order(caps: list[Capability]) -> tuple[bool, int]:
    return is_memory(caps[0].type), min(cap.slot for cap in caps)


def _what(caps: list[Capability]) -> str:
    """Return what the capabilities of a row are to."""
    first, count = caps[0], len(caps)
    if first.type is Type.UNTYPED:
        size = amount(sum(cap.size for cap in caps))
        return f"{'device ' if first.device else ''}{count} Untyped, {size}"
    if is_table(first.type):
        kinds = Counter(type_name(cap.type) for cap in sorted(caps, key=lambda cap: cap.type))
        return ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    what = f"{count} x {kind_and_size(first)}" if count > 1 else kind_and_size(first)
    if first.type in (Type.ENDPOINT, Type.NOTIFICATION) and first.badge:
        what += f" badge {first.badge:#x}"
    return f"{what} {rights(first.rights)}".rstrip()


def _memory_lines(caps: list[Capability]) -> list[str]:
    objects = {cap.object: cap for cap in caps}
    size = amount(sum(cap.size for cap in objects.values()))
    noun = "frame" if caps[0].type is Type.FRAME else "page table"
    if len(objects) == 1:
        return [f"{noun} {caps[0].object:#x}", f"{'device, ' if caps[0].device else ''}{size}"]
    return [f"{len(objects)} {noun}s", size]


def _thread_lines(name: str, thread: Thread) -> list[str]:
    return [f"TCB {name}", f"{camel(thread.state.name)}, priority {thread.priority}"]
