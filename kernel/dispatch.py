"""The end of every trap: charge time, choose a thread, answer the stub.

Time is charged late: as long as the same thread runs on, nothing is written. Only when
the thread changes, when there may be something to decide, or when somebody asks, what
has passed is taken from the scheduling context, the cost of the trap that ends then
included. Kernel time is spent by the stub after the response, so the account runs ahead
of the clock by that cost.

Every trap that is not the fast path's comes through here, so the common one looks at three
words of RAM: the caller goes on, nothing is to be decided yet, and nobody else is ready.
"""

from __future__ import annotations

import struct

from vectoros.kernel import domain, fault, gate
from vectoros.kernel.abi import COST_SWITCH, COST_UNIT, State
from vectoros.kernel.gate import Flag
from vectoros.kernel.sched_context import SchedContext, take
from vectoros.kernel.scheduler import NEVER, Processor, highest
from vectoros.kernel.tcb import NO_FPU, TIMEOUT, VSPACE, Tcb
from vectoros.kernel.trap import Trap
from vectoros.units import TICKS_PER_SECOND

PIT_HZ = 1_193_182
"""Input frequency of the 8254 (IBM PC/AT)."""

MAX_COUNT = 0xFFFF

_STATE, _PRIORITY, _QUEUE, _DOMAIN, _SCHED_CONTEXT, _THREAD_FLAGS = Tcb.indices(
    "state", "priority", "queue", "domain", "sched_context", "flags"
)
_SPACE, _TIMEOUT = (VSPACE >> 3) + 2, (TIMEOUT >> 3) + 2
_CURRENT, _LOADED, _FPU_OWNER, _FPU_CLOSED, _TIMER_DUE, _STARTED, _OCCUPIED = Processor.indices(
    "current", "space", "fpu_owner", "fpu_closed", "timer", "started", "occupied"
)
_CONTEXT, _BUDGET_END, _TURN, _TURN_END, _RELEASE = Processor.indices(
    "context", "budget_end", "domain", "domain_end", "release_head"
)
_BUDGET, _PERIOD, _OWNER, _DUE, _LEFT = SchedContext.indices(
    "budget", "period", "tcb", "due", "left"
)
_NEXT_CR3, _TIMER = gate.GateBlock.indices("next_cr3", "timer")
_RESPONSE, _respond = gate.GateBlock.fields["next"].offset, struct.Struct("<4Q").pack_into
"""What is in every response: ``next``, ``flags``, ``cost`` and ``op_count``."""

_RUNNING = int(State.RUNNING)
_SET_TS, _CLEAR_TS, _SET_TIMER = map(int, (Flag.SET_TS, Flag.CLEAR_TS, Flag.SET_TIMER))


def finish(trap: Trap) -> None:
    """Write the response of ``trap``."""
    words, cpu, chosen = trap.words, trap.cpu, trap.caller
    until = trap.now + trap.cost * COST_UNIT
    if not chosen or words[(chosen >> 3) + _STATE] != _RUNNING:
        chosen = _decide(trap, until)
    else:
        if trap.woken:
            trap.queue_woken(trap.now)
        if until >= words[cpu + _BUDGET_END] or (words[cpu + _OCCUPIED] and _has_rival(trap)):
            chosen = _decide(trap, until)
    _respond(trap.ram.view, trap.block + _RESPONSE, chosen, trap.flags, trap.cost, trap.ops)


def _has_rival(trap: Trap) -> bool:
    """Whether somebody is ready who is to run before the caller, or for whom a timer is missing."""
    words, cpu = trap.words, trap.cpu
    top = highest(words, cpu)
    priority: int = words[(trap.caller >> 3) + _PRIORITY]
    if top != priority:
        return top > priority
    timer: int = words[cpu + _TIMER_DUE]
    return not timer or timer > words[cpu + _BUDGET_END]


def give_way(trap: Trap) -> None:
    """Let the caller give up what is left of its turn, or of its first refill."""
    words, at = trap.words, trap.words[trap.cpu + _CONTEXT] >> 3
    words[trap.cpu + _BUDGET_END] = 0
    if words[at + _BUDGET] == words[at + _PERIOD]:
        words[at + _LEFT] = 0
    else:
        trap.processor.charge(trap.now)
        take(trap.ram, at << 3, words[at + _LEFT])


def _decide(trap: Trap, until: int) -> int:
    """Charge what has passed, and return the thread to run from ``until`` on; 0: none."""
    words, cpu, processor = trap.words, trap.cpu, trap.processor
    processor.charge(until)
    context = words[cpu + _CONTEXT] >> 3
    over = context and not words[context + _LEFT]
    if over:  # others of the priority have a turn, and it gets a new one
        words[context + _LEFT] = words[context + _BUDGET]
    owner = words[context + _OWNER] if context and words[context + _DUE] > until else 0
    if owner and words[(owner >> 3) + _QUEUE]:  # it got the context back, and that is used up
        processor.remove(owner)
        processor.wake(owner, until)
    if words[cpu + _RELEASE]:
        processor.release(until)
    if until >= words[cpu + _TURN_END]:
        domain.end_turn(trap.root, until)
    current = words[cpu + _CURRENT]
    chosen: int = current
    if not current or not _goes_on(trap, processor, current, until, over=over):
        words[cpu + _CURRENT] = chosen = _partner(trap, until) or processor.take()
        if chosen != current:
            trap.cost += COST_SWITCH
    if chosen:
        context = words[(chosen >> 3) + _SCHED_CONTEXT]
        if words[(context >> 3) + _DUE]:
            SchedContext(trap.ram, context).begin(until)
        _load(trap, chosen)
    else:
        context = 0
    words[cpu + _CONTEXT] = context
    _plan(trap, processor, chosen)
    return chosen


def _goes_on(trap: Trap, processor: Processor, thread: int, until: int, *, over: int) -> bool:
    """Whether ``thread`` goes on running. If not, it is put where it will be chosen."""
    words, at = trap.words, thread >> 3
    context = words[at + _SCHED_CONTEXT] >> 3
    if words[at + _STATE] != _RUNNING or not context or not words[context + _BUDGET]:
        return False
    if words[context + _DUE] <= until:
        top, priority = highest(words, trap.cpu), words[at + _PRIORITY]
        before = trap.yielded_to
        first = top < priority or (top == priority and not over and not before)
        if first and words[at + _DOMAIN] == words[trap.cpu + _TURN]:
            return True
        processor.append(thread, first=not over)
        if before:
            processor.remove(before)
            processor.append(before, first=True)
        return False
    processor.current = 0
    if not (words[at + _TIMEOUT] and fault.timeout(trap, Tcb(trap.ram, thread))):
        processor.wake(thread, until)
    return False


def _partner(trap: Trap, until: int) -> int:
    """Return who was woken last if it is clear that it runs next, without queueing it; or 0."""
    words, cpu, thread = trap.words, trap.cpu, trap.woken
    if not thread:
        return 0
    at = thread >> 3
    context = words[at + _SCHED_CONTEXT] >> 3
    if (
        words[at + _PRIORITY] > highest(words, cpu)
        and words[at + _STATE] == _RUNNING
        and words[at + _DOMAIN] == words[cpu + _TURN]
        and context
        and words[context + _BUDGET]
        and words[context + _DUE] <= until
    ):
        return thread
    trap.queue_woken(until)
    return 0


def _load(trap: Trap, chosen: int) -> None:
    """Load what ``chosen`` runs with: its address space, and nothing of the FPU's yet."""
    words, cpu, at = trap.words, trap.cpu, chosen >> 3
    space = words[at + _SPACE] or trap.root.kernel_space
    if space != words[cpu + _LOADED]:
        words[cpu + _LOADED] = words[(trap.block >> 3) + _NEXT_CR3] = space
    closed = words[cpu + _FPU_OWNER] != chosen or bool(words[at + _THREAD_FLAGS] & NO_FPU)
    if closed != words[cpu + _FPU_CLOSED]:
        words[cpu + _FPU_CLOSED] = closed
        trap.flags = trap.flags & ~_CLEAR_TS | (_SET_TS if closed else _CLEAR_TS)


def _plan(trap: Trap, processor: Processor, chosen: int) -> None:
    """Remember when there will be something to decide, and have the timer interrupt then.

    The end of a turn that nobody waits for needs no timer.
    """
    words, cpu = trap.words, trap.cpu
    due, end = words[cpu + _TURN_END], NEVER
    if words[cpu + _RELEASE]:
        due = min(due, processor.due(words[cpu + _RELEASE]))
    if chosen:
        context, at = words[cpu + _CONTEXT] >> 3, chosen >> 3
        end = words[cpu + _STARTED] + words[context + _LEFT]
        if end < due and (
            words[context + _BUDGET] != words[context + _PERIOD]
            or words[processor.queue(words[at + _PRIORITY], words[at + _DOMAIN]) >> 3]
        ):
            due = end
    words[cpu + _BUDGET_END] = end if end < due else due
    if due == NEVER or 0 < words[cpu + _TIMER_DUE] <= due:
        return  # or it interrupts before that, and will be set again then
    words[cpu + _TIMER_DUE] = due
    trap.flags |= _SET_TIMER
    words[(trap.block >> 3) + _TIMER] = counts(due - trap.now)


def counts(ticks: int) -> int:
    """Return the counts of the PIT that last at least ``ticks``, as far as 16 bits go.

    >>> counts(20_000_000)
    5966
    """
    return max(1, min(MAX_COUNT, -(-ticks * PIT_HZ // TICKS_PER_SECOND)))
