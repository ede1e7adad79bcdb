"""Which states a CPU can be in: the rules between registers that a snapshot must keep.

Every register of a record may be in range and the whole still be of no x86 CPU.
No guest can bring that about, so the emulator does not expect it: from some such
states it ends the host's process. The rules are among those that hardware checks
before it enters a virtual machine (Intel SDM Vol. 3C, "Checking and Loading Guest
State"), and bear its names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vectoros.cpu.bits import (
    CR0_PE,
    CR0_PG,
    CR4_PAE,
    DESC_L,
    DESC_P,
    DESC_S,
    EFER_LMA,
    EFER_LME,
    Flag,
)
from vectoros.cpu.breakpoints import B_BITS
from vectoros.cpu.paging import is_canonical

_CR4_LA57 = 1 << 12
_TYPE_SHIFT, _TYPE_MASK = 8, 15
_TSS_TYPES = (1, 3, 9, 11)
"""16-bit and 32-bit, available and busy (Intel SDM Vol. 3A, "System Segment Types")."""


def check_possible(record: Mapping[str, Any]) -> None:
    """Raise :class:`ValueError` unless a CPU can have the registers of ``record``."""
    for rule, broken in _rules(record):
        if broken:
            raise ValueError(f"no CPU is in such a state: {rule}")


def _rules(record: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    cr0, cr4, efer, rflags = (record[name] for name in ("cr0", "cr4", "efer", "rflags"))
    paging, long_mode = bool(cr0 & CR0_PG), bool(efer & EFER_LMA)
    yield "bits 63:32 of CR0 must be 0", cr0 >> 32 != 0
    yield "CR0.PG needs CR0.PE", paging and not cr0 & CR0_PE
    yield "EFER.LMA must be EFER.LME and CR0.PG", long_mode != (paging and bool(efer & EFER_LME))
    yield "EFER.LMA needs CR4.PAE", long_mode and not cr4 & CR4_PAE
    yield "CR4.LA57 must be 0, for paging has four levels at most", bool(cr4 & _CR4_LA57)
    yield "RFLAGS.VM must be 0 in long mode", long_mode and bool(rflags & Flag.VM)
    yield "breakpoints_due has four bits", record["breakpoints_due"] > B_BITS
    _, base, _, attributes = record["cs"]
    yield "bits 63:32 of CS's base must be 0", base >> 32 != 0
    if long_mode and attributes & DESC_L:
        yield "RIP must be canonical", not is_canonical(record["rip"])
    else:
        yield "bits 63:32 of RIP must be 0 outside of 64-bit mode", record["rip"] >> 32 != 0
    attributes = record["tr"][3]
    tss = not attributes & DESC_S and attributes >> _TYPE_SHIFT & _TYPE_MASK in _TSS_TYPES
    yield "TR must hold a TSS that is present", not (attributes & DESC_P and tss)
