"""What far calls and jumps refuse, as cases of the subject ``call_gates``.

Source: Intel SDM Vol. 2A, "CALL" and "JMP", operation of far calls and jumps; Vol. 3A,
5.8.1 "Direct Calls or Jumps to Code Segments" and table 3-2 "System-Segment Types".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VECTORS = {"gp": 13, "np": 11}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A gate, or a selector to jump to, and the exception."""

    name: str
    outcome: str
    """gp or np, and the selector that the error code names."""
    access: int = 0xEC
    """Byte 5 of the gate."""
    target: str = "CODE"
    """The gate's selector; CODE is code of the mode, in ring 0."""
    through: str = "GATE + 3"
    """The selector in the instruction."""
    ring: int = 3
    instructions: str = "call jmp"
    bits: str = "32 64"


REFUSALS = (
    # The gate: DPL against CPL and RPL, then its type and P, before its selector.
    Refusal("gate.dpl", "gp GATE", access=0x8C, target="0"),
    Refusal("gate.dpl2", "gp GATE", access=0xCC),
    Refusal("gate.rpl", "gp GATE", access=0x8C, ring=0),
    Refusal("gate.absent", "np GATE", access=0x6C, target="0"),
    Refusal("gate.absent.dpl", "gp GATE", access=0x0C),
    # The code segment it names.
    Refusal("target.null", "gp 0", target="0"),
    Refusal("target.null.rpl3", "gp 0", target="3"),
    Refusal("target.limit", "gp 0x1000", target="0x1000"),
    Refusal("target.ldt", "gp 0x0c", target="0x0c"),
    Refusal("target.data", "gp DATA", target="DATA"),
    Refusal("target.tss", "gp TSS32_SEL", target="TSS32_SEL"),
    Refusal("target.outer", "gp OUTER", access=0x8C, target="OUTER", through="GATE", ring=0),
    Refusal("target.absent", "np ABSENT_CODE", target="ABSENT_CODE", instructions="call"),
    Refusal("target.absent.inner", "gp ABSENT_CODE", target="ABSENT_CODE", instructions="jmp"),
    Refusal("target.absent.same", "np ABSENT_CODE", 0x8C, "ABSENT_CODE", "GATE", 0),
    Refusal("target.inner", "gp CODE", instructions="jmp"),
    Refusal("target.32", "gp CODE32", target="CODE32", bits="64"),  # must be 64-bit code
    Refusal("target.16", "gp CODE16", target="CODE16", bits="64"),
    # Without a gate.
    Refusal("direct.null", "gp 0", through="0", ring=0),
    Refusal("direct.null.rpl3", "gp 0", through="3"),
    Refusal("direct.limit", "gp 0x1000", through="0x1003"),
    Refusal("direct.ldt", "gp 0x0c", through="0x0f"),
    Refusal("direct.data", "gp DATA_3 & 0xfc", through="DATA_3"),
    Refusal("direct.inner", "gp CODE", through="CODE + 3"),
    Refusal("direct.inner.rpl0", "gp CODE", through="CODE"),
    Refusal("direct.rpl", "gp CODE", through="CODE + 1", ring=0),
    Refusal("direct.outer", "gp OUTER & 0xfc", through="OUTER", ring=0),
    Refusal("direct.conforming.outer", "gp OUTER_C", through="OUTER_C", ring=0),
    Refusal("direct.absent", "np ABSENT_CODE", through="ABSENT_CODE", ring=0),
    Refusal("direct.absent.inner", "gp ABSENT_CODE", through="ABSENT_CODE + 3"),
    # Types of system descriptors that are neither gates nor tasks.
    *(Refusal(f"type{kind:X}", "gp GATE", access=0xE0 | kind) for kind in (0, 2, 6, 7, 14, 15)),
    *(
        Refusal(f"type{kind:X}.long", "gp GATE", access=0xE0 | kind, bits="64")
        for kind in (1, 3, 4, 5, 9, 11)
    ),
)  # fmt: skip


def _lines() -> Iterator[str]:
    for bits in ("32", "64"):
        # Absent code of ring 0; conforming code of DPL 3.
        yield f".macro DESCRIPTORS.{bits}"
        yield f"SEL_DESC ABSENT_CODE, 0xffff, {'0xcf1b00' if bits == '32' else '0xaf1b00'}"
        yield f"SEL_DESC OUTER_C, 0xffff, {'0xcfff00' if bits == '32' else '0xafff00'}\n.endm"
    yield ".set ABSENT_CODE, FREE_SEL + 0x18\n.set OUTER_C, FREE_SEL + 0x20"
    for refusal in REFUSALS:
        for bits in refusal.bits.split():
            for instruction in refusal.instructions.split():
                yield from _case(refusal, bits, instruction)


def _case(refusal: Refusal, bits: str, instruction: str) -> Iterator[str]:
    def named(selector: str) -> str:
        """Return it with what differs by mode filled in."""
        words = {"CODE": f"CODE{bits}", "OUTER": f"CODE{bits}_3"}
        return " ".join(words.get(word, word) for word in selector.split())

    exception, error = refusal.outcome.split(" ", 1)
    yield f"CASE{bits} {refusal.name}.{bits}.{instruction}"
    yield f"DESCRIPTORS.{bits}"
    yield f"MAKE_GATE.{bits} {refusal.access:#x}, 0, {named(refusal.target)}, target{bits}"
    yield f"POINT {named(refusal.through)}\nIN.{refusal.ring}.{bits}\nDO.{instruction}"
    yield f"WANT VECTOR, {VECTORS[exception]}\nWANT ERROR, ({named(error)}) & 0xfffc\nWANT RIP, 0"


SOURCE = "\n".join(_lines()) + "\n"
