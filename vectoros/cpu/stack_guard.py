"""Ring 3's far calls and returns use the stack with the rights of ring 3.

In Unicorn 2.1.4 they use it with those of ring 0. So a program that points ESP at the
kernel's memory could read it with RET far or IRET, and write it with CALL far: its
descriptor tables, for instance. And IRETD in ring 3 could return to virtual-8086 mode
at any I/O privilege level, which hardware grants ring 0 only, and never in IA-32e mode
(Intel SDM Vol. 2A, "IRET/IRETD/IRETQ"). Random bytes found it (``tests/cpu/test_soup.py``).

Those instructions reach memory through six functions that Unicorn calls through the
slots of its procedure linkage table. Ours stand in their place. They know by the
address that calls them whether it is the program's own stack that is meant.

What is left: a call gate that leads from ring 3 to ring 3 pushes as the kernel.
"""

from __future__ import annotations

import ctypes
import zlib

from vectoros.cpu import unicorn_api
from vectoros.cpu.bits import Flag, Hidden
from vectoros.cpu.host_code import place, slot_behind
from vectoros.cpu.registers import OFFSET

_ANCHOR = "helper_iret_protected_x86_64"
_FIRST, _SPAN = -0x6C40, 0x6C30
"""From it to the first of the functions that call, and the size of all their code."""

_CHECKSUMS = (
    (-0x6C40, 0x1614),  # RET far, IRET
    (-0x1D50, 0x238),  # CALL far in real and virtual-8086 mode
    (-0x1B10, 0x1847),  # CALL far
    (-0x2C0, 0x2B8),  # IRET in real and virtual-8086 mode
)
"""Offset and size of the code of each function that calls."""

_CHECKSUM = 0x17C853DA
"""CRC-32 of them all, one behind the other."""

_USER = 1
"""Unicorn's number for the rights of ring 3 (``MMU_USER_IDX``)."""

_POPS_FLAGS = -0x65BB
_CALLS = {
    "cpu_lduw_mmuidx_ra_x86_64": (
        "load_word",
        (-0x6B83, -0x6B3A, -0x6ADB, -0x694E, -0x6902, -0x260, -0x21D, -0x1D7, -0xA28),
    ),
    "cpu_ldl_mmuidx_ra_x86_64": (
        "load_long",
        (-0x6675, -0x6619, _POPS_FLAGS, -0x5824, -0x57D8, -0xAF, -0x62, -0x12, -0x487),
    ),
    "cpu_ldq_mmuidx_ra_x86_64": ("load_quad", (-0x5D3D, -0x5CF9, -0x5CA3, -0x5B8B, -0x5B4B)),
    "cpu_stw_mmuidx_ra_x86_64": ("store_word", (-0x1BA1, -0x1B55, -0x1924, -0x18BA)),
    "cpu_stl_mmuidx_ra_x86_64": ("store_long", (-0x1CA9, -0x1C5B, -0x1288, -0x121C)),
    "cpu_stq_mmuidx_ra_x86_64": ("store_quad", (-0x1084, -0x1028)),
}
"""By function: who stands in for it, and the offsets of the calls that mean the stack."""

_CALL_BYTES = 5
NAMES = (_ANCHOR, *_CALLS)


def problem() -> str | None:
    """Return why this cannot be done here, or None."""
    anchor = unicorn_api.address_of(_ANCHOR)
    code = b"".join(ctypes.string_at(anchor + at, size) for at, size in _CHECKSUMS)
    if zlib.crc32(code) != _CHECKSUM:
        return f"this build of unicorn has other code before {_ANCHOR}"
    return None


def _constants(sites: int) -> dict[str, int]:
    """Return what ``stack_guard.S`` needs, with the bitmap at ``sites``."""
    anchor = unicorn_api.address_of(_ANCHOR)
    functions = {stand.upper(): unicorn_api.address_of(name) for name, (stand, _) in _CALLS.items()}
    return {
        **functions,
        "BASE": anchor + _FIRST,
        "SPAN": _SPAN,
        "SITES": sites,
        "POPS_FLAGS": _POPS_FLAGS + _CALL_BYTES - _FIRST,
        "ENV_HFLAGS": OFFSET["_hflags"],
        "HF_CPL": Hidden.CPL.value,
        "HF_LMA": Hidden.LMA.value,
        "FLAG_VM": Flag.VM.value,
        "USER": _USER,
    }


def _bitmap() -> bytes:
    """Return which addresses behind BASE a call that means the stack returns to."""
    bits = 0
    for _, calls in _CALLS.values():
        for call in calls:
            bits |= 1 << call + _CALL_BYTES - _FIRST
    return bits.to_bytes(-(-_SPAN // 64) * 8, "little")


def put_up() -> None:
    """Let Unicorn call our functions."""
    anchor = unicorn_api.address_of(_ANCHOR)
    symbols = place("stack_guard.S", _constants, _bitmap())
    for stand, calls in _CALLS.values():
        slot_behind(anchor + calls[0]).value = symbols[stand]
