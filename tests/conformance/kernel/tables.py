"""Page tables: where they go, and what goes with them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.kernel.dsl import (
    EP,
    PML4,
    POOL,
    A,
    B,
    C,
    D,
    E,
    F,
    case,
    copy,
    delete,
    invoke,
    load,
    retype,
    store,
)
from tests.conformance.kernel.frame import RW, map_
from tests.conformance.kernel.step import Case, Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

KINDS = {Type.PDPT: 39, Type.PD: 30, Type.PT: 21}
"""Bits of an address that are below the entry where the table goes."""

FAR = 0x1234_5678_9000
"""Where the root has no table yet."""

TAKEN = 0x44_0000
"""Where it has all of them."""


def put(table: int, kind: Type, vaddr: int = FAR, space: int = PML4) -> Step:
    """Invoke a table's Map."""
    return invoke(table, f"{kind.name}.Map", vaddr, space)


def above(kind: Type, slot: int, vaddr: int = FAR, space: int = PML4) -> Iterator[Step]:
    """Put the tables above a table of type ``kind``, from ``slot`` on."""
    for other in KINDS:
        if other is kind:
            return
        yield retype(other, slot)
        yield put(slot, other, vaddr, space)
        slot += 1


def _conditions(kind: Type) -> Iterator[Case]:
    name, short = kind.name, f"TABLE-{kind.name}"
    yield case(
        f"{short}-001",
        f"{name}.Map: the table is mapped",
        above(kind, B),
        retype(kind, A),
        put(A, kind),
        put(A, kind).refused(Error.INVALID_CAPABILITY, 0),
        copy(A, E),
        put(E, kind, FAR + (1 << 40)).refused(Error.INVALID_CAPABILITY, 0),
    )
    yield case(
        f"{short}-002",
        f"{name}.Map: the address space is no PML4, or has no identifier",
        retype(kind, A),
        retype(Type.PML4, B),
        *(put(A, kind, space=space).refused(Error.INVALID_CAPABILITY, 1) for space in (EP, B, C)),
    )
    yield case(
        f"{short}-003",
        f"{name}.Map: the address is the kernel's, or not canonical",
        retype(kind, A),
        *(
            put(A, kind, vaddr).refused(Error.INVALID_ARGUMENT, 0)
            for vaddr in (1 << 47, 0xFFFF_FFFF_8000_0000)
        ),
    )
    if kind is not Type.PDPT:
        yield case(
            f"{short}-004",
            f"{name}.Map: a table on the way is not there",
            retype(kind, A),
            put(A, kind).refused(Error.FAILED_LOOKUP, 0, 2, 39),
        )
    yield case(
        f"{short}-005",
        f"{name}.Map: something is mapped there",
        retype(kind, A),
        put(A, kind, TAKEN).refused(Error.DELETE_FIRST),
    )
    yield case(
        f"{short}-006",
        f"{name}.Map: a message that is too short",
        retype(kind, A),
        put(A, kind).cut(0),
        put(A, kind).bare(),
    )
    yield case(
        f"{short}-007",
        f"{name}.Unmap: there is another capability to the table",
        above(kind, B),
        retype(kind, A),
        put(A, kind),
        copy(A, E),
        invoke(A, f"{name}.Unmap").refused(Error.REVOKE_FIRST),
        invoke(E, f"{name}.Unmap").refused(Error.REVOKE_FIRST),
        delete(E),
        invoke(A, f"{name}.Unmap"),
    )
    yield case(
        f"{short}-008",
        f"{name}.Unmap takes away what is mapped through it",
        above(Type.FRAME, B),
        retype(Type.FRAME, F, bits=12),
        map_(F, FAR, RW),
        store(FAR, 1),
        invoke(B + list(KINDS).index(kind), f"{name}.Unmap"),
        load(FAR).blocks(),
    )


CASES = (
    case("TABLE-001", "tables in their order make room for a page",
         above(Type.FRAME, B), retype(Type.FRAME, A, bits=12), map_(A, FAR, RW),
         store(FAR + 16, 5), load(FAR + 16).gives(5)),
    case("TABLE-002", "a table that was taken away can go elsewhere, and is empty",
         above(Type.FRAME, B), retype(Type.FRAME, A, bits=12), map_(A, FAR, RW),
         invoke(D, "PT.Unmap"), put(D, Type.PT, FAR + (1 << 21)), load(FAR + (1 << 21)).blocks()),
    case("TABLE-003", "a frame whose table was taken away counts as mapped until Unmap",
         above(Type.FRAME, B), retype(Type.FRAME, A, bits=12), map_(A, FAR, RW),
         invoke(D, "PT.Unmap"), invoke(A, "FRAME.Unmap"), map_(A, 0x50_0000, RW),
         load(0x50_0000).gives(0)),
    case("TABLE-004", "Delete of the last capability to a table takes its pages away",
         above(Type.FRAME, B), retype(Type.FRAME, A, bits=12), map_(A, FAR, RW),
         store(FAR, 1), delete(D), load(FAR).blocks()),
    case("TABLE-005", "Unmap of a table that is not mapped is fine",
         retype(Type.PT, A), invoke(A, "PT.Unmap")),
    case("TABLE-006", "tables in an address space where nobody runs",
         retype(Type.PML4, A), invoke(POOL, "ASID_POOL.Assign", A), above(Type.FRAME, B, space=A),
         retype(Type.FRAME, E, bits=12), map_(E, FAR, RW, space=A), load(FAR).blocks()),
    *(each for kind in KINDS for each in _conditions(kind)),
)  # fmt: skip
