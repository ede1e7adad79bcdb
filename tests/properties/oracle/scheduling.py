"""Who runs next: priorities, turns within one, and who has time at all.

Of those who want to run and have time, the highest priority of the domain whose turn it
is runs, the first come first. Who has used its budget up waits for more. In round robin
there is always more, but others of the priority have a turn first.

When a trap ends, its cost is over at ``until``: what has been used until then is charged to
whose time it was. The kernel may put that off as long as the thread runs on and nothing
can have ended; if it has not, the oracle goes by that, because too little that is left at
that moment is put off (oracle/supply.py).
"""

from __future__ import annotations

from tests.properties.oracle import supply
from tests.properties.oracle.things import SchedContext, Tcb
from tests.properties.oracle.timetable import next_turn
from tests.properties.oracle.world import World
from vectoros.kernel.abi import State


def runnable(thread: Tcb) -> bool:
    """Whether it wants to run, on a context that is worth any time."""
    return thread.state is State.RUNNING and bool(thread.context and thread.context.configured)


def wake(world: World, thread: Tcb) -> None:
    """Let a thread run when there is time for it, if it wants to and can."""
    if thread.state is State.RUNNING:
        world.last = thread
    _queue(world, thread, world.now)


def requeue(world: World, thread: Tcb) -> None:
    """Let a thread, whose place has changed, run as if it had just been woken."""
    forget(world, thread)
    wake(world, thread)


def _queue(world: World, thread: Tcb, now: int) -> None:
    """Put a thread behind its peers, or before them on the time that runs; or let it wait."""
    if not runnable(thread) or thread is world.current or queued(world, thread):
        return
    assert thread.context is not None
    if thread.context.due > now:
        _await_time(world, thread)
        return
    queue = _peers(world, thread)
    queue.insert(0 if thread.context is world.time else len(queue), thread)


def _await_time(world: World, thread: Tcb) -> None:
    at = sum(_due(other) <= _due(thread) for other in world.waiting)
    world.waiting.insert(at, thread)


def _due(thread: Tcb) -> int:
    assert thread.context is not None
    return thread.context.due


def _peers(world: World, thread: Tcb) -> list[Tcb]:
    return world.ready.setdefault((thread.domain, thread.priority), [])


def is_ready(world: World, thread: Tcb) -> bool:
    """Whether a thread would run if nobody else did."""
    return any(thread in queue for queue in world.ready.values())


def queued(world: World, thread: Tcb) -> bool:
    """Whether a thread waits to run, or for time."""
    return thread in world.waiting or is_ready(world, thread)


def forget(world: World, thread: Tcb) -> None:
    """Let a thread no longer wait to run, or for time."""
    for queue in (world.waiting, *world.ready.values()):
        if thread in queue:
            queue.remove(thread)


# -- contexts


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


def unbind(world: World, context: SchedContext) -> None:
    """The same, once what it has used is charged."""
    if context.tcb is not None:
        ask(world, context)
    release(world, context)


def ask(world: World, context: SchedContext | None) -> None:
    """Charge what has been used of a context so far, to know or to change what is left."""
    if context is not None and context is world.time:
        charge(world, world.now)
        world.asked = True


def use(context: SchedContext, ticks: int) -> None:
    """Let a context have so much less; of a turn, too little is nothing."""
    if context.round_robin:
        left = context.turn - ticks
        context.turn = left if left >= supply.LEAST else 0
    else:
        context.spans = supply.used(context.spans, ticks, context.period, context.most)


def charge(world: World, until: int) -> None:
    """Charge the time up to ``until`` to whose it was."""
    ticks = until - world.charged
    if ticks <= 0:
        return
    world.charged = until
    if world.time is None:
        return
    world.time.consumed += ticks
    use(world.time, ticks)
    if world.current is not None:
        world.current.consumed += ticks


def give_way(world: World) -> None:
    """Let the current thread have no more of its turn, or of the first of its spans."""
    context = world.time
    assert context is not None
    alone = not any(queue for (domain, _), queue in world.ready.items() if domain == world.domain)
    if context.round_robin:
        if not alone:
            context.turn, world.asked = 0, True
        return
    ask(world, context)
    use(context, context.left)


# -- the end of a trap


def choose(world: World, until: int, *, settled: bool) -> bool:
    """Let the thread run that is to run from ``until`` on; say whether a time-out was told."""
    current, asked = world.current, world.asked
    world.asked = False
    runs_on = current is not None and runnable(current)
    if runs_on and not (settled or asked or _ended(world, until)):
        world.last = None
        return False
    if runs_on:
        world.last = None  # it is where it belongs; else it comes after those whose time has come
    over = settle(world, until)
    if until >= world.turn_end:
        next_turn(world, until)
    told = False
    if current is not None and runs_on and not _stays(world, current, until, over=over):
        world.current = None
        told = _leave(world, current, until, over=over)
    elif not runs_on:
        world.current = None
    if world.last is not None:
        forget(world, world.last)
        _queue(world, world.last, until)
    _take(world, until)
    world.gives_way, world.last = False, None
    return told


def settle(world: World, until: int) -> bool:
    """Charge, and let those run whose time has come; say whether a turn is over."""
    charge(world, until)
    over = world.time is not None and world.time.round_robin and not world.time.turn
    if over and world.time is not None:
        world.time.turn = world.time.budget
    if world.last is not None:
        forget(world, world.last)
    while world.waiting and _due(world.waiting[0]) <= until:
        thread = world.waiting.pop(0)
        _peers(world, thread).append(thread)
    return over


def _ended(world: World, until: int) -> bool:
    """Whether anything can have ended, so that the current thread may not run on."""
    current = world.current
    assert current is not None
    assert current.context is not None
    ends = world.charged + current.context.left, world.turn_end, *map(_due, world.waiting)
    other = current.domain != world.domain or current.context is not world.time
    return other or highest(world) > current.priority or world.gives_way or until >= min(ends)


def highest(world: World) -> int:
    """Return the highest priority at which anybody is ready, or -1."""
    ready = [key[1] for key, queue in world.ready.items() if queue and key[0] == world.domain]
    return max(ready, default=-1)


def _stays(world: World, thread: Tcb, until: int, *, over: bool) -> bool:
    """Whether the current thread, which wants to, runs on."""
    top = highest(world)
    first = top < thread.priority or (top == thread.priority and not over and not world.gives_way)
    return first and thread.domain == world.domain and _due(thread) <= until


def _leave(world: World, thread: Tcb, until: int, *, over: bool) -> bool:
    """Let the current thread wait to run on; say whether its handler is told that it cannot."""
    from tests.properties.oracle.faults import timed_out

    if _due(thread) > until:
        if timed_out(world, thread):
            return True
        _queue(world, thread, until)
        return False
    queue = _peers(world, thread)
    queue.insert(len(queue) if over else int(world.gives_way and bool(queue)), thread)
    return False


def _take(world: World, until: int) -> None:
    """Let the first of the highest priority run, and its time begin."""
    if world.current is None and (top := highest(world)) >= 0:
        world.current = world.ready[world.domain, top].pop(0)
    world.time = world.current.context if world.current else None
    if world.time is not None and not world.time.round_robin:
        world.time.spans = supply.begin(world.time.spans, until)


def next_event(world: World) -> int:
    """Return the tick by which the timer has to interrupt; NEVER: it need not."""
    ends = [world.turn_end, *map(_due, world.waiting)]
    current = world.current
    context = current.context if current else None
    if current and context and (not context.round_robin or _peers(world, current)):
        ends.append(world.charged + context.left)
    return min(ends)
