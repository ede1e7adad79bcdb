"""Model-specific registers: which there are, and what may be written to them.

A register that belongs to a feature which CPUID does not advertise is absent, and so
is any number that is no register of Intel's. What is neither listed nor absent is a
register of the processor's own family, which Unicorn lets be read and written.

Source: Intel SDM Vol. 4, table 2-2 "IA-32 Architectural MSRs".
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from vectoros.cpu.cpuid import LEAVES
from vectoros.cpu.features import FEATURES


class Rule(IntEnum):
    """What the CPU checks."""

    PLAIN = 0
    ABSENT = 1  # #GP for a read, too
    READ_ONLY = 2
    CANONICAL = 3  # the value must be a canonical address
    LOW_HALF = 4  # bits 63:32 are reserved
    MEMORY_TYPES = 5  # eight bytes, each a type of memory
    MODES = 6  # EFER
    FIXED_RANGES = 7  # eight bytes, each a type of memory that an MTRR can have
    RANGE = 8  # an MTRR of a variable range: its base if the number is even, else its mask
    DEFAULT_TYPE = 9  # MTRRdefType
    CLOCK = 10  # the time-stamp counter: tells what RDTSC does, and cannot be set


Row = tuple[int, int, Rule]
"""First number, last number, rule."""

PRESENT: tuple[Row, ...] = (
    (0xC000_0100, 0xC000_0102, Rule.CANONICAL),  # FS_BASE, GS_BASE, KERNEL_GS_BASE: the busiest
    (0xC000_0103, 0xC000_0103, Rule.LOW_HALF),  # TSC_AUX
    (0xC000_0080, 0xC000_0080, Rule.MODES),
    (0xC000_0081, 0xC000_0081, Rule.PLAIN),  # STAR
    (0xC000_0082, 0xC000_0083, Rule.CANONICAL),  # LSTAR, CSTAR
    (0xC000_0084, 0xC000_0084, Rule.LOW_HALF),  # FMASK
    (0x010, 0x010, Rule.CLOCK),  # TIME_STAMP_COUNTER
    (0x017, 0x017, Rule.READ_ONLY),  # PLATFORM_ID
    (0x0FE, 0x0FE, Rule.READ_ONLY),  # MTRRCAP
    (0x175, 0x176, Rule.CANONICAL),  # SYSENTER_ESP, SYSENTER_EIP
    (0x179, 0x179, Rule.READ_ONLY),  # MCG_CAP
    (0x277, 0x277, Rule.MEMORY_TYPES),  # PAT
    (0x200, 0x20F, Rule.RANGE),  # PHYSBASEn, PHYSMASKn
    (0x250, 0x250, Rule.FIXED_RANGES),  # FIX64K
    (0x258, 0x259, Rule.FIXED_RANGES),  # FIX16K
    (0x268, 0x26F, Rule.FIXED_RANGES),  # FIX4K
    (0x2FF, 0x2FF, Rule.DEFAULT_TYPE),
)
"""Registers that exist, and what is checked."""

OF_FEATURES: tuple[tuple[int, int, str], ...] = (
    (0x03A, 0x03A, "VMX"),  # FEATURE_CONTROL
    (0x03B, 0x03B, "IA32_TSC_ADJUST"),
    (0x048, 0x049, "IBRS_IBPB"),  # SPEC_CTRL, PRED_CMD
    (0x0E7, 0x0E8, "APERFMPERF"),
    (0x10A, 0x10A, "ARCH_CAPABILITIES"),
    (0x345, 0x345, "PDCM"),  # PERF_CAPABILITIES
    (0x480, 0x491, "VMX"),
    (0x6A0, 0x6A8, "CET_SS"),
    (0x6E0, 0x6E0, "TSC-Deadline"),
    (0x800, 0x8FF, "x2APIC"),
    (0xD90, 0xD90, "MPX"),  # BNDCFGS
    (0xDA0, 0xDA0, "XSAVES"),  # XSS
)
"""Registers that come with a feature."""

LAST = 0xFFF
"""Numbers above it, but for a few from C0000080h, are no registers of Intel's."""


def advertised_here() -> frozenset[str]:
    """Return the features that our own leaves of CPUID advertise: all that matter below."""
    return frozenset(
        feature.name
        for feature in FEATURES
        if LEAVES.get((feature.leaf, feature.subleaf), (0, 0, 0, 0))[feature.register]
        >> feature.bit
        & 1
    )


def rules() -> Iterator[Row]:
    """Yield every rule that is not PLAIN for all the rest; the first that fits counts."""
    yield from PRESENT
    have = advertised_here()
    for first, last, feature in OF_FEATURES:
        if feature not in have:
            yield first, last, Rule.ABSENT
    yield LAST + 1, 0xFFFF_FFFF, Rule.ABSENT
