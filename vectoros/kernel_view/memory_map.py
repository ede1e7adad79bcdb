"""Where memory went: what was made of each untyped, and what is mapped in address spaces.

The ledger always adds up: what objects take, what is free, and what was lost to alignment
or to objects that have been deleted, are all that the boot untypeds cover.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vectoros.kernel.objects import Type
from vectoros.kernel.vspace import Entry
from vectoros.kernel_image.inspect import Capability, InspectError
from vectoros.kernel_image.walks import Mapping


@dataclass
class Plot:
    """An untyped, and what lies in it and in no smaller one."""

    base: int
    size: int
    used: int
    device: bool
    level: int
    """Untypeds that it lies in."""
    made: dict[Type, list[int]] = field(default_factory=dict)
    """For each type, how many objects, and their bytes."""

    @property
    def free(self) -> int:
        """Bytes above the watermark."""
        return self.size - self.used

    @property
    def waste(self) -> int:
        """Bytes below the watermark that belong to no object."""
        return self.used - sum(size for _, size in self.made.values())

    def add(self, kind: Type, size: int) -> None:
        """Count one object."""
        row = self.made.setdefault(kind, [0, 0])
        row[0] += 1
        row[1] += size


def plots(caps: Iterable[Capability]) -> list[Plot]:
    """Return the untypeds by address, each before those that lie in it."""
    depths: dict[tuple[int, int, Type], tuple[int, Capability]] = {}
    for cap in caps:
        if cap.size:
            depths.setdefault((cap.object, cap.size, cap.type), (cap.depth, cap))
    found: list[Plot] = []
    around: list[Plot] = []
    for _, cap in sorted(depths.values(), key=_order):
        while around and around[-1].base + around[-1].size <= cap.object:
            around.pop()
        if around:
            around[-1].add(cap.type, cap.size)
        if cap.type is Type.UNTYPED:
            if cap.badge > cap.size:
                raise InspectError(f"untyped {cap.object:#x} is used beyond its end")
            around.append(Plot(cap.object, cap.size, cap.badge, cap.device, len(around)))
            found.append(around[-1])
    return found


def _order(row: tuple[int, Capability]) -> tuple[int, int, bool, int]:
    depth, cap = row
    return cap.object, -cap.size, cap.type is not Type.UNTYPED, depth


@dataclass(frozen=True)
class Ledger:
    """What the memory of the boot untypeds is for, in bytes."""

    total: int
    objects: int
    free: int
    waste: int


def ledger(found: list[Plot]) -> Ledger:
    """Add up what :func:`plots` returned, but not memory of devices."""
    ours = [plot for plot in found if not plot.device]
    leaves = sum(
        size for plot in ours for kind, (_, size) in plot.made.items() if kind is not Type.UNTYPED
    )
    total = sum(plot.size for plot in ours if not plot.level)
    return Ledger(total, leaves, sum(p.free for p in ours), sum(p.waste for p in ours))


@dataclass
class Region:
    """Pages side by side that may be used in the same way."""

    start: int
    end: int
    access: str
    """Of ``rwx`` what ring 3 may do, and a dash for what it may not."""
    page_size: int
    pages: int

    @property
    def exclusive(self) -> bool:
        """Whether it is writable or executable, but not both (W^X)."""
        return not {"w", "x"} <= set(self.access)


def regions(pages: Iterable[Mapping]) -> list[Region]:
    """Merge what is mapped in an address space."""
    found: list[Region] = []
    for page in pages:
        access, last = access_text(page.access), found[-1] if found else None
        if last and (last.end, last.access, last.page_size) == (page.address, access, page.size):
            last.end += page.size
            last.pages += 1
        else:
            found.append(Region(page.address, page.address + page.size, access, page.size, 1))
    return found


def access_text(bits: int) -> str:
    """Return what ring 3 may do with a page, by the bits of its entry.

    >>> access_text(Entry.PRESENT | Entry.USER | Entry.NO_EXECUTE)
    'r--'
    """
    if not bits & Entry.USER:
        return "---"
    write, execute = bits & Entry.WRITE, not bits & Entry.NO_EXECUTE
    return f"r{'w' if write else '-'}{'x' if execute else '-'}"
