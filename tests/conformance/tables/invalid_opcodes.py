"""Encodings that raise #UD, as cases of the subject ``invalid_opcodes``.

Source: Intel SDM Vol. 2, the exceptions of each instruction, and Vol. 2D, A.3, "One,
Two, and Three-Byte Opcode Maps", superscript i64: invalid in 64-bit mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encoding:
    """Bytes that are no instruction."""

    name: str
    code: str
    family: str = "FAULT"
    """Macro that makes the cases: FAULT for both code sizes, FAULT64, or RING0.

    In ring 3 the SDM does not say whether #UD or #GP comes first for a control register
    that does not exist.
    """
    setup: str = "NOTHING"


ENCODINGS = (
    # Vol. 2B, "UD": reserved for this.
    Encoding("ud0", "0f ff c0"),
    Encoding("ud1", "0f b9 c0"),
    Encoding("ud2", "0f 0b"),
    # Not in 64-bit mode.
    *(Encoding(f"push.{name}", code, "FAULT64")
      for name, code in (("es", "06"), ("cs", "0e"), ("ss", "16"), ("ds", "1e"))),
    *(Encoding(f"pop.{name}", code, "FAULT64")
      for name, code in (("es", "07"), ("ss", "17"), ("ds", "1f"))),
    *(Encoding(name, code, "FAULT64")
      for name, code in (("daa", "27"), ("das", "2f"), ("aaa", "37"), ("aas", "3f"))),
    Encoding("pusha", "60", "FAULT64"),
    Encoding("popa", "61", "FAULT64"),
    Encoding("bound", "62 05 00 00 00 00", "FAULT64"),
    Encoding("arith.82", "82 c0 00", "FAULT64"),
    Encoding("call.far", "9a 00 00 00 00 00 00", "FAULT64"),
    Encoding("into", "ce", "FAULT64"),
    Encoding("aam", "d4 0a", "FAULT64"),
    Encoding("aad", "d5 0a", "FAULT64"),
    Encoding("salc", "d6", "FAULT64"),
    Encoding("jmp.far", "ea 00 00 00 00 00 00", "FAULT64"),
    # Operands that must be memory, or a register that does not exist.
    Encoding("mov.to.cs", "8e c8"),
    Encoding("mov.to.seg6", "8e f0"),
    Encoding("mov.from.seg7", "8c f8"),
    Encoding("lea.register", "8d c0"),
    Encoding("lgdt.register", "0f 01 d6"),
    Encoding("cmpxchg8b.register", "0f c7 c8"),
    Encoding("jmp.far.register", "ff e8"),
    Encoding("call.far.register", "ff d8"),
    Encoding("group4.7", "fe f8"),
    Encoding("group5.7", "ff f8"),
    Encoding("group8.0", "0f ba c0 01"),
    Encoding("group6.7", "0f 00 f8"),
    Encoding("cr1", "0f 20 c8", "RING0"),
    Encoding("cr5", "0f 20 e8", "RING0"),
    Encoding("dr4", "0f 21 e0", "RING0", setup="DEBUG_EXTENSIONS"),
    Encoding("dr5", "0f 23 e8", "RING0", setup="DEBUG_EXTENSIONS"),
    # Vol. 2A, "LOCK": only some instructions, and only with a destination in memory.
    Encoding("lock.nop", "f0 90"),
    Encoding("lock.register", "f0 01 d8"),
    Encoding("lock.mov", "f0 89 03"),
    Encoding("lock.load", "f0 03 03"),
    Encoding("lock.cmp", "f0 39 03"),
    Encoding("lock.shift", "f0 d1 23"),
    # Features that CPUID does not have, or that are off.
    Encoding("vmcall", "0f 01 c1"),
    Encoding("monitor", "0f 01 c8"),
    Encoding("rdrand", "0f c7 f0"),
    Encoding("rdseed", "0f c7 f8"),
    Encoding("xgetbv", "0f 01 d0"),  # CR4.OSXSAVE is clear
    Encoding("rdfsbase", "f3 48 0f ae c0", "FAULT64"),  # CR4.FSGSBASE is clear
    Encoding("vzeroupper", "c5 f8 77"),
    # Vol. 2, "SSE4.1" and others: a mandatory prefix is missing.
    Encoding("pshufb.nothing", "0f 38 3f c0"),
    Encoding("three.byte.ff", "0f 38 ff c0"),
)  # fmt: skip


def _lines() -> Iterator[str]:
    for row in ENCODINGS:
        macro = "BYTES_" + row.name.replace(".", "_")
        code = ", ".join(f"0x{byte}" for byte in row.code.split())
        yield f".macro {macro}\n        mov     ebx, SCRATCH\n        MARK\n        .byte   {code}"
        yield f".endm\n{row.family} {row.name}, {row.setup}, {macro}, 6, NONE, 0"


SOURCE = "\n".join(_lines()) + "\n"
