"""How a message gets from one thread to another, and capabilities with it."""

from __future__ import annotations

from tests.properties.oracle.answers import (
    answer,
    buffer_of,
    extra_addresses,
    label_of,
    length_of,
    message_of,
)
from tests.properties.oracle.capability import Slot
from tests.properties.oracle.deriving import derivable, derive
from tests.properties.oracle.lookup import exactly, named
from tests.properties.oracle.refusal import NotFound, Refused
from tests.properties.oracle.things import Endpoint, Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.abi import COST_CAPABILITY, COST_WORDS, Fault
from vectoros.kernel.message import IPC_CAPABILITIES, IPC_RECEIVE_CNODE

FAULT_REGISTERS = {
    Fault.UNKNOWN_SYSCALL: (
        "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13",
        "r14", "r15", "rip", "rsp", "rflags",
    ),
    Fault.USER_EXCEPTION: ("rip", "rsp", "rflags"),
}  # fmt: skip
"""Registers that a fault's message starts with, as they are when it arrives, and that the
answer may set."""


def transfer(world: World, sender: Tcb, receiver: Tcb, endpoint: Endpoint) -> None:
    """Give ``receiver`` what ``sender`` sends through an endpoint: its message, or its fault."""
    sending = sender.sending
    if sending.fault is not None:
        names = FAULT_REGISTERS.get(Fault(sending.label), ())
        now = {**sender.registers, "rip": sender.seen[0]}  # where it was is remembered
        words = (*(now[name] for name in names), *sending.fault)
        answer(world, receiver, words, badge=sending.badge, label=sending.label)
        return
    copy_message(world, sender, receiver, endpoint, sending.badge, grant=sending.grant)


def copy_message(
    world: World, sender: Tcb, receiver: Tcb, endpoint: Endpoint | None, badge: int, *, grant: bool
) -> None:
    """Copy words, and capabilities if ``grant``."""
    words = message_of(world, sender)
    if not buffer_of(sender):
        words = words[:4]
    if buffer_of(receiver) and len(words) > 4:
        world.cost += len(words) // COST_WORDS
    extra = unwrapped = 0
    if grant and buffer_of(receiver):
        extra, unwrapped = _capabilities(world, sender, receiver, endpoint)
    assert length_of(sender) >= len(words)
    answer(
        world, receiver, words, badge=badge, label=label_of(sender), extra=extra,
        unwrapped=unwrapped,
    )  # fmt: skip


def _capabilities(
    world: World, sender: Tcb, receiver: Tcb, endpoint: Endpoint | None
) -> tuple[int, int]:
    """Transfer capabilities until one cannot be; return how many, and which are badges now."""
    unwrapped = count = 0
    place = _place(world, receiver)
    for address in extra_addresses(world, sender):
        try:
            cap = named(sender.cap("cspace"), address).cap
        except NotFound:
            break
        if cap is None:
            break
        if cap.thing is endpoint:
            world.set_word(buffer_of(receiver) + IPC_CAPABILITIES + 8 * count, cap.badge)
            unwrapped |= 1 << count
        else:
            if place is None or place.cap is not None:
                break
            try:
                derivable(cap)
            except Refused:
                break
            derive(cap, place)
            place = None
        count += 1
    world.cost += COST_CAPABILITY * count
    return count, unwrapped


def _place(world: World, receiver: Tcb) -> Slot | None:
    """Return the empty slot that the receiver's buffer names."""
    buffer = buffer_of(receiver)
    node, index, depth = (world.word(buffer + IPC_RECEIVE_CNODE + 8 * n) for n in range(3))
    if not 1 <= depth <= 64:
        return None
    try:
        slot = exactly(named(receiver.cap("cspace"), node).cap, index, depth)
    except NotFound:
        return None
    return None if slot.cap else slot
