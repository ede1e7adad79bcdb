"""The audit log: a ring of records of what changed somebody's authority, and why.

A page: the number of records ever written, then the latest 63. Old records are
overwritten, and how many is no secret: it is the number written less what fits.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from vectoros.kernel.errors import ILLEGAL, Error, Refusal
from vectoros.kernel.invocation import Action, Invocation, decodes
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.root import AUDIT, PROCESSOR
from vectoros.kernel.tcb import Tcb
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import Field, View

RECORDS = 0x40
RECORD_SIZE = 0x40
CAPACITY = (4096 - RECORDS) // RECORD_SIZE


class Event(IntEnum):
    """What a record is about."""

    STOPPED = 1
    """A thread faulted and has no handler. Object: its TCB; label: the FAULT;
    words: where, and the address, capability address, vector or trap number."""

    INVOKED = 2
    """A method that changes what somebody may do was refused, or is done: one that is
    preempted is written down once, at its end. Words: the first two arguments."""

    DENIED = 3
    """A policy forbids it. Label: the method's, or the trap's number, or of what has no
    methods, as those of messages, the type and a bit of the policy (kernel/policy.py)."""


class Record(View):
    """One record."""

    tick = Field(0x00, "when")
    event = Field(0x08, "an EVENT")
    subject = Field(0x10, "id of the thread that did it")
    object = Field(0x18, "physical address, line or port of the object")
    label = Field(0x20, "see the event")
    status = Field(0x28, "an ERROR, or 0")
    word0 = Field(0x30, "see the event")
    word1 = Field(0x38, "see the event")


_write_record = struct.Struct("<8Q").pack_into
_SLOT = AUDIT - PROCESSOR >> 3
(_ID,) = Tcb.indices("id")


class AuditLog(View):
    """The object."""

    written = Field(0x00, "records that were ever written")

    @property
    def dropped(self) -> int:
        """Records that have been overwritten."""
        return max(0, self.written - CAPACITY)

    def record(self, index: int) -> Record:
        """Return the place of record ``index``, counted from the first ever."""
        return Record(self.ram, self.address + RECORDS + index % CAPACITY * RECORD_SIZE)


def note(
    trap: Trap, event: Event, target: int, label: int, words: tuple[int, ...] = (), status: int = 0
) -> None:
    """Write down what the caller did, unless it has done away with the log."""
    memory, slot = trap.words, trap.cpu + _SLOT
    if not memory[slot] & 0xFF:
        return
    log = memory[slot + 2]
    number = memory[log >> 3]
    memory[log >> 3] = number + 1
    place = log + RECORDS + number % CAPACITY * RECORD_SIZE
    subject = memory[(trap.caller >> 3) + _ID]
    values = trap.now, event, subject, target, label, status, *(*words, 0, 0)[:2]
    _write_record(trap.ram.view, place, *values)


def stopped(trap: Trap, thread: Tcb) -> None:
    """Write down that ``thread`` faulted and that nobody handles its faults."""
    words = (thread.fault_ip, thread.fault_address)
    note(trap, Event.STOPPED, thread.address, thread.fault, words)


@decodes(Type.AUDIT_LOG, "Describe")
def _decode_describe(invocation: Invocation) -> Action | Refusal:
    slot = invocation.slot
    if not slot.rights & Right.READ:
        return ILLEGAL
    return lambda: (AuditLog(slot.ram, slot.object).written, CAPACITY)


@decodes(Type.AUDIT_LOG, "Read")
def _decode_read(invocation: Invocation) -> Action | Refusal:
    (index,), slot = invocation.words, invocation.slot
    log = AuditLog(slot.ram, slot.object)
    if not slot.rights & Right.READ:
        return ILLEGAL
    if not log.dropped <= index < log.written:
        return Refusal(Error.RANGE_ERROR, (log.dropped, max(log.written, 1) - 1))

    def perform() -> tuple[int, ...]:
        record = log.record(index)
        return tuple(getattr(record, name) for name in Record.fields)

    return perform
