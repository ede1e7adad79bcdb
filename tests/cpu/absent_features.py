"""What a CPU without a feature does with the instructions and registers of that feature.

Instructions are bytes, because an assembler may know better. Where the SDM gives the
bytes another meaning on an older CPU (LZCNT is BSR with a prefix without effect), that
is in ALIASES; where Unicorn does something that no CPU does, in DEVIATIONS.
"""

from __future__ import annotations

UNDEFINED: dict[str, tuple[str, ...]] = {
    "MONITOR": ("0f01c8", "0f01c9"),
    "VMX": ("0f01c1", "0f01c2", "f30fc737", "0f78c3", "0fc73f"),
    "SMX": ("0f37",),
    "FMA": ("c4e27198c2",),
    "MOVBE": ("0f38f007", "0f38f107"),
    "AVX": ("c5f058c2", "c5f458c2", "c5f877", "c5f96ec0", "c5f1efc2", "c5fa6f07"),
    "AVX2": ("c5f5fec2",),
    "F16C": ("c4e27913c1",),
    "RDRAND": ("0fc7f0", "480fc7f1"),
    "RDSEED": ("0fc7f8",),
    "FSGSBASE": ("f3480faec0", "f3480faed0", "f30faec8", "f30faed8"),
    "SGX": ("0f01cf", "0f01d7"),
    "BMI1": ("c4e278f2c3", "c4e278f3cb", "c4e270f7c3"),
    "BMI2": ("c4e270f5c3", "c4e27bf6c3", "c4e37bf0c305", "c4e27bf5c3", "c4e272f7c3"),
    "INVPCID": ("660f388207",),
    "RTM": ("0f01d5", "0f01d6"),  # XEND, XTEST
    "AVX512F": ("62f17c4858c1",),
    "ADX": ("660f38f6c3", "f30f38f6c3"),
    "SMAP": ("0f01ca", "0f01cb"),
    "CLFLUSHOPT": ("660fae3f",),
    "CLWB": ("660fae37",),
    "SHA": ("0f38c8c1",),
    "PKU": ("0f01ee", "0f01ef"),
    "GFNI": ("660f38cfc1",),
    "RDPID": ("f30fc7f8",),
    "MOVDIRI": ("0f38f907",),
    "SERIALIZE": ("0f01e8",),
    "XSAVEC": ("0fc727",),
    "XSAVES": ("0fc72f", "0fc71f"),
    "3DNOW": ("0f0fc19e", "0f0e"),
}
"""Bytes that raise #UD in 64-bit mode. RDI is the address of zeros."""

CR4: dict[str, int] = {
    "VME": 0b01,
    "UMIP": 1 << 11,
    "LA57": 1 << 12,
    "VMX": 1 << 13,
    "SMX": 1 << 14,
    "FSGSBASE": 1 << 16,
    "PCID": 1 << 17,
    "SMAP": 1 << 21,
    "PKU": 1 << 22,
    "CET_SS": 1 << 23,
    "CET_IBT": 1 << 23,
}
"""Bits of CR4 that raise #GP(0)."""

REGISTERS: dict[str, tuple[int, ...]] = {
    "VMX": (0x3A, 0x480),
    "IA32_TSC_ADJUST": (0x3B,),
    "IBRS_IBPB": (0x48,),
    "APERFMPERF": (0xE7, 0xE8),
    "ARCH_CAPABILITIES": (0x10A,),
    "PDCM": (0x345,),
    "CET_SS": (0x6A0, 0x6A8),
    "TSC-Deadline": (0x6E0,),
    "x2APIC": (0x802, 0x830),
    "MPX": (0xD90,),
    "XSAVES": (0xDA0,),
}
"""Model-specific registers that raise #GP(0) when read, and when written."""

ALIASES: dict[str, tuple[str, int]] = {
    "LZCNT": ("f30fbdc3", 14),  # BSR
    "BMI1": ("f30fbcc3", 2),  # TZCNT: BSF
    "MPX": ("660f1ac1", 0x1111),  # BNDMOV: NOP
    "CET_IBT": ("f30f1efa", 0x1111),  # ENDBR64: NOP
    "CET_SS": ("f3480f1ec8", 0x1111),  # RDSSPQ RAX: NOP
    "PREFETCHW": ("0f0d0f", 0x1111),  # NOP
    "HLE": ("f2f00107", 0x1111),  # XACQUIRE LOCK ADD: the prefix has no effect
    "ERMS": ("f3a4", 0x1111),  # REP MOVSB, slowly
}
"""Bytes that an older CPU takes for something else; RAX behind them, if EBX is 4444h."""

DEVIATIONS: dict[str, tuple[str, str, str]] = {
    "RTM": ("c7f800000000", "Vol. 2D, XBEGIN", "C7 /7 is taken for C7 /0: MOV EAX, imm32"),
    "RTM abort": ("c6f800", "Vol. 2D, XABORT", "C6 /7 is taken for C6 /0: MOV AL, imm8"),
    "XOP": ("8fc8", "Vol. 2D, opcode map, group 1A", "8F /1 to /7 are taken for POP"),
    "SSE4A": ("660f79c1", "Vol. 2D, opcode map: 66 0F 79", "EXTRQ and INSERTQ run"),
    "SSE4A store": ("f30f2b07", "Vol. 2D, opcode map: F3 0F 2B", "MOVNTSS and MOVNTSD run"),
    "WAITPKG": ("660faef0", "Vol. 2D, group 15", "UMONITOR and TPAUSE are taken for MFENCE"),
}
"""By feature: bytes that should raise #UD and do not; the SDM's place; what happens instead."""

NOTHING_TO_TRY = frozenset(
    ("APIC", "PSN", "DS", "ACPI", "SS", "HTT", "TM", "PBE", "EIST", "TM2", "ARAT")
)
"""Features without an instruction or a register of their own that a program could miss."""
