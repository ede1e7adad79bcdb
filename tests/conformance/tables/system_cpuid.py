"""Features by CPUID, each with an instruction that exists if it does; see ``system_cpuid.S``.

The instruction may use SCRATCH, at RBX. Those that exist as something else without the
feature (LZCNT, TZCNT, PREFETCHW) tell nothing and are not here, nor are those that need a
bit of CR4 that belongs to the feature itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """A bit of CPUID and what it promises."""

    name: str
    leaf: int
    register: str
    bit: int
    code: str
    """Bytes of the instruction."""
    subleaf: int = 0


BASIC, STRUCTURED, XSAVE, EXTENDED = 1, 7, 0xD, 0x80000001

FEATURES = [
    Feature("fpu", BASIC, "edx", 0, "d9 d0"),
    Feature("tsc", BASIC, "edx", 4, "0f 31"),
    Feature("msr", BASIC, "edx", 5, "0f 32"),
    Feature("cx8", BASIC, "edx", 8, "0f c7 0b"),
    Feature("cmov", BASIC, "edx", 15, "0f 44 c0"),
    Feature("clfsh", BASIC, "edx", 19, "0f ae 3b"),
    Feature("mmx", BASIC, "edx", 23, "0f 6f c0"),
    Feature("fxsr", BASIC, "edx", 24, "0f ae 03"),
    Feature("sse", BASIC, "edx", 25, "0f 58 c0"),
    Feature("sse2", BASIC, "edx", 26, "66 0f 58 c0"),
    Feature("sse3", BASIC, "ecx", 0, "f2 0f 7c c0"),
    Feature("pclmulqdq", BASIC, "ecx", 1, "66 0f 3a 44 c0 00"),
    Feature("monitor", BASIC, "ecx", 3, "0f 01 c8"),
    Feature("ssse3", BASIC, "ecx", 9, "66 0f 38 00 c0"),
    Feature("fma", BASIC, "ecx", 12, "c4 e2 79 98 c0"),
    Feature("cx16", BASIC, "ecx", 13, "48 0f c7 0b"),
    Feature("sse4.1", BASIC, "ecx", 19, "66 0f 38 10 c0"),
    Feature("sse4.2", BASIC, "ecx", 20, "66 0f 38 37 c0"),
    Feature("crc32", BASIC, "ecx", 20, "f2 0f 38 f1 c0"),
    Feature("movbe", BASIC, "ecx", 22, "0f 38 f0 03"),
    Feature("popcnt", BASIC, "ecx", 23, "f3 0f b8 c0"),
    Feature("aes", BASIC, "ecx", 25, "66 0f 38 dc c0"),
    Feature("xsave", BASIC, "ecx", 26, "0f ae 23"),
    Feature("avx", BASIC, "ecx", 28, "c5 f8 58 c0"),
    Feature("f16c", BASIC, "ecx", 29, "c4 e2 79 13 c0"),
    Feature("rdrand", BASIC, "ecx", 30, "0f c7 f0"),
    Feature("bmi1", STRUCTURED, "ebx", 3, "c4 e2 78 f2 c0"),
    Feature("avx2", STRUCTURED, "ebx", 5, "c4 e2 7d 58 c0"),
    Feature("bmi2", STRUCTURED, "ebx", 8, "c4 e2 79 f7 c0"),
    Feature("invpcid", STRUCTURED, "ebx", 10, "66 0f 38 82 03"),
    Feature("rtm", STRUCTURED, "ebx", 11, "c7 f8 00 00 00 00"),
    Feature("avx512f", STRUCTURED, "ebx", 16, "62 f1 7c 48 58 c0"),
    Feature("rdseed", STRUCTURED, "ebx", 18, "0f c7 f8"),
    Feature("adx", STRUCTURED, "ebx", 19, "66 0f 38 f6 c0"),
    Feature("smap", STRUCTURED, "ebx", 20, "0f 01 ca"),
    Feature("clflushopt", STRUCTURED, "ebx", 23, "66 0f ae 3b"),
    Feature("clwb", STRUCTURED, "ebx", 24, "66 0f ae 33"),
    Feature("sha", STRUCTURED, "ebx", 29, "0f 38 c8 c0"),
    Feature("rdpid", STRUCTURED, "ecx", 22, "f3 0f c7 f8"),
    Feature("xsaveopt", XSAVE, "eax", 0, "0f ae 33", subleaf=1),
    Feature("xsavec", XSAVE, "eax", 1, "0f c7 23", subleaf=1),
    Feature("xsaves", XSAVE, "eax", 3, "0f c7 2b", subleaf=1),
    Feature("lahf", EXTENDED, "ecx", 0, "9f"),
    Feature("sse4a", EXTENDED, "ecx", 6, "f2 0f 79 c0"),
    Feature("rdtscp", EXTENDED, "edx", 27, "0f 01 f9"),
    Feature("3dnow", EXTENDED, "edx", 31, "0f 0f c0 9e"),
]


def _lines() -> Iterable[str]:
    for feature in FEATURES:
        macro = "RUN_" + feature.name.replace(".", "_").upper()
        code = ", ".join(f"0x{byte}" for byte in feature.code.split())
        yield f".macro {macro}\n        .byte   {code}\n.endm"
        yield (
            f"FEATURE {feature.name}, {feature.leaf:#x}, {feature.subleaf},"
            f" {feature.register}, {feature.bit}, {macro}"
        )


SOURCE = "\n".join(_lines()) + "\n"
