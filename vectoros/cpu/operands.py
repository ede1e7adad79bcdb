"""What an instruction does to memory, as far as its bytes alone tell.

The result of :func:`decode` is the same wherever the instruction stands and
whatever the registers hold, so it is kept. Source: Intel SDM Vol. 2, "Opcode Map".
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from vectoros.cpu.bits import Gpr, Seg

_SEGMENT_PREFIXES = {
    0x26: Seg.ES,
    0x2E: Seg.CS,
    0x36: Seg.SS,
    0x3E: Seg.DS,
    0x64: Seg.FS,
    0x65: Seg.GS,
}
_PREFIXES = frozenset(_SEGMENT_PREFIXES) | {0x66, 0x67, 0xF0, 0xF2, 0xF3}
_REX = range(0x40, 0x50)
_REPEATS = frozenset((0xF2, 0xF3))
_STRINGS = frozenset((*range(0x6C, 0x70), *range(0xA4, 0xA8), *range(0xAA, 0xB0)))
_ANY = frozenset(range(8))


def _only(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


_ARPL = 0x63
_ALU_STORES = {base + low: _ANY for base in range(0, 0x38, 8) for low in (0, 1)}
_WRITES: dict[int, frozenset[int]] = {
    **_ALU_STORES,
    **dict.fromkeys((0x80, 0x81, 0x82, 0x83), _ANY - {7}),
    **dict.fromkeys((0x86, 0x87, 0x88, 0x89, 0x8C, 0x8F, 0xA2, 0xA3), _ANY),
    **dict.fromkeys((0xC0, 0xC1, 0xD0, 0xD1, 0xD2, 0xD3, 0xC6, 0xC7), _ANY),
    0xD9: _only(2, 3, 6, 7),
    0xDB: _only(1, 2, 3, 7),
    0xDD: _only(1, 2, 3, 6, 7),
    0xDF: _only(1, 2, 3, 6, 7),
    0xF6: _only(2, 3),
    0xF7: _only(2, 3),
    0xFE: _only(0, 1),
    0xFF: _only(0, 1),
    0x0F00: _only(0, 1),
    0x0F01: _only(0, 1, 4),
    **dict.fromkeys((0x0F11, 0x0F13, 0x0F17, 0x0F29, 0x0F2B, 0x0F7F, 0x0FD6, 0x0FE7), _ANY),
    **dict.fromkeys((0x0F7E, 0x0FC3, 0x0FAB, 0x0FB3, 0x0FBB, 0x0FA4, 0x0FA5), _ANY),
    **dict.fromkeys((0x0FAC, 0x0FAD, 0x0FB0, 0x0FB1, 0x0FC0, 0x0FC1), _ANY),
    **dict.fromkeys(range(0x0F90, 0x0FA0), _ANY),
    0x0FAE: _only(0, 3, 4, 6),
    0x0FBA: _only(5, 6, 7),
    0x0FC7: _only(1),
    0x0F38F1: _ANY,
    **dict.fromkeys(range(0x0F3A14, 0x0F3A18), _ANY),
}
"""Opcodes that write their operand in memory, and with which /r."""

_NO_ACCESS: dict[int, frozenset[int]] = {
    0x8D: _ANY,  # LEA
    0x0F01: _only(7),  # INVLPG
    0x0F0D: _ANY,  # PREFETCHW
    **dict.fromkeys(range(0x0F18, 0x0F20), _ANY),  # hints
    0x0FAE: _only(7),  # CLFLUSH
}
_FAR = {0xC4: _ANY, 0xC5: _ANY, 0xFF: _only(3, 5), **dict.fromkeys((0x0FB2, 0x0FB4, 0x0FB5), _ANY)}
_SCALAR_COMPARES = _only(0x0F2E, 0x0F2F)
_BIT_TESTS = _only(0x0FA3, 0x0FAB, 0x0FB3, 0x0FBB)
_FXSAVE_BYTES, _XSAVE_BYTES = 512, 576

_PUSHES = {
    **dict.fromkeys((*range(0x50, 0x58), 0x06, 0x0E, 0x16, 0x1E, 0x68, 0x6A, 0x9C), 1),
    **dict.fromkeys((0x0FA0, 0x0FA8, 0xE8), 1),
    0x60: 8,
    0x9A: 2,
    0xC8: 1,
}
_POPS = {
    **dict.fromkeys((*range(0x58, 0x60), 0x07, 0x17, 0x1F, 0x8F, 0x9D), 1),
    **dict.fromkeys((0x0FA1, 0x0FA9, 0xC2, 0xC3, 0xC9), 1),
    0x61: 8,
    0xCA: 2,
    0xCB: 2,
    0xCF: 3,
}
_PUSHES_BY_REG = {2: 1, 3: 2, 6: 1}  # of opcode FF
_BY_OPERAND_SIZE = _only(0x9A, 0xCA, 0xCB, 0xCF)
"""Far control transfers, whose slots are not of the stack's own size in 64-bit mode."""


@dataclass(frozen=True, slots=True)
class Memory:
    """An operand in memory."""

    segment: int
    base: int | None  # a general-purpose register
    index: int | None
    scale: int
    displacement: int
    ip_relative: bool
    size: int
    write: bool
    bit_index: int | None = None  # the register that holds BT's bit offset


@dataclass(frozen=True, slots=True)
class Decoded:
    """One instruction."""

    bits: int
    length: int
    operand_size: int
    address_size: int
    memory: Memory | None = None
    source_segment: int = Seg.DS
    element_size: int = 0
    reads_source: bool = False
    uses_target: bool = False
    writes_target: bool = False
    repeated: bool = False
    is_xlat: bool = False
    masked_store: int = 0
    pushes: int = 0
    pops: int = 0
    stack_size: int = 0
    pops_to_memory: bool = False
    frame: str = ""
    frame_levels: int = 0


def split(code: bytes, bits: int) -> tuple[int, bytes]:
    """Return how many prefixes ``code`` has, and its opcode: one byte to three, or none."""
    at = 0
    while at < len(code) and (code[at] in _PREFIXES or (bits == 64 and code[at] in _REX)):
        at += 1
    size = 1
    if code[at : at + 1] == b"\x0f":
        size = 3 if code[at + 1 : at + 2] in {b"\x38", b"\x3a"} else 2
    return at, code[at : at + size]


@functools.lru_cache(maxsize=4096)
def decode(code: bytes, bits: int) -> Decoded | None:
    """Return what the instruction at the start of ``code`` does to memory, or None if it is bad."""
    found = next(_decoder(bits).disasm(code, 0, 1), None)
    if found is None:
        return None
    count, opcode = split(code, bits)
    form = _Form(bits, code[: found.size], code[:count], int.from_bytes(opcode, "big"), found.rex)
    source = form.segment
    return Decoded(
        bits=bits,
        length=found.size,
        operand_size=form.operand_size,
        address_size=found.addr_size,
        source_segment=Seg.DS if source is None else source,
        memory=_memory(form, found),
        **_string(form),
        **_stack(form, found.modrm),
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """An instruction's bytes, taken apart. Capstone leaves out some prefixes, and 38 and 3A."""

    bits: int
    code: bytes
    prefixes: bytes
    opcode: int
    rex: int

    @property
    def operand_size(self) -> int:
        if self.rex & 8:
            return 8
        return 2 if (0x66 in self.prefixes) == (self.bits != 16) else 4

    @property
    def repeat(self) -> int:
        """The last of F2 and F3, or 0."""
        return next((byte for byte in reversed(self.prefixes) if byte in _REPEATS), 0)

    @property
    def segment(self) -> int | None:
        """The segment that a prefix names, if it counts."""
        names = [_SEGMENT_PREFIXES[byte] for byte in self.prefixes if byte in _SEGMENT_PREFIXES]
        if not names or (self.bits == 64 and names[-1] not in {Seg.FS, Seg.GS}):
            return None
        return names[-1]

    @property
    def is_string(self) -> bool:
        return self.opcode in _STRINGS


def _string(form: _Form) -> dict[str, Any]:
    """Return what a string instruction, XLAT or MASKMOVQ does without an operand of its own."""
    opcode = form.opcode
    if opcode == 0xD7:
        return {"is_xlat": True}
    if opcode == 0x0FF7:
        return {"masked_store": 16 if 0x66 in form.prefixes else 8}
    if not form.is_string:
        return {}
    size = form.operand_size if opcode & 1 else 1
    if opcode < 0x70:
        size = min(size, 4)  # of a port
    return {
        "element_size": size,
        "reads_source": opcode & ~1 in {0xA4, 0xA6, 0xAC, 0x6E},
        "uses_target": opcode & ~1 in {0xA4, 0xA6, 0xAA, 0xAE, 0x6C},
        "writes_target": opcode & ~1 in {0xA4, 0xAA, 0x6C},
        "repeated": form.repeat != 0,
    }


def _stack(form: _Form, modrm: int) -> dict[str, Any]:
    """Return how many slots the instruction pushes and pops, and of what size."""
    opcode, size = form.opcode, form.operand_size
    pushes, pops = _PUSHES.get(opcode, 0), _POPS.get(opcode, 0)
    if opcode == 0xFF:
        pushes = _PUSHES_BY_REG.get(modrm >> 3 & 7, 0)
    if opcode == 0xCF and form.bits == 64:
        pops = 5
    if not pushes and not pops:
        return {}
    far = opcode in _BY_OPERAND_SIZE or (opcode == 0xFF and pushes == 2)
    if form.bits == 64 and not far:
        size = 2 if size == 2 else 8
    told = {"pushes": pushes, "pops": pops, "stack_size": size, "pops_to_memory": opcode == 0x8F}
    if opcode == 0xC9:
        return {**told, "frame": "leave"}
    if opcode == 0xC8:
        levels = form.code[-1] & 31
        return {**told, "pushes": 1 + levels, "frame_levels": levels}
    return told


def _memory(form: _Form, found: Any) -> Memory | None:  # noqa: ANN401 -- capstone has no types
    """Return the explicit operand in memory."""
    from capstone.x86 import X86_OP_MEM, X86_REG_INVALID

    opcode, reg = form.opcode, found.modrm >> 3 & 7
    operand = next((one for one in found.operands if one.type == X86_OP_MEM), None)
    if operand is None or form.is_string or reg in _NO_ACCESS.get(opcode, ()):
        return None
    mem = operand.mem
    base = found.reg_name(mem.base) if mem.base != X86_REG_INVALID else ""
    index = found.reg_name(mem.index) if mem.index != X86_REG_INVALID else ""
    segment = form.segment
    if segment is None:
        segment = Seg.SS if base[-2:] in {"sp", "bp"} else Seg.DS
    return Memory(
        segment,
        _number(base),
        _number(index),
        mem.scale,
        mem.disp,
        base in {"rip", "eip"},
        _size(opcode, reg, operand.size, form.operand_size),
        _writes(form, reg),
        (reg | (form.rex & 4) << 1) if opcode in _BIT_TESTS else None,
    )


def _writes(form: _Form, reg: int) -> bool:
    """Whether the operand in memory is written."""
    if form.opcode == _ARPL:
        return form.bits != 64  # else it is MOVSXD
    if (form.opcode, form.repeat) in {(0x0F7E, 0xF3), (0x0F38F1, 0xF2)}:
        return False  # MOVQ xmm, m64 and CRC32
    return reg in _WRITES.get(form.opcode, ())


def _size(opcode: int, reg: int, told: int, operand_size: int) -> int:
    """Return how many bytes the operand has; ``told`` is what capstone says."""
    if reg in _FAR.get(opcode, ()):
        return operand_size + 2
    if opcode == 0x0FAE and reg in {0, 1}:
        return _FXSAVE_BYTES
    if opcode == 0x0FAE and reg in {4, 5, 6}:
        return _XSAVE_BYTES
    if opcode == 0xDD and reg in {4, 6}:
        return 94 if operand_size == 2 else 108
    if opcode == 0xD9 and reg in {4, 6}:
        return 14 if operand_size == 2 else 28
    if opcode in _BIT_TESTS:
        return operand_size
    if opcode in _SCALAR_COMPARES and told == 16:  # capstone is wrong with COMISD
        return 8
    return told


_NAMES = {gpr.name.lower()[1:]: gpr.value for gpr in Gpr if gpr < 8}


def _number(name: str) -> int | None:
    """Return the general-purpose register called ``name``, whatever its width."""
    if not name or name in {"rip", "eip", "riz", "eiz"}:
        return None
    if name.rstrip("d").rstrip("w")[1:].isdigit():
        return int(name.rstrip("d")[1:])
    return _NAMES[name[-2:]]


@functools.cache
def _decoder(bits: int) -> Any:  # noqa: ANN401
    import capstone

    modes = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
    decoder = capstone.Cs(capstone.CS_ARCH_X86, modes[bits])
    decoder.detail = True
    return decoder
