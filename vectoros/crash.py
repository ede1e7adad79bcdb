"""The crash report: why a guest cannot go on, as data and as text.

Made for the two ends that no guest comes back from: a triple fault, and a halt
that nothing will ever end. Making one changes nothing in the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vectoros.board import Reason, StopRequest
from vectoros.cpu.bits import CR0_PE, EFER_LMA, Flag
from vectoros.cpu.core import Fault
from vectoros.cpu.descriptors import Gate, is_null, read_descriptor, read_gate
from vectoros.cpu.faults import WITH_ERROR_CODE, CpuFault, Vector
from vectoros.fault_words import MEANINGS, error_words, vector_name
from vectoros.guest_view import (
    address,
    code_lines,
    columns,
    flag_names,
    location,
    register_table,
    walk_lines,
)
from vectoros.pc import Pc
from vectoros.units import format_ticks

EARLIER_FAULTS = 4
SERIAL_LINES = 10
MILESTONES = 8
"""How much of what went before a report shows."""

_LAST_GATE_TYPE = 15
_GATE_TYPES = frozenset({5, 6, 7, 14, 15})
"""Task, interrupt and trap gates (:class:`vectoros.cpu.descriptors.SystemType`)."""


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
    earlier: list[Link]
    """Exceptions that were delivered before, the last one last."""
    chain: list[Link]
    """The exceptions of a triple fault, in order. None was delivered."""
    code: list[str]
    registers: dict[str, str]
    flags: str
    walks: dict[str, list[str]]
    """Page-table entries, by the address they translate."""
    serial: list[str]
    milestones: list[str]

    def data(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Return the report for people; headings start their lines, all else is indented."""
        return "\n".join(_text(self))


def crash_of(pc: Pc, stop: StopRequest) -> Crash | None:
    """Return the report of the crash that ``stop`` is, or None if it is none."""
    if stop.reason not in (Reason.TRIPLE_FAULT, Reason.IDLE):
        return None
    faults = pc.cpu.faults()
    chain = _undelivered(faults) if stop.reason is Reason.TRIPLE_FAULT else []
    before = faults[: len(faults) - len(chain)]
    regs = pc.cpu.regs
    walks = {f"rip {regs.linear_rip:#x}": walk_lines(pc, regs.linear_rip)}
    for fault in chain:
        if fault.vector == Vector.PF:
            walks[f"cr2 {fault.cr2:#x}"] = walk_lines(pc, fault.cr2)
    return Crash(
        reason=stop.reason.name.lower(),
        summary=_summary(pc, stop.reason),
        location=location(pc),
        earlier=[_link(pc, fault) for fault in before[-EARLIER_FAULTS:]],
        chain=[_link(pc, fault) for fault in chain],
        code=code_lines(pc),
        registers=register_table(regs),
        flags=flag_names(regs.rflags),
        walks=walks,
        serial=pc.serial.text.splitlines()[-SERIAL_LINES:],
        milestones=[
            f"{milestone.tick} ({format_ticks(milestone.tick)})  {milestone.text}"
            for milestone in pc.milestones[-MILESTONES:]
        ],
    )


def _undelivered(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults at the end of the log that were not delivered: the chain."""
    start = len(faults)
    while start and not faults[start - 1].delivered:
        start -= 1
    return list(faults[start:])


def _summary(pc: Pc, reason: Reason) -> str:
    if reason is Reason.TRIPLE_FAULT:
        return "triple fault (an exception, and then #DF, could not be delivered)"
    if pc.cpu.regs.rflags & Flag.IF:
        return "idle for ever: halted, and no device has anything left to do"
    return "idle for ever: halted with interrupts off"


def _link(pc: Pc, fault: Fault) -> Link:
    vector = int(fault.vector)
    regs = pc.cpu.regs
    words = error_words(vector, fault.error_code, long_mode=bool(regs.efer & EFER_LMA))
    has_code = vector in WITH_ERROR_CODE and not fault.software
    return Link(
        name=vector_name(vector),
        meaning="software interrupt" if fault.software else MEANINGS.get(vector, "interrupt"),
        error_code=fault.error_code if has_code else None,
        error=words if has_code else "",
        cs_rip=address(regs, fault.cs, fault.rip),
        ring=int(fault.cpl),
        cr2=f"{fault.cr2:#x}" if vector == Vector.PF and not fault.software else None,
        tick=fault.tick,
        delivered=fault.delivered,
        failure=None if fault.delivered else _failure(pc, vector),
    )


def _failure(pc: Pc, vector: int) -> str:
    """Return why ``vector`` could not be delivered, from what the tables say now."""
    regs = pc.cpu.regs
    table = f"the IDT at {regs.idtr.base:#x}"
    if not regs.cr0 & CR0_PE:
        if vector * 4 + 3 > regs.idtr.limit:
            return f"{table} has no entry {vector}: its limit is {regs.idtr.limit:#x}"
        return "its frame could not be pushed"
    try:
        gate = read_gate(regs, pc.memory, vector, look=True)
        if gate is None:
            return f"{table} has no entry {vector}: its limit is {regs.idtr.limit:#x}"
        return _gate_fault(pc, vector, gate)
    except CpuFault as fault:
        return f"entry {vector} of {table}, or what it names, cannot be read: {fault}"


def _gate_fault(pc: Pc, vector: int, gate: Gate) -> str:
    entry = f"entry {vector} of the IDT"
    if gate.type not in _GATE_TYPES:
        return f"{entry} is not a gate: its type is {gate.type & _LAST_GATE_TYPE}"
    if not gate.present:
        return f"{entry} is not present"
    if is_null(gate.selector):
        return f"{entry} has the null selector"
    code = read_descriptor(pc.cpu.regs, pc.memory, gate.selector, look=True)
    if code is None:
        return f"{entry} names selector {gate.selector:#x}, which is beyond its table"
    if not code.is_code or not code.present:
        return f"{entry} names selector {gate.selector:#x}, which is not a present code segment"
    handler = address(pc.cpu.regs, gate.selector, gate.offset)
    stack = f"stack {gate.ist} of the interrupt stack table" if gate.ist else "its stack"
    return f"{entry} is sound (handler {handler}): the frame could not be pushed on {stack}"


def _text(crash: Crash) -> Iterator[str]:
    yield f"Guest crash: {crash.summary}"
    yield f"  {crash.location}"
    if crash.chain:
        yield "Exceptions, first to last"
        for number, link in enumerate(crash.chain, 1):
            yield from _link_lines(f"{number}.", link)
    if crash.earlier:
        yield "Delivered before"
        for link in crash.earlier:
            yield from _link_lines("-", link)
    yield "Code"
    yield from (f"  {line}" for line in crash.code)
    yield "Registers"
    yield from _register_lines(crash)
    for what, lines in crash.walks.items():
        if lines:
            yield f"Page walk of {what}"
        yield from (f"  {line}" for line in lines)
    if crash.serial:
        yield "Last serial output"
        yield from (f"  | {line}" for line in crash.serial)
    if crash.milestones:
        yield "Last milestones, by tick"
        yield from (f"  {line}" for line in crash.milestones)


def _link_lines(mark: str, link: Link) -> Iterator[str]:
    about = f" at {link.cr2}" if link.cr2 else ""
    yield f"  {mark:<2} {link.name} {link.meaning}{about}"
    if link.error_code is not None:
        words = f": {link.error}" if link.error else ""
        yield f"     error code {link.error_code:#x}{words}"
    yield f"     {link.cs_rip}, ring {link.ring}, tick {link.tick}"
    if link.failure:
        yield f"     not delivered: {link.failure}"


def _register_lines(crash: Crash) -> Iterator[str]:
    wide = {name: text for name, text in crash.registers.items() if " " in text}
    words = [(name, text) for name, text in crash.registers.items() if name not in wide]
    yield from (f"  {row}" for row in columns(words, 3))
    yield f"   flags {crash.flags}"
    yield from (f"  {row}" for row in columns(wide.items(), 2))
