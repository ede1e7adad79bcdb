"""Reply objects: who waits for an answer, and whose time is used until it comes."""

from __future__ import annotations

from tests.properties.oracle.answers import buffer_of
from tests.properties.oracle.scheduling import donate, forget
from tests.properties.oracle.things import Reply, Sending, Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.abi import Fault, State
from vectoros.kernel.message import IPC_LEASE, LENDS
from vectoros.kernel.objects import READ_WRITE


def lend(world: World, thread: Tcb, sending: Sending) -> None:
    """Note what memory a caller lends."""
    buffer = buffer_of(thread)
    if sending.call and buffer and thread.registers["rsi"] & LENDS:
        base, length, rights = (world.word(buffer + IPC_LEASE + 8 * n) for n in range(3))
        thread.lease = (base, length, rights & READ_WRITE) if length else (0, 0, 0)


def await_answer(world: World, caller: Tcb, reply: Reply, receiver: Tcb, grant: bool) -> None:
    """Let a caller wait for its answer, and a receiver without time have the caller's."""
    forget(world, caller)
    caller.state = State.BLOCKED_ON_REPLY
    caller.reply, caller.answerable = reply, grant
    reply.caller, reply.receiver = caller, None
    context = caller.context
    spent = caller.faulting and caller.fault is Fault.TIMEOUT  # it has no time to lend
    if context is not None and receiver.context is None and not spent:
        donate(world, context, receiver)
        context.stack.append(reply)
        reply.context = context


def detach(world: World, reply: Reply) -> None:
    """Part a Reply from who waits with it, and give back the time of the latest call."""
    for thread in (reply.caller, reply.receiver):
        if thread is not None:
            thread.reply = None
    caller, context = reply.caller, reply.context
    reply.caller = reply.receiver = reply.context = None
    if context is None:
        return
    latest = context.stack[-1] is reply
    context.stack.remove(reply)
    if latest and caller is not None and caller.context is None:
        donate(world, context, caller)
