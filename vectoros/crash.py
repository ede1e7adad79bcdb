"""Crash reports: why a guest cannot go on.

Made for the ends that no guest comes back from: a triple fault, a halt that nothing
will ever end, and a panic of Linux. Making one changes nothing in the machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vectoros import last_words
from vectoros.backtrace import Unwinder
from vectoros.board import Reason, StopRequest
from vectoros.branches import branch_lines
from vectoros.cpu.bits import EFER_LMA, Flag
from vectoros.cpu.core import Fault
from vectoros.cpu.fault_log import LOG_ENTRIES
from vectoros.cpu.faults import WITH_ERROR_CODE, Vector
from vectoros.cpu.run_log import RunLog
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
from vectoros.units import TICKS_PER_SECOND, format_ticks

CRASHES = (Reason.TRIPLE_FAULT, Reason.IDLE, Reason.PANIC)

EARLIER_FAULTS, RECENT_TICKS = 4, TICKS_PER_SECOND // 20
MILESTONES = 8
"""How much of what went before a report shows."""

SERIAL_BYTES = 1 << 14
"""Of serial output that are looked at for its last lines."""

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


def crash_of(
    pc: Pc, stop: StopRequest, symbols: Union = NONE, log: RunLog | None = None
) -> Crash | None:
    """Return the report of the crash that ``stop`` is, or None if it is none.

    It calls code as ``symbols`` do, and tells the last branches of ``log``.
    """
    if stop.reason not in CRASHES:
        return None
    faults = pc.cpu.faults()
    chain = _undelivered(faults) if stop.reason is Reason.TRIPLE_FAULT else []
    before = faults[: len(faults) - len(chain)]
    if not chain:  # what was long ago has nothing to do with it
        before = [fault for fault in before if pc.clock.now - fault.tick < RECENT_TICKS]
    regs = pc.cpu.regs
    lines = _last_lines(pc)
    frames = Unwinder(pc, symbols).frames()
    walks = {f"rip {regs.linear_rip:#x}": walk_lines(pc, regs.linear_rip)}
    for fault in chain:
        if fault.vector == Vector.PF:
            walks[f"cr2 {fault.cr2:#x}"] = walk_lines(pc, fault.cr2)
    return Crash(
        reason=stop.reason.name.lower(),
        summary=_summary(pc, stop.reason, lines),
        location=location(pc),
        place=frames[0].place,
        earlier=[_link(pc, fault, symbols) for fault in before[-EARLIER_FAULTS:]],
        chain=[_link(pc, fault, symbols) for fault in chain],
        backtrace=frames,
        code=code_lines(pc),
        registers=register_table(regs),
        flags=flag_names(regs.rflags),
        walks=walks,
        branches=None if log is None else branch_lines(pc, log, symbols),
        serial=last_words.tail(lines),
        milestones=[
            f"{milestone.tick} ({format_ticks(milestone.tick)})  {milestone.text}"
            for milestone in pc.milestones[-MILESTONES:]
        ],
        symbols=[part.source for part in symbols.parts],
    )


def repeated_fault(pc: Pc) -> str | None:
    """Return the exception that a guest takes again and again, if it does nothing else.

    Its handler returns to the instruction and mends nothing: a BIOS's does so.
    """
    faults = pc.cpu.faults()
    last = faults[-1] if faults else None
    if last is None or len(faults) < LOG_ENTRIES or last.software:
        return None
    same = {(fault.vector, fault.cs, fault.rip, fault.cr2, fault.rsp) for fault in faults}
    if len(same) > 1:
        return None
    return f"{vector_name(int(last.vector))} at {address(pc.cpu.regs, last.cs, last.rip)}"


def _undelivered(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults at the end of the log that were not delivered: the chain."""
    start = len(faults)
    while start and not faults[start - 1].delivered:
        start -= 1
    return list(faults[start:])


def _last_lines(pc: Pc) -> list[str]:
    """Return the last lines of serial output, without the control codes of a terminal."""
    end = pc.serial.output[-SERIAL_BYTES:].decode("utf-8", errors="replace")
    plain = _CONTROL.sub("", end.replace("\r\n", "\n"))
    return plain.splitlines()[-last_words.LONG :]


def _summary(pc: Pc, reason: Reason, lines: Sequence[str]) -> str:
    """Return the heading of the report."""
    if reason is Reason.TRIPLE_FAULT:
        return "triple fault (an exception, and then #DF, could not be delivered)"
    panic = last_words.panic_of(lines)
    if reason is Reason.PANIC:
        return f"Linux kernel panic: {panic or 'see the serial output'}"
    if pc.cpu.regs.rflags & Flag.IF:
        how = "halted, and no device has anything left to do"
    elif last_words.has_halted(lines):
        return "Linux has halted, as it was told to; `poweroff` would end the run with status 0"
    else:
        how = "halted with interrupts off"
    return f"idle for ever: {how}" + (f", after a panic: {panic}" if panic else "")


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
