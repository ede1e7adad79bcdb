"""The audit log: a ring of records of what changed somebody's authority, and why.

A page: the number of records ever written, then 63 of the latest. Old records are
overwritten, and how many is no secret: it is the number written less what fits.
"""

from __future__ import annotations

from enum import IntEnum

from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import Field, View

RECORDS = 0x40
RECORD_SIZE = 0x40
CAPACITY = (4096 - RECORDS) // RECORD_SIZE


class Event(IntEnum):
    """What a record is about."""

    STOPPED = 1
    """A thread faulted and has no handler. Object: its TCB; detail: the FAULT;
    words: where, and the address, capability address, vector or trap number."""

    BOUND = 2
    """An interrupt line was bound to a notification. Object: the notification; detail: the
    line; words: the badge."""

    CLEARED = 3
    """An interrupt line was unbound. Detail: the line."""

    PRIORITY = 4
    """A priority was set. Object: the TCB; detail: the priority."""

    REGISTERS = 5
    """A thread's registers were set. Object: the TCB; words: rip and rsp."""


class Record(View):
    """One record."""

    tick = Field(0x00, "when")
    event = Field(0x08, "an EVENT")
    subject = Field(0x10, "process that did it")
    object = Field(0x18, "physical address of the object it was done to")
    detail = Field(0x20, "see the event")
    word0 = Field(0x28, "see the event")
    word1 = Field(0x30, "see the event")


class AuditLog(View):
    """The object."""

    written = Field(0x00, "records that were ever written")

    @property
    def dropped(self) -> int:
        """Records that have been overwritten."""
        return max(0, self.written - CAPACITY)

    @property
    def records(self) -> list[Record]:
        """The records that are left, oldest first."""
        return [self._record(index) for index in range(self.dropped, self.written)]

    def _record(self, index: int) -> Record:
        return Record(self.ram, self.address + RECORDS + index % CAPACITY * RECORD_SIZE)

    def next(self) -> Record:
        """Return the place for one more record."""
        record = self._record(self.written)
        self.written += 1
        return record


def note(trap: Trap, event: Event, target: int, detail: int, *words: int) -> None:
    """Write down that the caller did something."""
    record = AuditLog(trap.ram, trap.root.audit.object).next()
    record.tick = trap.now
    record.event = event
    record.subject = trap.thread.process
    record.object = target
    record.detail = detail
    record.word0, record.word1 = (*words, 0, 0)[:2]


def stopped(trap: Trap, thread: Tcb) -> None:
    """Write down that ``thread`` faulted and that nobody handles its faults."""
    note(trap, Event.STOPPED, thread.address, thread.fault, thread.fault_ip, thread.fault_address)
