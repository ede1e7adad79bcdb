"""The canonical record of a CPU: its architectural state and nothing else.

Two engines, two runs or two hosts that agree on the guest's view agree on this
record byte by byte; it is what state hashes cover and what snapshots hold.
Unicorn's bookkeeping (lazy flags, mode digests, pending exceptions) is derived
anew on :func:`load`.

The x87 and SSE registers stand as a 64-bit FXSAVE image (Intel SDM Vol. 1,
"FXSAVE Area").
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from vectoros.cpu import breakpoints
from vectoros.cpu.bits import VISIBLE_ATTRIBUTES, Seg
from vectoros.cpu.registers import Registers, Segment

WORDS = (
    "rip",
    "cr0",
    "cr2",
    "cr3",
    "cr4",
    "cr8",
    "efer",
    "sysenter_cs",
    "sysenter_esp",
    "sysenter_eip",
    "star",
    "lstar",
    "cstar",
    "fmask",
    "kernel_gs_base",
    "tsc_aux",
    "xcr0",
    "misc_enable",
    "pat",
    "fpu_cs",
    "fpu_ds",
)
"""Registers that are one number, as :class:`Registers` names them."""

SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr")
TABLES = ("gdtr", "idtr")
DEBUG_REGISTERS = (0, 1, 2, 3, 6, 7)

FXSAVE_BYTES = 512
MXCSR_MASK = 0xFFFF
_FXSAVE_HEADER = struct.Struct("<HHBxHQQII")
_FPU_AT, _XMM_AT = 32, 160
_TOP_SHIFT = 11

Record = dict[str, Any]
"""Numbers, and lists and tables of numbers, and the FXSAVE image as bytes."""


def record(regs: Registers) -> Record:
    """Return the canonical record of ``regs``, whose flags must be computed."""
    found: Record = {name: getattr(regs, name) for name in WORDS}
    found["gpr"] = list(regs.gpr)
    found["rflags"] = regs.rflags
    for name in SEGMENTS:
        part = _segment(regs, name)
        found[name] = [part.selector, part.base, part.limit, part.flags & VISIBLE_ATTRIBUTES]
    for name in TABLES:
        table = getattr(regs, name)
        found[name] = [table.base, table.limit]
    found["dr"] = [regs.dr[number] for number in DEBUG_REGISTERS]
    found["breakpoints_due"] = breakpoints.pending(regs)
    found["fxsave"] = fxsave(regs)
    found["interrupt_shadow"] = regs.interrupt_shadow
    found["nmi_blocked"] = regs.nmi_blocked
    return found


def load(regs: Registers, saved: Mapping[str, Any]) -> None:
    """Make ``regs`` equal to ``saved``; if it cannot be, raise :class:`ValueError` first."""
    check(saved)
    for name in WORDS:
        setattr(regs, name, saved[name])
    for number, value in enumerate(saved["gpr"]):
        regs.gpr[number] = value
    for name in SEGMENTS:
        _segment(regs, name).load(*saved[name])
    for name in TABLES:
        base, limit = saved[name]
        getattr(regs, name).load(0, base, limit, 0)
    for number, value in zip(DEBUG_REGISTERS, saved["dr"], strict=True):
        regs.dr[number] = value
    breakpoints.set_pending(regs, saved["breakpoints_due"])
    regs.rflags = saved["rflags"]
    regs.interrupt_shadow = saved["interrupt_shadow"]
    regs.nmi_blocked = saved["nmi_blocked"]
    fxrstor(regs, saved["fxsave"])
    regs.update_hidden()


def check(saved: Mapping[str, Any]) -> None:
    """Raise :class:`ValueError`, naming the register, unless ``saved`` is a record."""
    shapes: dict[str, int] = dict.fromkeys(WORDS, 0)
    shapes |= {"gpr": 16, "rflags": 0, "dr": len(DEBUG_REGISTERS), "breakpoints_due": 0}
    shapes |= dict.fromkeys(SEGMENTS, 4) | dict.fromkeys(TABLES, 2)
    for name, length in shapes.items():
        value = saved.get(name)
        words = [value] if length == 0 else value
        if not isinstance(words, list) or len(words) != max(1, length):
            raise ValueError(f"cpu.{name} must be {length or 'one'} words, not {value!r:.60}")
        if not all(type(word) is int and 0 <= word < 1 << 64 for word in words):
            raise ValueError(f"cpu.{name} must be 64-bit words, not {value!r:.60}")
    for name in ("interrupt_shadow", "nmi_blocked"):
        if not isinstance(saved.get(name), bool):
            raise ValueError(f"cpu.{name} must be true or false, not {saved.get(name)!r:.60}")
    image = saved.get("fxsave")
    if not isinstance(image, bytes) or len(image) != FXSAVE_BYTES:
        raise ValueError(f"cpu.fxsave must be {FXSAVE_BYTES} bytes")
    extra = set(saved) - set(shapes) - {"interrupt_shadow", "nmi_blocked", "fxsave"}
    if extra:
        raise ValueError(f"cpu.{min(extra)} is not a register")


def fxsave(regs: Registers) -> bytes:
    """Return the FXSAVE image of ``regs``."""
    top = regs.fpu_top & 7
    image = bytearray(FXSAVE_BYTES)
    status = regs.fpu_status & ~(7 << _TOP_SHIFT) | top << _TOP_SHIFT
    full = sum(1 << number for number in range(8) if not regs.fpu_empty[number])
    _FXSAVE_HEADER.pack_into(
        image,
        0,
        regs.fpu_control,
        status,
        full,
        regs.fpu_opcode,
        regs.fpu_ip,
        regs.fpu_dp,
        regs.mxcsr,
        MXCSR_MASK,
    )
    for number in range(8):
        cell = regs.fpu[top + number & 7]
        struct.pack_into("<QH", image, _FPU_AT + 16 * number, cell.mantissa, cell.exponent)
    for number in range(16):
        xmm = regs.xmm[number]
        struct.pack_into("<QQ", image, _XMM_AT + 16 * number, xmm.low, xmm.high)
    return bytes(image)


def fxrstor(regs: Registers, image: bytes) -> None:
    """Load the x87 and SSE registers from an FXSAVE image."""
    control, status, full, opcode, ip, dp, mxcsr, _ = _FXSAVE_HEADER.unpack_from(image)
    top = status >> _TOP_SHIFT & 7
    regs.fpu_control, regs.fpu_status = control, status & ~(7 << _TOP_SHIFT)
    regs.fpu_top, regs.fpu_opcode = top, opcode
    regs.fpu_ip, regs.fpu_dp, regs.mxcsr = ip, dp, mxcsr
    for number in range(8):
        regs.fpu_empty[number] = not full >> number & 1
        cell = regs.fpu[top + number & 7]
        cell.mantissa, cell.exponent = struct.unpack_from("<QH", image, _FPU_AT + 16 * number)
    for number in range(16):
        xmm = regs.xmm[number]
        xmm.low, xmm.high = struct.unpack_from("<QQ", image, _XMM_AT + 16 * number)


def _segment(regs: Registers, name: str) -> Segment:
    if name in {"ldtr", "tr"}:
        found: Segment = getattr(regs, name)
        return found
    return regs.segs[Seg[name.upper()]]
