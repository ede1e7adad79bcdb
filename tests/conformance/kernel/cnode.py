"""CNodes: copying, moving and taking back capabilities."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.kernel.dsl import (
    ALL,
    ASID,
    CNODE,
    DEVICE,
    EP,
    NTFN,
    PORT_CONTROL,
    READ,
    TCB,
    THREAD_CONTEXT,
    UNTYPED,
    UNTYPED_BASE,
    UNTYPED_BITS,
    WRITE,
    A,
    B,
    C,
    D,
    E,
    case,
    copy,
    delete,
    invoke,
    mint,
    move,
    nb_recv,
    nb_send,
    poll,
    retype,
    revoke,
    signal,
    spin,
    thread,
    wait,
)
from tests.conformance.kernel.sched_context import LEAST, configure
from tests.conformance.kernel.step import Case, Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init

GUARD_MISMATCH = (4, 64, 0, 56)
"""What an index with more than 8 bits meets in the root's CNode: 256 slots, guard 0."""

HIGH = 1 << 63
"""An index that the guard does not match."""

NO_DEPTH = (0, 65)
EMPTY = 127


def at(target: int, target_depth: int, source: int, source_depth: int, method: str,
       *rest: int, root: int = CNODE) -> Step:  # fmt: skip
    """Invoke Copy, Mint, Move or Mutate with any indices and depths."""
    return invoke(CNODE, f"CNODE.{method}", target, target_depth, source, source_depth, *rest, root)


def _slots(number: int, method: str, *rest: int) -> Iterator[Case]:
    """The conditions that the four methods of two slots have in common."""

    def of(target: int, depth: int, source: int, source_depth: int, root: int = CNODE) -> Step:
        return at(target, depth, source, source_depth, method, *rest, root=root)

    yield case(
        f"CNODE-{number:03}",
        f"{method}: depths from 1 to 64",
        *(of(A, depth, EP, 64).refused(Error.RANGE_ERROR, 1, 64) for depth in NO_DEPTH),
        *(of(A, 64, EP, depth).refused(Error.RANGE_ERROR, 1, 64) for depth in NO_DEPTH),
    )
    yield case(
        f"CNODE-{number + 1:03}",
        f"{method}: the target's index leads to no slot",
        of(HIGH | A, 64, EP, 64).refused(
            Error.FAILED_LOOKUP, 0, 4, 64, 0, 56, because="index and depth"
        ),
        of(5, 60, EP, 64).refused(Error.FAILED_LOOKUP, 0, 3, 60, 64, because="index and depth"),
    )
    yield case(
        f"CNODE-{number + 2:03}",
        f"{method}: the target is not empty, and so the source is not looked at",
        of(NTFN, 64, EP, 64).refused(Error.DELETE_FIRST),
        of(NTFN, 64, EMPTY, 64).refused(Error.DELETE_FIRST),
        of(NTFN, 64, HIGH, 64).refused(Error.DELETE_FIRST),
    )
    yield case(
        f"CNODE-{number + 3:03}",
        f"{method}: the source's index leads to no slot",
        of(A, 64, HIGH | EP, 64).refused(
            Error.FAILED_LOOKUP, 1, *GUARD_MISMATCH, because="the source's"
        ),
        of(A, 64, EP, 64, root=TCB).refused(Error.FAILED_LOOKUP, 1, 1, because="the source's"),
    )
    yield case(
        f"CNODE-{number + 4:03}",
        f"{method}: the source is empty",
        of(A, 64, EMPTY, 64).refused(Error.FAILED_LOOKUP, 1, 2, 64, because="the source slot"),
    )
    yield case(
        f"CNODE-{number + 5:03}",
        f"{method}: a message that is too short",
        of(A, 64, EP, 64).cut(3 + len(rest)),
        of(A, 64, EP, 64).bare(),
    )


def _underivable(number: int, method: str, *rest: int) -> Iterator[Case]:
    yield case(
        f"CNODE-{number:03}",
        f"{method}: an untyped with children",
        retype(Type.ENDPOINT, A),
        at(B, 64, UNTYPED, 64, method, *rest).refused(Error.REVOKE_FIRST),
        delete(A),
        at(B, 64, UNTYPED, 64, method, *rest),
    )
    yield case(
        f"CNODE-{number + 1:03}",
        f"{method}: what is never copied",
        retype(Type.PT, A),
        retype(Type.PD, B),
        retype(Type.PDPT, C),
        retype(Type.PML4, D),
        *(
            at(E, 64, slot, 64, method, *rest).refused(
                Error.ILLEGAL_OPERATION, because="the source cannot"
            )
            for slot in (A, B, C, D, int(Init.IRQ_CONTROL), PORT_CONTROL, ASID)
        ),
    )


def rotate(target: int, pivot: int, source: int, *, guard: int = 0, pivot_guard: int = 0,
           depths: tuple[int, int, int] = (64, 64, 64)) -> Step:  # fmt: skip
    """Invoke Rotate."""
    return invoke(
        CNODE, "CNODE.Rotate", target, depths[0], guard, pivot, depths[1], pivot_guard, source,
        depths[2], CNODE, CNODE,
    )  # fmt: skip


CASES = (
    case("CNODE-001", "Copy derives a capability to the same object",
         copy(NTFN, A), signal(A), poll(NTFN), signal(NTFN), poll(A)),
    case("CNODE-002", "Copy gives at most the rights that it is told",
         copy(EP, A, READ), nb_send(A).invalid(), nb_recv(A),
         copy(EP, B, WRITE), nb_send(B)),
    case("CNODE-003", "Copy gives at most the rights of its source",
         copy(EP, A, READ), copy(A, B, ALL), nb_send(B).invalid()),
    *_slots(4, "Copy", ALL),
    *_underivable(10, "Copy", ALL),
    case("CNODE-012", "Copy of an untyped takes the memory over",
         copy(UNTYPED, A),
         invoke(UNTYPED, "UNTYPED.Describe").gives(
             UNTYPED_BASE, UNTYPED_BITS, 1 << UNTYPED_BITS, 0),
         retype(Type.ENDPOINT, B).refused(Error.NOT_ENOUGH_MEMORY, 0),
         retype(Type.ENDPOINT, B, untyped=A),
         delete(B), delete(A), retype(Type.ENDPOINT, B)),
    case("CNODE-020", "Mint sets the badge that receivers see",
         mint(NTFN, A, 5), signal(A), poll(NTFN).gets(badge=5)),
    case("CNODE-021", "Mint sets a CNode's guard, and so where its slots are",
         retype(Type.CNODE, A, bits=4),
         invoke(CNODE, "CNODE.Mint", B, 64, A, 64, ALL, 0x5A << 6 | 8, CNODE),
         invoke(B, "CNODE.Copy", 0x5A3, 12, NTFN, 64, ALL, CNODE),
         invoke(B, "CNODE.Delete", 0x5A3, 12),
         invoke(B, "CNODE.Delete", 0x5B3, 12).refused(Error.FAILED_LOOKUP, 0, 4, 12, 0x5A, 8)),
    *_slots(22, "Mint", ALL, 1),
    *_underivable(28, "Mint", ALL, 0),
    case("CNODE-030", "Mint: a badge is set once",
         mint(EP, A, 7),
         mint(A, B, 8).refused(Error.ILLEGAL_OPERATION, because="it has a badge"),
         mint(A, B, 7).refused(Error.ILLEGAL_OPERATION, because="it has a badge"),
         copy(A, B)),
    case("CNODE-031", "Mint: a guard that does not fit",
         retype(Type.CNODE, A, bits=4),
         mint(A, B, 61).refused(Error.ILLEGAL_OPERATION, because="it has a badge"),
         mint(A, B, 4 << 6 | 2).refused(Error.ILLEGAL_OPERATION, because="it has a badge"),
         mint(A, B, 60)),
    case("CNODE-040", "Move leaves nothing behind",
         move(NTFN, A), signal(A),
         signal(NTFN).invalid(), move(A, NTFN), poll(NTFN)),
    case("CNODE-041", "Move takes what was derived along",
         copy(NTFN, A), move(NTFN, B), revoke(B), signal(A).invalid(), signal(B)),
    *_slots(42, "Move"),
    case("CNODE-050", "Mutate sets a CNode's guard, and leaves nothing behind",
         retype(Type.CNODE, A, bits=4),
         invoke(CNODE, "CNODE.Mutate", B, 64, A, 64, 8, CNODE),
         invoke(B, "CNODE.Delete", 0x003, 12),
         invoke(A, "CNODE.Delete", 0x003, 12).invalid()),
    *_slots(51, "Mutate", 0),
    case("CNODE-057", "Mutate: what is no CNode has no guard, and a badge cannot be set",
         at(A, 64, NTFN, 64, "Mutate", 9).refused(
             Error.ILLEGAL_OPERATION, because="it is no CNode"),
         at(A, 64, NTFN, 64, "Mutate", 0)),
    case("CNODE-058", "Mutate: a guard that does not fit",
         retype(Type.CNODE, A, bits=4),
         at(B, 64, A, 64, "Mutate", 61).refused(Error.ILLEGAL_OPERATION, because="it is no CNode")),
    case("CNODE-060", "Rotate moves the pivot to the target and the source to the pivot",
         mint(NTFN, A, 1), mint(NTFN, B, 2), rotate(C, A, B),
         signal(C), poll(NTFN).gets(badge=1), signal(A), poll(NTFN).gets(badge=2),
         signal(B).invalid()),
    case("CNODE-061", "Rotate swaps if source and target are the same slot",
         mint(NTFN, A, 1), mint(NTFN, B, 2), rotate(A, B, A),
         signal(A), poll(NTFN).gets(badge=2), signal(B), poll(NTFN).gets(badge=1)),
    case("CNODE-062", "Rotate: depths from 1 to 64",
         *(rotate(C, NTFN, EP, depths=depths).refused(Error.RANGE_ERROR, 1, 64)
           for depths in ((0, 64, 64), (64, 65, 64), (64, 64, 0)))),
    case("CNODE-063", "Rotate: the target's index leads to no slot",
         rotate(HIGH | C, HIGH, HIGH).refused(Error.FAILED_LOOKUP, 0, *GUARD_MISMATCH,
                                              because="index and depth")),
    case("CNODE-064", "Rotate: the source's index leads to no slot, which comes before the pivot's",
         rotate(C, HIGH, HIGH | EP).refused(Error.FAILED_LOOKUP, 1, *GUARD_MISMATCH,
                                          because="the source's")),
    case("CNODE-065", "Rotate: the pivot's index leads to no slot",
         rotate(C, HIGH, EP).refused(Error.FAILED_LOOKUP, 0, *GUARD_MISMATCH,
                                     because="the pivot's")),
    case("CNODE-066", "Rotate: the pivot is the source or the target",
         rotate(C, EP, EP).refused(Error.ILLEGAL_OPERATION, because="the pivot is"),
         rotate(NTFN, NTFN, EP).refused(Error.ILLEGAL_OPERATION, because="the pivot is")),
    case("CNODE-067", "Rotate: the target is neither empty nor the source",
         rotate(TCB, NTFN, EP).refused(Error.DELETE_FIRST),
         rotate(TCB, NTFN, EMPTY).refused(Error.DELETE_FIRST)),
    case("CNODE-068", "Rotate: the source is empty",
         rotate(C, NTFN, EMPTY).refused(Error.FAILED_LOOKUP, 1, 2, 64, because="the source slot")),
    case("CNODE-069", "Rotate: the pivot is empty",
         rotate(C, EMPTY, EP).refused(Error.FAILED_LOOKUP, 0, 2, 64, because="the pivot slot")),
    case("CNODE-070", "Rotate: a guard that does not fit",
         retype(Type.CNODE, A, bits=4), mint(EP, B, 1),
         rotate(C, A, B, guard=61).refused(Error.ILLEGAL_OPERATION, because="a guard"),
         rotate(C, B, A, pivot_guard=61).refused(Error.ILLEGAL_OPERATION, because="a guard"),
         rotate(C, B, A, guard=1).refused(Error.ILLEGAL_OPERATION, because="a guard"),
         rotate(C, A, B, guard=60)),
    case("CNODE-071", "Rotate: a message that is too short",
         rotate(C, NTFN, EP).cut(7), rotate(C, NTFN, EP).bare()),
    case("CNODE-080", "Delete empties a slot, and only that",
         copy(NTFN, A), delete(A), signal(A).invalid(), signal(NTFN)),
    case("CNODE-081", "Delete of an empty slot is fine", delete(A), delete(A)),
    case("CNODE-082", "Delete gives what was derived to the parent",
         copy(NTFN, A), copy(A, B), delete(A), signal(B), revoke(NTFN), signal(B).invalid()),
    case("CNODE-083", "Delete of a CNode takes what is in it along",
         retype(Type.CNODE, A, bits=4), copy(NTFN, B),
         invoke(A, "CNODE.Copy", 3, 4, B, 64, ALL, CNODE), delete(A),
         retype(Type.CNODE, A, bits=4),
         invoke(A, "CNODE.Delete", 3, 4)),
    case("CNODE-084", "Delete ends a CNode that holds its own last capability",
         retype(Type.CNODE, A, bits=4),
         invoke(A, "CNODE.Move", 3, 4, A, 64, CNODE),
         revoke(UNTYPED),
         invoke(UNTYPED, "UNTYPED.Describe").gives(UNTYPED_BASE, UNTYPED_BITS, 0, 0),
         retype(Type.ENDPOINT, A)),
    case("CNODE-085", "Delete: depths from 1 to 64",
         *(invoke(CNODE, "CNODE.Delete", A, depth).refused(Error.RANGE_ERROR, 1, 64)
           for depth in NO_DEPTH)),
    case("CNODE-086", "Delete: the index leads to no slot",
         invoke(CNODE, "CNODE.Delete", HIGH, 64).refused(
             Error.FAILED_LOOKUP, 0, *GUARD_MISMATCH)),
    case("CNODE-087", "Delete: a message that is too short", delete(A).cut(1)),
    case("CNODE-090", "Revoke deletes all that was derived, at every depth, and not the slot's",
         copy(NTFN, A), copy(A, B), copy(B, C), copy(NTFN, D), revoke(A),
         signal(B).invalid(), signal(C).invalid(), signal(A), signal(D)),
    case("CNODE-091", "Revoke of what has no children, or of an empty slot, is fine",
         revoke(NTFN), revoke(EMPTY)),
    case("CNODE-092", "Revoke reaches into other CNodes",
         retype(Type.CNODE, A, bits=4), copy(NTFN, B),
         invoke(A, "CNODE.Copy", 3, 4, B, 64, ALL, CNODE), revoke(B),
         invoke(CNODE, "CNODE.Copy", C, 64, 3, 4, ALL, A).refused(
             Error.FAILED_LOOKUP, 1, 2, 4, because="the source slot")),
    case("CNODE-093", "Revoke: depths from 1 to 64",
         *(invoke(CNODE, "CNODE.Revoke", A, depth).refused(Error.RANGE_ERROR, 1, 64)
           for depth in NO_DEPTH)),
    case("CNODE-094", "Revoke: the index leads to no slot",
         invoke(CNODE, "CNODE.Revoke", HIGH, 64).refused(
             Error.FAILED_LOOKUP, 0, *GUARD_MISMATCH)),
    case("CNODE-095", "Revoke: a message that is too short", revoke(A).cut(0)),
    case("CNODE-096", "Revoke of many takes many traps, and answers once",
         retype(Type.ENDPOINT, A), *(mint(A, B, n) if n == 1 else copy(B, B + n)
                                     for n in range(1, 20)),
         retype(Type.CNODE, C, bits=12), revoke(UNTYPED), retype(Type.ENDPOINT, C)),
    case("CNODE-097", "what is being deleted is neither moved nor copied",
         retype(Type.CNODE, C, bits=15), mint(EP, D, 1), thread("a", 100), thread("b", 150),
         configure(2 * LEAST, 4 * LEAST, context=THREAD_CONTEXT["b"]), wait(NTFN).blocks(),
         spin(3 * LEAST).from_("b"), delete(C).from_("a").cut_off(),
         move(C, E).refused(Error.ILLEGAL_OPERATION).from_("b"),
         at(E, 64, C, 64, "Mutate", 0).refused(Error.ILLEGAL_OPERATION, because="the capability"
                                               ).from_("b"),
         copy(C, E).refused(Error.ILLEGAL_OPERATION).from_("b"),
         mint(C, E, 0).refused(Error.ILLEGAL_OPERATION, because="the source").from_("b"),
         rotate(E, D, C).refused(Error.ILLEGAL_OPERATION, because="a guard").from_("b"),
         invoke(C, "CNODE.Delete", 0, 15).illegal().from_("b")),
    case("CNODE-100", "CancelBadgedSends of an endpoint where nobody waits",
         invoke(CNODE, "CNODE.CancelBadgedSends", EP, 64)),
    case("CNODE-101", "CancelBadgedSends: depths from 1 to 64",
         *(invoke(CNODE, "CNODE.CancelBadgedSends", EP, depth).refused(Error.RANGE_ERROR, 1, 64)
           for depth in NO_DEPTH)),
    case("CNODE-102", "CancelBadgedSends: the index leads to no slot",
         invoke(CNODE, "CNODE.CancelBadgedSends", HIGH, 64).refused(
             Error.FAILED_LOOKUP, 0, *GUARD_MISMATCH)),
    case("CNODE-103", "CancelBadgedSends: no endpoint, or not all rights",
         copy(EP, A, ALL - 8),
         *(invoke(CNODE, "CNODE.CancelBadgedSends", slot, 64).refused(Error.ILLEGAL_OPERATION)
           for slot in (NTFN, A, EMPTY))),
    case("CNODE-104", "CancelBadgedSends: a message that is too short",
         invoke(CNODE, "CNODE.CancelBadgedSends", EP, 64).cut(1)),
    case("CNODE-105", "a method of another object", invoke(CNODE, "UNTYPED.Describe").illegal(),
         invoke(DEVICE, "CNODE.Delete", A, 64).illegal()),
)  # fmt: skip
