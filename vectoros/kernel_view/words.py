"""Capabilities and amounts in words."""

from __future__ import annotations

from vectoros.kernel.methods import BY_LABEL
from vectoros.kernel.objects import TABLES, Right, Type
from vectoros.kernel_image.inspect import Capability
from vectoros.kernel_view.declared import type_name
from vectoros.kernel_view.names import Names
from vectoros.units import GIB, KIB, MIB

_LETTERS = {Right.READ: "r", Right.WRITE: "w", Right.GRANT: "g", Right.GRANT_REPLY: "p"}
RIGHTS_KEY = "r Read, w Write, g Grant, p GrantReply"


def amount(size: int) -> str:
    """Return bytes in the largest unit that holds them exactly, or with one decimal.

    >>> amount(4096), amount(18224), amount(64)
    ('4 KiB', '17.8 KiB', '64 B')
    """
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}" if size % unit == 0 else f"{size / unit:.1f} {name}"
    return f"{size} B"


def rights(bits: int) -> str:
    """Return rights as letters.

    >>> rights(7)
    'rwg'
    """
    return "".join(letter for right, letter in _LETTERS.items() if bits & right)


def ranges(numbers: list[int]) -> str:
    """Return numbers as ranges.

    >>> ranges([5, 1, 2, 3])
    '1..3, 5'
    """
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{a}..{b}" if b > a else f"{a}" for a, b in found)


def method_name(label: int) -> str:
    """Return the method that a label is of.

    >>> method_name(0x204), method_name(0x99)
    ('CNode.Copy', '0x99')
    """
    row = BY_LABEL.get(label)
    return f"{label:#x}" if row is None else f"{type_name(row.object)}.{row.name}"


def kind_and_size(cap: Capability) -> str:
    """Return what a capability is to, without saying which one."""
    name = type_name(cap.type)
    if cap.type in (Type.UNTYPED, Type.FRAME, Type.CHANNEL):
        name += f" {amount(cap.size)}"
    return f"device {name}" if cap.device else name


def capability(cap: Capability, names: Names) -> str:
    """Return what a capability is to, and what may be done with it."""
    parts = [kind_and_size(cap), *_which(cap, names)]
    if cap.type in (Type.ENDPOINT, Type.NOTIFICATION) and cap.badge:
        parts.append(f"badge {cap.badge:#x}")
    if cap.rights:
        parts.append(rights(cap.rights))
    place = names.mapped_at(cap)
    if place is not None:
        parts.append(f"at {place[1]:#x} of ASID {place[0]}")
    return " ".join(parts)


def _which(cap: Capability, names: Names) -> list[str]:
    match cap.type:
        case Type.TCB:
            return [names.thread(cap.object)]
        case Type.CNODE:
            return [f"{cap.object:#x}", f"{1 << cap.bits} slots"]
        case Type.UNTYPED:
            return [f"{cap.object:#x}", f"used {used(cap.badge, cap.size)}"]
        case Type.ZOMBIE:
            return [f"of {type_name(cap.was)} {cap.object:#x}", f"{cap.badge} slots left"]
        case Type.CHANNEL:
            return [f"{cap.object:#x}", *filter(None, [names.channel(cap.object)])]
        case Type.IRQ_HANDLER:
            return [f"line {cap.object}"]
        case Type.IO_PORT:
            return [ports(cap)]
    return [f"{cap.object:#x}"] if cap.size else []


def ports(cap: Capability) -> str:
    """Return the ports that an IOPort capability covers."""
    return f"{cap.object:#x}" + (f"..{cap.badge:#x}" if cap.badge > cap.object else "")


def used(part: int, whole: int) -> str:
    """Return a share, such that only nothing is 0 % and only everything is 100 %.

    >>> used(0, 9), used(1, 900), used(899, 900), used(9, 9)
    ('0%', '1%', '99%', '100%')
    """
    if part in (0, whole):
        return "100%" if part else "0%"
    return f"{max(1, min(99, part * 100 // whole))}%"


def is_memory(kind: Type) -> bool:
    """Whether there are so many objects of a type that they are better counted than listed."""
    return kind is Type.FRAME or is_table(kind)


def is_table(kind: Type) -> bool:
    """Whether it is a page table below a PML4."""
    return kind in TABLES[1:]
