"""Channels: name, ring and bell."""

from __future__ import annotations

from tests.conformance.kernel.dsl import (
    CNODE,
    EP,
    NTFN,
    PML4,
    READ,
    THREAD_TCB,
    UNTYPED,
    WRITE,
    A,
    B,
    C,
    D,
    case,
    copy,
    delete,
    invoke,
    load,
    mint,
    retype,
    signal,
    store,
    thread,
    wait,
)
from tests.conformance.kernel.frame import HERE, LAST, RW, new_space
from tests.conformance.kernel.step import Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

NEW = retype(Type.CHANNEL, A, bits=12)
HEADER = 0x80
ROOM = 4096 - HEADER
GREATEST = ROOM // 2
NAME = 0x736E6564_70696B65, 0x21


def configure(size: int = 64, channel: int = A) -> Step:
    """Invoke Configure."""
    return invoke(channel, "CHANNEL.Configure", *NAME, size)


def map_(channel: int = A, vaddr: int = HERE, rights: int = RW, space: int = PML4) -> Step:
    """Invoke Map."""
    return invoke(channel, "CHANNEL.Map", vaddr, rights, space)


def bell(notification: int, channel: int = A) -> Step:
    """Invoke SetNotification."""
    return invoke(channel, "CHANNEL.SetNotification", notification)


CASES = (
    case("CHANNEL-001", "Configure names it, and divides it into messages",
         NEW, configure(), invoke(A, "CHANNEL.Describe").gives(*NAME, 64, ROOM // 64)),
    case("CHANNEL-002", "before that it says nothing",
         NEW, invoke(A, "CHANNEL.Describe").gives(0, 0, 0, 0)),
    case("CHANNEL-003", "Map lets two threads share the ring, one of them to read",
         NEW, configure(), map_(), copy(A, B, READ), map_(B, HERE + 0x1000, READ),
         store(HERE + 0x100, 5), load(HERE + 0x1100).gives(5), store(HERE + 0x1100, 6).blocks()),
    case("CHANNEL-004", "the header is in the ring",
         NEW, configure(), map_(), load(HERE).gives(0x0001_4E41_4843_5856), load(HERE + 8).gives(
             NAME[0]), load(HERE + 24).gives(64)),
    case("CHANNEL-005", "Wake wakes everybody who waits for the notification",
         NEW, retype(Type.NOTIFICATION, B), mint(B, C, 2), bell(C), thread("a", 150),
         thread("b", 150), thread("c", 100), retype(Type.NOTIFICATION, D), wait(D),
         wait(B).from_("a").gets(badge=2), wait(B).from_("b").gets(badge=2),
         signal(D).from_("c").cut_off(), invoke(A, "CHANNEL.Wake").gives(2), wait(D),
         signal(NTFN).from_("a"), wait(B).from_("a").blocks(), signal(D).from_("b").cut_off()),
    case("CHANNEL-006", "who comes to wait after Wake hears of it, once",
         NEW, bell(NTFN), invoke(A, "CHANNEL.Wake").gives(0), wait(NTFN), wait(NTFN).blocks()),
    case("CHANNEL-007", "Unmap takes the mapping away",
         NEW, map_(), load(HERE).gives(0), invoke(A, "CHANNEL.Unmap"), load(HERE).blocks()),
    case("CHANNEL-008", "Delete of the last capability takes mapping and notification away",
         NEW, bell(NTFN), map_(), delete(A), load(HERE).blocks()),
    case("CHANNEL-009", "a channel of 2 MiB",
         retype(Type.CHANNEL, A, bits=21), configure(1 << 12), map_(vaddr=0x60_0000),
         load(0x60_0000 + 24).gives(1 << 12)),
    case("CHANNEL-010", "Configure: once, and with Write",
         NEW, copy(A, B, READ), configure(channel=B).refused(Error.ILLEGAL_OPERATION),
         configure(), configure().refused(Error.ILLEGAL_OPERATION)),
    case("CHANNEL-011", "Configure: a message of 8 bytes at least, and two must fit",
         NEW, *(configure(size).refused(Error.RANGE_ERROR, 8, GREATEST)
                for size in (0, 7, GREATEST + 8, 1 << 63)), configure(GREATEST)),
    case("CHANNEL-012", "Configure: a size that is not a multiple of 8",
         NEW, configure(12).refused(Error.ALIGNMENT_ERROR), configure().cut(2)),
    case("CHANNEL-013", "SetNotification needs Write",
         NEW, copy(A, B, READ), bell(NTFN, B).refused(Error.ILLEGAL_OPERATION)),
    case("CHANNEL-014", "SetNotification: no notification with Write",
         NEW, copy(NTFN, B, READ), *(bell(slot).refused(Error.INVALID_CAPABILITY, 1)
                                     for slot in (B, EP)), bell(NTFN).bare()),
    case("CHANNEL-015", "an empty capability takes the notification away",
         NEW, bell(NTFN), bell(127), invoke(A, "CHANNEL.Wake").refused(
             Error.ILLEGAL_OPERATION, because="the channel")),
    case("CHANNEL-016", "SetNotification: 64 other channels have one",
         retype(Type.CNODE, C, bits=10),
         invoke(UNTYPED, "UNTYPED.Retype", Type.CHANNEL, 12, 0, 0, 0, 65, C),
         invoke(C, "CNODE.Copy", 1001, 10, NTFN, 64, 15, CNODE), thread("a"),
         invoke(THREAD_TCB["a"], "TCB.SetSpace", 54, 0, 127, C, PML4), wait(NTFN),
         bell(1001, 0).repeated(64, next_slot=1).from_("a"),
         bell(1001, 64).refused(Error.DELETE_FIRST).from_("a"), bell(1001, 5).from_("a"),
         bell(127, 5).from_("a"), bell(1001, 64).from_("a"), signal(1001).from_("a").cut_off()),
    case("CHANNEL-017", "Wake needs Write",
         NEW, bell(NTFN), copy(A, B, READ), invoke(B, "CHANNEL.Wake").refused(
             Error.ILLEGAL_OPERATION, because="the capability")),
    case("CHANNEL-018", "Wake: the channel has no notification",
         NEW, invoke(A, "CHANNEL.Wake").refused(Error.ILLEGAL_OPERATION, because="the channel")),
    case("CHANNEL-020", "Map: the address space is no PML4, or has no identifier",
         NEW, retype(Type.PML4, B), *(map_(space=slot).refused(Error.INVALID_CAPABILITY, 1)
                                      for slot in (B, EP, 127))),
    case("CHANNEL-021", "Map: it is mapped in another address space",
         NEW, new_space(B), map_(), map_(space=B).refused(Error.INVALID_CAPABILITY, 0)),
    case("CHANNEL-022", "Map: it is mapped at another address",
         NEW, map_(), map_(vaddr=HERE + 4096).refused(
             Error.INVALID_ARGUMENT, 0, because="it is mapped")),
    case("CHANNEL-023", "Map: the address is not the program's",
         NEW, *(map_(vaddr=vaddr).refused(
             Error.INVALID_ARGUMENT, 0, because="the address is not")
             for vaddr in (1 << 47, LAST, 0xFFFF_8000_0000_0000))),
    case("CHANNEL-024", "Map: the address is not a multiple of the size",
         NEW, map_(vaddr=HERE + 64).refused(Error.ALIGNMENT_ERROR)),
    case("CHANNEL-025", "Map: nothing to read is left",
         NEW, *(map_(rights=rights).refused(Error.INVALID_ARGUMENT, 1) for rights in (0, WRITE))),
    case("CHANNEL-026", "Map: a table on the way is not there",
         NEW, map_(vaddr=0x1000_0000).refused(Error.FAILED_LOOKUP, 0, 2, 21)),
    case("CHANNEL-027", "Map: something is mapped there",
         NEW, copy(A, B), map_(), map_(B).refused(Error.DELETE_FIRST), map_().cut(1),
         map_().bare()),
)  # fmt: skip
