"""Faults: what a thread did that it cannot go on from, told to its handler.

The kernel decides nothing about a fault. It writes down in the TCB what happened,
and sends it as a message to the endpoint that the thread has for this; the thread
waits until somebody resumes it, and then does again what it faulted on. A thread
without a handler stops, and the audit log says why.
"""

from __future__ import annotations

from vectoros.kernel import audit, endpoint
from vectoros.kernel.abi import COST_FAULT, Fault, State
from vectoros.kernel.errors import Lookup, LookupFailure
from vectoros.kernel.invocation import answer
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.tcb import HANDLER, Tcb
from vectoros.kernel.trap import Trap

FETCH = 1 << 4
"""Error code of a page fault: an instruction fetch (Intel SDM Vol. 3A, "Page-Fault")."""

_UNKNOWN_SYSCALL = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
)  # fmt: skip


def page_fault(trap: Trap, address: int, error: int) -> None:
    """The caller touched ``address``, which it may not."""
    _raise(trap, Fault.VM_FAULT, address, error)


def exception(trap: Trap, vector: int, error: int) -> None:
    """The caller did something else that raises an exception."""
    _raise(trap, Fault.USER_EXCEPTION, vector, error)


def unknown_syscall(trap: Trap) -> None:
    """The caller used a trap number that no trap has."""
    thread = trap.thread
    thread.rewind()
    _raise(trap, Fault.UNKNOWN_SYSCALL, thread.rax, 0)


def capability(trap: Trap, address: int, failure: LookupFailure, *, receiving: bool) -> None:
    """The caller used a capability address that leads to nothing it could use."""
    thread = trap.thread
    thread.rewind()
    fields = (*failure.words, 0, 0, 0)
    thread.fault_lookup = failure.kind
    thread.fault_lookup0, thread.fault_lookup1, thread.fault_lookup2 = fields[:3]
    _raise(trap, Fault.CAP_FAULT, address, receiving)


def _raise(trap: Trap, kind: Fault, address: int, code: int) -> None:
    thread = trap.thread
    trap.cost += COST_FAULT
    thread.fault = kind
    thread.fault_ip = thread.rip
    thread.fault_address = address
    thread.fault_code = code
    handler = thread.slot(HANDLER)
    if handler.type == Type.ENDPOINT and handler.rights & Right.WRITE:
        endpoint.send_fault(trap, thread, handler)
        return
    thread.state = State.INACTIVE
    audit.stopped(trap, thread)


def deliver(ram: Ram, thread: Tcb, receiver: int) -> None:
    """Give ``receiver`` the fault of ``thread``, which from now on waits for a Resume."""
    thread.fault_pending = 0
    thread.state = State.BLOCKED_ON_REPLY
    answer(ram, receiver, words_of(thread), badge=thread.send_badge, label=thread.fault)


def words_of(thread: Tcb) -> tuple[int, ...]:
    """Return the message that tells the fault of ``thread``, as seL4 lays it out."""
    where, address, code = thread.fault_ip, thread.fault_address, thread.fault_code
    match thread.fault:
        case Fault.VM_FAULT:
            return where, address, int(bool(code & FETCH)), code
        case Fault.USER_EXCEPTION:
            return where, thread.rsp, thread.rflags, address, code
        case Fault.UNKNOWN_SYSCALL:
            registers = (getattr(thread, name) for name in _UNKNOWN_SYSCALL)
            return (*registers, where, thread.rsp, thread.rflags, address)
    fields = thread.fault_lookup0, thread.fault_lookup1, thread.fault_lookup2
    kind = Lookup(thread.fault_lookup)
    return (where, address, code, kind, *fields[: _FIELDS[kind]])


_FIELDS = {
    Lookup.INVALID_ROOT: 0,
    Lookup.MISSING_CAPABILITY: 1,
    Lookup.DEPTH_MISMATCH: 2,
    Lookup.GUARD_MISMATCH: 3,
}
"""Fields of each kind of lookup failure."""
