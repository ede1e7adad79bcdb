"""What a capability to a TCB can do: stop and start a thread, and say how it does."""

from __future__ import annotations

from vectoros.kernel import audit, queue
from vectoros.kernel.abi import State
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import ILLEGAL, TRUNCATED, Error, Refusal, invalid_capability
from vectoros.kernel.invocation import Action, Invocation
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import STACK_TOP
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap

SUSPEND = label(Type.TCB, "Suspend")
RESUME = label(Type.TCB, "Resume")
SET_PRIORITY = label(Type.TCB, "SetPriority")
WRITE_REGISTERS = label(Type.TCB, "WriteRegisters")
DESCRIBE = label(Type.TCB, "Describe")

_WAITING = (State.BLOCKED_ON_RECEIVE, State.BLOCKED_ON_SEND, State.BLOCKED_ON_NOTIFICATION)
_STOPPED = (State.INACTIVE, State.BLOCKED_ON_REPLY)

RESUME_BIT = 1


def decode(invocation: Invocation) -> Action | Refusal:
    """Prepare an invocation of a TCB."""
    trap, target = invocation.trap, Tcb(invocation.trap.ram, invocation.slot.object)
    match invocation.label:
        case label if label == SUSPEND:
            return lambda: suspend(trap, target)
        case label if label == RESUME:
            return lambda: resume(trap, target)
        case label if label == SET_PRIORITY:
            return _decode_set_priority(invocation, target)
        case label if label == WRITE_REGISTERS:
            return _decode_write_registers(invocation, target)
        case label if label == DESCRIBE:
            return lambda: _describe(target)
    return ILLEGAL


def suspend(trap: Trap, target: Tcb) -> tuple[int, ...]:
    """Stop ``target``. What it was waiting for it will ask for again when it resumes."""
    if target.state == State.RUNNING:
        if target.address != trap.processor.current:
            trap.processor.remove(target.address)
    elif target.state in _WAITING:
        _cancel(target)
    target.state = State.INACTIVE
    return ()


def resume(trap: Trap, target: Tcb) -> tuple[int, ...]:
    """Let ``target`` run, unless it does already."""
    if target.state == State.RUNNING:
        return ()
    if target.state in _WAITING:
        _cancel(target)
    target.state = State.RUNNING
    trap.wake(target.address)
    return ()


def _cancel(target: Tcb) -> None:
    """Take ``target`` out of the queue where it waits, so that it makes its trap again."""
    queue.remove(target.words, target.blocked_on, target.address)
    target.blocked_on = 0
    if target.fault_pending:
        target.fault_pending = 0
    else:
        target.rewind()


def _decode_set_priority(invocation: Invocation, target: Tcb) -> Action | Refusal:
    authority = invocation.capability(0)
    if invocation.length < 1 or authority is None:
        return TRUNCATED
    if authority.type != Type.TCB:
        return invalid_capability(1)
    limit, priority = Tcb(target.ram, authority.object).max_priority, invocation.word(0)
    if priority > limit:
        return Refusal(Error.RANGE_ERROR, (0, limit))
    return lambda: _set_priority(invocation.trap, target, priority)


def _set_priority(trap: Trap, target: Tcb, priority: int) -> tuple[int, ...]:
    ready = target.state == State.RUNNING and target.address != trap.processor.current
    if ready:
        trap.processor.remove(target.address)
    target.priority = priority
    if ready:
        trap.wake(target.address)
    elif target.state in _WAITING:
        queue.remove(target.words, target.blocked_on, target.address)
        queue.insert(target.words, target.blocked_on, target.address)
    audit.note(trap, Event.PRIORITY, target.address, priority)
    return ()


def _decode_write_registers(invocation: Invocation, target: Tcb) -> Action | Refusal:
    if invocation.length < 4:
        return TRUNCATED
    if target.address == invocation.thread or target.state not in _STOPPED:
        return ILLEGAL
    flags, rip, rsp, rdi = (invocation.word(index) for index in range(4))
    # An rip beyond the lower half would fault in ring 0, on the way out.
    if rip >= STACK_TOP or rsp > STACK_TOP:
        return Refusal(Error.RANGE_ERROR, (0, STACK_TOP))

    def perform() -> tuple[int, ...]:
        target.rdi = rdi
        target.rip = rip or target.rip
        target.rsp = rsp or target.rsp
        target.vector = 0
        audit.note(invocation.trap, Event.REGISTERS, target.address, flags, rip, rsp)
        return resume(invocation.trap, target) if flags & RESUME_BIT else ()

    return perform


def _describe(target: Tcb) -> tuple[int, ...]:
    return (
        target.state,
        target.priority,
        target.consumed,
        target.fault,
        target.fault_ip,
        target.fault_address,
        target.fault_code,
        target.max_priority,
        target.process,
        target.rip,
    )
