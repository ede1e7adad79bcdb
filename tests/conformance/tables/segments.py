"""Which descriptors a segment register takes, as cases of the subject ``segments``.

Source: Intel SDM Vol. 2B, "MOV" and its operation "Loading a segment register"; Vol. 3A,
3.4.5 "Segment Descriptors" and 5.5 "Privilege Levels".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ACCESSES = ("data.0.rpl0", "data.0.rpl3", "data.3.rpl3", "data.3.rpl0", "ss.0.rpl0", "ss.3.rpl3")
"""Names of the six cases of a row: register, ring, RPL of the selector."""

VECTORS = {"gp": 13, "np": 11, "ss": 12}


@dataclass(frozen=True, slots=True)
class Kind:
    """A descriptor, and what becomes of loads of it."""

    name: str
    access: int
    """Byte 5 of it: P, DPL, S and type. Not accessed."""
    outcomes: str
    """Six words, in the order of :data:`ACCESSES`: ok, or the exception."""
    granules: int = 0xFFFFF
    """Its limit, in pages of 4 KiB. One that expands down ends there."""


KINDS = (
    Kind("rw", 0xF2, "ok ok ok ok gp ok"),
    Kind("ro", 0xF0, "ok ok ok ok gp gp"),
    Kind("down.rw", 0xF6, "ok ok ok ok gp ok", granules=0),
    Kind("down.ro", 0xF4, "ok ok ok ok gp gp", granules=0),
    Kind("xo", 0xF8, "gp gp gp gp gp gp"),
    Kind("rx", 0xFA, "ok ok ok ok gp gp"),
    Kind("conforming.xo", 0xFC, "gp gp gp gp gp gp"),
    Kind("conforming.rx", 0xFE, "ok ok ok ok gp gp"),
    Kind("rw.dpl0", 0x92, "ok gp gp gp ok gp"),
    Kind("ro.dpl0", 0x90, "ok gp gp gp gp gp"),
    Kind("down.rw.dpl0", 0x96, "ok gp gp gp ok gp", granules=0),
    Kind("rx.dpl0", 0x9A, "ok gp gp gp gp gp"),
    Kind("conforming.rx.dpl0", 0x9E, "ok ok ok ok gp gp"),  # neither CPL nor RPL count
    Kind("conforming.xo.dpl0", 0x9C, "gp gp gp gp gp gp"),
    Kind("rw.dpl2", 0xD2, "ok gp gp gp gp gp"),
    Kind("absent.rw", 0x72, "np np np np gp ss"),
    Kind("absent.rw.dpl0", 0x12, "np gp gp gp ss gp"),
    Kind("absent.rx", 0x7A, "np np np np gp gp"),
    Kind("absent.xo", 0x78, "gp gp gp gp gp gp"),
    Kind("zero", 0x00, "gp gp gp gp gp gp"),
    Kind("ldt", 0xE2, "gp gp gp gp gp gp"),
    Kind("tss", 0xE9, "gp gp gp gp gp gp"),
    Kind("call_gate", 0xEC, "gp gp gp gp gp gp"),
    Kind("absent.ldt", 0x62, "gp gp gp gp gp gp"),
)


def _lines() -> Iterator[str]:
    for kind in KINDS:
        for access, outcome in zip(ACCESSES, kind.outcomes.split(), strict=True):
            for bits, data in (("32", "ds"), ("64", "es")):
                yield from _case(kind, access, outcome, bits, data)


def _case(kind: Kind, access: str, outcome: str, bits: str, data: str) -> Iterator[str]:
    register, ring, rpl = access.split(".")
    register = data if register == "data" else register
    selector = f"FREE_SEL + {rpl.removeprefix('rpl')}"
    high = kind.granules & 0xF0000 | 0xC00000 | kind.access << 8
    yield f"CASE{bits} {kind.name}.{bits}.{access}"
    yield f"SEL_DESC FREE_SEL, {kind.granules & 0xFFFF:#x}, {high:#x}"
    if ring == "3":
        yield f"TO_RING3_{bits} 0"
    yield f"mov eax, {selector}\nMARK\nmov {register}, eax"
    left = kind.access
    if outcome == "ok":
        left |= 1  # accessed
        yield f"WANT {register.upper()}, {selector}"
    else:
        yield f"WANT VECTOR, {VECTORS[outcome]}\nWANT ERROR, FREE_SEL\nWANT RIP, 0"
    yield f"WANT_MEM GDT + FREE_SEL + 5, 0xff, {left:#x}"


SOURCE = "\n".join(_lines()) + "\n"
