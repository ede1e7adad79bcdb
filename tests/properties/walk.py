"""Steps of kernel and oracle together: what is picked, done, done again, and left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.properties.arguments import Chooser, Pick
from tests.properties.lockstep import Abandoned, Disagreement, Lockstep, Words
from tests.properties.oracle.machine import TIMER
from tests.properties.oracle.methods import REGISTERED
from tests.properties.oracle.supply import LEAST as MIN_BUDGET
from tests.properties.oracle.things import Tcb
from tests.properties.scene import LINE, scene
from vectoros.kernel.abi import Trap
from vectoros.kernel.methods import METHODS
from vectoros.kernel.methods.row import Method
from vectoros.kernel.objects import Type

ROWS = [row for row in METHODS if row.label in REGISTERED]
TREE = [row for row in ROWS if row.object in (Type.UNTYPED, Type.CNODE)]
"""What changes the tree, which is picked more often."""
THREADS = [row for row in ROWS if row.object in (Type.TCB, Type.SCHED_CONTEXT)]
"""So is what lets threads go on."""
TIME = [
    row
    for row in ROWS
    if row.object in (Type.SCHED_CONTEXT, Type.SCHED_CONTROL, Type.DOMAIN)
    or row.name in ("SetTimeoutEndpoint", "SetSchedParams")
]
TIME += 2 * [row for row in TIME if row.object in (Type.SCHED_CONTROL, Type.DOMAIN)]
"""And what says how long."""
PAGES = [row for row in ROWS if row.object in (Type.FRAME, Type.PT, Type.PD, Type.LEASE)]
CHANNELS = [row for row in ROWS if row.object is Type.CHANNEL]
LEASES = [row for row in ROWS if row.object is Type.LEASE]

MESSAGES = [trap for trap in Trap if trap not in (Trap.DEBUG_PUT_CHAR, Trap.YIELD)]
MESSAGES += [Trap.CALL, Trap.RECV]
TICKS = (1, MIN_BUDGET // 2, MIN_BUDGET - 2_000, MIN_BUDGET, 2 * MIN_BUDGET, 5 * MIN_BUDGET)
"""That pass between two traps."""
OTHERS = (0, 11, 11, 11, 12, 1 << 63)


@dataclass(frozen=True)
class Interrupt:
    """A line of the interrupt controllers interrupts."""

    line: int


@dataclass(frozen=True)
class Pass:
    """Time passes."""

    ticks: int


@dataclass(frozen=True)
class Exception_:
    """The running thread faults."""

    vector: int
    error: int
    address: int = 0x1234


CHOICES = {
    "tree": TREE, "threads": THREADS, "pages": PAGES, "channels": CHANNELS, "time": TIME,
}  # fmt: skip
"""Methods by kinds of steps; others may be any."""

Action = Words | Interrupt | Exception_ | Pass

PATIENCE = 4
"""Actions without anybody running after which the scene is set again."""

KINDS = (*["tree"] * 3, *["threads"] * 3, "any", "any", "pages", "channels", *["message"] * 5,
         "other", *["time"] * 2, *["pass"] * 5, "interrupt", "exception")  # fmt: skip


def picked(pick: Pick, both: Lockstep) -> Action:
    """Pick what happens next."""
    if both.idle:
        return Pass(TICKS[-1]) if wanted(both) else Interrupt(LINE)
    kind = pick(KINDS)
    match kind:
        case "message":
            if any(thread.lease[1] for thread in threads_of(both)) and pick((0, 1)):
                return invoked(pick, both, pick(LEASES))
            return Chooser(pick, both).message(pick(MESSAGES))
        case "other":
            return Words(pick(OTHERS), 0x41)
        case "pass":
            return Pass(pick(TICKS))
        case "interrupt":
            return Interrupt(pick((LINE, LINE, 1, 5, TIMER)))
        case "exception":
            return Exception_(pick((14, 14, 0, 13, 6)), pick((4, 6, 0x14)))
    rows = CHOICES.get(kind, ROWS)
    return invoked(pick, both, pick(rows))


def wanted(both: Lockstep) -> bool:
    """Whether anybody wants to run, and will when its turn or its time has come."""
    world = both.oracle.world
    return bool(world.waiting) or any(
        queue and any(domain == turn and ticks for turn, ticks in world.turns.values())
        for (domain, _), queue in world.ready.items()
    )


def threads_of(both: Lockstep) -> list[Tcb]:
    """Return all threads."""
    return [thing for thing in both.oracle.world.things.values() if isinstance(thing, Tcb)]


def invoked(pick: Pick, both: Lockstep, row: Method) -> Words:
    """Pick how a method is invoked."""
    return Chooser(pick, both).method(row)


@dataclass(repr=False)
class Walk:
    """A run of steps, which can be made again."""

    both: Lockstep = field(default_factory=scene)
    done: list[Action] = field(default_factory=list)
    fresh: int = 0
    """Index of the first action since the scene was last set."""
    idle: int = 0
    """Actions since a thread ran."""

    @property
    def last(self) -> Words:
        """The last system call."""
        return next(each for each in reversed(self.done) if isinstance(each, Words))

    def do(self, action: Action) -> None:
        """Let kernel and oracle do it; set the scene again if nothing can happen any more."""
        self.done.append(action)
        try:
            if isinstance(action, Interrupt):
                self.both.interrupt(action.line)
            elif isinstance(action, Pass):
                self.both.let_pass(action.ticks)
            elif self.both.idle:
                pass
            elif isinstance(action, Exception_):
                self.both.exception(action.vector, action.error, action.address)
            else:
                self.both.trap(action)
        except Abandoned:
            self._start_over()
        self.idle = self.idle + 1 if self.both.idle else 0
        waits = self.both.idle and isinstance(action, Interrupt) and action.line == LINE
        if waits or self.idle > PATIENCE or self._helpless():
            self._start_over()

    def _helpless(self) -> bool:
        """Whether the thread that runs has no CSpace that anything could be done with."""
        thread = self.both.oracle.running
        cap = thread.cap("cspace") if thread else None
        return thread is not None and (cap is None or cap.bits < 8)

    def _start_over(self) -> None:
        self.both, self.fresh, self.idle = scene(), len(self.done), 0


def failure(actions: Sequence[Action]) -> Disagreement | None:
    """Return what goes wrong if ``actions`` are done, or None."""
    walk = Walk()
    try:
        for action in actions:
            walk.do(action)
    except Disagreement as disagreement:
        return disagreement
    return None


def shortest(walk: Walk) -> Disagreement:
    """Return the disagreement that a walk ended in, with all actions left out that can be."""
    left = walk.done[walk.fresh :]
    found = failure(left)
    assert found is not None
    size = len(left) // 2 or 1
    while size:
        at = 0
        while at < len(left):
            fewer = left[:at] + left[at + size :]
            again = failure(fewer)
            if again is not None:
                left, found = fewer, again
            else:
                at += size
        size //= 2
    return found
