"""Reply objects: who waits for an answer, and whose time it is answered on.

A thread that receives names a Reply object; the caller whose message it gets then waits
on that, and whoever has the capability may answer, once. The object also links the
scheduling context that the caller has lent (kernel/donation.py).
"""

from __future__ import annotations

from vectoros.kernel import donation, fault, transfer, waiting
from vectoros.kernel.abi import State
from vectoros.kernel.deletion import finalises
from vectoros.kernel.errors import Refusal
from vectoros.kernel.invocation import Outcome, Way
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import Field, View


class Reply(View):
    """The object."""

    tcb = Field(0x00, "thread that waits for the answer, or to receive with it; 0: none")
    above = Field(0x08, "Reply object of a later call, on top of it on the stack; 0: none")
    sched_context = Field(0x10, "scheduling context of the stack that it is on top of, or 0")
    below = Field(0x18, "Reply object of an earlier call, below it on the stack; 0: none")


_STATE, _REPLY, _SEND_FLAGS, _FAULTED, _LENT = Tcb.indices(
    "state", "reply", "send_flags", "fault_pending", "lease_length"
)
_WAITS, _RUNNING, _INACTIVE = map(
    int, (State.BLOCKED_ON_REPLY, State.RUNNING, State.INACTIVE)
)  # fmt: skip
_GRANT = int(Right.GRANT)


def caller_of(words: memoryview, reply: int) -> int:
    """Return the thread that waits for the answer, or 0."""
    thread: int = words[reply >> 3]
    return thread if thread and words[(thread >> 3) + _STATE] == _WAITS else 0


def send(trap: Trap, slot: int, way: Way) -> Outcome:
    """Give the caller's message to who waits for it, if anybody does, and let that go on."""
    words = trap.words
    reply: int = words[(slot >> 3) + 2]
    waits = caller_of(words, reply)
    if not waits:
        return ()
    at = waits >> 3
    faulted = words[at + _FAULTED]
    registers = fault.answer_registers(trap, Tcb(trap.ram, waits)) if faulted else {}
    if isinstance(registers, Refusal):
        return registers
    donation.settle(trap, reply)
    words[reply >> 3] = words[at + _REPLY] = words[at + _LENT] = 0
    if not faulted:
        grant = words[at + _SEND_FLAGS] & words[slot >> 3] >> 8 & _GRANT
        transfer.message(trap, trap.caller, waits, 0, grant)
    elif not fault.answered(trap, Tcb(trap.ram, waits), registers):
        words[at + _STATE] = _INACTIVE
        return ()
    words[at + _STATE] = _RUNNING
    trap.wake(waits)
    return ()


@finalises(Type.REPLY)
def _finalise(trap: Trap, slot: Slot, final: bool) -> None:
    """Stop who waits for an answer through it, or to receive with it."""
    thread = trap.words[slot.object >> 3]
    if final and thread:
        waiting.cancel(trap, Tcb(trap.ram, thread))
