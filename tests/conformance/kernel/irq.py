"""Interrupts: handlers, and how an interrupt becomes a signal."""

from __future__ import annotations

from tests.conformance.kernel.dsl import (
    CNODE,
    EP,
    IRQ,
    NTFN,
    READ,
    A,
    B,
    C,
    case,
    copy,
    delete,
    invoke,
    mint,
    poll,
    spin,
    wait,
)
from tests.conformance.kernel.step import Step
from vectoros.kernel.errors import Error
from vectoros.kernel.process_layout import Init

COM1, LINE, COM1_IRQ = int(Init.COM1), 4, int(Init.COM1_IRQ)
LATER = 20_000
"""Ticks in which an interrupt arrives that a trap has caused."""


def get(line: int, index: int = A, depth: int = 64, root: int = CNODE) -> Step:
    """Invoke Get."""
    return invoke(IRQ, "IRQ_CONTROL.Get", line, index, depth, root)


def out(port: int, value: int) -> Step:
    """Write a register of the serial port."""
    return invoke(COM1, "IO_PORT.Out8", 0x3F8 + port, value)


ACK = invoke(COM1_IRQ, "IRQ_HANDLER.Ack")
RISE = (out(4, 8), out(1, 0), out(1, 2))
"""Let the serial port say that it has room to send, which it has: OUT2, then the interrupt."""

INTERRUPT = (*RISE, spin(LATER, line=LINE))
QUIET = (*RISE, spin(LATER))

CASES = (
    case("IRQ-001", "Get makes a handler of a line",
         get(5), invoke(A, "IRQ_HANDLER.Ack")),
    case("IRQ-002", "Get: a line above 15",
         *(get(line).refused(Error.RANGE_ERROR, 0, 15) for line in (16, 1 << 63))),
    case("IRQ-003", "Get: the kernel's own lines, of the timer and of the second controller",
         *(get(line).refused(Error.ILLEGAL_OPERATION) for line in (0, 2))),
    case("IRQ-004", "Get: a line that has a handler, until that is deleted",
         get(LINE).refused(Error.REVOKE_FIRST), get(5), get(5, B).refused(Error.REVOKE_FIRST),
         delete(A), get(5, B)),
    case("IRQ-005", "Get: depths from 1 to 64",
         *(get(5, depth=depth).refused(Error.RANGE_ERROR, 1, 64) for depth in (0, 65))),
    case("IRQ-006", "Get: root, index and depth lead to no slot",
         get(5, 1 << 63).refused(Error.FAILED_LOOKUP, 0, 4, 64, 0, 56),
         get(5, root=EP).refused(Error.FAILED_LOOKUP, 0, 1)),
    case("IRQ-007", "Get: the slot is not empty", get(5, EP).refused(Error.DELETE_FIRST)),
    case("IRQ-008", "Get: a message that is too short", get(5).cut(2), get(5).bare()),
    case("IRQ-010", "an interrupt signals the notification, with the capability's badge",
         mint(NTFN, A, 64), invoke(COM1_IRQ, "IRQ_HANDLER.SetNotification", A), ACK, INTERRUPT,
         wait(NTFN).gets(badge=64)),
    case("IRQ-011", "the line is masked until Ack", ACK, INTERRUPT, poll(NTFN).gets(badge=16),
         QUIET, poll(NTFN), ACK, spin(LATER, line=LINE), poll(NTFN).gets(badge=16)),
    case("IRQ-012", "Clear masks the line, and signals nothing any more",
         invoke(COM1_IRQ, "IRQ_HANDLER.Clear"), QUIET, poll(NTFN)),
    case("IRQ-013", "a handler's end frees the line, and signals nothing any more",
         ACK, delete(COM1_IRQ), QUIET, poll(NTFN), get(LINE, C)),
    case("IRQ-014", "SetNotification: no notification with Write",
         copy(NTFN, A, READ),
         *(invoke(COM1_IRQ, "IRQ_HANDLER.SetNotification", slot).refused(
             Error.INVALID_CAPABILITY, 1) for slot in (A, EP, 127))),
    case("IRQ-015", "SetNotification: a message that is too short",
         invoke(COM1_IRQ, "IRQ_HANDLER.SetNotification", NTFN).bare()),
)  # fmt: skip
