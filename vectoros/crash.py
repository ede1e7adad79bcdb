"""Crash reports: why a guest cannot go on.

Made for the two ends that no guest comes back from: a triple fault, and a halt
that nothing will ever end. Making one changes nothing in the machine.
"""

from __future__ import annotations

from collections.abc import Sequence

from vectoros.backtrace import Unwinder
from vectoros.board import Reason, StopRequest
from vectoros.cpu.bits import EFER_LMA, Flag
from vectoros.cpu.core import Fault
from vectoros.cpu.faults import WITH_ERROR_CODE, Vector
from vectoros.crash_report import Crash, Link
from vectoros.fault_words import MEANINGS, error_words, vector_name
from vectoros.guest_view import (
    address,
    code_lines,
    flag_names,
    linear,
    location,
    register_table,
    walk_lines,
)
from vectoros.pc import Pc
from vectoros.symbols.table import NONE, Symbols, Union
from vectoros.undelivered import failure
from vectoros.units import format_ticks

EARLIER_FAULTS = 4
SERIAL_LINES = 10
MILESTONES = 8
"""How much of what went before a report shows."""


def crash_of(pc: Pc, stop: StopRequest, symbols: Union = NONE) -> Crash | None:
    """Return the report of the crash that ``stop`` is, or None if it is none."""
    if stop.reason not in (Reason.TRIPLE_FAULT, Reason.IDLE):
        return None
    faults = pc.cpu.faults()
    chain = _undelivered(faults) if stop.reason is Reason.TRIPLE_FAULT else []
    before = faults[: len(faults) - len(chain)]
    regs = pc.cpu.regs
    frames = Unwinder(pc, symbols).frames()
    walks = {f"rip {regs.linear_rip:#x}": walk_lines(pc, regs.linear_rip)}
    for fault in chain:
        if fault.vector == Vector.PF:
            walks[f"cr2 {fault.cr2:#x}"] = walk_lines(pc, fault.cr2)
    return Crash(
        reason=stop.reason.name.lower(),
        summary=_summary(pc, stop.reason),
        location=location(pc),
        place=frames[0].place,
        earlier=[_link(pc, fault, symbols) for fault in before[-EARLIER_FAULTS:]],
        chain=[_link(pc, fault, symbols) for fault in chain],
        backtrace=frames,
        code=code_lines(pc),
        registers=register_table(regs),
        flags=flag_names(regs.rflags),
        walks=walks,
        serial=pc.serial.text.splitlines()[-SERIAL_LINES:],
        milestones=[
            f"{milestone.tick} ({format_ticks(milestone.tick)})  {milestone.text}"
            for milestone in pc.milestones[-MILESTONES:]
        ],
        symbols=[part.source for part in symbols.parts],
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


def _link(pc: Pc, fault: Fault, symbols: Symbols) -> Link:
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
        place=_name(symbols, linear(pc, fault.cs, fault.rip), fault.cpl),
        ring=int(fault.cpl),
        cr2=f"{fault.cr2:#x}" if vector == Vector.PF and not fault.software else None,
        tick=fault.tick,
        delivered=fault.delivered,
        failure=None if fault.delivered else failure(pc, vector),
    )


def _name(symbols: Symbols, at: int, ring: int) -> str:
    return str(symbols.find(at, ring) or "")
