"""Frames: mapping, and what a mapping lets a thread do."""

from __future__ import annotations

from tests.conformance.kernel.dsl import (
    CODE_FRAME,
    DEVICE,
    EP,
    PML4,
    READ,
    UNTYPED,
    UNTYPED_BASE,
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
    retype,
    revoke,
    store,
)
from tests.conformance.kernel.step import Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

HERE = 0x50_0000
"""Where a page table of the puppet's is, and no page."""

LAST = 0x7FFF_FFFF_F000
RW = READ | WRITE


def map_(frame: int, vaddr: int = HERE, rights: int = RW, attributes: int = 0,
         space: int = PML4) -> Step:  # fmt: skip
    """Invoke Map."""
    return invoke(frame, "FRAME.Map", vaddr, rights, attributes, space)


def new_space(slot: int) -> tuple[Step, ...]:
    """Make an address space with an identifier."""
    return retype(Type.PML4, slot), invoke(18, "ASID_POOL.Assign", slot)


FRAME = retype(Type.FRAME, A, bits=12)

CASES = (
    case("FRAME-001", "Map lets a thread read and write the page, which is zero",
         FRAME, map_(A), load(HERE).gives(0), store(HERE + 8, 7), load(HERE + 8).gives(7)),
    case("FRAME-002", "Map without Write lets a thread read",
         FRAME, map_(A), store(HERE, 5), map_(A, rights=READ), load(HERE).gives(5),
         store(HERE, 6).blocks()),
    case("FRAME-003", "a capability without Write maps for reading",
         FRAME, copy(A, B, READ), map_(B), load(HERE).gives(0), store(HERE, 6).blocks()),
    case("FRAME-004", "Map of a 2 MiB frame",
         retype(Type.FRAME, A, bits=21), map_(A, 0x60_0000), store(0x7F_FFF8, 3),
         load(0x7F_FFF8).gives(3)),
    case("FRAME-005", "two capabilities to a frame map it twice",
         FRAME, copy(A, B), map_(A), map_(B, HERE + 0x1000), store(HERE, 9),
         load(HERE + 0x1000).gives(9)),
    case("FRAME-006", "Map makes a page executable, and not writable",
         FRAME, map_(A, rights=READ, attributes=1), load(HERE).gives(0), store(HERE, 1).blocks()),
    case("FRAME-007", "Map of a device's frame",
         retype(Type.FRAME, A, bits=12, untyped=DEVICE), map_(A), store(HERE, 0x77),
         load(HERE).gives(0x77)),
    case("FRAME-008", "a copy is mapped nowhere, and may be",
         FRAME, map_(A), copy(A, B), invoke(B, "FRAME.Unmap"), load(HERE).gives(0)),
    case("FRAME-010", "Unmap takes the page away",
         FRAME, map_(A), load(HERE).gives(0), invoke(A, "FRAME.Unmap"), load(HERE).blocks()),
    case("FRAME-011", "Unmap of what is not mapped is fine",
         FRAME, invoke(A, "FRAME.Unmap"), invoke(A, "FRAME.Unmap")),
    case("FRAME-012", "Unmap, then Map elsewhere",
         FRAME, map_(A), store(HERE, 4), invoke(A, "FRAME.Unmap"), map_(A, HERE + 0x2000),
         load(HERE + 0x2000).gives(4)),
    case("FRAME-013", "Delete of the capability takes its page away",
         FRAME, copy(A, B), map_(B), delete(B), load(HERE).blocks()),
    case("FRAME-014", "Revoke of the untyped takes the page away",
         FRAME, map_(A), load(HERE).gives(0), revoke(UNTYPED), load(HERE).blocks()),
    case("FRAME-020", "GetAddress tells the physical address",
         FRAME, invoke(A, "FRAME.GetAddress").gives(UNTYPED_BASE)),
    case("FRAME-030", "Map: the address space is no PML4, or has no identifier",
         FRAME, retype(Type.PML4, B),
         *(map_(A, space=space).refused(Error.INVALID_CAPABILITY, 1) for space in (EP, B, C))),
    case("FRAME-031", "Map: it is mapped in another address space",
         FRAME, new_space(B), map_(A),
         map_(A, space=B).refused(Error.INVALID_CAPABILITY, 0)),
    case("FRAME-032", "Map: it is mapped at another address",
         FRAME, map_(A),
         map_(A, HERE + 0x1000).refused(Error.INVALID_ARGUMENT, 0, because="it is mapped")),
    case("FRAME-033", "Map: the address is the kernel's, or not canonical, or the last page",
         FRAME,
         *(map_(A, vaddr).refused(Error.INVALID_ARGUMENT, 0, because="the address is not")
           for vaddr in (0xFFFF_8000_0000_0000, 1 << 47, LAST, (1 << 64) - 4096))),
    case("FRAME-034", "Map: the address is not a multiple of the size",
         FRAME, map_(A, HERE + 8).refused(Error.ALIGNMENT_ERROR),
         retype(Type.FRAME, B, bits=21), map_(B, HERE).refused(Error.ALIGNMENT_ERROR)),
    case("FRAME-035", "Map: nothing to read is left",
         FRAME, copy(A, B, WRITE), copy(A, C, 0),
         map_(A, rights=0).refused(Error.INVALID_ARGUMENT, 1),
         map_(A, rights=WRITE).refused(Error.INVALID_ARGUMENT, 1),
         map_(B).refused(Error.INVALID_ARGUMENT, 1),
         map_(C).refused(Error.INVALID_ARGUMENT, 1)),
    case("FRAME-036", "Map: writable and executable, or a device's and executable",
         FRAME, map_(A, attributes=1).refused(Error.INVALID_ARGUMENT, 2),
         retype(Type.FRAME, B, bits=12, untyped=DEVICE),
         map_(B, rights=READ, attributes=1).refused(Error.INVALID_ARGUMENT, 2)),
    case("FRAME-037", "Map: a table on the way is not there; the answer tells at which level",
         FRAME, new_space(B),
         map_(A, 0x1000_0000).refused(Error.FAILED_LOOKUP, 0, 2, 21),
         map_(A, 0x5000_0000).refused(Error.FAILED_LOOKUP, 0, 2, 30),
         map_(A, 0x100_0000_0000).refused(Error.FAILED_LOOKUP, 0, 2, 39),
         map_(A, HERE, space=B).refused(Error.FAILED_LOOKUP, 0, 2, 39)),
    case("FRAME-038", "Map: something is mapped there",
         FRAME, retype(Type.FRAME, B, bits=12), map_(B), map_(A).refused(Error.DELETE_FIRST),
         copy(B, D), map_(D).refused(Error.DELETE_FIRST),
         retype(Type.FRAME, C, bits=21), map_(C, 0x40_0000).refused(Error.DELETE_FIRST)),
    case("FRAME-039", "Map: a message that is too short", FRAME, map_(A).cut(2), map_(A).bare()),
    case("FRAME-040", "the code of a program can be read and not written",
         copy(CODE_FRAME, A), map_(A, HERE, READ, 1)),
)  # fmt: skip
