"""I/O ports: a driver in ring 3 reaches its device through the stub.

The capability names a range of ports, which no other does that was issued. The kernel
checks the access and puts it on the list of operations; the stub executes the IN or
OUT, and stores what was read straight into the frame of the thread that asked, as
message register 0.
"""

from __future__ import annotations

from functools import partial

from vectoros.kernel.errors import ILLEGAL, Error, Refusal
from vectoros.kernel.invocation import Action, Invocation, answer, decodes
from vectoros.kernel.irq import decode_issue
from vectoros.kernel.objects import Type
from vectoros.kernel.tcb import Tcb

LAST_PORT = 0xFFFF

_RDX = Tcb.fields["rdx"].offset


@decodes(Type.IO_PORT_CONTROL, "Issue")
def _decode_issue(invocation: Invocation) -> Action | Refusal:
    first, last = invocation.words[:2]
    if max(first, last) > LAST_PORT:
        return Refusal(Error.RANGE_ERROR, (0, LAST_PORT))
    if last < first:
        return Refusal(Error.INVALID_ARGUMENT, (1,))
    return decode_issue(invocation, Type.IO_PORT, first, last)


def _decode_in(invocation: Invocation, width: int) -> Action | Refusal:
    (port,) = invocation.words
    # Where the result goes, the next message would be (NBSendWait).
    if not _allowed(invocation, port, width) or not invocation.answered:
        return ILLEGAL

    def perform() -> None:
        trap, thread = invocation.trap, invocation.thread
        answer(trap.ram, thread, (0,))
        trap.into(port, width, thread + _RDX)

    return perform


def _decode_out(invocation: Invocation, width: int) -> Action | Refusal:
    port, value = invocation.words
    if not _allowed(invocation, port, width):
        return ILLEGAL

    def perform() -> tuple[int, ...]:
        invocation.trap.out(port, width, value & (1 << 8 * width) - 1)
        return ()

    return perform


for _width in (1, 2, 4):
    decodes(Type.IO_PORT, f"In{8 * _width}")(partial(_decode_in, width=_width))
    decodes(Type.IO_PORT, f"Out{8 * _width}")(partial(_decode_out, width=_width))


def _allowed(invocation: Invocation, port: int, width: int) -> bool:
    slot = invocation.slot
    return slot.object <= port and port + width - 1 <= slot.badge
