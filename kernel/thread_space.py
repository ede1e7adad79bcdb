"""What a thread runs with: address spaces, IPC buffer, and who is told of its faults.

The capabilities are copied into slots of the TCB, as children of those that were given:
who revokes the original takes them from the thread, too.
"""

from __future__ import annotations

from functools import partial

from vectoros.kernel import deletion, derivation, derive, fault, policy
from vectoros.kernel.errors import ILLEGAL, Error, Refusal, invalid_capability
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.objects import PAGE_BITS, READ_WRITE, Right, Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import BUFFER, CSPACE, HANDLER, POLICY, TIMEOUT, VSPACE, Tcb
from vectoros.kernel.trap import Trap


def is_handler(given: Slot) -> bool:
    """Whether faults can be told through ``given``, or nobody is to be told."""
    return not given.type or fault.usable(given.type, given.rights)


def _roots_refusal(cspace: Slot, data: int, vspace: Slot) -> Refusal | None:
    if cspace.type != Type.CNODE or derive.guard_refusal(cspace, data):
        return ILLEGAL
    return None if vspace.type == Type.PML4 and vspace.mapping else ILLEGAL


def _buffer_refusal(frame: Slot, address: int) -> Refusal | None:
    good = (Type.FRAME, PAGE_BITS, READ_WRITE, 0)
    if frame.type and (frame.type, frame.bits, frame.rights & READ_WRITE, frame.device) != good:
        return ILLEGAL
    return Refusal(Error.ALIGNMENT_ERROR) if address % (1 << PAGE_BITS) else None


def put(trap: Trap, thread: Tcb, place: int, given: Slot) -> tuple[int, ...]:
    """Let the slot ``place`` of ``thread`` hold a copy of ``given``, which may be empty."""
    slot = thread.address + place
    deletion.empty(trap, slot)
    if given.type:
        derive.copy(trap.ram, given.address, slot)
    trap.decide_anew(thread.address)
    return ()


def _put_buffer(trap: Trap, thread: Tcb, frame: Slot, address: int) -> tuple[int, ...]:
    thread.buffer_address = address if frame.type else 0
    return put(trap, thread, BUFFER, frame)


def _then_roots(
    invocation: Invocation, change: Action, cspace: Slot, data: int, vspace: Slot
) -> Action:  # fmt: skip
    """Perform ``change`` and set both roots, in this trap or one in which no deletion is left."""
    trap, thread = invocation.trap, invocation.tcb
    slot, spare = thread.slot(CSPACE), trap.root.spare.address

    def perform() -> tuple[int, ...]:
        change()
        put(trap, thread, VSPACE, vspace)
        if slot.type:  # perhaps the last one to its CNode, which stays until all in it is gone
            derivation.move(trap.ram, slot.address, spare)
        put(trap, thread, CSPACE, cspace)
        if data:
            derive.set_guard(slot, data)
        deletion.empty(trap, spare)
        return ()

    return deletion.when_drained(trap, perform)


@decodes(Type.TCB, "Configure")
def _decode_configure(invocation: Invocation) -> Action | Refusal:
    data, _, address = invocation.words
    cspace, vspace, frame = invocation.capabilities
    refusal = _roots_refusal(cspace, data, vspace) or _buffer_refusal(frame, address)
    change = partial(_put_buffer, invocation.trap, invocation.tcb, frame, address)
    return refusal or _then_roots(invocation, change, cspace, data, vspace)


@decodes(Type.TCB, "SetSpace")
def _decode_set_space(invocation: Invocation) -> Action | Refusal:
    data, _ = invocation.words
    handler, cspace, vspace = invocation.capabilities
    if not is_handler(handler):
        return invalid_capability(1)
    change = partial(put, invocation.trap, invocation.tcb, HANDLER, handler)
    refusal = _roots_refusal(cspace, data, vspace)
    return refusal or _then_roots(invocation, change, cspace, data, vspace)


@decodes(Type.TCB, "SetIPCBuffer")
def _decode_set_ipc_buffer(invocation: Invocation) -> Action | Refusal:
    (address,), (frame,) = invocation.words, invocation.capabilities
    refusal = _buffer_refusal(frame, address)
    return refusal or partial(_put_buffer, invocation.trap, invocation.tcb, frame, address)


@decodes(Type.TCB, "SetTimeoutEndpoint")
def _decode_set_timeout_endpoint(invocation: Invocation) -> Action | Refusal:
    (endpoint,) = invocation.capabilities
    if not is_handler(endpoint):
        return invalid_capability(1)
    return partial(put, invocation.trap, invocation.tcb, TIMEOUT, endpoint)


@decodes(Type.TCB, "SetPolicy")
def _decode_set_policy(invocation: Invocation) -> Action | Refusal:
    (given,), thread = invocation.capabilities, invocation.tcb
    if given.type != Type.POLICY or not given.rights & Right.READ:
        return invalid_capability(1)
    if not policy.may_replace(thread.slot(POLICY), given):
        return ILLEGAL
    return lambda: policy.replace(thread, given)
