"""The fast engine's log of deliveries, which ``native.S`` writes, as Python reads it."""

from __future__ import annotations

from vectoros.cpu.bits import Gpr, Seg
from vectoros.cpu.core import Counters, Fault
from vectoros.cpu.native import LOG_ENTRIES, STUCK_LIMIT, STUCK_TICKS, LogEntry, State
from vectoros.cpu.registers import Registers


def faults(state: State) -> list[Fault]:
    """Return the deliveries that are remembered, oldest first."""
    numbers = range(max(0, state.log_count - LOG_ENTRIES), state.log_count)
    return [_fault(state.log[number % LOG_ENTRIES]) for number in numbers]


def counters(state: State) -> Counters:
    """Return what happened so far."""
    traps = {vector: count for vector, count in enumerate(state.vectors) if count}
    return Counters(traps, state.syscalls)


def _fault(entry: LogEntry) -> Fault:
    return Fault(
        tick=entry.tick,
        vector=entry.vector,
        error_code=entry.error_code,
        software=bool(entry.software),
        cs=entry.cs,
        rip=entry.rip,
        rsp=entry.rsp,
        cpl=entry.cpl,
        cr2=entry.cr2,
        delivered=bool(entry.delivered),
    )


def note(state: State, regs: Registers, vector: int, error_code: int) -> None:
    """Log a delivery that Python is about to make, as ``native.S`` does its own."""
    entry = state.log[state.log_count % LOG_ENTRIES]
    state.log_count += 1
    state.vectors[vector] += 1
    entry.tick = _tick_of_delivery(state)
    entry.rip, entry.rsp, entry.cr2 = regs.rip, regs.gpr[Gpr.RSP], regs.cr2
    entry.vector, entry.error_code = vector, error_code
    entry.cs, entry.cpl = regs.segs[Seg.CS].selector, regs.cpl
    entry.software = entry.delivered = 0


def _tick_of_delivery(state: State) -> int:
    """Return the tick of a delivery that Python makes; let time pass as ``record`` in native.S."""
    tick = state.deadline - state.budget
    if tick != state.stuck_at:
        state.stuck_at, state.stuck = tick, 0
    state.stuck += 1
    if state.stuck >= STUCK_LIMIT:
        state.budget -= STUCK_TICKS
        state.stuck_at += STUCK_TICKS
    return tick
