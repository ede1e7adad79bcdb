"""Interrupts: a line of the interrupt controllers becomes a signal.

When line n interrupts, the kernel masks it, signals the notification that its
handler was given, and ends the interrupt at the controller; Ack unmasks the line.
So a handler is never interrupted by its own line, and a program that dies without
acknowledging costs one interrupt. The timer's line is the kernel's own.

Handlers are derived from IRQControl, and from nothing else: so what is below it in the
derivation tree says which lines have one. With its last capability a handler ends.

Source: Intel 8259A data sheet: mask register, non-specific EOI, the spurious
interrupts of input 7.
"""

from __future__ import annotations

from vectoros.kernel import deletion, derivation, notification
from vectoros.kernel.abi import COST_INTERRUPT
from vectoros.kernel.cnode import lookup_empty
from vectoros.kernel.deletion import finalises
from vectoros.kernel.errors import ILLEGAL, Error, Refusal, invalid_capability
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.root import IRQ_LINES
from vectoros.kernel.slot import Slot
from vectoros.kernel.trap import Trap
from vectoros.layout import IRQS, port_area

FIRST_VECTOR = 0x20
"""Of line 0, after the exceptions (kernel/stubs/descriptors.S)."""

MASTER, SLAVE = port_area("pic1").base, port_area("pic2").base
EOI = 0x20
"""OCW2: non-specific end of interrupt."""

LINES_EACH = 8
OWN_LINES = (IRQS["pit"], IRQS["cascade"])
MASK_AT_BOOT = 0xFFFF & ~sum(1 << line for line in OWN_LINES)


def interrupt(trap: Trap, vector: int) -> None:
    """Serve the interrupt that arrived at ``vector``."""
    trap.cost += COST_INTERRUPT
    line = vector - FIRST_VECTOR
    if not 0 <= line < IRQ_LINES:
        return
    if line == IRQS["pit"]:
        trap.processor.timer = trap.processor.budget_end = 0
    elif trap.root.irq_mask >> line & 1:
        # A masked line cannot interrupt: this one is spurious, and its own controller
        # does not wait for an end. The master does, if it was the slave's.
        if line >= LINES_EACH:
            trap.out(MASTER, 1, EOI)
        return
    else:
        _set_mask(trap, line, masked=True)
        slot = trap.root.interrupt(line)
        if slot.type == Type.NOTIFICATION:
            notification.signal(trap, slot.object, slot.badge)
    if line >= LINES_EACH:
        trap.out(SLAVE, 1, EOI)
    trap.out(MASTER, 1, EOI)


def write_mask(trap: Trap) -> None:
    """Have both controllers take the mask that the root object has."""
    mask = trap.root.irq_mask
    trap.out(MASTER + 1, 1, mask & 0xFF)
    trap.out(SLAVE + 1, 1, mask >> LINES_EACH)


def _set_mask(trap: Trap, line: int, *, masked: bool) -> tuple[int, ...]:
    root = trap.root
    mask = root.irq_mask & ~(1 << line) | masked << line
    if mask != root.irq_mask:
        root.irq_mask = mask
        port, shift = (MASTER, 0) if line < LINES_EACH else (SLAVE, LINES_EACH)
        trap.out(port + 1, 1, mask >> shift & 0xFF)
    return ()


def issued(ram: Ram, control: int, first: int, last: int) -> Slot | None:
    """Return the capability below ``control`` to the line, or to any port of the range."""
    for address in derivation.children(ram, control):
        slot = Slot(ram, address)
        if slot.object <= max(first, last) and first <= max(slot.object, slot.badge):
            return slot
    return None


@decodes(Type.IRQ_CONTROL, "Get")
def _decode_get(invocation: Invocation) -> Action | Refusal:
    line = invocation.words[0]
    if line >= IRQ_LINES:
        return Refusal(Error.RANGE_ERROR, (0, IRQ_LINES - 1))
    if line in OWN_LINES:
        return ILLEGAL
    return decode_issue(invocation, Type.IRQ_HANDLER, line)


def decode_issue(invocation: Invocation, kind: Type, first: int, last: int = 0) -> Action | Refusal:
    """Decode the making of a capability to a line, or to a range of ports, that nobody has."""
    (root,), (*_, index, depth) = invocation.capabilities, invocation.words
    ram, control = invocation.trap.ram, invocation.slot.address
    if issued(ram, control, first, last):
        return Refusal(Error.REVOKE_FIRST)
    target = lookup_empty(root, index, depth)
    if isinstance(target, Refusal):
        return target
    return lambda: give(ram, control, target, kind, first, last)


def give(ram: Ram, control: int, target: Slot, kind: Type, first: int, last: int = 0) -> tuple[()]:
    """Put a capability to a line, or to a range of ports, below ``control``."""
    target.fill(kind, first, badge=last)
    derivation.insert(ram, target.address, control)
    return ()


@decodes(Type.IRQ_HANDLER, "Ack")
def _acknowledge(invocation: Invocation) -> Action | Refusal:
    return lambda: _set_mask(invocation.trap, invocation.slot.object, masked=False)


@decodes(Type.IRQ_HANDLER, "SetNotification")
def _decode_set_notification(invocation: Invocation) -> Action | Refusal:
    (given,) = invocation.capabilities
    if given.type != Type.NOTIFICATION or not given.rights & Right.WRITE:
        return invalid_capability(1)
    return lambda: _set_notification(invocation.trap, invocation.slot.object, given)


def _set_notification(trap: Trap, line: int, given: Slot) -> tuple[int, ...]:
    slot = trap.root.interrupt(line)
    deletion.empty(trap, slot.address)
    derivation.derive(trap.ram, given.address, slot.address)
    return ()


@decodes(Type.IRQ_HANDLER, "Clear")
def _decode_clear(invocation: Invocation) -> Action | Refusal:
    return lambda: _clear(invocation.trap, invocation.slot.object)


def _clear(trap: Trap, line: int) -> tuple[int, ...]:
    deletion.empty(trap, trap.root.interrupt(line).address)
    return _set_mask(trap, line, masked=True)


@finalises(Type.IRQ_HANDLER)
def _finalise(trap: Trap, slot: Slot, final: bool) -> None:
    if final:
        _clear(trap, slot.object)
