"""What the bits of CPUID mean, and what our CPU says of itself by them.

Names are those of the Intel SDM, Vol. 2A, "CPUID". A feature of the table that is
not advertised is one that a program could expect of an x86-64 CPU; what becomes of
it here, tests/cpu/test_features.py says, feature by feature.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vectoros.cpu.cpuid import Leaf

ReadLeaf = Callable[[int, int], Leaf]
"""What CPUID answers to a leaf and a subleaf."""

EAX, EBX, ECX, EDX = range(4)


@dataclass(frozen=True, slots=True)
class Feature:
    """A bit of CPUID."""

    name: str
    leaf: int
    subleaf: int
    register: int
    bit: int

    @property
    def place(self) -> str:
        """Where the bit is, as the SDM writes it: ``CPUID.(EAX=07H,ECX=0):EBX[7]``."""
        register = ("EAX", "EBX", "ECX", "EDX")[self.register]
        return f"CPUID.(EAX={self.leaf:02X}H,ECX={self.subleaf}):{register}[{self.bit}]"


_BITS: dict[tuple[int, int, int], dict[int, str]] = {
    (1, 0, EDX): {
        0: "FPU", 1: "VME", 2: "DE", 3: "PSE", 4: "TSC", 5: "MSR", 6: "PAE", 7: "MCE", 8: "CX8",
        9: "APIC", 11: "SEP", 12: "MTRR", 13: "PGE", 14: "MCA", 15: "CMOV", 16: "PAT",
        17: "PSE-36", 18: "PSN", 19: "CLFSH", 21: "DS", 22: "ACPI", 23: "MMX", 24: "FXSR",
        25: "SSE", 26: "SSE2", 27: "SS", 28: "HTT", 29: "TM", 31: "PBE",
    },
    (1, 0, ECX): {
        0: "SSE3", 1: "PCLMULQDQ", 3: "MONITOR", 5: "VMX", 6: "SMX", 7: "EIST", 8: "TM2",
        9: "SSSE3", 12: "FMA", 13: "CMPXCHG16B", 15: "PDCM", 17: "PCID", 19: "SSE4_1",
        20: "SSE4_2", 21: "x2APIC", 22: "MOVBE", 23: "POPCNT", 24: "TSC-Deadline", 25: "AESNI",
        26: "XSAVE", 28: "AVX", 29: "F16C", 30: "RDRAND", 31: "HYPERVISOR",
    },
    (6, 0, EAX): {2: "ARAT"},
    (6, 0, ECX): {0: "APERFMPERF"},
    (7, 0, EBX): {
        0: "FSGSBASE", 1: "IA32_TSC_ADJUST", 2: "SGX", 3: "BMI1", 4: "HLE", 5: "AVX2", 7: "SMEP",
        8: "BMI2", 9: "ERMS", 10: "INVPCID", 11: "RTM", 14: "MPX", 16: "AVX512F", 18: "RDSEED",
        19: "ADX", 20: "SMAP", 23: "CLFLUSHOPT", 24: "CLWB", 29: "SHA",
    },
    (7, 0, ECX): {2: "UMIP", 3: "PKU", 5: "WAITPKG", 7: "CET_SS", 8: "GFNI", 16: "LA57",
                  22: "RDPID", 27: "MOVDIRI"},
    (7, 0, EDX): {14: "SERIALIZE", 20: "CET_IBT", 26: "IBRS_IBPB", 29: "ARCH_CAPABILITIES"},
    (0xD, 1, EAX): {0: "XSAVEOPT", 1: "XSAVEC", 2: "XGETBV_ECX_1", 3: "XSAVES"},
    (0x8000_0001, 0, ECX): {0: "LAHF64", 5: "LZCNT", 6: "SSE4A", 8: "PREFETCHW", 11: "XOP"},
    (0x8000_0001, 0, EDX): {11: "SYSCALL", 20: "NX", 26: "PAGE1GB", 27: "RDTSCP", 29: "LM",
                            31: "3DNOW"},
    (0x8000_0007, 0, EDX): {8: "INVARIANT_TSC"},
}  # fmt: skip
"""Leaf, subleaf and register -> bit -> name. HYPERVISOR, SSE4A, XOP and 3DNOW are AMD's."""

FEATURES = tuple(
    Feature(name, *where, bit) for where, names in _BITS.items() for bit, name in names.items()
)
"""Every bit that has a name here, in the order of leaves and bits."""


def advertised(read: ReadLeaf) -> Iterator[Feature]:
    """Yield the features that CPUID says the CPU has."""
    for feature in FEATURES:
        if read(feature.leaf, feature.subleaf)[feature.register] >> feature.bit & 1:
            yield feature


def unnamed(read: ReadLeaf) -> Iterator[tuple[int, int, int, int]]:
    """Yield leaf, subleaf, register and bit of what is set in those registers without a name."""
    for (leaf, subleaf, register), names in _BITS.items():
        value = read(leaf, subleaf)[register]
        for bit in range(32):
            if value >> bit & 1 and bit not in names:
                yield leaf, subleaf, register, bit


@dataclass(frozen=True, slots=True)
class Identity:
    """Who made the CPU, and which one it is."""

    vendor: str
    brand: str
    family: int
    model: int
    stepping: int


def identity(read: ReadLeaf) -> Identity:
    """Return what CPUID says the CPU is: leaves 0, 1, and 80000002h to 80000004h."""
    _, ebx, ecx, edx = read(0, 0)
    brand = b"".join(struct.pack("<4I", *read(0x8000_0002 + part, 0)) for part in range(3))
    signature = read(1, 0)[EAX]
    family, model = signature >> 8 & 15, signature >> 4 & 15
    if family in (6, 15):
        model |= signature >> 12 & 0xF0
    if family == 15:
        family += signature >> 20 & 0xFF
    return Identity(
        struct.pack("<3I", ebx, edx, ecx).decode("ascii"),
        brand.rstrip(b"\0").decode("ascii").strip(),
        family,
        model,
        signature & 15,
    )
