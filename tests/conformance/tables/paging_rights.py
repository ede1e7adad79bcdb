"""Page-fault matrix of long mode; see ``paging_rights.S``.

The CPU has 40 bits of physical address, 1 GiB pages and SMEP, but neither SMAP nor
protection keys (``vectoros/cpu/cpuid.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.tables.paging import NX, PS, Change, G, P, Row, U, W, source

LEVELS = {"pml4e": "T_PML4E", "pdpte": "T_PDPTE", "pde": "T_PDE", "pte": "T_PTE"}
ADDRESS = 0xFFFFF << 12

IGNORED = 0x7FF << 52
MISSING = "0 2 10 4 6 14"
RESERVED = "9 b 19 d f 1d"
READ_ONLY = "- 3 - - 7 -"
SUPERVISOR = "- - - 5 7 15"
NO_EXECUTE = "- - 11 - - 15"
ALL = "- - - - - -"


def _at_each_level() -> list[Row]:
    rows = []
    for name, entry in LEVELS.items():
        rows += [
            Row(f"{name}.missing", MISSING, {entry: Change(clear=P)}),
            Row(f"{name}.read_only", READ_ONLY, {entry: Change(clear=W)}),
            Row(f"{name}.supervisor", SUPERVISOR, {entry: Change(clear=U)}),
            Row(f"{name}.nx", NO_EXECUTE, {entry: Change(set=NX)}),
            Row(f"{name}.reserved.bit40", RESERVED, {entry: Change(set=1 << 40)}),
            Row(f"{name}.nx_off", "9 b 9 d f d", {entry: Change(set=NX)}, ("CLEAR_NXE",)),
        ]
    return rows


def _large(clear: int = 0, set: int = 0) -> dict[str, Change]:
    """Let the PDE map the 2 MiB at SCRATCH_HIGH."""
    return {"T_PDE": Change(ADDRESS | clear, 0x400000 | PS | set)}


def _huge(clear: int = 0, set: int = 0) -> dict[str, Change]:
    """Let the PDPTE map the 1 GiB at 0."""
    return {"T_PDPTE": Change(ADDRESS | clear, PS | set)}


def _of_size(name: str, maps: Callable[..., dict[str, Change]], bits: tuple[str, ...]) -> list[Row]:
    return [
        Row(name, ALL, maps()),
        Row(f"{name}.missing", MISSING, maps(P)),
        Row(f"{name}.read_only", READ_ONLY, maps(W)),
        Row(f"{name}.supervisor", SUPERVISOR, maps(U)),
        Row(f"{name}.nx", NO_EXECUTE, maps(set=NX)),
        Row(f"{name}.nx_off", "9 b 9 d f d", maps(set=NX), ("CLEAR_NXE",)),
        Row(f"{name}.wp_off", "- - - - 7 -", maps(W), ("CLEAR_WP",)),
        Row(f"{name}.pat", ALL, maps(set=1 << 12)),
        Row(f"{name}.ignored", ALL, maps(set=IGNORED | G | 0xE18)),
        *(
            Row(f"{name}.reserved.{bit}", RESERVED, maps(set=1 << int(bit.removeprefix("bit"))))
            for bit in bits
        ),
    ]


ROWS = [
    Row("plain", ALL),
    *_at_each_level(),
    # P is looked at first: what else is set in an absent entry is software's.
    Row("pte.missing.reserved", MISSING, {"T_PTE": Change(P, 1 << 40 | NX)}),
    Row("pml4e.missing.reserved", MISSING, {"T_PML4E": Change(P, 1 << 51 | PS)}),
    # A reserved bit ends the walk, before the rights are looked at and before absent entries
    # further down.
    Row("pte.reserved.bit51", RESERVED, {"T_PTE": Change(set=1 << 51)}),
    Row("pte.reserved.supervisor", RESERVED, {"T_PTE": Change(U | W, 1 << 40)}),
    Row("pde.reserved.pte.missing", RESERVED, {"T_PDE": Change(set=1 << 40), "T_PTE": Change(P)}),
    Row("pde.missing.pte.reserved", MISSING, {"T_PDE": Change(P), "T_PTE": Change(set=1 << 40)}),
    Row("pml4e.ps", RESERVED, {"T_PML4E": Change(set=PS)}),
    # Bits that are ignored, or are memory types: 62:52, 11:9, PWT, PCD, PAT of a PTE, G.
    Row(
        "ignored",
        ALL,
        {e: Change(set=IGNORED | 0xE18) for e in LEVELS.values()} | {"T_PTE": Change(set=PS | G)},
    ),
    # Rights are those of all levels together.
    Row("both.read_only", READ_ONLY, {"T_PML4E": Change(W), "T_PTE": Change(W)}),
    Row("both.supervisor", "- 3 - 5 7 15", {"T_PDPTE": Change(U), "T_PTE": Change(W)}),
    Row("both.nx", "- 3 11 - 7 15", {"T_PDE": Change(set=NX), "T_PTE": Change(W)}),
    # CR0.WP = 0: a supervisor writes anywhere.
    Row("wp_off.pte", "- - - - 7 -", {"T_PTE": Change(W)}, ("CLEAR_WP",)),
    Row("wp_off.pml4e", "- - - - 7 -", {"T_PML4E": Change(W)}, ("CLEAR_WP",)),
    Row("wp_off.supervisor", "- - - 5 7 15", {"T_PTE": Change(W | U)}, ("CLEAR_WP",)),
    # EFER.NXE = 0: the error code has no I/D.
    Row("nxe_off.missing", "0 2 0 4 6 4", {"T_PTE": Change(P)}, ("CLEAR_NXE",)),
    Row("nxe_off.supervisor", "- - - 5 7 5", {"T_PDE": Change(U)}, ("CLEAR_NXE",)),
    Row("nxe_off.reserved", "9 b 9 d f d", {"T_PTE": Change(set=1 << 40)}, ("CLEAR_NXE",)),
    # A 2 MiB page: bits 20:13 are reserved, bit 12 is PAT. A 1 GiB page: bits 29:13 are.
    *_of_size("large", _large, ("bit13", "bit20", "bit40")),
    *_of_size("huge", _huge, ("bit13", "bit29", "bit40")),
]

SOURCE = source(
    ROWS,
    case="CASE64",
    prepare="        call    build_tree",
    entry_bits=64,
    to_ring3="        TO_RING3_64 0",
)
