"""Who runs next: priorities, first come first served within one, and who has time at all.

Budgets are not modelled: a context that has been configured always has some left.
"""

from __future__ import annotations

from tests.properties.oracle.things import SchedContext, Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.abi import State


def runnable(thread: Tcb) -> bool:
    """Whether it wants to run, and has time to."""
    return thread.state is State.RUNNING and bool(thread.context and thread.context.configured)


def wake(world: World, thread: Tcb) -> None:
    """Let a thread run, if it can, after its peers, or before them on the time that runs."""
    queue = world.ready.setdefault((thread.domain, thread.priority), [])
    if runnable(thread) and thread is not world.current and thread not in queue:
        queue.insert(0 if thread.context is world.time else len(queue), thread)


def forget(world: World, thread: Tcb) -> None:
    """Take a thread out of the ready queues."""
    for queue in world.ready.values():
        if thread in queue:
            queue.remove(thread)


def donate(world: World, context: SchedContext, thread: Tcb) -> None:
    """Give a context, whoever had it, to a thread that has none."""
    release(world, context)
    context.tcb, thread.context = thread, context


def release(world: World, context: SchedContext) -> None:
    """Take a context from the thread that has it."""
    if context.tcb is not None:
        forget(world, context.tcb)
        context.tcb.context = None
        context.tcb = None


def choose(world: World) -> None:
    """Let the thread run that is to run now."""
    current, yielded, gives_way = world.current, world.yielded, world.gives_way
    world.yielded = world.gives_way = False
    queues = {key[1]: queue for key, queue in world.ready.items() if key[0] == world.domain}
    top = max((priority for priority, queue in queues.items() if queue), default=-1)
    world.current = None
    if current is not None and runnable(current):
        own = world.ready.setdefault((current.domain, current.priority), [])
        if current.domain == world.domain:
            stays = top < current.priority
            if stays or (top == current.priority and not yielded and not gives_way):
                world.current = current
                return
        if gives_way and own and top == current.priority:
            own.insert(1, current)
        else:
            own.insert(len(own) if yielded else 0, current)
    if top >= 0:
        world.current = queues[top].pop(0)
