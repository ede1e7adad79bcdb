"""The traps of ring 3: what ``rax`` asks for."""

from __future__ import annotations

from collections.abc import Callable

from vectoros.kernel import (
    abi,
    audit,
    cnode,
    dispatch,
    endpoint,
    fault,
    invocation,
    message,
    methods,
    notification,
    policy,
    reply,
)
from vectoros.kernel.audit import Event
from vectoros.kernel.decoders import DECODERS
from vectoros.kernel.errors import ILLEGAL, TRUNCATED, LookupFailure, Refusal, invalid_capability
from vectoros.kernel.invocation import RAX, RDI, RSI, Invocation, Outcome, Way, answer, refuse
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.scheduler import Processor
from vectoros.kernel.tcb import CSPACE, Tcb
from vectoros.kernel.trap import Trap
from vectoros.layout import port_area

_STATE, _R12, _R13, _RESTRICTED = Tcb.indices("state", "r12", "r13", "restricted")
(_BOUND,) = notification.Notification.indices("bound")
_OCCUPIED, _CONTEXT = Processor.indices("occupied", "context")
_BUDGET, _PERIOD = SchedContext.indices("budget", "period")

IPC: dict[int, Callable[[Trap, int, Way], Outcome]] = {
    Type.ENDPOINT: endpoint.send,
    Type.NOTIFICATION: notification.send,
    Type.REPLY: reply.send,
}
"""What a message is sent to. With other capabilities, its label is a method's number."""

_ENDPOINT, _NOTIFICATION, _REPLY = map(int, IPC)
_LEASE = int(Type.LEASE)
_EXTRA, _LABEL = 3 << message.EXTRA_SHIFT, message.LABEL_SHIFT
_LENGTH = (1 << message.LENGTH_BITS) - 1
_READ, _RUNNING, _INVOKED = int(Right.READ), int(abi.State.RUNNING), Event.INVOKED

_SEND, _CALL, _NB_SEND = Way(), Way(calling=True), Way(blocking=False)
_THEN_RECEIVE = Way(blocking=False, answered=False)

METHODS = {
    row.label: (
        DECODERS[row.label],
        row.cost,
        len(row.arguments),
        len(row.capabilities),
        row.audited,
    )
    for row in methods.METHODS
}

_EMPTY_SLOT = invalid_capability()
_DEBUG_PORT = port_area("debug_console").base


def system_call(trap: Trap) -> None:
    """Serve a SYSCALL of the caller."""
    words, at = trap.words, trap.caller >> 3
    number = words[at + RAX]
    row = _TRAPS.get(number)
    if row is None:
        fault.unknown_syscall(trap)
        return
    handler, trap.cost = row
    if not words[at + _RESTRICTED] or policy.allows(trap, number):
        handler(trap)
    else:
        refuse(trap.ram, trap.caller, ILLEGAL)


def _put_char(trap: Trap) -> None:
    at = trap.caller >> 3
    trap.out(_DEBUG_PORT, 1, trap.words[at + RDI] & 0xFF)
    trap.words[at + RAX] = 0


def _yield(trap: Trap) -> None:
    words = trap.words
    words[(trap.caller >> 3) + RAX] = 0
    context = words[trap.cpu + _CONTEXT] >> 3
    if words[trap.cpu + _OCCUPIED] or words[context + _BUDGET] != words[context + _PERIOD]:
        dispatch.give_way(trap)


def _reply_recv(trap: Trap) -> None:
    slot = _named(trap, _R12)
    # What is no Reply object answers nobody; it is a fault to receive with it.
    if (
        isinstance(slot, LookupFailure)
        or trap.words[slot >> 3] & 0xFF != _REPLY
        or _invoke(trap, slot, _THEN_RECEIVE)
    ):
        _receive(trap, slot)


def _send_then(trap: Trap, register: int, receive: abi.Trap) -> None:
    if not _send(trap, register, _THEN_RECEIVE):
        return
    if trap.words[(trap.caller >> 3) + _STATE] == _RUNNING:
        _HANDLERS[receive](trap)
    else:  # it has suspended itself
        answer(trap.ram, trap.caller)


def _named(trap: Trap, register: int) -> int | LookupFailure:
    """Return the slot at the capability address in a register of the caller's."""
    words, caller = trap.words, trap.caller
    return cnode.resolve(words, caller + CSPACE, words[(caller >> 3) + register])


def _send(trap: Trap, register: int, way: Way) -> bool:
    """Send the caller's message to what the register names; say whether that is done."""
    words, caller = trap.words, trap.caller
    address = words[(caller >> 3) + register]
    slot = cnode.resolve(words, caller + CSPACE, address)
    if isinstance(slot, LookupFailure):
        _not_found(trap, address, slot, blocking=way.blocking)
        return False
    return _invoke(trap, slot, way)


def _invoke(trap: Trap, slot: int, way: Way) -> bool:
    """Send the caller's message to the capability in ``slot``; say whether that is done."""
    outcome = _message(trap, slot, way)
    if outcome is None:
        return False
    if isinstance(outcome, Refusal):
        refuse(trap.ram, trap.caller, outcome)
        return False
    if way.answered:
        answer(trap.ram, trap.caller, outcome)
    return True


def _message(trap: Trap, slot: int, way: Way) -> Outcome:
    words, at = trap.words, trap.caller >> 3
    info, kind = words[at + RSI], words[slot >> 3] & 0xFF
    if not kind:
        return _EMPTY_SLOT
    extras: list[int] = []
    if info & _EXTRA:
        extras, missing = invocation.extras(words, trap.caller, info)
        if missing:
            _not_found(trap, *missing, blocking=way.blocking)
            return None
    if kind == _REPLY and way.calling:
        kind = _LEASE
    send = IPC.get(kind)
    if words[at + _RESTRICTED]:
        method = kind << 8 | policy.SEND if send else info >> _LABEL
        if not policy.allows(trap, method, words[(slot >> 3) + 2]):
            return ILLEGAL
    return send(trap, slot, way) if send else _perform(trap, slot, kind, info, way, extras)


def _perform(
    trap: Trap, slot: int, kind: int, info: int, way: Way, extras: list[int]
) -> Outcome:  # fmt: skip
    """Perform the method that the label names, unless its decoder refuses the arguments."""
    label = info >> _LABEL
    found = METHODS.get(label)
    if found is None or label >> 8 != kind:
        return ILLEGAL
    decode, cost, words, capabilities, audited = found
    trap.cost += cost
    target: int = trap.words[(slot >> 3) + 2]  # a method may move or delete the very capability
    sent = Invocation(trap, slot, info, way, words, extras[:capabilities])
    whole = info & _LENGTH >= words and len(extras) >= capabilities
    prepared = decode(sent) if whole else TRUNCATED
    outcome: Outcome
    if isinstance(prepared, Refusal):
        outcome, status = prepared, int(prepared.error)
    else:
        outcome, status = prepared(), 0
    if audited and outcome is not None:  # a method that is preempted is not done yet
        audit.note(trap, _INVOKED, target, label, sent.words, status)
    return outcome


def _not_found(trap: Trap, address: int, failure: LookupFailure, *, blocking: bool) -> None:
    """Let the caller fault, or refuse it, because ``address`` leads to no slot."""
    if blocking:
        fault.capability(trap, address, failure, receiving=False)
    else:
        refuse(trap.ram, trap.caller, invocation.lookup_refusal(failure))


def _receive(trap: Trap, reply: int | LookupFailure | None, *, blocking: bool = True) -> None:
    """Let the caller receive from what ``rdi`` names. What it cannot receive from is a fault.

    ``reply`` is what ``r12`` leads to, or None: there is to be no Reply object.
    """
    words, caller, slot = trap.words, trap.caller, _named(trap, RDI)
    if isinstance(slot, LookupFailure):
        _fault(trap, RDI, slot)
        return
    head, target = words[slot >> 3], words[(slot >> 3) + 2]
    kind, readable = head & 0xFF, head >> 8 & _READ
    if (
        words[(caller >> 3) + _RESTRICTED]
        and kind in (_ENDPOINT, _NOTIFICATION)
        and not policy.allows(trap, kind << 8 | policy.RECEIVE, target)
    ):
        refuse(trap.ram, caller, ILLEGAL)
    elif kind == _ENDPOINT and readable:
        found = _reply_object(trap, reply)
        if found is not None:
            endpoint.receive(trap, slot, found, blocking=blocking)
    elif kind == _NOTIFICATION and readable and words[(target >> 3) + _BOUND] in (0, caller):
        notification.wait(trap, target, blocking=blocking)
    else:
        _fault(trap, RDI)


def _reply_object(trap: Trap, slot: int | LookupFailure | None) -> int | None:
    """Return the Reply object in ``slot``; 0: there is none; None: that is a fault."""
    if slot is None:
        return 0
    if not isinstance(slot, LookupFailure):
        kind = trap.words[slot >> 3] & 0xFF
        if kind in (_REPLY, 0):
            return trap.words[(slot >> 3) + 2] if kind else 0
        slot = fault.NOTHING
    _fault(trap, _R12, slot)
    return None


def _fault(trap: Trap, register: int, failure: LookupFailure = fault.NOTHING) -> None:
    """Let the caller fault: it cannot receive with what the register names."""
    address = trap.words[(trap.caller >> 3) + register]
    fault.capability(trap, address, failure, receiving=True)


_HANDLERS: dict[abi.Trap, Callable[[Trap], object]] = {
    abi.Trap.DEBUG_PUT_CHAR: _put_char,
    abi.Trap.CALL: lambda trap: _send(trap, RDI, _CALL),
    abi.Trap.REPLY_RECV: _reply_recv,
    abi.Trap.SEND: lambda trap: _send(trap, RDI, _SEND),
    abi.Trap.NB_SEND: lambda trap: _send(trap, RDI, _NB_SEND),
    abi.Trap.RECV: lambda trap: _receive(trap, _named(trap, _R12)),
    abi.Trap.NB_RECV: lambda trap: _receive(trap, _named(trap, _R12), blocking=False),
    abi.Trap.WAIT: lambda trap: _receive(trap, None),
    abi.Trap.NB_WAIT: lambda trap: _receive(trap, None, blocking=False),
    abi.Trap.NB_SEND_RECV: lambda trap: _send_then(trap, _R13, abi.Trap.RECV),
    abi.Trap.NB_SEND_WAIT: lambda trap: _send_then(trap, _R12, abi.Trap.WAIT),
    abi.Trap.YIELD: _yield,
}

_TRAPS = {int(number): (_HANDLERS[number], row.cost) for number, row in abi.TRAPS.items()}
