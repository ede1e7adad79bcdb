"""Address spaces, interrupts and ports: I35 to I41."""

from __future__ import annotations

from itertools import pairwise

from vectoros.errors import hold
from vectoros.kernel import asid, vspace
from vectoros.kernel.objects import PAGE_BITS, TABLES, Right, Type
from vectoros.kernel.root import ASID_POOLS, IRQ_LINES, MAX_ASID_POOLS
from vectoros.kernel.vspace import Entry
from vectoros.kernel_image import walks
from vectoros.kernel_image.invariants.facts import Facts
from vectoros.layout import IRQS

_KERNEL_LINES = (IRQS["pit"], IRQS["cascade"])
_USER, _LARGE = int(Entry.USER), int(Entry.LARGE)
_HALF, _END = vspace.HALF * 8, vspace.ENTRIES * 8


def valid_vs_lookup(facts: Facts) -> None:
    """I35: what a program can reach has a capability that says it is mapped there."""
    known = {
        (cap.object, *cap.mapped_at)
        for kind in (Type.FRAME, Type.CHANNEL)
        for cap in facts.of[kind]
        if cap.mapped_at is not None
    }
    for space in facts.of[Type.PML4]:
        for page in walks.mappings(facts.root.ram, space.object):
            place = (page.frame, space.mapping - 1, page.address)
            hold(place in known, f"I35: page {page.address:#x} of {space} has no capability")


def valid_table_caps(facts: Facts) -> None:
    """I36: a table that is mapped nowhere is empty."""
    for kind in TABLES[1:]:
        for cap in facts.of[kind]:
            if not cap.mapping:
                data = facts.root.ram.view[cap.object : cap.end]
                hold(not any(data), f"I36: {cap} is mapped nowhere, and not empty")


def unique_table_refs(facts: Facts) -> None:
    """I37: a table is used in one place at most."""
    used: set[int] = set()
    for pml4 in facts.objects(Type.PML4):
        for address, bits, entry in walks.entries(facts.root.ram, pml4):
            if bits > PAGE_BITS and not entry & _LARGE:
                table = entry & vspace.ADDRESS
                hold(table not in used, f"I37: the table at {table:#x}, also used at"
                     f" {address:#x}, is used in two places")  # fmt: skip
                used.add(table)


def equal_kernel_mappings(facts: Facts) -> None:
    """I38: every address space has the kernel's upper half, and none of it is ring 3's."""
    view, kernel = facts.root.ram.view, facts.root.kernel_space
    half = view[kernel + _HALF : kernel + _END]
    users = [entry for entry in half.cast("Q") if entry & _USER]
    hold(not users, "I38: ring 3 may use the kernel half")
    for pml4 in facts.objects(Type.PML4):
        same = view[pml4 + _HALF : pml4 + _END] == half
        hold(same, f"I38: PML4 {pml4:#x} has another kernel half")


def rights_in_pte(facts: Facts) -> None:
    """I39: a writable page's capability has Write; none is writable and executable."""
    write = {
        (cap.object, *cap.mapped_at)
        for kind in (Type.FRAME, Type.CHANNEL)
        for cap in facts.of[kind]
        if cap.mapped_at is not None and cap.rights & Right.WRITE
    }
    for space in facts.of[Type.PML4]:
        for page in walks.mappings(facts.root.ram, space.object):
            name = f"page {page.address:#x} of {space}"
            if page.access & Entry.WRITE:
                place = (page.frame, space.mapping - 1, page.address)
                hold(place in write, f"I39: {name} is writable, and no capability to it has Write")
                hold(bool(page.access & Entry.NO_EXECUTE), f"I39: {name} is both (W^X)")


def valid_irq_states(facts: Facts) -> None:
    """I40: a line without a handler is masked and signals nobody."""
    root = facts.root
    lines = [cap.object for cap in facts.of[Type.IRQ_HANDLER]]
    for line in range(IRQ_LINES):
        if line in _KERNEL_LINES:
            continue
        slot = root.interrupt(line)
        hold(
            slot.type in (Type.NULL, Type.NOTIFICATION), f"I40: line {line} signals no notification"
        )
        if line not in lines:
            hold(not slot.type, f"I40: line {line} signals somebody, and has no handler")
            hold(bool(root.irq_mask >> line & 1), f"I40: line {line} is open, and has no handler")


def valid_ioports(facts: Facts) -> None:
    """I41: two ranges of ports are the same or have no port in common."""
    ranges = sorted({(cap.object, cap.badge) for cap in facts.of[Type.IO_PORT]})
    for first, last in ranges:
        hold(first <= last <= 0xFFFF, f"I41: ports {first:#x} to {last:#x} are no range")
    for (first, last), (start, end) in pairwise(ranges):
        hold(last < start, f"I41: ports {first:#x}-{last:#x} and {start:#x}-{end:#x} overlap")


def asid_table(facts: Facts) -> None:
    """I35: an identifier leads to a PML4 whose capabilities all have it, or to none."""
    known = {(cap.mapping - 1, cap.object) for cap in facts.of[Type.PML4]}
    root = facts.root
    first = root.at + (ASID_POOLS >> 3)
    for index, pool in enumerate(root.words[first : first + MAX_ASID_POOLS].tolist()):
        spaces = root.words[pool >> 3 : (pool >> 3) + asid.POOL_SIZE].tolist() if pool else []
        for number, found in enumerate(spaces, index << asid.POOL_BITS):
            if found:
                hold((number, found) in known, f"I35: ASID {number} is PML4 {found:#x}'s")


PAGING = (
    valid_vs_lookup, asid_table, valid_table_caps, unique_table_refs, equal_kernel_mappings,
    rights_in_pte, valid_irq_states, valid_ioports,
)  # fmt: skip
