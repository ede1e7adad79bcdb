"""The crash report itself, as data and as text.

The text is for a terminal of 80 columns: headings start their lines, all else is
indented. :mod:`vectoros.crash` makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from textwrap import wrap
from typing import Any

from vectoros.backtrace import Frame
from vectoros.branches import BranchLine
from vectoros.guest_view import columns
from vectoros.units import format_ticks

WIDTH = 96
"""Columns of a heading that is longer than one should be."""

_SOURCE_COLUMNS = 32
"""Where branches come from is set in a column of this width; a longer name sticks out."""


@dataclass(frozen=True, slots=True)
class Link:
    """One exception of a chain."""

    name: str
    meaning: str
    error_code: int | None
    """None if an exception of this kind has none."""
    error: str
    """The error code in words."""
    cs_rip: str
    place: str
    """What the code there is called; empty if unknown."""
    ring: int
    cr2: str | None
    """The address, if it is a page fault."""
    tick: int
    delivered: bool
    failure: str | None
    """Why it could not be delivered, as far as the tables tell."""


@dataclass(frozen=True, slots=True)
class Crash:
    """What a crash report says."""

    reason: str
    summary: str
    location: str
    place: str
    """What the code at RIP is called; empty if unknown."""
    earlier: list[Link]
    """Exceptions that were delivered before, the last one last."""
    chain: list[Link]
    """The exceptions of a triple fault, in order. None was delivered."""
    backtrace: list[Frame]
    """Who called the code at RIP, innermost first, and what was interrupted for it."""
    code: list[str]
    registers: dict[str, str]
    flags: str
    walks: dict[str, list[str]]
    """Page-table entries, by the address they translate."""
    branches: list[BranchLine] | None
    """The last transfers of control, newest first; None if nobody recorded them."""
    serial: list[str]
    milestones: list[str]
    symbols: list[str]
    """What the names come from."""
    reopen: list[str] = field(default_factory=list)
    """Commands that lead there again."""

    def data(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Return the report for people."""
        return "\n".join(_text(self))


def _text(crash: Crash) -> Iterator[str]:
    yield from wrap(f"Guest crash: {crash.summary}", WIDTH, subsequent_indent="  ")
    yield f"  {crash.location}"
    if crash.place:
        yield f"  in {crash.place}"
    if crash.chain:
        yield "Exceptions, first to last"
        for number, link in enumerate(crash.chain, 1):
            yield from _link_lines(f"{number}.", link)
    if crash.earlier:
        yield "Delivered before"
        for link in crash.earlier:
            yield from _link_lines("-", link)
    yield from _backtrace_lines(crash.backtrace)
    yield from _section("Code", crash.code)
    yield "Registers"
    yield from _register_lines(crash)
    for what, lines in crash.walks.items():
        if lines:
            yield f"Page walk of {what}"
        yield from (f"  {line}" for line in lines)
    yield from _section("Last branches, newest first", _branch_lines(crash.branches or []))
    yield from _section("Last serial output", (f"| {line}" for line in crash.serial))
    yield from _section("Last milestones, by tick", crash.milestones)
    yield from _section("Names are from", crash.symbols)
    yield from _section("To come here again", (f"$ {line}" for line in crash.reopen))


def _section(heading: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield a heading and its lines, if there are any."""
    for number, line in enumerate(lines):
        if not number:
            yield heading
        yield f"  {line}"


def _link_lines(mark: str, link: Link) -> Iterator[str]:
    about = f" at {link.cr2}" if link.cr2 else ""
    yield f"  {mark:<2} {link.name} {link.meaning}{about}"
    if link.error_code is not None:
        words = f": {link.error}" if link.error else ""
        yield f"     error code {link.error_code:#x}{words}"
    yield f"     {link.cs_rip}, ring {link.ring}, tick {link.tick} ({format_ticks(link.tick)})"
    if link.place:
        yield f"     in {link.place}"
    if link.failure:
        yield f"     not delivered: {link.failure}"


def _backtrace_lines(frames: Sequence[Frame]) -> Iterator[str]:
    """Yield a line for each frame; where there is but RIP, there is nothing to say."""
    if len(frames) < 2:
        return
    guesses = any(frame.kind == "guess" for frame in frames)
    yield "Backtrace, innermost first" + (" (? marks a guess)" if guesses else "")
    for frame in frames:
        if frame.kind == "interrupted":
            yield f"  -- interrupted, in ring {frame.ring} --"
        mark = "?" if frame.kind == "guess" else " "
        yield f"  {mark} {frame.address}  {frame.place}".rstrip()


def _branch_lines(branches: Sequence[BranchLine]) -> Iterator[str]:
    """Yield a line for each branch: how, from where, to where."""
    rows = [
        (branch.how, branch.source_place or branch.source, branch.target_place or branch.target)
        for branch in branches
    ]
    wide = min(max((len(source) for _, source, _ in rows), default=0), _SOURCE_COLUMNS)
    for branch, (how, source, target) in zip(branches, rows, strict=True):
        times = f"  x{branch.count}" if branch.count > 1 else ""
        yield f"{how:<9} {source:<{wide}} -> {target}{times}"


def _register_lines(crash: Crash) -> Iterator[str]:
    wide = {name: text for name, text in crash.registers.items() if " " in text}
    words = [(name, text) for name, text in crash.registers.items() if name not in wide]
    yield from (f"  {row}" for row in columns(words, 3))
    yield f"   flags {crash.flags}"
    yield from (f"  {row}" for row in columns(wide.items(), 2))
