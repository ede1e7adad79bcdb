"""What our CPU refuses and Unicorn 2.1.4 would do: its code in memory, put right.

1. Reserved bits of CR0, CR3, CR4, CR8, XCR0 and EFER, and transitions between modes
   that do not exist, raise #GP(0). A bit of CR4 is reserved if it belongs to a feature
   that CPUID does not advertise. Unicorn takes all bits of CR4, and the two engines
   then no longer agree: with LA57 it walks five levels of paging. CR8 is kept;
   Unicorn reads it as zero.
2. RDMSR and WRMSR of a register that is not there, and values that a register cannot
   have, raise #GP(0) (:mod:`vectoros.cpu.msrs`). Unicorn reads zero, and drops writes.
   RDMSR of the time-stamp counter tells what RDTSC does. RDPMC raises #GP(0): there are
   no counters.
3. LTR with a null selector raises #GP(0), as do IRETQ, SYSRET and SYSEXIT to an address
   that is not canonical and SYSEXIT with any null selector in IA32_SYSENTER_CS. SYSRET
   outside of 64-bit mode raises #UD, and takes neither RF nor VM from R11. SYSEXIT to
   32-bit code takes 32 bits of ECX and EDX.
4. A VEX prefix raises #UD: there is no AVX, no FMA and no BMI. Unicorn runs
   the instruction as its SSE form.

Sources: Intel SDM Vol. 2, the instructions' exceptions; Vol. 3A, "Control Registers".

As in :mod:`vectoros.cpu.repairs`, code is recognised by its bytes. All engines of the
process have it. Where it is not possible, guests meet what Unicorn does.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import struct
import sys

from vectoros.cpu import unicorn_api
from vectoros.cpu.bits import (
    CR0_PE,
    CR0_PG,
    CR4_PAE,
    DESC_L,
    DESC_P,
    EFER_LMA,
    EFER_LME,
    EFER_NXE,
    EFER_SCE,
    Flag,
    Gpr,
    Hidden,
    Seg,
)
from vectoros.cpu.host_code import far_jump, overwrite, place
from vectoros.cpu.msrs import Rule, advertised_here, rules
from vectoros.cpu.registers import OFFSET, Segment
from vectoros.layout import PHYSICAL_ADDRESS_BITS

_BEGINNINGS = {
    "write_cr": ("helper_write_crN_x86_64", "4154 4989d4 31d2 55 4889fd 53 4863de"),
    "read_cr": ("helper_read_crN_x86_64", "55 31d2 4889fd 53 4863de 89de 4883ec08"),
    "rdmsr": ("helper_rdmsr_x86_64", "53 488b4c2408 4889fb 31d2 be7c000000"),
    "wrmsr": ("helper_wrmsr_x86_64", "55 488b4c2408 4889fd ba01000000 be7c000000"),
    "xsetbv": ("helper_xsetbv_x86_64", "55 4889fd 53 4883ec18 f687ca01000004"),
    "rdpmc": ("helper_rdpmc_x86_64", "55 4889fd f687c901000001 7409 f687b000000003"),
    "ltr": ("helper_ltr_x86_64", "4157 89f0 4989ff 4156 4155 4154 440fb7e6"),
    "sysret": ("helper_sysret_x86_64", "55 4889fd f6875002000001 0f84b5020000"),
    "iret": ("helper_iret_protected_x86_64", "4157 4156 4155 4154 55 4889fd 53 4883ec18"),
    "sysexit": ("helper_sysexit_x86_64", "55 8b87b0000000 4889fd 8b97c0120000"),
}
"""Our routine -> what it comes before: an exported routine, and the bytes it begins with."""

_GENERATOR = "gen_intermediate_code_x86_64"
_VEX_AT = -0xFFB6
"""Offset from it of the code that looks whether another prefix came before VEX."""

_VEX = bytes.fromhex("4489e8 83e00f 4409f0 0f8438050000")
"""``mov eax, prefixes; and eax, 15; or eax, rex; je go_on``; behind it, #UD is raised."""

_VEX_REPAIRED = bytes.fromhex("4489e8 83e00f 4409f0 660f1f440000")
"""``je`` has become a no-operation."""

_SVM_MSR = 0x7C
"""An argument for Unicorn's own check that hardware virtualization has no interest."""

_CR0_NW, _CR0_CD = 1 << 29, 1 << 30
_CR4_OSXSAVE = 1 << 18
_XCR0 = 0b11
"""x87 and SSE state: leaf 0Dh says so."""

_TSS_32 = 1 << 11
"""Of a TSS descriptor's type: not the 16-bit kind."""

_EFER = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE

CR4_ALWAYS = 1 << 8
"""PCE: a CPU may have RDPMC and no counters."""

CR4_BITS = {
    "VME": 0b11,
    "TSC": 1 << 2,
    "DE": 1 << 3,
    "PSE": 1 << 4,
    "PAE": 1 << 5,
    "MCE": 1 << 6,
    "PGE": 1 << 7,
    "FXSR": 1 << 9,
    "SSE": 1 << 10,
    "UMIP": 1 << 11,
    "LA57": 1 << 12,
    "VMX": 1 << 13,
    "SMX": 1 << 14,
    "FSGSBASE": 1 << 16,
    "PCID": 1 << 17,
    "XSAVE": _CR4_OSXSAVE,
    "SMEP": 1 << 20,
    "SMAP": 1 << 21,
    "PKU": 1 << 22,
    "CET_SS": 1 << 23,
}
"""By feature (Intel SDM Vol. 3A, "Control Registers")."""


def cr4_allowed() -> int:
    """Return the bits of CR4 that our CPU has."""
    have = advertised_here()
    return CR4_ALWAYS | sum(bits for feature, bits in CR4_BITS.items() if feature in have)


@functools.cache
def refuse() -> str | None:
    """Put it in place, once a process; return why it cannot be done here, or None if it is."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"known for Linux on x86_64 only, and this is {sys.platform}"
    names = [_GENERATOR, *_CALLED.values(), *(name for name, _ in _BEGINNINGS.values())]
    missing = [name for name in names if not unicorn_api.exports(name)]
    if missing:
        return f"this build of unicorn does not export {missing[0]}"
    vex = unicorn_api.address_of(_GENERATOR) + _VEX_AT
    places = [(name, bytes.fromhex(code)) for name, code in _BEGINNINGS.values()]
    found = [(unicorn_api.address_of(name), code) for name, code in places]
    for address, code in [*found, (vex, _VEX)]:
        if ctypes.string_at(address, len(code)) != code:
            return f"this build of unicorn has other code at {address:#x}"
    try:
        symbols = _assembled()
        for routine, (address, _) in zip(_BEGINNINGS, found, strict=True):
            overwrite(address, far_jump(symbols[routine]))
        overwrite(vex, _VEX_REPAIRED)
    except OSError as reason:
        return str(reason)
    return None


_CALLED = {
    "RAISE": "raise_exception_err_ra_x86_64",
    "RDTSC": "helper_rdtsc_x86_64",
    "LOAD_QUAD": "cpu_ldq_data_ra_x86_64",
}


def _assembled() -> dict[str, int]:
    """Assemble ``refusals.S`` into pages of its own, with its table; return its addresses."""
    table = b"".join(struct.pack("<III", *row) for row in rules())
    return place("refusals.S", lambda address: _constants(address, address + len(table)), table)


def _constants(rules_at: int, rules_end: int) -> dict[str, int]:
    """Return what the routines must know."""
    return {
        **_offsets(),
        "CR0_PE": CR0_PE,
        "CR0_PG": CR0_PG,
        "CR4_PAE": CR4_PAE,
        "DESC_L": DESC_L,
        "DESC_P": DESC_P,
        **{rule.name: rule.value for rule in Rule},
        "EFER_LME": EFER_LME,
        "EFER_LMA": EFER_LMA,
        "EFER_SCE": EFER_SCE,
        "HF_CPL": Hidden.CPL.value,
        "FLAG_NT": Flag.NT.value,
        "FLAG_VM_BIT": Flag.VM.bit_length() - 1,
        "FLAG_RF_BIT": Flag.RF.bit_length() - 1,
        "HF_CS64": Hidden.CS64.value,
        "CR0_NW": _CR0_NW,
        "CR0_CD": _CR0_CD,
        "CR4_OSXSAVE": _CR4_OSXSAVE,
        "CR4_RESERVED": ~cr4_allowed() & 0xFFFF_FFFF,
        "EFER_RESERVED": ~_EFER & 0xFFFF_FFFF,
        "XCR0_RESERVED": ~_XCR0 & 0xFFFF_FFFF,
        "TSS_32": _TSS_32,
        "PHYSICAL_BITS": PHYSICAL_ADDRESS_BITS,
        "SVM_MSR": _SVM_MSR,
        "RULES": rules_at,
        "RULES_END": rules_end,
        **{name: unicorn_api.address_of(symbol) for name, symbol in _CALLED.items()},
        **{
            f"{routine.upper()}_GOES_ON": unicorn_api.address_of(name) + len(bytes.fromhex(code))
            for routine, (name, code) in _BEGINNINGS.items()
        },
    }


def _offsets() -> dict[str, int]:
    """Return where in the register file what the routines look at is."""
    names = {f"ENV_{name.upper()}": OFFSET[name] for name in ("cr0", "cr4", "cr8", "efer")}
    flags: int = getattr(Segment, "flags").offset  # noqa: B009  mypy takes it for the value
    return names | {
        "ENV_HFLAGS": OFFSET["_hflags"],
        "ENV_EFLAGS": OFFSET["_eflags"],
        "ENV_SYSENTER_CS": OFFSET["sysenter_cs"],
        "ENV_CS_FLAGS": OFFSET["segs"] + Seg.CS * ctypes.sizeof(Segment) + flags,
        "ENV_TR_FLAGS": OFFSET["tr"] + flags,
        **{
            f"ENV_{gpr.name}": OFFSET["gpr"] + 8 * gpr
            for gpr in (Gpr.RAX, Gpr.RCX, Gpr.RDX, Gpr.RSP, Gpr.R11)
        },
    }
