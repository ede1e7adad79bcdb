"""The end of every trap: account for the time, choose a thread, answer the stub.

Time is accounted when a trap ends: what has passed since the last one, and what this
one costs, is the caller's. Kernel time is spent by the stub after the response, so
the account runs ahead of the clock by the cost.

Every trap comes through here, so the common one is written in words of RAM: nobody
else is ready and the caller goes on.
"""

from __future__ import annotations

from vectoros.kernel import gate
from vectoros.kernel.abi import COST_SWITCH, COST_UNIT, State
from vectoros.kernel.gate import Flag
from vectoros.kernel.scheduler import BITMAP, Processor
from vectoros.kernel.tcb import VSPACE, Tcb
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import MASK
from vectoros.units import TICKS_PER_SECOND

PIT_HZ = 1_193_182
"""Input frequency of the 8254 (IBM PC/AT)."""

MAX_COUNT = 0xFFFF

_STATE, _PRIORITY, _SLICE, _CONSUMED = Tcb.indices("state", "priority", "slice", "consumed")
_SPACE = (VSPACE >> 3) + 2
_CURRENT, _ACCOUNTED, _IDLE, _OCCUPIED = Processor.indices(
    "current", "accounted", "idle", "occupied"
)
_NEXT, _NEXT_CR3, _FLAGS, _COST, _OP_COUNT, _TIMER = gate.GateBlock.indices(
    "next", "next_cr3", "flags", "cost", "op_count", "timer"
)
_BITMAP = BITMAP >> 3
_RUNNING = int(State.RUNNING)


def finish(trap: Trap) -> None:
    """Write the response of ``trap``."""
    words, cpu, chosen = trap.words, trap.cpu, trap.caller
    block = trap.block >> 3
    account(trap)
    goes_on = chosen and words[(chosen >> 3) + _STATE] == _RUNNING
    if not goes_on or (words[cpu + _OCCUPIED] and _has_rival(trap)):
        chosen = trap.processor.choose(chosen)
        if chosen != words[cpu + _CURRENT]:
            words[cpu + _CURRENT] = chosen
            if chosen:
                _switch(trap, chosen)
        elif chosen:
            _arm_timer(trap, chosen)
    words[block + _NEXT] = chosen
    words[block + _FLAGS] = trap.flags
    words[block + _COST] = trap.cost
    words[block + _OP_COUNT] = trap.ops


def _has_rival(trap: Trap) -> bool:
    """Whether one of the threads that are ready has the caller's priority, or a higher one."""
    words, cpu = trap.words, trap.cpu
    word = words[cpu + _OCCUPIED].bit_length() - 1
    bits: int = words[cpu + _BITMAP + word]
    top: int = word * 64 + bits.bit_length() - 1
    return top >= words[(trap.caller >> 3) + _PRIORITY]


def account(trap: Trap) -> None:
    """Give the time since the last trap, and the cost of this one, to the caller."""
    words, cpu = trap.words, trap.cpu
    until = trap.now + trap.cost * COST_UNIT & MASK
    spent = until - words[cpu + _ACCOUNTED]
    if spent < 0:
        return  # the stub has not yet spent what the last trap cost
    words[cpu + _ACCOUNTED] = until
    if not trap.caller:
        words[cpu + _IDLE] = words[cpu + _IDLE] + spent & MASK
        return
    at = trap.caller >> 3
    words[at + _CONSUMED] = words[at + _CONSUMED] + spent & MASK
    left = words[at + _SLICE]
    words[at + _SLICE] = left - spent if left > spent else 0


def _switch(trap: Trap, chosen: int) -> None:
    """Load what ``chosen`` runs with: its address space, and nothing of the FPU's yet."""
    processor = trap.processor
    trap.cost += COST_SWITCH
    space = trap.words[(chosen >> 3) + _SPACE]
    if space != processor.space:
        processor.space = space
        trap.words[(trap.block >> 3) + _NEXT_CR3] = space
    closed = processor.fpu_owner != chosen
    if closed != processor.fpu_closed:
        processor.fpu_closed = closed
        trap.flags &= ~Flag.CLEAR_TS
        trap.flags |= Flag.SET_TS if closed else Flag.CLEAR_TS
    _arm_timer(trap, chosen)


def _arm_timer(trap: Trap, chosen: int) -> None:
    """Have the timer interrupt at the end of the thread's slice, if it has a peer."""
    processor = trap.processor
    if not processor.has_peer(chosen):
        return
    due = processor.accounted + trap.words[(chosen >> 3) + _SLICE] & MASK
    if processor.timer and processor.timer <= due:
        return  # it interrupts before that, and will be set again then
    processor.timer = due
    trap.flags |= Flag.SET_TIMER
    trap.words[(trap.block >> 3) + _TIMER] = counts(due - trap.now)


def counts(ticks: int) -> int:
    """Return the counts of the PIT that last at least ``ticks``, as far as 16 bits go.

    >>> counts(20_000_000)
    5966
    """
    return max(1, min(MAX_COUNT, -(-ticks * PIT_HZ // TICKS_PER_SECOND)))
