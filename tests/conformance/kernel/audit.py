"""The audit log: what it says of who did what."""

from __future__ import annotations

from tests.conformance.kernel.dsl import (
    EP,
    LOG,
    NTFN,
    THREAD_TCB,
    A,
    B,
    case,
    copy,
    delete,
    invoke,
    label,
    load,
    nb_send,
    pause,
    retype,
    signal,
    thread,
)
from tests.conformance.kernel.host import MOVES
from tests.conformance.kernel.step import ANY, Step, Word
from vectoros.kernel.errors import Error
from vectoros.kernel.methods import label as method
from vectoros.kernel.objects import Type

STOPPED, INVOKED, DENIED = 1, 2, 3
CAPACITY = 63


def read(index: int) -> Step:
    """Invoke Read."""
    return invoke(LOG, "AUDIT_LOG.Read", index)


def record(index: int, event: int, label: int, status: int, *words: Word,
           target: Word = ANY) -> Step:  # fmt: skip
    """Expect a record: who it was and when are not the same in every run."""
    return read(MOVES + index).gives(ANY, event, ANY, target, label, status, *words)


COPY, DELETE, RETYPE = (
    method(Type.CNODE, "Copy"), method(Type.CNODE, "Delete"), method(Type.UNTYPED, "Retype"),
)  # fmt: skip

CASES = (
    case("AUDIT-001", "Describe tells how many records were written, and how many fit",
         invoke(LOG, "AUDIT_LOG.Describe").gives(MOVES, CAPACITY), copy(NTFN, A), delete(A),
         invoke(LOG, "AUDIT_LOG.Describe").gives(MOVES + 2, CAPACITY)),
    case("AUDIT-002", "a method that changes authority is written down, with two arguments",
         copy(NTFN, A), record(0, INVOKED, COPY, 0, A, 64),
         delete(A), record(1, INVOKED, DELETE, 0, A, 64),
         retype(Type.ENDPOINT, A), record(2, INVOKED, RETYPE, 0, Type.ENDPOINT, 0)),
    case("AUDIT-003", "so is one that is refused, with its error",
         copy(NTFN, EP).refused(Error.DELETE_FIRST), record(0, INVOKED, COPY, 8, EP, 64)),
    case("AUDIT-004", "methods that change no authority, and messages, are not",
         signal(NTFN), nb_send(EP, 1), invoke(LOG, "AUDIT_LOG.Describe").gives(MOVES, CAPACITY)),
    case("AUDIT-005", "what a policy forbids is written down",
         retype(Type.POLICY, A), invoke(A, "POLICY.Restrict", Type.CNODE, 0),
         invoke(A, "POLICY.Restrict", 0, (1 << 64) - 1 - (1 << 4)),
         thread("a", 200), invoke(THREAD_TCB["a"], "TCB.SetPolicy", A), pause(),
         delete(B).from_("a").illegal(), nb_send(NTFN).from_("a").illegal(),
         pause().from_("a").cut_off(),
         record(10, DENIED, DELETE, 3, 0, 0), record(11, DENIED, 4, 3, 0, 0)),
    case("AUDIT-006", "a thread that stops for want of a handler is written down",
         thread("a", 200), pause(), load(0x50_0000).from_("a").blocks(),
         record(6, STOPPED, 6, 0, label("step_load"), 0x50_0000)),
    case("AUDIT-007", "the ring keeps the latest 63, and counts all",
         *(delete(A) for _ in range(70)),
         invoke(LOG, "AUDIT_LOG.Describe").gives(MOVES + 70, CAPACITY),
         read(MOVES + 6).refused(Error.RANGE_ERROR, MOVES + 7, MOVES + 69),
         record(7, INVOKED, DELETE, 0, A, 64)),
    case("AUDIT-008", "Describe needs Read",
         copy(LOG, A, 0),
         invoke(A, "AUDIT_LOG.Describe").refused(Error.ILLEGAL_OPERATION)),
    case("AUDIT-009", "Read needs Read",
         copy(LOG, A, 0), invoke(A, "AUDIT_LOG.Read", 0).refused(Error.ILLEGAL_OPERATION)),
    case("AUDIT-010", "Read: the record is not there yet",
         read(MOVES).refused(Error.RANGE_ERROR, 0, MOVES - 1), read(0).cut(0)),
)  # fmt: skip
