"""What far returns refuse, as cases of the subject ``far_returns``.

Source: Intel SDM Vol. 2B, "RET", operation of far returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VECTORS = {"gp": 13, "np": 11, "ss": 12}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A frame, and the exception of the return."""

    name: str
    outcome: str
    """The exception, and the selector that the error code names."""
    cs: str
    """OUTER and CODE are code of the mode, in ring 3 and in ring 0."""
    ss: str = "DATA_3"
    ring: int = 0
    bits: str = "32 64"


REFUSALS = (
    Refusal("cs.null", "gp 0", "0"),
    Refusal("cs.null.rpl3", "gp 0", "3", ring=3),
    Refusal("cs.limit", "gp 0x1000", "0x1000"),
    Refusal("cs.limit.outer", "gp 0x1000", "0x1003"),
    Refusal("cs.ldt", "gp 0x0c", "0x0c"),
    Refusal("cs.data", "gp DATA", "DATA"),
    Refusal("cs.tss", "gp TSS32_SEL", "TSS32_SEL"),
    Refusal("cs.inner", "gp CODE", "CODE", ring=3),
    Refusal("cs.inner.conforming", "gp CODE32_C", "CODE32_C", ring=3),
    Refusal("cs.rpl1.from3", "gp CODE32_1", "CODE32_1", ring=3),
    Refusal("cs.dpl.below.rpl", "gp CODE", "CODE + 3"),
    Refusal("cs.dpl.above.rpl", "gp OUTER", "OUTER - 3"),
    Refusal("cs.dpl.rpl1", "gp OUTER", "OUTER - 2"),
    Refusal("cs.conforming.above", "gp OUTER_C", "OUTER_C"),
    Refusal("cs.absent", "np ABSENT_CODE", "ABSENT_CODE"),
    Refusal("cs.absent.rpl", "gp ABSENT_CODE", "ABSENT_CODE + 3"),
    Refusal("ss.null", "gp 0", "OUTER", "0"),
    Refusal("ss.null.rpl3", "gp 0", "OUTER", "3"),
    Refusal("ss.null.compat", "gp 0", "CODE32_1", "1", bits="64"),
    Refusal("ss.limit", "gp 0x1000", "OUTER", "0x1003"),
    Refusal("ss.ldt", "gp 0x0c", "OUTER", "0x0f"),
    Refusal("ss.rpl", "gp DATA_3", "OUTER", "DATA_3 - 3"),
    Refusal("ss.dpl", "gp DATA", "OUTER", "DATA + 3"),
    Refusal("ss.code", "gp OUTER", "OUTER", "OUTER"),
    Refusal("ss.tss", "gp TSS32_SEL", "OUTER", "TSS32_SEL + 3"),
    Refusal("ss.absent", "ss ABSENT_DATA", "OUTER", "ABSENT_DATA + 3"),
    Refusal("ss.absent.rpl", "gp ABSENT_DATA", "OUTER", "ABSENT_DATA"),
)


def _lines() -> Iterator[str]:
    for refusal in REFUSALS:
        for bits in refusal.bits.split():
            yield from _case(refusal, bits)


def _case(refusal: Refusal, bits: str) -> Iterator[str]:
    def named(selector: str) -> str:
        """Return it with what differs by mode filled in."""
        words = {"CODE": f"CODE{bits}", "OUTER": f"CODE{bits}_3"}
        return " ".join(words.get(word, word) for word in selector.split())

    exception, error = refusal.outcome.split(" ", 1)
    stack = "STACK_TOP" if refusal.ring == 0 else "STACK3_TOP"
    yield f"CASE{bits} {refusal.name}.{bits}"
    yield f"DESCRIPTORS.{bits}\nIN.{refusal.ring}.{bits}"
    yield f"RETURN.{bits} {named(refusal.ss)}, {named(refusal.cs)}"
    yield f"WANT VECTOR, {VECTORS[exception]}\nWANT ERROR, ({named(error)}) & 0xfffc\nWANT RIP, 0"
    yield f"WANT RSP, {stack} - {4 * int(bits) // 8}"


SOURCE = "\n".join(_lines()) + "\n"
