"""Exceptions in words: their names, and what their error codes say.

Source: Intel SDM Vol. 3A, "Exception and Interrupt Reference".
"""

from __future__ import annotations

from vectoros.cpu.faults import IDT_BIT, WITH_ERROR_CODE, Vector
from vectoros.cpu.paging import FAULT_P, FAULT_RSVD, Access

MEANINGS: dict[int, str] = {
    Vector.DE: "divide error",
    Vector.DB: "debug exception",
    Vector.NMI: "non-maskable interrupt",
    Vector.BP: "breakpoint",
    Vector.OF: "overflow",
    Vector.BR: "bound range exceeded",
    Vector.UD: "undefined instruction",
    Vector.NM: "FPU not available",
    Vector.DF: "double fault",
    Vector.TS: "invalid TSS",
    Vector.NP: "segment not present",
    Vector.SS: "stack-segment fault",
    Vector.GP: "general protection",
    Vector.PF: "page fault",
    Vector.MF: "x87 floating-point error",
    Vector.AC: "alignment check",
    Vector.MC: "machine check",
    Vector.XM: "SIMD floating-point error",
}
"""What each exception is, in lower case."""

_LDT_BIT = 1 << 2
_LONG_GATE_SHIFT = 4
"""In long mode Unicorn's error code for an IDT entry is vector * 16 + 2 (cpu/delivery.py)."""


def vector_name(vector: int) -> str:
    """Return the SDM's mnemonic of an exception, or the INT that has this vector.

    >>> vector_name(14), vector_name(0x80)
    ('#PF', 'INT 0x80')
    """
    return f"#{Vector(vector).name}" if vector in MEANINGS else f"INT {vector:#04x}"


def error_words(vector: int, code: int, *, long_mode: bool = True) -> str:
    """Return what error code ``code`` of exception ``vector`` says; empty if it has none.

    >>> error_words(14, 0x7)
    'user write, page present: not allowed'
    >>> error_words(13, 0x28)
    'GDT selector 0x28'
    """
    if vector == Vector.PF:
        return _page_fault_words(code)
    if vector not in WITH_ERROR_CODE or vector in (Vector.DF, Vector.AC):
        return ""
    if code & 0xFFFF < IDT_BIT:
        return "no selector"
    if code & IDT_BIT:
        return f"IDT entry {code >> (_LONG_GATE_SHIFT if long_mode else 3)}"
    return f"{'LDT' if code & _LDT_BIT else 'GDT'} selector {code & 0xFFF8:#x}"


def _page_fault_words(code: int) -> str:
    who = "user" if code & Access.USER else "supervisor"
    what = "fetch" if code & Access.FETCH else "write" if code & Access.WRITE else "read"
    if code & FAULT_RSVD:
        return f"{who} {what}, a reserved bit is set in a paging entry"
    return f"{who} {what}, page " + ("present: not allowed" if code & FAULT_P else "not present")
