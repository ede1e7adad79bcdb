"""What the I/O permission bitmap allows, as cases of the subject ``ports``.

Source: Intel SDM Vol. 1, 19.5.2 "I/O Permission Bit Map".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Access:
    """An instruction in ring 3, and the bitmap."""

    name: str
    instruction: str
    allowed: bool
    denied: str = ""
    """Ports whose bits are set, all others are clear."""
    port: str = "PORT"
    iopl: int = 0
    limit: str = "0x1ff"
    """Of the TSS."""
    map_base: str = "0x68"


WIDTHS = {"b": 1, "w": 2, "d": 4}


def _widths() -> Iterator[Access]:
    """Each bit of an access counts, and no other; in one byte of the bitmap or in two."""
    for verb in ("in", "out"):
        for letter, width in WIDTHS.items():
            for at, port in (("low", "PORT"), ("across", "PORT + 7")):
                for offset in sorted({-1, 0, width - 1, width}):
                    yield Access(
                        f"{verb}{letter}.{at}.deny{offset}".replace("-", "minus"),
                        verb + letter,
                        not 0 <= offset < width,
                        f"{port} + {offset}",
                        port,
                    )


def _limits() -> Iterator[Access]:
    """The processor reads two bytes of the bitmap: both must be within the TSS."""
    yield Access("limit.both", "inb", True, limit="0x68 + MAP_BYTE + 1")
    yield Access("limit.one", "inb", False, limit="0x68 + MAP_BYTE")
    yield Access("limit.none", "inb", False, limit="0x68 + MAP_BYTE - 1")
    yield Access("limit.word", "inw", True, limit="0x68 + MAP_BYTE + 1", port="PORT + 6")
    yield Access("limit.word.across", "inw", False, limit="0x68 + MAP_BYTE", port="PORT + 7")
    yield Access("limit.dword.out", "outd", False, limit="0x68 + MAP_BYTE")
    yield Access("limit.none.iopl3", "inb", True, limit="0x67", iopl=3)
    yield Access("limit.tss", "inb", False, limit="0x67")
    yield Access("base.limit", "inb", False, map_base="0x1ff")
    yield Access("base.beyond", "inb", False, map_base="0x200")
    yield Access("base.ffff", "outb", False, map_base="0xffff")
    yield Access("base.other", "inb", True, map_base="0x100")
    # The bits that count are then others: those of port PORT - 80h are PORT's.
    yield Access("base.other.denied", "inb", False, denied="PORT + 0x80", map_base="0x78")


def _others() -> Iterator[Access]:
    for iopl in (1, 2):
        yield Access(f"iopl{iopl}.denied", "inb", False, "PORT", iopl=iopl)
        yield Access(f"iopl{iopl}.allowed", "inb", True, iopl=iopl)
    for instruction in ("inb", "inw", "ind", "outb", "outw", "outd", "insb", "outsd"):
        yield Access(f"iopl3.{instruction}", instruction, True, "PORT", iopl=3)
    for instruction in ("insb", "insd", "outsb", "outsd", "rep_insb", "rep_outsb"):
        yield Access(f"{instruction}.allowed", instruction, True, "PORT + 4")
        yield Access(f"{instruction}.denied", instruction, False, "PORT")
    for instruction in ("insd", "outsd"):
        yield Access(f"{instruction}.denied.last", instruction, False, "PORT + 3")
    for instruction in ("in80", "out80"):
        yield Access(f"{instruction}.allowed", instruction, True, "0x81")
        yield Access(f"{instruction}.denied", instruction, False, "0x80")


def _lines() -> Iterator[str]:
    for access in (*_widths(), *_limits(), *_others()):
        for bits in ("32", "64"):
            yield from _case(access, bits)


def _case(access: Access, bits: str) -> Iterator[str]:
    yield f"CASE{bits} {access.name}.{bits}"
    yield f"NEW_TSS.{bits} {access.limit}, {access.map_base}"
    if access.denied:
        yield f"DENY {access.denied}"
    yield f"TO_RING3.{bits} {access.iopl * 0x1000:#x}"
    yield f"ACCESS.{access.instruction} {access.port}"
    if not access.allowed:
        yield "WANT VECTOR, 13\nWANT ERROR, 0\nWANT RIP, 0"


SOURCE = "\n".join(_lines()) + "\n"
