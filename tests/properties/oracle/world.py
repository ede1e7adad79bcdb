"""Everything that the oracle knows of a system, between two traps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.properties.oracle.capability import Cap, Slot
from tests.properties.oracle.things import AsidPool, SchedContext, Tcb, Thing
from vectoros.kernel.objects import Type

PAGE = 4096
NEVER = (1 << 64) - 1
"""A tick that does not come."""


@dataclass(frozen=True)
class Record:
    """A record of the audit log, but for the tick."""

    event: int
    subject: int
    object: int
    label: int
    status: int
    words: tuple[int, int]


@dataclass(repr=False)
class World:
    """A system."""

    top: Cap
    """The tree's outermost node, which is no capability."""
    log: Slot = field(default_factory=lambda: Slot(0))
    """That with the audit log."""
    lines: dict[int, Slot] = field(default_factory=dict)
    """The kernel's slots for what each interrupt signals."""
    things: dict[tuple[Type, int], Thing] = field(default_factory=dict)
    current: Tcb | None = None
    time: SchedContext | None = None
    """Whose time it is: the context of the thread that ran when the trap was made."""
    gives_way: bool = False
    """The current thread lets the first of its priority run."""
    asked: bool = False
    """Accounts have been looked at or changed, so they are settled when the trap ends."""
    last: Tcb | None = None
    """The thread that was woken last in this trap."""
    ready: dict[tuple[int, int], list[Tcb]] = field(default_factory=dict)
    """By domain and priority."""
    waiting: list[Tcb] = field(default_factory=list)
    """Those who wait for time, by when there is some."""
    now: int = 0
    """Tick of the trap."""
    cost: int = 0
    """Units that the trap costs, as far as the reference has a price."""
    works: bool = False
    """It also does what has none: it deletes, clears or copies memory, or restarts threads."""
    charged: int = 0
    """Tick up to which time has been charged."""
    domain: int = 0
    turns: dict[int, tuple[int, int]] = field(default_factory=dict)
    """The schedule: domain and ticks of each entry."""
    turn: int = 0
    """The entry whose turn it is."""
    turn_end: int = NEVER
    first_turn: int = 0
    """The entry at which the schedule starts."""
    pages: dict[int, list[int]] = field(default_factory=dict)
    """Memory that messages and leases have touched, in words, by page."""
    pools: list[AsidPool | None] = field(default_factory=lambda: [None] * 8)
    masked: int = 0xFFFF
    bells: list[tuple[Slot, Thing | None]] = field(default_factory=list)
    """The kernel's slots for what channels signal, and whose each is while it is full."""
    broadcasts: int = 0
    """How many there were."""
    next_id: int = 1
    audit: list[Record] = field(default_factory=list)

    def begin(self, now: int) -> None:
        """Let there be another trap."""
        self.now, self.cost, self.works = now, 0, False

    def caps(self) -> Iterator[Cap]:
        """Yield every capability, parents before children."""
        return self.top.descendants()

    def of(self, kind: Type) -> Iterator[Cap]:
        """Yield the capabilities of one type."""
        return (cap for cap in self.caps() if cap.kind is kind)

    def note(self, record: Record) -> None:
        """Write down what was done, unless somebody has done away with the log."""
        if self.log.cap is not None:
            self.audit.append(record)

    def word(self, address: int) -> int:
        """Return a word of memory."""
        page = self.pages.get(address // PAGE)
        return page[address % PAGE // 8] if page else 0

    def set_word(self, address: int, value: int) -> None:
        """Write a word of memory."""
        self.pages.setdefault(address // PAGE, [0] * (PAGE // 8))[address % PAGE // 8] = value
