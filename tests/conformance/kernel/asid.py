"""Address space identifiers: pools, and what has one."""

from __future__ import annotations

from tests.conformance.kernel.dsl import (
    ASID,
    CNODE,
    DEVICE,
    EP,
    NTFN,
    PML4,
    POOL,
    THREAD_TCB,
    UNTYPED,
    A,
    B,
    C,
    case,
    copy,
    delete,
    invoke,
    retype,
    revoke,
    signal,
    thread,
    wait,
)
from tests.conformance.kernel.frame import RW, map_
from tests.conformance.kernel.step import Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type


def make_pool(untyped: int = A, index: int = B, depth: int = 64, root: int = CNODE) -> Step:
    """Invoke MakePool."""
    return invoke(ASID, "ASID_CONTROL.MakePool", index, depth, untyped, root)


def assign(space: int, pool: int = POOL) -> Step:
    """Invoke Assign."""
    return invoke(pool, "ASID_POOL.Assign", space)


PAGE = retype(Type.UNTYPED, A, bits=12)

CASES = (
    case("ASID-001", "MakePool makes a pool that gives identifiers",
         PAGE, make_pool(), retype(Type.PML4, C), assign(C, B), copy(C, C + 1)),
    case("ASID-002", "Delete of the pool's last capability empties its address spaces",
         PAGE, make_pool(), retype(Type.PML4, C), assign(C, B), delete(B),
         retype(Type.FRAME, C + 1, bits=12),
         map_(C + 1, space=C).refused(Error.INVALID_CAPABILITY, 1)),
    case("ASID-003", "there are 8 pools",
         *(step for n in range(7) for step in (
             retype(Type.UNTYPED, A + 2 * n, bits=12), make_pool(A + 2 * n, A + 2 * n + 1))),
         retype(Type.UNTYPED, A + 14, bits=12),
         make_pool(A + 14, A + 15).refused(Error.DELETE_FIRST, because="there are 8"),
         delete(A + 1), make_pool(A + 14, A + 15)),
    case("ASID-004", "MakePool: no untyped, of another size, or a device's",
         retype(Type.UNTYPED, A, bits=13), retype(Type.UNTYPED, A + 1, bits=12, untyped=DEVICE),
         *(make_pool(slot).refused(Error.INVALID_CAPABILITY, 1) for slot in (A, A + 1, EP, 127))),
    case("ASID-005", "MakePool: the untyped has children",
         PAGE, retype(Type.ENDPOINT, C, untyped=A), make_pool().refused(Error.REVOKE_FIRST),
         delete(C), make_pool()),
    case("ASID-006", "MakePool: depths from 1 to 64",
         PAGE, *(make_pool(depth=depth).refused(Error.RANGE_ERROR, 1, 64) for depth in (0, 65))),
    case("ASID-007", "MakePool: root, index and depth lead to no slot",
         PAGE, make_pool(index=1 << 63).refused(Error.FAILED_LOOKUP, 0, 4, 64, 0, 56),
         make_pool(root=EP).refused(Error.FAILED_LOOKUP, 0, 1)),
    case("ASID-008", "MakePool: the slot is not empty",
         PAGE, make_pool(index=EP).refused(Error.DELETE_FIRST, because="the target")),
    case("ASID-009", "MakePool: a message that is too short",
         PAGE, make_pool().cut(1), make_pool().bare()),
    case("ASID-010", "Revoke of the untyped ends its pool",
         PAGE, make_pool(), retype(Type.PML4, C), assign(C, B), revoke(A),
         assign(PML4, B).invalid(), retype(Type.ENDPOINT, C + 1, untyped=A)),
    case("ASID-011", "Assign: no PML4, or one that has had an identifier",
         *(assign(slot).refused(Error.INVALID_CAPABILITY, 1) for slot in (PML4, EP, 127)),
         retype(Type.PML4, A), assign(A), assign(A).refused(Error.INVALID_CAPABILITY, 1)),
    case("ASID-012", "Assign: a pool has 512 identifiers",
         PAGE, make_pool(), retype(Type.CNODE, C, bits=10),
         *(invoke(UNTYPED, "UNTYPED.Retype", Type.PML4, 0, 0, 0, first, count, C)
           for first, count in ((0, 256), (256, 256), (512, 1))),
         *(invoke(C, "CNODE.Copy", slot, 10, source, 64, 15, CNODE)
           for slot, source in ((1000, B), (1001, NTFN))),
         thread("a"), invoke(THREAD_TCB["a"], "TCB.SetSpace", 54, 0, 127, C, PML4), wait(NTFN),
         assign(0, 1000).repeated(512, next_capability=1).from_("a"),
         assign(512, 1000).refused(Error.DELETE_FIRST).from_("a"),
         signal(1001).from_("a"),
         invoke(C, "CNODE.Delete", 100, 10), wait(NTFN),
         assign(512, 1000).from_("a"), signal(1001).from_("a").cut_off()),
    case("ASID-013", "Assign: a message that is too short", retype(Type.PML4, A), assign(A).bare()),
    case("ASID-014", "a PML4 whose last capability is deleted can be mapped into no more",
         retype(Type.PML4, A), assign(A), copy(A, B), delete(A), retype(Type.FRAME, C, bits=12),
         map_(C, rights=RW, space=B).refused(Error.FAILED_LOOKUP, 0, 2, 39), delete(B),
         map_(C, rights=RW, space=B).refused(Error.INVALID_CAPABILITY, 1)),
)  # fmt: skip
