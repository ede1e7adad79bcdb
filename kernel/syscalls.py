"""The traps of ring 3: what ``rax`` asks for."""

from __future__ import annotations

from collections.abc import Callable

from vectoros.kernel import (
    abi,
    cnode,
    endpoint,
    fault,
    invocation,
    ioport,
    irq,
    message,
    notification,
    thread,
    untyped,
)
from vectoros.kernel.endpoint import NO_REPLY
from vectoros.kernel.errors import (
    Lookup,
    LookupFailure,
    Refusal,
    invalid_capability,
)
from vectoros.kernel.invocation import RAX, RDI, Action, Invocation, answer, refuse
from vectoros.kernel.methods import COSTS
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.scheduler import TIME_SLICE, Processor
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE, Tcb
from vectoros.kernel.trap import Trap
from vectoros.layout import port_area

_SLICE, _R12 = Tcb.indices("slice", "r12")
(_OCCUPIED,) = Processor.indices("occupied")

DECODERS: dict[int, Callable[[Invocation], Action | Refusal]] = {
    Type.UNTYPED: untyped.decode,
    Type.TCB: thread.decode,
    Type.ENDPOINT: endpoint.decode,
    Type.NOTIFICATION: notification.decode,
    Type.IRQ_HANDLER: irq.decode,
    Type.IO_PORT: ioport.decode,
}
"""What can be invoked. Other capabilities have no methods yet, and refuse."""

_EMPTY_SLOT = invalid_capability(0)
_DEBUG_PORT = port_area("debug_console").base


def system_call(trap: Trap) -> None:
    """Serve a SYSCALL of the caller."""
    row = _TRAPS.get(trap.words[(trap.caller >> 3) + RAX])
    if row is None:
        fault.unknown_syscall(trap)
        return
    handler, trap.cost = row
    handler(trap)


def _put_char(trap: Trap) -> None:
    at = trap.caller >> 3
    trap.out(_DEBUG_PORT, 1, trap.words[at + RDI] & 0xFF)
    trap.words[at + RAX] = 0


def _yield(trap: Trap) -> None:
    words, at = trap.words, trap.caller >> 3
    words[at + RAX] = 0
    has_peer = words[trap.cpu + _OCCUPIED] and trap.processor.has_peer(trap.caller)
    words[at + _SLICE] = 0 if has_peer else TIME_SLICE


def _call(trap: Trap) -> None:
    _invoke(trap, trap.words[(trap.caller >> 3) + RDI], calling=True)


def _send(trap: Trap) -> None:
    _invoke(trap, trap.words[(trap.caller >> 3) + RDI])


def _nb_send(trap: Trap) -> None:
    _invoke(trap, trap.words[(trap.caller >> 3) + RDI], blocking=False)


def _recv(trap: Trap) -> None:
    _receive(trap, blocking=True)


def _nb_recv(trap: Trap) -> None:
    _receive(trap, blocking=False)


def _no_reply(trap: Trap) -> None:
    refuse(trap.ram, trap.caller, NO_REPLY)


def _nb_send_wait(trap: Trap) -> None:
    address = trap.words[(trap.caller >> 3) + _R12]
    if not _invoke(trap, address, blocking=False, answered=False):
        return
    if trap.thread.state == abi.State.RUNNING:
        _receive(trap, blocking=True)
    else:  # it has suspended itself
        answer(trap.ram, trap.caller)


def _invoke(
    trap: Trap,
    address: int,
    *,
    blocking: bool = True,
    calling: bool = False,
    answered: bool = True,
) -> bool:
    """Send the caller's message to the capability at ``address``; say whether it was taken."""
    words = trap.words
    slot = cnode.resolve(words, trap.caller + CSPACE, address)
    if isinstance(slot, LookupFailure):
        _not_found(trap, address, slot, blocking=blocking)
        return False
    kind = words[slot >> 3] & 0xFF
    decode = DECODERS.get(kind)
    if decode is None:
        refuse(trap.ram, trap.caller, _EMPTY_SLOT)
        return False
    sent = Invocation(trap, slot, blocking=blocking, calling=calling)
    sent.answered = answered
    if message.extra_of(sent.info) and not _extras_exist(trap, sent.info, blocking=blocking):
        return False
    prepared = decode(sent)
    if isinstance(prepared, Refusal):
        refuse(trap.ram, trap.caller, prepared)
        return False
    if sent.label >> 8 == kind:  # else it is the label of a message
        trap.cost += COSTS.get(sent.label, 0)
    result = prepared()
    if result is not None and answered:
        answer(trap.ram, trap.caller, result)
    return True


def _extras_exist(trap: Trap, info: int, *, blocking: bool) -> bool:
    """Whether each capability address in the message leads to a slot; else the caller faults."""
    for index in range(message.extra_of(info)):
        address = invocation.extra_address(trap.ram, trap.caller, info, index)
        if address is None:
            return True
        found = cnode.resolve(trap.words, trap.caller + CSPACE, address)
        if isinstance(found, LookupFailure):
            _not_found(trap, address, found, blocking=blocking)
            return False
    return True


def _not_found(trap: Trap, address: int, failure: LookupFailure, *, blocking: bool) -> None:
    """Let the caller fault, or refuse it, because ``address`` leads to no slot."""
    if blocking:
        fault.capability(trap, address, failure, receiving=False)
    else:
        refuse(trap.ram, trap.caller, invocation.lookup_refusal(failure))


def _receive(trap: Trap, *, blocking: bool) -> None:
    """Let the caller receive from what ``rdi`` names. What it cannot receive from is a fault."""
    address = trap.words[(trap.caller >> 3) + RDI]
    found = cnode.resolve(trap.words, trap.caller + CSPACE, address)
    if isinstance(found, LookupFailure):
        fault.capability(trap, address, found, receiving=True)
        return
    slot = Slot(trap.ram, found)
    readable = slot.rights & Right.READ
    if slot.type == Type.ENDPOINT and readable:
        endpoint.receive(trap, slot, blocking=blocking)
    elif slot.type == Type.NOTIFICATION and readable and _may_wait(trap, slot):
        notification.wait(trap, slot, blocking=blocking)
    else:
        nothing = LookupFailure(Lookup.MISSING_CAPABILITY, (0,))
        fault.capability(trap, address, nothing, receiving=True)


def _may_wait(trap: Trap, slot: Slot) -> bool:
    """Whether the notification is bound to nobody else."""
    bound = notification.Notification(trap.ram, slot.object).bound
    return bound in (0, trap.caller)


_HANDLERS: dict[abi.Trap, Callable[[Trap], None]] = {
    abi.Trap.DEBUG_PUT_CHAR: _put_char,
    abi.Trap.CALL: _call,
    abi.Trap.REPLY_RECV: _no_reply,
    abi.Trap.SEND: _send,
    abi.Trap.NB_SEND: _nb_send,
    abi.Trap.RECV: _recv,
    abi.Trap.NB_RECV: _nb_recv,
    abi.Trap.WAIT: _recv,
    abi.Trap.NB_WAIT: _nb_recv,
    abi.Trap.NB_SEND_RECV: _no_reply,
    abi.Trap.NB_SEND_WAIT: _nb_send_wait,
    abi.Trap.YIELD: _yield,
}

_TRAPS = {int(number): (_HANDLERS[number], row.cost) for number, row in abi.TRAPS.items()}
