"""Donation: the scheduling context that goes with a call, and comes back with its answer.

A passive server has no time of its own: who calls it lends its scheduling context, and
the Reply object of the call goes on top of the context's stack. From there the way back
is found, also if the server calls on with what it was lent. A Reply object whose caller
is gone leaves the stack from wherever it is; what is above and below it stays.

Only the links are here. Who is charged, and who may run now, is looked at at the end of
the trap (kernel/dispatch.py).
"""

from __future__ import annotations

from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.scheduler import Processor
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap

(_CONTEXT,) = Tcb.indices("sched_context")
(_BUDGET_END,) = Processor.indices("budget_end")
_TCB, _STACK = SchedContext.indices("tcb", "reply")
_ABOVE, _TOP_OF, _BELOW = 1, 2, 3
"""Words of a Reply object (kernel/reply.py, which needs this module)."""


def donate(trap: Trap, context: int, target: int) -> None:
    """Let ``target``, which has no context and is in no queue, run on this one, if it is one."""
    words = trap.words
    if not context:
        return
    owner = words[(context >> 3) + _TCB]
    if owner:
        trap.processor.remove(owner)
        words[(owner >> 3) + _CONTEXT] = 0
    words[trap.cpu + _BUDGET_END] = 0  # who runs on what is to be decided at the end of the trap
    words[(context >> 3) + _TCB] = target
    words[(target >> 3) + _CONTEXT] = context


def lend(trap: Trap, context: int, reply: int, target: int) -> None:
    """Let ``target`` run on ``context`` until ``reply``, whose caller has it, is answered."""
    words, at = trap.words, reply >> 3
    below = words[(context >> 3) + _STACK]
    if below:
        words[(below >> 3) + _TOP_OF], words[(below >> 3) + _ABOVE] = 0, reply
    words[at + _TOP_OF], words[at + _BELOW] = context, below
    words[(context >> 3) + _STACK] = reply
    donate(trap, context, target)


def settle(trap: Trap, reply: int) -> None:
    """Take ``reply`` off its stack; from the top, its caller gets the context back."""
    words, at = trap.words, reply >> 3
    caller, above, context, below = words[at : at + 4]
    if context:
        words[(context >> 3) + _STACK] = below
        if not words[(caller >> 3) + _CONTEXT]:
            donate(trap, context, caller)
    if above:
        words[(above >> 3) + _BELOW] = below
    if below:
        words[(below >> 3) + _ABOVE], words[(below >> 3) + _TOP_OF] = above, context
    words[at + _ABOVE] = words[at + _TOP_OF] = words[at + _BELOW] = 0


def abandon(trap: Trap, context: int) -> None:
    """Forget the stack of ``context``, which comes to its end: nobody gets it back."""
    words = trap.words
    top = words[(context >> 3) + _STACK]
    if top:
        words[(top >> 3) + _TOP_OF] = words[(context >> 3) + _STACK] = 0
