"""Faults: what a thread did that it cannot go on from, told to its handler.

The kernel decides nothing about a fault. It writes down in the TCB what happened,
and sends it as a message to the endpoint that the thread has for this; the thread
waits for the answer, and then does again what it faulted on, perhaps with other
registers. An answer with a label stops it. A thread without a handler stops, and the
audit log says why.
"""

from __future__ import annotations

from collections.abc import Mapping

from vectoros.kernel import audit, endpoint
from vectoros.kernel.abi import COST_FAULT, Fault, State
from vectoros.kernel.errors import Lookup, LookupFailure, Refusal
from vectoros.kernel.invocation import RSI, answer, message_word, out_of_range
from vectoros.kernel.memory import Ram
from vectoros.kernel.message import LABEL_SHIFT, length_of
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.process_layout import USER_LIMIT
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.tcb import HANDLER, TIMEOUT, Tcb
from vectoros.kernel.trap import Trap

FETCH = 1 << 4
"""Error code of a page fault: an instruction fetch (Intel SDM Vol. 3A, "Page-Fault")."""

NOTHING = LookupFailure(Lookup.MISSING_CAPABILITY, (0,))
"""There is a slot, and no capability in it that could be used."""

_ANSWERED = Right.GRANT | Right.GRANT_REPLY

_ADDRESSES = ("rip", "rsp", "fs_base", "gs_base")
_UNKNOWN_SYSCALL = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
)  # fmt: skip
_WRITTEN: dict[int, tuple[str, ...]] = {
    Fault.UNKNOWN_SYSCALL: (*_UNKNOWN_SYSCALL, "rip", "rsp", "rflags"),
    Fault.USER_EXCEPTION: ("rip", "rsp", "rflags"),
}
"""Registers that the words of an answer set, as far as there are words (seL4's)."""

_TOLD: dict[int, tuple[str, ...]] = {
    Fault.USER_EXCEPTION: ("fault_ip", "rsp", "rflags", "fault_address", "fault_code"),
    Fault.UNKNOWN_SYSCALL: (*_UNKNOWN_SYSCALL, "fault_ip", "rsp", "rflags", "fault_address"),
    Fault.TIMEOUT: ("fault_address", "fault_code"),
}
"""Fields of the TCB that are the words of a fault message; the other faults compute some."""


def unknown_syscall(trap: Trap) -> None:
    """The caller used a trap number that no trap has."""
    thread = trap.thread
    thread.rewind()
    stop(trap, Fault.UNKNOWN_SYSCALL, thread.rax, 0)


def capability(trap: Trap, address: int, failure: LookupFailure, *, receiving: bool) -> None:
    """The caller used a capability address that leads to nothing it could use."""
    thread = trap.thread
    thread.rewind()
    fields = (*failure.words, 0, 0, 0)
    thread.fault_lookup = failure.kind
    thread.fault_lookup0, thread.fault_lookup1, thread.fault_lookup2 = fields[:3]
    stop(trap, Fault.CAP_FAULT, address, receiving)


def timeout(trap: Trap, thread: Tcb) -> bool:
    """``thread``, runnable but in no queue, has used its budget up; say whether anybody is told.

    If so, it waits for the answer. It lends nothing: there is nothing left to lend.
    """
    context = SchedContext(trap.ram, thread.sched_context)
    told = _tell(trap, thread, TIMEOUT, (Fault.TIMEOUT, context.badge, context.consumed))
    if told:
        context.consumed = 0
    return told


def stop(trap: Trap, kind: Fault, address: int, code: int) -> None:
    """Stop the caller, which did ``kind``; the numbers say what exactly (kernel/tcb.py)."""
    thread = trap.thread
    if not _tell(trap, thread, HANDLER, (kind, address, code)):
        thread.state = State.INACTIVE
        audit.stopped(trap, thread)


def _tell(trap: Trap, thread: Tcb, handler: int, what: tuple[Fault, int, int]) -> bool:
    """Write down what happened, and send it to the endpoint that is for this, if one is."""
    slot = thread.slot(handler)
    told = usable(slot.type, slot.rights)
    if told or handler == HANDLER:
        trap.cost += COST_FAULT
        thread.fault, thread.fault_address, thread.fault_code = what
        thread.fault_ip = thread.rip
    if told:
        endpoint.send_fault(trap, thread, slot)
    return told


def usable(kind: int, rights: int) -> bool:
    """Whether a capability can be a handler: somebody can be told, and can answer."""
    return kind == Type.ENDPOINT and bool(rights & Right.WRITE and rights & _ANSWERED)


def deliver(ram: Ram, thread: Tcb, receiver: int) -> None:
    """Give ``receiver`` the fault of ``thread``."""
    answer(ram, receiver, words_of(thread), badge=thread.send_badge, label=thread.fault)


def words_of(thread: Tcb) -> tuple[int, ...]:
    """Return the message that tells the fault of ``thread``, as seL4 lays it out."""
    where, address, code = thread.fault_ip, thread.fault_address, thread.fault_code
    if names := _TOLD.get(thread.fault):
        return tuple(getattr(thread, name) for name in names)
    if thread.fault == Fault.VM_FAULT:
        return where, address, int(bool(code & FETCH)), code
    fields = thread.fault_lookup0, thread.fault_lookup1, thread.fault_lookup2
    kind = thread.fault_lookup
    return (where, address, code, kind, *fields[: kind - 1])  # each kind has one more


def address_refusal(registers: Mapping[str, int]) -> Refusal | None:
    """Refuse addresses that are no program's: they would fault in ring 0, on the way out."""
    given = (registers[name] for name in _ADDRESSES if name in registers)
    return out_of_range(*((address, 0, USER_LIMIT - 1) for address in given))


def answer_registers(trap: Trap, thread: Tcb) -> dict[str, int] | Refusal:
    """Return what the caller's message, as an answer, wants the registers of ``thread`` to be."""
    info = trap.words[(trap.caller >> 3) + RSI]
    names = _WRITTEN.get(thread.fault, ())[: 0 if info >> LABEL_SHIFT else length_of(info)]
    values = {name: message_word(trap.ram, trap.caller, i) for i, name in enumerate(names)}
    return address_refusal(values) or values


def answered(trap: Trap, thread: Tcb, registers: Mapping[str, int]) -> bool:
    """Let ``thread`` have these registers; say whether the answer lets it go on."""
    thread.fault_pending = 0
    if registers:
        thread.write(registers)
    return not trap.words[(trap.caller >> 3) + RSI] >> LABEL_SHIFT
