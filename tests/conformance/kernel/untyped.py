"""Untyped memory: Retype, and what it refuses."""

from __future__ import annotations

from tests.conformance.kernel.dsl import (
    CNODE,
    DEVICE,
    EP,
    NTFN,
    PML4,
    UNTYPED,
    UNTYPED_BASE,
    UNTYPED_BITS,
    A,
    B,
    C,
    case,
    copy,
    delete,
    invoke,
    load,
    revoke,
    store,
)
from tests.conformance.kernel.step import Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

HERE = 0x50_0000
"""Where the root has a page table, and no page."""


def make(kind: int, bits: int = 0, *, node: int = 0, depth: int = 0, offset: int = A,
         count: int = 1, root: int = CNODE, untyped: int = UNTYPED) -> Step:  # fmt: skip
    """Invoke Retype with any arguments."""
    return invoke(untyped, "UNTYPED.Retype", kind, bits, node, depth, offset, count, root)


def describe(used: int, *, untyped: int = UNTYPED) -> Step:
    """Expect that so many bytes have been retyped."""
    return invoke(untyped, "UNTYPED.Describe").gives(UNTYPED_BASE, UNTYPED_BITS, used, 0)


FIXED = {
    Type.TCB: 11, Type.ENDPOINT: 4, Type.NOTIFICATION: 6, Type.REPLY: 5, Type.SCHED_CONTEXT: 8,
    Type.PML4: 12, Type.PDPT: 12, Type.PD: 12, Type.PT: 12, Type.POLICY: 8,
}  # fmt: skip

CASES = (
    case("UNTYPED-001", "Describe tells base, size, what is used, and whether it is a device's",
         describe(0),
         invoke(DEVICE, "UNTYPED.Describe").gives(14 << 20, 21, 0, 1)),
    *(case(f"UNTYPED-{number:03}", f"Retype makes a {kind.name} of 2^{bits} bytes",
           make(kind), describe(1 << bits), make(kind, offset=B), describe(2 << bits))
      for number, (kind, bits) in enumerate(FIXED.items(), 2)),
    case("UNTYPED-012", "Retype makes a CNode of 64 bytes a slot",
         make(Type.CNODE, 4), describe(1024), copy(NTFN, B),
         invoke(A, "CNODE.Copy", 15, 4, B, 64, 15, CNODE),
         invoke(A, "CNODE.Delete", 15, 4)),
    case("UNTYPED-013", "Retype makes frames of 4 KiB and 2 MiB, which start as zeros",
         make(Type.FRAME, 12), describe(1 << 12), make(Type.FRAME, 21, offset=B),
         describe(1 << 22)),
    case("UNTYPED-014", "Retype makes channels of 4 KiB and 2 MiB",
         make(Type.CHANNEL, 12), describe(1 << 12), make(Type.CHANNEL, 21, offset=B),
         describe(1 << 22)),
    case("UNTYPED-015", "Retype makes untypeds from 16 bytes on",
         make(Type.UNTYPED, 4), describe(16), make(Type.UNTYPED, 12, offset=B), describe(1 << 13),
         invoke(B, "UNTYPED.Describe").gives(UNTYPED_BASE + 0x1000, 12, 0, 0)),
    case("UNTYPED-016", "Retype makes many at once, in neighbouring slots",
         make(Type.ENDPOINT, count=8), describe(128),
         make(Type.ENDPOINT, offset=A + 7).refused(Error.DELETE_FIRST),
         make(Type.ENDPOINT, offset=A + 8)),
    case("UNTYPED-017", "Retype puts capabilities into a CNode that it finds by index and depth",
         make(Type.CNODE, 4), make(Type.ENDPOINT, node=A, depth=64, offset=3),
         invoke(CNODE, "CNODE.Move", B, 64, 3, 4, A)),
    case("UNTYPED-018", "Retype starts over when everything is gone",
         make(Type.ENDPOINT), make(Type.TCB, offset=B), describe(4096), revoke(UNTYPED),
         describe(0), make(Type.ENDPOINT), describe(16)),
    case("UNTYPED-019", "memory does not come back while something is left",
         make(Type.ENDPOINT), make(Type.ENDPOINT, offset=B), delete(A), describe(32)),
    case("UNTYPED-020", "memory that comes back is cleared",
         make(Type.FRAME, 12), invoke(A, "FRAME.Map", HERE, 3, 0, PML4), store(HERE + 8, 5),
         revoke(UNTYPED), make(Type.FRAME, 12), invoke(A, "FRAME.Map", HERE, 3, 0, PML4),
         load(HERE + 8).gives(0)),
    case("UNTYPED-030", "Retype: no object of that type can be made",
         *(make(kind, 12).refused(Error.INVALID_ARGUMENT, 0)
           for kind in (Type.NULL, Type.ASID_POOL, Type.AUDIT_LOG, Type.IRQ_CONTROL,
                        Type.IRQ_HANDLER, Type.IO_PORT, Type.SCHED_CONTROL, Type.DOMAIN,
                        Type.LEASE, Type.ZOMBIE, 26, 1 << 63))),
    case("UNTYPED-031", "Retype: a size above 2^47",
         make(Type.UNTYPED, 48).refused(Error.RANGE_ERROR, 0, 47),
         make(Type.CNODE, 1 << 40).refused(Error.RANGE_ERROR, 0, 47)),
    case("UNTYPED-032", "Retype: a size that the type does not have",
         *(make(kind, bits).refused(Error.INVALID_ARGUMENT, 1, because="objects of that")
           for kind, bits in ((Type.CNODE, 0), (Type.UNTYPED, 3), (Type.FRAME, 13),
                              (Type.FRAME, 0), (Type.CHANNEL, 30)))),
    case("UNTYPED-033", "Retype: a depth above 64",
         make(Type.ENDPOINT, depth=65).refused(Error.RANGE_ERROR, 1, 64)),
    case("UNTYPED-034", "Retype: index and depth lead to no slot",
         make(Type.ENDPOINT, node=1 << 63, depth=64).refused(
             Error.FAILED_LOOKUP, 0, 4, 64, 0, 56, because="the CNode cannot")),
    case("UNTYPED-035", "Retype: what is found is no CNode",
         make(Type.ENDPOINT, root=EP).refused(
             Error.FAILED_LOOKUP, 0, 2, 0, because="what is found"),
         make(Type.ENDPOINT, node=EP, depth=64).refused(
             Error.FAILED_LOOKUP, 0, 2, 64, because="what is found")),
    case("UNTYPED-036", "Retype: an offset beyond the CNode",
         make(Type.ENDPOINT, offset=256).refused(
             Error.RANGE_ERROR, 0, 255, because="node_offset")),
    case("UNTYPED-037", "Retype: none, or more than 256",
         *(make(Type.ENDPOINT, offset=0, count=count).refused(Error.RANGE_ERROR, 1, 256)
           for count in (0, 257, 1 << 63))),
    case("UNTYPED-038", "Retype: more than there are slots left",
         make(Type.ENDPOINT, offset=250, count=7).refused(
             Error.RANGE_ERROR, 1, 6, because="the CNode has not"),
         make(Type.ENDPOINT, offset=250, count=6)),
    case("UNTYPED-039", "Retype: one of the slots is not empty, and nothing is made",
         make(Type.ENDPOINT, offset=C), make(Type.ENDPOINT, offset=A, count=3).refused(
             Error.DELETE_FIRST), describe(16), make(Type.ENDPOINT, offset=A, count=2)),
    case("UNTYPED-040", "Retype: not enough memory; the answer tells what is left",
         make(Type.CNODE, 17).refused(Error.NOT_ENOUGH_MEMORY, 1 << 22),
         make(Type.FRAME, 21), make(Type.ENDPOINT, offset=B),
         make(Type.FRAME, 21, offset=C).refused(Error.NOT_ENOUGH_MEMORY, (1 << 21) - 16)),
    case("UNTYPED-041", "Retype: a device's memory makes frames and untypeds alone",
         make(Type.ENDPOINT, untyped=DEVICE).refused(
             Error.INVALID_ARGUMENT, 1, because="device memory"),
         make(Type.UNTYPED, 20, untyped=DEVICE),
         make(Type.FRAME, 12, offset=B, untyped=A),
         invoke(B, "FRAME.GetAddress").gives(14 << 20)),
    case("UNTYPED-042", "Retype: a message that is too short",
         make(Type.ENDPOINT).cut(5), make(Type.ENDPOINT).bare()),
)  # fmt: skip
