"""The capability tree as text: who derived what from what, and in whose slot it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from vectoros.kernel_image.inspect import Capability
from vectoros.kernel_view.names import Names
from vectoros.kernel_view.survey import Survey
from vectoros.kernel_view.words import capability, is_memory, kind_and_size, ranges, rights

FEW = 3
"""So many frames or tables of one kind in one place are listed; more are counted."""

WIDEST = 72
"""Columns of what is left of the slots: longer lines push theirs to the right."""


def lines(survey: Survey, *, full: bool = False) -> list[str]:
    """Return the tree, a line for each capability; ``full``: count no frames and tables."""
    rows = list(_rows(survey, full))
    width = min(WIDEST, max((len(text) for text, _ in rows), default=0))
    return [f"{text:{width}}  {slot}" for text, slot in rows]


def _rows(survey: Survey, full: bool) -> Iterator[tuple[str, str]]:
    children: dict[int, list[Capability]] = defaultdict(list)
    for cap in survey.caps:
        children[cap.parent].append(cap)
    pending = [
        (0, group) for group in _groups(survey, children[survey.root.anchor], children, full)
    ]
    pending.reverse()
    while pending:  # no recursion: a tree may be as deep as there are slots
        level, group = pending.pop()
        text, slot = _row(group, survey.names)
        yield "  " * level + text, slot
        below = _groups(survey, children.get(group[0].slot, []), children, full)
        pending += [(level + 1, each) for each in reversed(below)]


def _groups(
    survey: Survey, caps: list[Capability], children: dict[int, list[Capability]], full: bool
) -> list[list[Capability]]:
    """Return siblings by address, those together that are better counted than listed."""
    alike: dict[object, list[Capability]] = defaultdict(list)
    for cap in sorted(caps, key=lambda cap: (cap.object, cap.slot)):
        countable = is_memory(cap.type) and cap.slot not in children and not full
        where = survey.names.container(cap.slot)
        key = (cap.type, cap.size, cap.rights, cap.device, where) if countable else cap.slot
        alike[key].append(cap)
    found = []
    for group in alike.values():
        found += [group] if len(group) > FEW else [[cap] for cap in group]
    return found


def _row(group: list[Capability], names: Names) -> tuple[str, str]:
    first = group[0]
    if len(group) == 1:
        return capability(first, names), names.slot(first.slot)
    text = f"{len(group)} x {kind_and_size(first)} {rights(first.rights)}".rstrip()
    places = [names.slot(cap.slot).rpartition("[") for cap in group]
    numbers = ranges([int(number.rstrip("]")) for _, _, number in places if number[:-1].isdigit()])
    return text, f"{places[0][0]}[{numbers}]"
