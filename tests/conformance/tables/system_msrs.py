"""Model-specific registers, as cases of the subject ``system_msrs``.

The CPU is a Sandy Bridge without a local APIC: what it has is what CPUID says (TSC, MSR,
MCE, SEP, MTRR, MCA, PAT, NX, RDTSCP), and physical addresses have 40 bits.
"""

from __future__ import annotations

from collections.abc import Iterable

ADDRESSES = {
    "fs_base": 0xC0000100,
    "gs_base": 0xC0000101,
    "kernel_gs_base": 0xC0000102,
    "lstar": 0xC0000082,
    "cstar": 0xC0000083,
    "sysenter_esp": 0x175,
    "sysenter_eip": 0x176,
}
"""Registers that hold a linear address: it must be canonical, in 64-bit mode at least."""

EFER, STAR, FMASK, TSC_AUX = 0xC0000080, 0xC0000081, 0xC0000084, 0xC0000103
PAT, MTRR_DEFAULT, MTRR_CAPABILITY = 0x277, 0x2FF, 0xFE
MTRR_BASE0, MTRR_MASK0, MTRR_FIXED_64K = 0x200, 0x201, 0x250

ABSENT = (0x12345678, 0xC0001234, 0xC0010000 + 0x1FFF, 0xFFFFFFFF, 0x0000BAD0)
"""Numbers that no register of the model has."""

KEPT = {
    "star": (STAR, 0x00280018, 0x12345678),
    "fmask": (FMASK, 0, 0x00047700),
    "tsc_aux": (TSC_AUX, 0, 0x87654321),
    "sysenter_cs": (0x174, 0, 0x0018),
    "pat": (PAT, 0x00070106, 0x04050406),
    "mtrr.base": (MTRR_BASE0, 0xFF, 0xFFFFF006),
    "mtrr.mask": (MTRR_MASK0, 0xFF, 0xF0000800),
    "mtrr.fixed": (MTRR_FIXED_64K, 0x06050401, 0x00060000),
    "mtrr.default": (MTRR_DEFAULT, 0, 0x00000C06),
}

REFUSED = {
    # Bits that are reserved: 1 to 7, 9, and from 12 on.
    "efer.bit1": (EFER, 0, 0xD03),
    "efer.bit9": (EFER, 0, 0xF01),
    "efer.bit12": (EFER, 0, 0x1D01),  # SVME, of AMD's processors
    "efer.bit14": (EFER, 0, 0x4D01),  # FFXSR, too
    "efer.bit32": (EFER, 1, 0xD01),
    "fmask.high": (FMASK, 1, 0),
    "tsc_aux.high": (TSC_AUX, 1, 0),
    # Memory types 2, 3 and 8 to FFh do not exist; 7 does in PAT only.
    "pat.type2": (PAT, 0x00070406, 0x00070402),
    "pat.type3": (PAT, 0x03070406, 0x00070406),
    "pat.type8": (PAT, 0x00070406, 0x00080406),
    "mtrr.default.type7": (MTRR_DEFAULT, 0, 7),
    "mtrr.default.type2": (MTRR_DEFAULT, 0, 2),
    "mtrr.default.bit12": (MTRR_DEFAULT, 0, 0x1006),
    "mtrr.base.type7": (MTRR_BASE0, 0, 7),
    "mtrr.base.bit8": (MTRR_BASE0, 0, 0x106),
    "mtrr.base.bit40": (MTRR_BASE0, 0x100, 6),
    "mtrr.mask.bit40": (MTRR_MASK0, 0x100, 0x800),
    "mtrr.fixed.type3": (MTRR_FIXED_64K, 0, 3),
    # Registers that can only be read.
    "mtrr.capability": (MTRR_CAPABILITY, 0, 0x508),
}


def _lines() -> Iterable[str]:
    for name, msr in ADDRESSES.items():
        yield f"KEPT {name}.low, {msr:#x}, 0x7fff, 0xfffff000"
        yield f"KEPT {name}.high, {msr:#x}, 0xffff8000, 0x1000"
        yield f"REFUSED {name}.hole, {msr:#x}, 0x8000, 0"
        yield f"REFUSED {name}.hole.top, {msr:#x}, 0xffff7fff, 0xffffffff"
    for number in ABSENT:
        yield f"ABSENT absent.{number:x}, {number:#x}"
    for name, (msr, high, low) in KEPT.items():
        yield f"KEPT {name}, {msr:#x}, {high:#x}, {low:#x}"
    for name, (msr, high, low) in REFUSED.items():
        yield f"REFUSED {name}, {msr:#x}, {high:#x}, {low:#x}"
    yield f"REFUSED32 efer.bit9.32, {EFER:#x}, 0, 0x200"
    yield f"READS pat.read, {PAT:#x}, 0xffffffff, 0x00070406, 0x00070406"


SOURCE = "\n".join(_lines()) + "\n"
