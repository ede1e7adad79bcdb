"""Page-fault matrix of 32-bit paging and of PAE; see ``paging32.S``."""

from __future__ import annotations

from tests.conformance.tables.paging import PS, Change, P, Row, U, W, source

MISSING = "0 2 0 4 6 4"
RESERVED = "9 b 9 d f d"
READ_ONLY = "- 3 - - 7 -"
SUPERVISOR = "- - - 5 7 5"
NO_WP = "- - - - 7 -"
ALL = "- - - - - -"
ADDRESS = 0xFFFFF << 12


def _large(clear: int = 0, set: int = 0) -> dict[str, Change]:
    return {"T_PDE": Change(ADDRESS | clear, 0x400000 | PS | set)}


ON = ("        ON 0",)
ON_PSE = ("        ON CR4_PSE",)
LEGACY = [
    Row("plain", ALL, {}, ON),
    Row("pde.missing", MISSING, {"T_PDE": Change(P)}, ON),
    Row("pte.missing", MISSING, {"T_PTE": Change(P)}, ON),
    Row("pde.read_only", READ_ONLY, {"T_PDE": Change(W)}, ON),
    Row("pte.read_only", READ_ONLY, {"T_PTE": Change(W)}, ON),
    Row("pde.supervisor", SUPERVISOR, {"T_PDE": Change(U)}, ON),
    Row("pte.supervisor", SUPERVISOR, {"T_PTE": Change(U)}, ON),
    Row("both", "- 3 - 5 7 5", {"T_PDE": Change(W), "T_PTE": Change(U)}, ON),
    Row("wp_off.pde", NO_WP, {"T_PDE": Change(W)}, (*ON, "CLEAR_WP")),
    Row("wp_off.pte", NO_WP, {"T_PTE": Change(W)}, (*ON, "CLEAR_WP")),
    # CR4.PSE = 0: PS is ignored. There are no reserved bits, then.
    Row("pse_off", ALL, {"T_PDE": Change(set=PS)}, ON),
    Row("large", ALL, _large(), ON_PSE),
    Row("large.missing", MISSING, _large(P), ON_PSE),
    Row("large.read_only", READ_ONLY, _large(W), ON_PSE),
    Row("large.supervisor", SUPERVISOR, _large(U), ON_PSE),
    Row("large.wp_off", NO_WP, _large(W), (*ON_PSE, "CLEAR_WP")),
    # PSE-36: bits 20:13 are bits 39:32 of the address, bit 12 is PAT, bit 21 is reserved.
    Row("large.pat", ALL, _large(set=1 << 12), ON_PSE),
    Row("large.reserved", RESERVED, _large(set=1 << 21), ON_PSE),
]

MISSING_NX = "0 2 10 4 6 14"
RESERVED_NX = "9 b 19 d f 1d"
SUPERVISOR_NX = "- - - 5 7 15"
NO_EXECUTE = "- - 11 - - 15"
NX, BIT40, BIT52, BIT62 = "31", "8", "20", "30"
"""Bits of the upper half of an entry."""

ON_PAE = ("        ON_PAE",)
ON_PAE_NXE_OFF = ("        ON CR4_PAE",)


def _high(entry: str, bit: str) -> dict[str, Change]:
    return {f"{entry} + 4": Change(set=1 << int(bit))}


def _large_pae(clear: int = 0, set: int = 0) -> dict[str, Change]:
    return {"P_PDE": Change(ADDRESS | clear, 0x400000 | PS | set)}


PAE = [
    Row("pae.plain", ALL, {}, ON_PAE),
    Row("pae.pdpte.missing", MISSING_NX, {"P_PDPTE": Change(P)}, ON_PAE),
    Row("pae.large", ALL, _large_pae(), ON_PAE),
    Row("pae.large.missing", MISSING_NX, _large_pae(P), ON_PAE),
    Row("pae.large.read_only", READ_ONLY, _large_pae(W), ON_PAE),
    Row("pae.large.supervisor", SUPERVISOR_NX, _large_pae(U), ON_PAE),
    Row("pae.large.nx", NO_EXECUTE, _large_pae() | _high("P_PDE", NX), ON_PAE),
    Row("pae.large.pat", ALL, _large_pae(set=1 << 12), ON_PAE),
    Row("pae.large.reserved.bit13", RESERVED_NX, _large_pae(set=1 << 13), ON_PAE),
    Row("pae.large.reserved.bit20", RESERVED_NX, _large_pae(set=1 << 20), ON_PAE),
    Row("pae.nxe_off.missing", MISSING, {"P_PTE": Change(P)}, ON_PAE_NXE_OFF),
    Row("pae.nxe_off.supervisor", SUPERVISOR, {"P_PTE": Change(U)}, ON_PAE_NXE_OFF),
    *(
        row
        for name, entry in (("pde", "P_PDE"), ("pte", "P_PTE"))
        for row in (
            Row(f"pae.{name}.missing", MISSING_NX, {entry: Change(P)}, ON_PAE),
            Row(f"pae.{name}.read_only", READ_ONLY, {entry: Change(W)}, ON_PAE),
            Row(f"pae.{name}.supervisor", SUPERVISOR_NX, {entry: Change(U)}, ON_PAE),
            Row(f"pae.{name}.nx", NO_EXECUTE, _high(entry, NX), ON_PAE),
            Row(f"pae.{name}.nxe_off.nx", RESERVED, _high(entry, NX), ON_PAE_NXE_OFF),
            Row(f"pae.{name}.wp_off", NO_WP, {entry: Change(W)}, (*ON_PAE, "CLEAR_WP")),
            Row(f"pae.{name}.reserved.bit40", RESERVED_NX, _high(entry, BIT40), ON_PAE),
            Row(f"pae.{name}.reserved.bit52", RESERVED_NX, _high(entry, BIT52), ON_PAE),
            Row(f"pae.{name}.reserved.bit62", RESERVED_NX, _high(entry, BIT62), ON_PAE),
        )
    ),
]

SOURCE = "\n".join(
    source(
        rows,
        case="CASE32",
        prepare=f"        call    {build}",
        entry_bits=32,
        to_ring3="        TO_RING3_32 0",
    )
    for rows, build in ((LEGACY, "build_legacy"), (PAE, "build_pae"))
)
