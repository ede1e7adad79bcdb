"""Where each of many processes is, in plain Python: what the kernel must agree with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from vectoros.kernel.abi import State
from vectoros.kernel.tcb import Tcb

PRIORITIES = (7, 63, 64, 65, 128, 200, 254)
"""Of processes: in all words of a bitmap, and on both sides of where one ends."""


class Doing(Enum):
    """Where a process is."""

    READY = "ready"
    SENDING = "waiting to send"
    AWAITING = "waiting for an answer"
    RECEIVING = "waiting to receive"
    WAITING = "waiting for the gate"
    SUSPENDED = "suspended"
    SPENT = "without budget"
    ENDING = "revoking its own memory"

    @property
    def state(self) -> State:
        """What the TCB says."""
        return _STATES[self]


_STATES = {
    Doing.READY: State.RUNNING,
    Doing.SENDING: State.BLOCKED_ON_SEND,
    Doing.AWAITING: State.BLOCKED_ON_REPLY,
    Doing.RECEIVING: State.BLOCKED_ON_RECEIVE,
    Doing.WAITING: State.BLOCKED_ON_NOTIFICATION,
    Doing.SUSPENDED: State.INACTIVE,
    Doing.SPENT: State.RUNNING,
    Doing.ENDING: State.INACTIVE,
}


@dataclass(eq=False)
class Process:
    """What is known of a process."""

    place: int
    """Which of the untypeds it is made of."""
    number: int
    """Its badge, which no other process ever has."""
    priority: int
    thread: Tcb
    doing: Doing = Doing.READY
    does: Doing = Doing.SENDING
    """What its next trap is for; what it waits in, if it waits."""
    wish: Doing = Doing.SENDING
    """What it does when the gate has let it go on."""
    told: int = 0
    """How often the gate had been opened when it last heard of that."""
    missed: bool = False
    """Whether it has just heard of an earlier time."""
    asked: int = 0
    heard: int = 0
    answered: int = 0

    def __str__(self) -> str:
        return (
            f"process {self.number} (memory {self.place}, TCB {self.thread.address:#x}, priority"
            f" {self.priority}): {self.doing.value}; asked {self.asked}, heard {self.heard} and"
            f" answered {self.answered} times"
        )

    @property
    def sporadic(self) -> bool:
        """Whether it has a budget that it can use up."""
        return self.number % 2 == 0

    @property
    def says(self) -> tuple[int, ...]:
        """What it calls with; the last word is in the IPC buffer."""
        return self.number, self.asked, self.place, self.priority, self.number << 32 | self.asked

    @property
    def hears(self) -> tuple[int, ...]:
        """What it is answered to that."""
        return tuple(~word & (1 << 64) - 1 for word in self.says)


class Line:
    """Who waits, by priority, and then in the order in which they came."""

    def __init__(self) -> None:
        ordered = sorted(PRIORITIES, reverse=True)
        self._lines: dict[int, dict[Process, None]] = {priority: {} for priority in ordered}

    def __iter__(self) -> Iterator[Process]:
        return (process for line in self._lines.values() for process in line)

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def add(self, process: Process) -> None:
        self._lines[process.priority][process] = None

    def remove(self, process: Process) -> None:
        self._lines[process.priority].pop(process, None)

    @property
    def first(self) -> Process | None:
        return next(iter(self), None)


@dataclass
class Model:
    """The queues."""

    ready: Line = field(default_factory=Line)
    senders: Line = field(default_factory=Line)
    peers: Line = field(default_factory=Line)
    gate: Line = field(default_factory=Line)
    spent: Line = field(default_factory=Line)

    def put(self, process: Process, doing: Doing) -> None:
        """Let the process be there now."""
        self.forget(process)
        process.doing = doing
        line = self._line(doing)
        if line is not None:
            line.add(process)

    def forget(self, process: Process) -> None:
        """Let it be nowhere."""
        line = self._line(process.doing)
        if line is not None:
            line.remove(process)

    def _line(self, doing: Doing) -> Line | None:
        return {
            Doing.READY: self.ready,
            Doing.SENDING: self.senders,
            Doing.RECEIVING: self.peers,
            Doing.WAITING: self.gate,
            Doing.SPENT: self.spent,
        }.get(doing)
