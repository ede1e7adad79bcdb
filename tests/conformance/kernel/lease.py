"""Leases: memory that a caller lends until it is answered."""

from __future__ import annotations

from tests.conformance.kernel import puppet
from tests.conformance.kernel.dsl import (
    EP,
    NTFN,
    READ,
    REPLY,
    THREAD_TCB,
    WRITE,
    A,
    buffer,
    call,
    case,
    invoke,
    load,
    recv,
    retype,
    send,
    signal,
    store,
    thread,
    wait,
)
from tests.conformance.kernel.frame import map_
from tests.conformance.kernel.step import Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

LENT = 0x50_0000
"""Where a page is that is lent."""

OWN = buffer("root")
"""Memory of the root's."""

LENGTH = 0x800
RW = READ | WRITE


def lent(rights: int = RW, base: int = LENT, length: int = LENGTH) -> tuple[Step, ...]:
    """Let thread ``a`` call, and lend memory."""
    return (
        retype(Type.FRAME, A, bits=12), map_(A), store(LENT, 0x1111), store(LENT + 8, 0x2222),
        *thread("a"), recv(EP, REPLY).gets(),
        call(EP).lending(base, length, rights).from_("a").blocks(),
    )  # fmt: skip


def read(offset: int, address: int, length: int) -> Step:
    """Invoke Read."""
    return invoke(REPLY, "LEASE.Read", offset, address, length)


def write(offset: int, address: int, length: int) -> Step:
    """Invoke Write."""
    return invoke(REPLY, "LEASE.Write", offset, address, length)


CASES = (
    case("LEASE-001", "Describe tells what is lent",
         lent(), invoke(REPLY, "LEASE.Describe").gives(LENGTH, RW)),
    case("LEASE-002", "Read copies from the caller's memory",
         lent(), read(8, OWN + 16, 8), load(OWN + 16).gives(0x2222), read(0, OWN, 16),
         load(OWN).gives(0x1111), load(OWN + 8).gives(0x2222)),
    case("LEASE-003", "Write copies to the caller's memory",
         lent(), store(OWN, 0x3333), write(16, OWN, 8), load(LENT + 16).gives(0x3333)),
    case("LEASE-004", "a copy goes over the ends of pages",
         retype(Type.FRAME, A, bits=12, count=2), map_(A), map_(A + 1, LENT + 4096),
         store(LENT + 4096, 7), store(LENT + 4088, 6),
         thread("a"), recv(EP, REPLY).gets(),
         call(EP).lending(LENT, 8192, READ).from_("a").blocks(),
         read(4088, OWN, 16), load(OWN).gives(6), load(OWN + 8).gives(7)),
    case("LEASE-005", "a copy of no bytes is fine", lent(), read(LENGTH, OWN, 0)),
    case("LEASE-006", "the lease is gone when the answer is given",
         retype(Type.FRAME, A, bits=12), map_(A), thread("a"), recv(EP, REPLY).gets(),
         call(EP).lending(LENT, LENGTH, RW).from_("a").gets(), send(REPLY),
         invoke(REPLY, "LEASE.Describe").refused(Error.ILLEGAL_OPERATION),
         read(0, OWN, 8).refused(Error.ILLEGAL_OPERATION), wait(NTFN),
         signal(NTFN).from_("a").cut_off()),
    case("LEASE-007", "who lends nothing has lent nothing",
         lent(length=0), invoke(REPLY, "LEASE.Describe").refused(Error.ILLEGAL_OPERATION),
         read(0, OWN, 8).refused(Error.ILLEGAL_OPERATION),
         write(0, OWN, 8).refused(Error.ILLEGAL_OPERATION)),
    case("LEASE-008", "Describe: nobody waits",
         invoke(REPLY, "LEASE.Describe").refused(Error.ILLEGAL_OPERATION)),
    case("LEASE-010", "Read: what is lent for writing alone",
         lent(WRITE), read(0, OWN, 8).refused(Error.ILLEGAL_OPERATION), write(0, OWN, 8)),
    case("LEASE-011", "Read: beyond what is lent",
         lent(), *(read(offset, OWN, length).refused(Error.RANGE_ERROR, 0, LENGTH)
                   for offset, length in ((LENGTH, 1), (0, LENGTH + 1), (1 << 63, 8),
                                          ((1 << 64) - 8, 16)))),
    case("LEASE-012", "Read: more than 64 KiB at once",
         lent(length=1 << 20), read(0, OWN, (1 << 16) + 1).refused(Error.INVALID_ARGUMENT, 2)),
    case("LEASE-013", "Read: to where the caller of Read may not write",
         lent(), *(read(0, address, 8).refused(Error.INVALID_ARGUMENT, 1)
                   for address in (puppet.VIRTUAL, 0, 0x50_1000, 1 << 47, 0xFFFF_8000_0000_0000,
                                   (1 << 64) - 8))),
    case("LEASE-014", "Read: the memory is no longer what was lent",
         lent(), invoke(A, "FRAME.Unmap"), read(0, OWN, 8).refused(Error.INVALID_ARGUMENT, 0)),
    case("LEASE-015", "Read: what the lender could not read itself",
         lent(base=0xFFFF_8000_0000_0000), read(0, OWN, 8).refused(Error.INVALID_ARGUMENT, 0)),
    case("LEASE-016", "a message that is too short",
         lent(), read(0, OWN, 8).cut(2), write(0, OWN, 8).cut(2)),
    case("LEASE-020", "Write: what is lent for reading alone",
         lent(READ), write(0, OWN, 8).refused(Error.ILLEGAL_OPERATION), read(0, OWN, 8)),
    case("LEASE-021", "Write: beyond what is lent",
         lent(), *(write(offset, OWN, length).refused(Error.RANGE_ERROR, 0, LENGTH)
                   for offset, length in ((LENGTH, 1), (0, LENGTH + 1), ((1 << 64) - 8, 16)))),
    case("LEASE-022", "Write: more than 64 KiB at once",
         lent(length=1 << 20), write(0, OWN, (1 << 16) + 1).refused(Error.INVALID_ARGUMENT, 2)),
    case("LEASE-023", "Write: from where the caller of Write may not read",
         lent(), *(write(0, address, 8).refused(Error.INVALID_ARGUMENT, 1)
                   for address in (0, 0x50_1000, 1 << 47, 0xFFFF_8000_0000_0000)),
         write(0, puppet.VIRTUAL, 8)),
    case("LEASE-024", "Write: what the lender can only read",
         lent(), map_(A, rights=READ), write(0, OWN, 8).refused(Error.INVALID_ARGUMENT, 0),
         read(0, OWN, 8)),
    case("LEASE-025", "another method at a Reply object",
         lent(), invoke(REPLY, "TCB.Resume").illegal(),
         invoke(THREAD_TCB["a"], "LEASE.Describe").illegal()),
)  # fmt: skip
