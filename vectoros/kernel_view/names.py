"""Names for people: whose slot an address is, and which thread or object that is.

A CSpace is called after its thread, so slot 64 of the shell's is ``shell[64]``; slots of
a thread itself are ``shell.handler``, the kernel's own ``kernel.irq[4]``. Names in memory
are what programs have written there, so nothing but printable ASCII is shown of them.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from vectoros.kernel import root as root_object
from vectoros.kernel import tcb as tcb_object
from vectoros.kernel.objects import TABLES, Type
from vectoros.kernel.ring import MAGIC, Ring
from vectoros.kernel.root import Root
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel_image.inspect import Capability, Thread

TCB_SLOTS = {
    getattr(tcb_object, name): name.lower()
    for name in ("CSPACE", "VSPACE", "BUFFER", "HANDLER", "TIMEOUT", "POLICY")
}
_ROOT_SLOTS = {
    root_object.AUDIT: "audit",
    root_object.SPARE: "spare",
    root_object.FIRST_POOL: "pool",
}
_ROOT_ARRAYS = (
    (root_object.CONTROLS, root_object.FIRST_POOL, "control"),
    (root_object.INTERRUPTS, root_object.DOMAIN_SCHEDULE, "irq"),
    (root_object.UNTYPEDS, root_object.PROCESSOR, "untyped"),
    (root_object.BELLS, root_object.ROOT_SIZE, "bell"),
)
"""Where they start and end."""


def printable(text: str) -> str:
    r"""Return ``text`` with a ``?`` for what could disturb a terminal or a picture.

    >>> printable("a\x1b[31mb")
    'a?[31mb'
    """
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


class Names:
    """The names in one image."""

    def __init__(self, root: Root, caps: Iterable[Capability], threads: list[Thread]) -> None:
        """Find out whose each slot is."""
        self._root = root
        self.threads = _thread_names(threads)
        self.roots = self._roots(threads)
        """The CNode of each thread that has one."""
        self.cspaces: dict[int, str] = {}
        for tcb, cnode in self.roots.items():
            self.cspaces.setdefault(cnode, self.threads[tcb])
        self._first: dict[tuple[Type, int], int] = {}
        containers: dict[int, tuple[int, Type]] = {}
        for cap in caps:
            self._first.setdefault((cap.type, cap.object), cap.slot)
            if cap.type in (Type.CNODE, Type.TCB, Type.ZOMBIE):
                containers[cap.object] = (cap.object + cap.size, cap.type)
        self._starts = sorted(containers)
        self._containers = containers

    def _roots(self, threads: list[Thread]) -> dict[int, int]:
        slots = {t.tcb: Slot(self._root.ram, t.tcb + tcb_object.CSPACE) for t in threads}
        return {tcb: slot.object for tcb, slot in slots.items() if slot.type == Type.CNODE}

    def thread(self, address: int) -> str:
        """Return the name of the thread at ``address``; of none, a dash."""
        return self.threads.get(address) or (f"TCB@{address:#x}" if address else "-")

    def slot(self, address: int) -> str:
        """Return the name of the slot at ``address``."""
        return self._slot(address, set())

    def _slot(self, address: int, asked: set[int]) -> str:
        container = self.container(address)
        if container is None:
            return self._own(address)
        kind, start = container
        if kind is Type.TCB:
            place = TCB_SLOTS.get(address - start, f"{address - start:#x}")
            return f"{self.thread(start)}.{place}"
        name = self.cspaces.get(start) if kind is Type.CNODE else None
        return f"{name or self._cnode(kind, start, asked)}[{(address - start) // SIZE}]"

    def _cnode(self, kind: Type, start: int, asked: set[int]) -> str:
        """Return the name of a CNode that is no thread's: where the first capability to it is."""
        first = self._first.get((kind, start))
        if first is None or start in asked:
            return f"{'CNode' if kind is Type.CNODE else 'zombie'}@{start:#x}"
        return self._slot(first, {*asked, start})

    def container(self, address: int) -> tuple[Type, int] | None:
        """Return type and address of what holds the slot at ``address``; None: the kernel."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        start = self._starts[index]
        end, kind = self._containers[start]
        return (kind, start) if address < end else None

    def _own(self, address: int) -> str:
        offset = address - self._root.address
        if offset in _ROOT_SLOTS:
            return f"kernel.{_ROOT_SLOTS[offset]}"
        for start, end, name in _ROOT_ARRAYS:
            if start <= offset < end:
                return f"kernel.{name}[{(offset - start) // SIZE}]"
        return f"slot@{address:#x}"

    def mapped_at(self, cap: Capability) -> tuple[int, int] | None:
        """Return number of the address space, and address, where the capability is mapped."""
        if cap.type not in (Type.FRAME, Type.CHANNEL, *TABLES[1:]):
            return None
        return Slot(self._root.ram, cap.slot).mapped_at

    def channel(self, address: int) -> str:
        """Return what a channel calls itself, in quotes; empty if it has no name yet."""
        ring = Ring(self._root.ram, address)
        raw = struct.pack("<2Q", ring.name0, ring.name1).split(b"\0")[0]
        shown = printable(raw.decode("ascii", "replace"))
        return f"'{shown}'" if ring.magic == MAGIC and shown else ""

    def object(self, kind: Type, address: int) -> str:
        """Return an object as the slot of the first capability to it."""
        if kind is Type.TCB:
            return self.thread(address)
        first = self._first.get((kind, address))
        return f"{address:#x}" if first is None else f"{address:#x} {self.slot(first)}"


def _thread_names(threads: list[Thread]) -> dict[int, str]:
    """Return a name for each thread; those that share one get a number, or an address."""
    names = {thread.tcb: printable(thread.name) or "thread" for thread in threads}
    numbers = {thread.tcb: f"#{thread.id or thread.process}" for thread in threads}
    for suffixes in (numbers, {tcb: f"@{tcb:#x}" for tcb in names}):
        count = Counter(names.values())
        names = {tcb: n + suffixes[tcb] if count[n] > 1 else n for tcb, n in names.items()}
    return names
