"""What capabilities name: the kernel's objects, as the oracle sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.properties.oracle.capability import Cap, Slot
from tests.properties.oracle.supply import Span
from vectoros.kernel.abi import Fault, State
from vectoros.kernel.frame import USER_FLAGS
from vectoros.kernel.methods.threads import REGISTERS
from vectoros.kernel.objects import Type

TCB_SLOTS = {
    "cspace": 0x400, "vspace": 0x440, "buffer": 0x480, "handler": 0x4C0, "timeout": 0x500,
    "policy": 0x540,
}  # fmt: skip
"""Where a thread's own slots are."""

SLOT_SIZE = 64


@dataclass(eq=False, repr=False)
class Thing:
    """An object: its address is its name, and ``caps`` are the capabilities to it."""

    kind: Type
    address: int
    caps: list[Cap] = field(default_factory=list)

    def slots(self) -> Iterator[Slot]:
        """Yield the slots that it has."""
        yield from ()


@dataclass(eq=False, repr=False)
class CNode(Thing):
    """A table of slots."""

    table: list[Slot] = field(default_factory=list)

    @property
    def radix(self) -> int:
        """Bits of an index."""
        return len(self.table).bit_length() - 1

    def slots(self) -> Iterator[Slot]:
        """Yield all slots."""
        yield from self.table


@dataclass(eq=False, repr=False)
class Sending:
    """A message that a thread is sending: through which capability, and how."""

    badge: int = 0
    grant: bool = False
    grant_reply: bool = False
    call: bool = False
    fault: tuple[int, ...] | None = None
    """Words of a fault's message; None: the thread's own message."""
    label: int = 0
    """Of a fault."""


@dataclass(eq=False, repr=False)
class Tcb(Thing):
    """A thread."""

    registers: dict[str, int] = field(
        default_factory=lambda: {**dict.fromkeys(REGISTERS, 0), "rflags": USER_FLAGS}
    )
    state: State = State.INACTIVE
    priority: int = 0
    max_priority: int = 0
    domain: int = 0
    id: int = 0
    flags: int = 0
    name: tuple[int, int] = (0, 0)
    generation: int = 0
    own: dict[str, Slot] = field(default_factory=dict)
    context: SchedContext | None = None
    bound: Notification | None = None
    reply: Reply | None = None
    """Where it waits for an answer, or what it receives with."""
    at: Endpoint | Notification | None = None
    """Where it waits."""
    sending: Sending = field(default_factory=Sending)
    answerable: bool = False
    """Whether an answer may bring capabilities: the Grant of what it was received through."""
    fault: Fault = Fault.NONE
    """The last one."""
    seen: tuple[int, int, int] = (0, 0, 0)
    """Where it was, on what, and a code."""
    faulting: bool = False
    """Whether it is a fault that it waits for, or stopped with."""
    lease: tuple[int, int, int] = (0, 0, 0)
    consumed: int = 0
    """Ticks that it has had."""
    heard: int = 0
    """Number of the last broadcast that it has heard of."""

    def slots(self) -> Iterator[Slot]:
        """Yield the slots that it runs with."""
        yield from self.own.values()

    def cap(self, name: str) -> Cap | None:
        """Return what is in one of them."""
        return self.own[name].cap


@dataclass(eq=False, repr=False)
class Endpoint(Thing):
    """A meeting point."""

    queue: list[Tcb] = field(default_factory=list)

    def waiting(self, state: State) -> list[Tcb]:
        """Return who waits here to send, or to receive."""
        return [thread for thread in self.queue if thread.state is state]


@dataclass(eq=False, repr=False)
class Notification(Thing):
    """A word of signals."""

    queue: list[Tcb] = field(default_factory=list)
    active: bool = False
    signals: int = 0
    broadcast: int = 0
    """Number of the last broadcast."""
    broadcast_badge: int = 0
    bound: Tcb | None = None
    context: SchedContext | None = None


@dataclass(eq=False, repr=False)
class Reply(Thing):
    """Who waits for an answer."""

    caller: Tcb | None = None
    receiver: Tcb | None = None
    context: SchedContext | None = None
    """On whose stack it is."""


@dataclass(eq=False, repr=False)
class SchedContext(Thing):
    """The right to time."""

    budget: int = 0
    period: int = 0
    badge: int = 0
    turn: int = 0
    """In round robin: ticks left of the turn; 0: it is over."""
    spans: list[Span] = field(default_factory=list)
    """If not: when it may be used."""
    most: int = 0
    """How many spans there may be."""
    consumed: int = 0
    """Ticks used since that was asked."""
    tcb: Tcb | None = None
    notification: Notification | None = None
    stack: list[Reply] = field(default_factory=list)
    """Latest call last."""

    @property
    def configured(self) -> bool:
        """Whether it is worth any time."""
        return self.budget > 0

    @property
    def round_robin(self) -> bool:
        """Whether there is always some, in turns."""
        return self.budget == self.period

    @property
    def due(self) -> int:
        """When there is some."""
        return 0 if self.round_robin else self.spans[0][0]

    @property
    def left(self) -> int:
        """How much of it there is at once."""
        return self.turn if self.round_robin else self.spans[0][1] - self.spans[0][0]


@dataclass(eq=False, repr=False)
class Table(Thing):
    """A page table of any level: what each index leads to."""

    entries: dict[int, Table | Page] = field(default_factory=dict)
    asid: int | None = None
    """Of a PML4: its identifier."""
    had_asid: bool = False


@dataclass(frozen=True)
class Page:
    """A page that is mapped: the frame's address and size, and what may be done with it."""

    address: int
    bits: int
    writable: bool
    executable: bool


@dataclass(eq=False, repr=False)
class AsidPool(Thing):
    """Identifiers."""

    number: int = 0
    spaces: dict[int, Table] = field(default_factory=dict)


@dataclass(eq=False, repr=False)
class Policy(Thing):
    """What its threads may ask for: a mask for each type."""

    masks: list[int] = field(default_factory=lambda: [(1 << 64) - 1] * 32)


THINGS: dict[Type, type[Thing]] = {
    Type.CNODE: CNode,
    Type.TCB: Tcb,
    Type.ENDPOINT: Endpoint,
    Type.NOTIFICATION: Notification,
    Type.REPLY: Reply,
    Type.SCHED_CONTEXT: SchedContext,
    Type.PML4: Table,
    Type.PDPT: Table,
    Type.PD: Table,
    Type.PT: Table,
    Type.ASID_POOL: AsidPool,
    Type.POLICY: Policy,
}
"""Types that are more than an address."""
