"""I/O ports: a driver in ring 3 reaches its device through the stub.

The capability names a range of ports. The kernel checks the access and puts it on
the list of operations; the stub executes the IN or OUT, and stores what was read
straight into the frame of the thread that asked, as message register 0.
"""

from __future__ import annotations

from vectoros.kernel.errors import ILLEGAL, TRUNCATED, Refusal
from vectoros.kernel.invocation import Action, Invocation, answer
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.tcb import Tcb

_IN = {label(Type.IO_PORT, f"In{8 * width}"): width for width in (1, 2, 4)}
_OUT = {label(Type.IO_PORT, f"Out{8 * width}"): width for width in (1, 2, 4)}
_RDX = Tcb.fields["rdx"].offset


def decode(invocation: Invocation) -> Action | Refusal:
    """Prepare an invocation of a range of ports."""
    width = _IN.get(invocation.label)
    if width is not None:
        return _decode_in(invocation, width)
    width = _OUT.get(invocation.label)
    return ILLEGAL if width is None else _decode_out(invocation, width)


def _decode_in(invocation: Invocation, width: int) -> Action | Refusal:
    if invocation.length < 1:
        return TRUNCATED
    port = invocation.word(0)
    # Where the result goes, the next message would be (NBSendWait).
    if not _allowed(invocation, port, width) or not invocation.answered:
        return ILLEGAL

    def perform() -> None:
        trap, thread = invocation.trap, invocation.thread
        answer(trap.ram, thread, (0,))
        trap.into(port, width, thread + _RDX)

    return perform


def _decode_out(invocation: Invocation, width: int) -> Action | Refusal:
    if invocation.length < 2:
        return TRUNCATED
    port, value = invocation.word(0), invocation.word(1)
    if not _allowed(invocation, port, width):
        return ILLEGAL

    def perform() -> tuple[int, ...]:
        invocation.trap.out(port, width, value & (1 << 8 * width) - 1)
        return ()

    return perform


def _allowed(invocation: Invocation, port: int, width: int) -> bool:
    slot = invocation.slot
    return slot.object <= port and port + width - 1 <= slot.badge
