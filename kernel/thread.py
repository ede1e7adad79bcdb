"""What a capability to a TCB can do: stop and start a thread, and look into it and change it.

What it runs with is in kernel/thread_space.py.
"""

from __future__ import annotations

from functools import partial

from vectoros.kernel import contexts, fault, queue, thread_space, waiting
from vectoros.kernel.abi import State
from vectoros.kernel.deletion import finalises
from vectoros.kernel.errors import ILLEGAL, TRUNCATED, Error, Refusal, invalid_capability
from vectoros.kernel.invocation import Action, Invocation, assign, decodes, out_of_range
from vectoros.kernel.methods import BY_LABEL, label
from vectoros.kernel.methods.threads import REGISTERS
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.process_layout import USER_LIMIT
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import HANDLER, NAME, NO_FPU, Tcb
from vectoros.kernel.trap import Trap

_FRAME = ("rip", "rsp", "rflags")
_INTEGERS = tuple(name for name in REGISTERS[3:] if not name.endswith("base"))

WRITE_RESUMES = READ_SUSPENDS = COPY_SUSPENDS = 1
COPY_RESUMES, COPY_FRAME, COPY_INTEGERS = 2, 4, 8
"""Bits of the argument ``flags``."""


def suspend(trap: Trap, thread: Tcb) -> tuple[int, ...]:
    """Stop ``thread``. What it was waiting for it will ask for again when it resumes."""
    trap.processor.remove(thread.address)
    waiting.cancel(trap, thread)
    thread.state = State.INACTIVE
    return ()


def resume(trap: Trap, thread: Tcb) -> tuple[int, ...]:
    """Let ``thread`` run, unless it does already."""
    if thread.state == State.RUNNING:
        return ()
    waiting.cancel(trap, thread)
    thread.state = State.RUNNING
    trap.wake(thread.address)
    return ()


decodes(Type.TCB, "Suspend")(lambda sent: partial(suspend, sent.trap, sent.tcb))
decodes(Type.TCB, "Resume")(lambda sent: partial(resume, sent.trap, sent.tcb))


@finalises(Type.TCB)
def _finalise(trap: Trap, slot: Slot, final: bool) -> None:
    """Stop the thread for good. What its slots hold is deleted after this."""
    thread, processor = Tcb(trap.ram, slot.object), trap.processor
    if not final:
        return
    suspend(trap, thread)
    _unbind_notification(thread)
    _unbind_context(trap, thread)
    if processor.fpu_owner == thread.address:
        processor.fpu_owner = 0
    if processor.current == thread.address:
        processor.current = 0


def _unbind_context(trap: Trap, thread: Tcb) -> None:
    if thread.sched_context:
        contexts.unbind(trap, SchedContext(trap.ram, thread.sched_context))


def _over(authority: Slot, *values: int) -> Refusal | None:
    """Say why ``authority`` may not give such priorities."""
    if authority.type != Type.TCB:
        return invalid_capability(1)
    limit = Tcb(authority.ram, authority.object).max_priority
    return out_of_range((max(values), 0, limit))


@decodes(Type.TCB, "SetPriority")
def _decode_set_priority(invocation: Invocation) -> Action | Refusal:
    (priority,), (authority,) = invocation.words, invocation.capabilities
    refusal = _over(authority, priority)
    return refusal or (lambda: _set_priority(invocation.trap, invocation.tcb, priority))


def _set_priority(trap: Trap, thread: Tcb, priority: int) -> tuple[int, ...]:
    thread.priority = priority
    trap.requeue(thread.address)
    if thread.state in waiting.QUEUED:
        queue.remove(thread.words, thread.blocked_on, thread.address)
        queue.insert(thread.words, thread.blocked_on, thread.address)
    return ()


@decodes(Type.TCB, "SetMCPriority")
def _decode_set_mc_priority(invocation: Invocation) -> Action | Refusal:
    (mcp,), (authority,) = invocation.words, invocation.capabilities
    return _over(authority, mcp) or (lambda: assign(invocation.tcb, max_priority=mcp))


@decodes(Type.TCB, "SetSchedParams")
def _decode_set_sched_params(invocation: Invocation) -> Action | Refusal:
    (mcp, priority), trap, thread = invocation.words, invocation.trap, invocation.tcb
    authority, given, handler = invocation.capabilities
    if refusal := _over(authority, mcp, priority):
        return refusal
    if given.type not in (Type.NULL, Type.SCHED_CONTEXT):
        return invalid_capability(2)
    context = SchedContext(trap.ram, given.object)
    if context.tcb not in (0, thread.address) if given.type else thread.address == trap.caller:
        return ILLEGAL
    if not thread_space.is_handler(handler):
        return invalid_capability(3)

    def perform() -> tuple[int, ...]:
        thread.max_priority = mcp
        _set_priority(trap, thread, priority)
        if thread.sched_context != given.object:
            _unbind_context(trap, thread)
            if given.type:
                contexts.bind(trap, context, thread)
        thread_space.put(trap, thread, HANDLER, handler)
        return ()

    return perform


@decodes(Type.TCB, "BindNotification")
def _decode_bind_notification(invocation: Invocation) -> Action | Refusal:
    (given,), thread = invocation.capabilities, invocation.tcb
    if thread.bound:
        return ILLEGAL
    if given.type != Type.NOTIFICATION or not given.rights & Right.READ:
        return invalid_capability(1)
    notification = Notification(thread.ram, given.object)
    if notification.bound or notification.head:
        return ILLEGAL
    return lambda: assign(thread, bound=given.object) or assign(notification, bound=thread.address)


@decodes(Type.TCB, "UnbindNotification")
def _decode_unbind_notification(invocation: Invocation) -> Action | Refusal:
    thread = invocation.tcb
    return (lambda: _unbind_notification(thread)) if thread.bound else ILLEGAL


def _unbind_notification(thread: Tcb) -> tuple[int, ...]:
    if thread.bound:
        Notification(thread.ram, thread.bound).bound = thread.bound = 0
    return ()


@decodes(Type.TCB, "SetTLSBase")
def _decode_set_tls_base(invocation: Invocation) -> Action | Refusal:
    (address,) = invocation.words
    if address >= USER_LIMIT:
        return Refusal(Error.INVALID_ARGUMENT, (0,))
    return lambda: assign(invocation.tcb, fs_base=address)


@decodes(Type.TCB, "SetFlags")
def _decode_set_flags(invocation: Invocation) -> Action | Refusal:
    (clear, given), trap, thread = invocation.words, invocation.trap, invocation.tcb

    def perform() -> tuple[int, ...]:
        thread.flags = (thread.flags & ~clear | given) & NO_FPU
        trap.decide_anew(thread.address)
        return (thread.flags,)

    return perform


@decodes(Type.TCB, "SetName")
def _decode_set_name(invocation: Invocation) -> Action | Refusal:
    thread = invocation.tcb

    def perform() -> tuple[int, ...]:
        at = thread.at + (NAME >> 3)
        thread.words[at], thread.words[at + 1] = invocation.words
        thread.generation += 1
        return ()

    return perform


@decodes(Type.TCB, "Describe")
def _describe(invocation: Invocation) -> Action | Refusal:
    thread, trap = invocation.tcb, invocation.trap

    def perform() -> tuple[int, ...]:
        if thread.address == trap.caller:
            contexts.settle(trap, SchedContext(trap.ram, thread.sched_context))
        return tuple(getattr(thread, name) for name in _DESCRIBED)

    return perform


_DESCRIBED = BY_LABEL[label(Type.TCB, "Describe")].results


def _is_stopped(thread: Tcb) -> bool:
    """Whether ``thread`` is stopped or in a fault: its registers are not for an answer."""
    return thread.state == State.INACTIVE or bool(thread.fault_pending)


@decodes(Type.TCB, "WriteRegisters")
def _decode_write(invocation: Invocation) -> Action | Refusal:
    thread, (flags, count) = invocation.tcb, invocation.words
    if thread.address == invocation.thread or not _is_stopped(thread):
        return ILLEGAL
    if refusal := out_of_range((count, 1, len(REGISTERS))):
        return refusal
    if invocation.length < 2 + count:
        return TRUNCATED
    values = {REGISTERS[index]: invocation.word(2 + index) for index in range(count)}
    if refusal := fault.address_refusal(values):
        return refusal

    def perform() -> tuple[int, ...]:
        thread.write(values)
        return resume(invocation.trap, thread) if flags & WRITE_RESUMES else ()

    return perform


@decodes(Type.TCB, "ReadRegisters")
def _decode_read(invocation: Invocation) -> Action | Refusal:
    thread, (flags, count) = invocation.tcb, invocation.words
    if thread.address == invocation.thread:
        return ILLEGAL
    if refusal := out_of_range((count, 1, len(REGISTERS))):
        return refusal

    def perform() -> tuple[int, ...]:
        if flags & READ_SUSPENDS:
            suspend(invocation.trap, thread)
        return tuple(getattr(thread, name) for name in REGISTERS[:count])

    return perform


@decodes(Type.TCB, "CopyRegisters")
def _decode_copy(invocation: Invocation) -> Action | Refusal:
    thread, (flags,), (given,) = invocation.tcb, invocation.words, invocation.capabilities
    if given.type != Type.TCB:
        return invalid_capability(1)
    source = Tcb(thread.ram, given.object)
    if invocation.thread in (source.address, thread.address) or not _is_stopped(thread):
        return ILLEGAL
    names = _FRAME * bool(flags & COPY_FRAME) + _INTEGERS * bool(flags & COPY_INTEGERS)

    def perform() -> tuple[int, ...]:
        if flags & COPY_SUSPENDS:
            suspend(invocation.trap, source)
        if names:
            thread.write({name: getattr(source, name) for name in names})
        return resume(invocation.trap, thread) if flags & COPY_RESUMES else ()

    return perform
