"""Answers: by way of a Reply object, to a call or to a fault."""

from __future__ import annotations

from tests.properties.oracle import faults
from tests.properties.oracle.capability import Cap
from tests.properties.oracle.replies import detach
from tests.properties.oracle.scheduling import wake
from tests.properties.oracle.things import Reply, Tcb
from tests.properties.oracle.transfer import copy_message
from tests.properties.oracle.world import World
from vectoros.kernel.abi import State
from vectoros.kernel.objects import Right


def reply_to(world: World, replier: Tcb, cap: Cap) -> None:
    """Answer who waits, if anybody does."""
    reply = cap.thing
    assert isinstance(reply, Reply)
    caller = reply.caller
    if caller is None:
        return
    if caller.faulting:
        faults.answerable(world, replier, caller)
    grant = bool(cap.rights & Right.GRANT) and caller.answerable
    caller.lease = (0, 0, 0)
    detach(world, reply)
    if caller.faulting:
        faults.answered(world, replier, caller)
        return
    copy_message(world, replier, caller, None, 0, grant=grant)
    caller.state = State.RUNNING
    wake(world, caller)
