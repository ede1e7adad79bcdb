"""Everything in one kernel, found out once: what texts, data and pictures are made of.

Parts are found when they are asked for, so that damage in one does not hide the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Type
from vectoros.kernel.reply import Reply
from vectoros.kernel.root import Root
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.slot import Slot
from vectoros.kernel_image import inspect
from vectoros.kernel_image.inspect import Capability, Entry, Thread
from vectoros.kernel_view.memory_map import Plot, Region, plots, regions
from vectoros.kernel_view.names import Names


@dataclass(frozen=True)
class Space:
    """An address space."""

    pml4: int
    asid: int | None
    owners: list[str]
    """Threads that run in it."""
    regions: list[Region]


class Survey:
    """One kernel."""

    def __init__(self, root: Root) -> None:
        """Look at the kernel of ``root``; nothing is read yet."""
        self.root = root

    @cached_property
    def caps(self) -> list[Capability]:
        """Every capability, parents first."""
        return list(inspect.tree(self.root))

    @cached_property
    def threads(self) -> list[Thread]:
        """Every thread, by process."""
        return inspect.threads(self.root)

    @cached_property
    def names(self) -> Names:
        """What everything is called."""
        return Names(self.root, self.caps, self.threads)

    @cached_property
    def ready(self) -> dict[tuple[int, int], list[int]]:
        """Threads that are ready, by domain and priority."""
        return inspect.ready(self.root)

    @cached_property
    def released(self) -> list[int]:
        """Threads that wait for their budget."""
        return inspect.released(self.root)

    @cached_property
    def waiting(self) -> dict[int, list[int]]:
        """Threads that wait at an endpoint or notification."""
        return inspect.waiting(self.root)

    @cached_property
    def notifications(self) -> list[Notification]:
        """The notifications."""
        return inspect.notifications(self.root)

    @cached_property
    def replies(self) -> list[Reply]:
        """The Reply objects."""
        return inspect.replies(self.root)

    @cached_property
    def contexts(self) -> list[SchedContext]:
        """The scheduling contexts."""
        return inspect.contexts(self.root)

    @cached_property
    def interrupts(self) -> dict[int, Slot]:
        """What interrupt lines signal, by line."""
        return inspect.interrupts(self.root)

    @cached_property
    def plots(self) -> list[Plot]:
        """The untypeds."""
        return plots(self.caps)

    @cached_property
    def spaces(self) -> list[Space]:
        """The address spaces, by owner."""
        asids = {cap.object: cap.mapping for cap in self.caps if cap.type is Type.PML4}
        found = [self._space(pml4, mapping) for pml4, mapping in asids.items()]
        return sorted(found, key=lambda space: (not space.owners, space.pml4))

    def _space(self, pml4: int, mapping: int) -> Space:
        owners = [self.names.thread(t.tcb) for t in self.threads if t.space == pml4]
        found = regions(inspect.pages(self.root, pml4))
        return Space(pml4, mapping - 1 if mapping else None, owners, found)

    @cached_property
    def audit(self) -> list[Entry]:
        """What is left of the audit log."""
        return inspect.audit(self.root)
