"""What VERR, VERW, LAR and LSL say of descriptors, as cases of ``segment_queries``.

Source: Intel SDM Vol. 2, "VERR/VERW", "LAR" and "LSL" with their tables of types that are
valid in 32-bit mode and in IA-32e mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ASKED = ("0.0", "3.3", "0.3")
"""Names of the cases of a row: ring, and RPL of the selector."""

_LIMIT = 0x12345
"""In pages where G is set."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A descriptor, and what is said of it."""

    name: str
    access: int
    """Byte 5 of it: P, DPL, S and type."""
    answers: str
    """A word for each of :data:`ASKED`: letters r, w, a and l for those of VERR, VERW,
    LAR and LSL that set ZF, or ``-``."""
    answers_64: str = ""
    """In IA-32e mode, where it differs."""
    granular: bool = True


KINDS = (
    Kind("rw", 0xF3, "rwal rwal rwal"),
    Kind("ro", 0xF1, "ral ral ral"),
    Kind("down.rw", 0xF7, "rwal rwal rwal"),
    Kind("rx", 0xFB, "ral ral ral"),
    Kind("xo", 0xF9, "al al al"),
    Kind("bytes", 0xF3, "rwal rwal rwal", granular=False),
    Kind("rw.dpl0", 0x93, "rwal - -"),
    Kind("ro.dpl0", 0x91, "ral - -"),
    Kind("rx.dpl0", 0x9B, "ral - -"),
    Kind("xo.dpl0", 0x99, "al - -"),
    Kind("rw.dpl2", 0xD3, "rwal - -"),
    Kind("conforming.rx.dpl0", 0x9F, "ral ral ral"),
    Kind("conforming.xo.dpl0", 0x9D, "al al al"),
    Kind("absent.rw", 0x73, "rwal rwal rwal"),  # P does not count
    Kind("absent.rx.dpl0", 0x1B, "ral - -"),
    # System descriptors: DPL 3, then some of DPL 0.
    Kind("type0", 0xE0, "- - -"),
    Kind("type1", 0xE1, "al al al", "- - -"),  # 16-bit TSS
    Kind("type2", 0xE2, "al al al"),  # LDT
    Kind("type3", 0xE3, "al al al", "- - -"),
    Kind("type4", 0xE4, "a a a", "- - -"),  # 16-bit call gate
    Kind("type5", 0xE5, "a a a", "- - -"),  # task gate
    Kind("type6", 0xE6, "- - -"),
    Kind("type7", 0xE7, "- - -"),
    Kind("type8", 0xE8, "- - -"),
    Kind("type9", 0xE9, "al al al"),  # TSS
    Kind("typeA", 0xEA, "- - -"),
    Kind("typeB", 0xEB, "al al al"),
    Kind("typeC", 0xEC, "a a a"),  # call gate
    Kind("typeD", 0xED, "- - -"),
    Kind("typeE", 0xEE, "- - -"),
    Kind("typeF", 0xEF, "- - -"),
    Kind("type2.dpl0", 0x82, "al - -"),
    Kind("typeB.dpl0", 0x8B, "al - -"),
    Kind("typeC.dpl0", 0x8C, "a - -"),
)


def _lines() -> Iterator[str]:
    for kind in KINDS:
        for bits in ("32", "64"):
            answers = kind.answers_64 if bits == "64" and kind.answers_64 else kind.answers
            for asked, said in zip(ASKED, answers.split(), strict=True):
                yield from _case(kind, bits, asked, said)


def _case(kind: Kind, bits: str, asked: str, said: str) -> Iterator[str]:
    ring, rpl = asked.split(".")
    high = _LIMIT & 0xF0000 | kind.access << 8 | (0x800000 if kind.granular else 0)
    limit = _LIMIT << 12 | 0xFFF if kind.granular else _LIMIT
    zf = ", ".join(str(int(letter in said)) for letter in "rwal")
    yield f"CASE{bits} {kind.name}.{bits}.{asked}"
    yield f"SEL_DESC FREE_SEL, {_LIMIT & 0xFFFF:#x}, {high:#x}"
    yield "SEL_DESC FREE_SEL + 8, 0, 0"
    yield f"ASK {ring}, {bits}, FREE_SEL + {rpl}, {zf}"
    # Bits 16 to 19 of what LAR reads are undefined.
    access_rights = high & 0xF0FF00 if "a" in said else None
    yield f"WANT_BITS RCX, 0xfff0ffff, {access_rights:#x}" if access_rights else "WANT RCX, OLD"
    yield f"WANT RDX, {limit:#x}" if "l" in said else "WANT RDX, OLD"


SOURCE = "\n".join(_lines()) + "\n"
