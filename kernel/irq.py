"""Interrupts: a line of the interrupt controllers becomes a signal.

When line n interrupts, the kernel masks it, signals the notification that its
handler was given, and ends the interrupt at the controller; Ack unmasks the line.
So a handler is never interrupted by its own line, and a program that dies without
acknowledging costs one interrupt. The timer's line is the kernel's own.

Source: Intel 8259A data sheet: mask register, non-specific EOI, the spurious
interrupts of input 7.
"""

from __future__ import annotations

from vectoros.kernel import audit, derivation, notification
from vectoros.kernel.abi import COST_INTERRUPT
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import ILLEGAL, TRUNCATED, Refusal, invalid_capability
from vectoros.kernel.invocation import Action, Invocation
from vectoros.kernel.methods import label
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
MASK_AT_BOOT = 0xFFFF & ~(1 << IRQS["pit"] | 1 << IRQS["cascade"])

ACK = label(Type.IRQ_HANDLER, "Ack")
SET_NOTIFICATION = label(Type.IRQ_HANDLER, "SetNotification")
CLEAR = label(Type.IRQ_HANDLER, "Clear")


def interrupt(trap: Trap, vector: int) -> None:
    """Serve the interrupt that arrived at ``vector``."""
    trap.cost += COST_INTERRUPT
    line = vector - FIRST_VECTOR
    if not 0 <= line < IRQ_LINES:
        return
    if line == IRQS["pit"]:
        trap.processor.timer = 0
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


def _set_mask(trap: Trap, line: int, *, masked: bool) -> None:
    root = trap.root
    mask = root.irq_mask & ~(1 << line) | masked << line
    if mask == root.irq_mask:
        return
    root.irq_mask = mask
    if line < LINES_EACH:
        trap.out(MASTER + 1, 1, mask & 0xFF)
    else:
        trap.out(SLAVE + 1, 1, mask >> LINES_EACH)


def decode(invocation: Invocation) -> Action | Refusal:
    """Prepare an invocation of an interrupt handler."""
    trap, line = invocation.trap, invocation.slot.object
    match invocation.label:
        case label if label == ACK:
            return lambda: _acknowledge(trap, line)
        case label if label == SET_NOTIFICATION:
            return _decode_set_notification(invocation, line)
        case label if label == CLEAR:
            return lambda: _clear(trap, line)
    return ILLEGAL


def _acknowledge(trap: Trap, line: int) -> tuple[int, ...]:
    _set_mask(trap, line, masked=False)
    return ()


def _decode_set_notification(invocation: Invocation, line: int) -> Action | Refusal:
    given = invocation.capability(0)
    if given is None:
        return TRUNCATED
    if given.type != Type.NOTIFICATION or not given.rights & Right.WRITE:
        return invalid_capability(1)
    return lambda: _set_notification(invocation.trap, line, given)


def _set_notification(trap: Trap, line: int, given: Slot) -> tuple[int, ...]:
    slot = trap.root.interrupt(line)
    if slot.type:
        derivation.remove(trap.ram, slot.address)
    derivation.derive(trap.ram, given.address, slot.address)
    audit.note(trap, Event.BOUND, given.object, line, given.badge)
    return ()


def _clear(trap: Trap, line: int) -> tuple[int, ...]:
    slot = trap.root.interrupt(line)
    if slot.type:
        derivation.remove(trap.ram, slot.address)
    _set_mask(trap, line, masked=True)
    audit.note(trap, Event.CLEARED, 0, line)
    return ()
