"""Instructions that Unicorn 2.1.4 translates wrongly: refused, repaired, or prepared for.

Random bytes found them (``tests/cpu/test_soup.py``), from ring 3:

1. LOCK before an instruction that it does not go with. On BTS, BTR and BTC of a
   register the code generator aborts, and with it the host's process. The SDM has #UD
   (Vol. 2A, "LOCK"). So our function stands between the decoder and the code: where
   LOCK is not allowed, the decoder reads UD2.
2. PCMPESTRI and PCMPESTRM with a length of -2**31: its magnitude is taken for
   negative, and memory of the host is searched. It saturates (Vol. 1, "SSE4.2 String
   and Text Instructions"), if the comparison with the most is unsigned.
3. Prefixes of AVX, which our CPU does not have, are taken off and what follows runs.
   It is undefined: the decoder reads UD2.
4. SETcc, RCL and RCR of an operand in memory compute the lazy arithmetic flags, and if
   then the access faults, the flags are lost, or not, by where the block of translated
   code began. So are they behind a LOOPE or LOOPNE that has counted to zero. And
   CMPXCHG8B takes other flags from what may be any number: a program in ring 3 finds
   itself with an I/O privilege level of its choice when next it was interrupted. Our
   function computes them before the instruction.
5. LTR of a null selector empties TR, and a call gate that then wants a stack from it
   ends the host's process. The SDM has #GP(0) (Vol. 2A, "LTR").

As in :mod:`vectoros.cpu.repairs`, code is recognised by its bytes before any of it is
changed.
"""

from __future__ import annotations

import ctypes
import struct

from vectoros.cpu import native, unicorn_api
from vectoros.cpu.bits import CC_OP_EFLAGS, Flag, Hidden
from vectoros.cpu.host_code import place, slot_behind, writable
from vectoros.cpu.registers import OFFSET

ENV_UC = 0x1B58
"""Offset in the register file of the pointer to ``uc_struct``."""

UC_CODE_HOOKS = 0x370
"""Offset in ``uc_struct`` of the list of hooks that instructions call."""

_DECODER = "gen_intermediate_code_x86_64"
_LOAD = "cpu_ldub_code_x86_64"
_LOAD_CALL_AT = -0x103D2
"""Offset from the decoder of its call for an instruction's first byte."""

_BEGIN_AT, _COMPUTE_FLAGS_AT = -0x22060, -0x1A420
"""Offsets from the decoder of what begins an instruction, and of what computes flags."""

_TABLE_LOAD_AT, _TABLE_LOAD = 0x26, bytes.fromhex("488d3d")
"""Where the decoder loads the address of its table of functions: ``lea rdi, [rip + n]``."""

_BEGIN_ENTRY = 16
"""Offset in that table of the address of what begins an instruction."""

_CONTEXT_PC, _CONTEXT_CC_OP, _CONTEXT_CC_DIRTY = 0x10, 0x74, 0x7C
"""Offsets in the decoder's context: the linear address of the instruction; how the flags
are to be computed before it; and whether the program must yet be told of that."""

_TCG_CC_OP, _OP_MOVE = 0x9990, 6
"""Offset in the code generator's context of its name for ``_cc_op``; and the number of its
operation that stores a constant."""

_EMIT = "tcg_gen_op2_x86_64"

_CC_OP_DYNAMIC = 0
_LONGEST = 15
_IS_PREFIX, _IS_REX, _IS_VEX = 1 << 15, 1 << 14, 1 << 13
_CONDITION, _ROTATE, _USES_FLAGS = 1 << 12, 1 << 11, 1 << 10
_LOCK = 0xF0
_ANY = 0xFF

_ABOVE, _NOT_ABOVE = 0x47, 0x46
"""Second bytes of CMOVA and CMOVBE, for 4Fh and 4Eh of CMOVG and CMOVLE."""

_SATURATIONS = {
    "helper_pcmpestri_xmm_x86_64": ((0x2F, "440f4fc8"), (0x47, "440f4fc0"), (0x88, "440f4fc8"),
                                    (0xA0, "440f4fc0")),
    "helper_pcmpestrm_xmm_x86_64": ((0x29, "450f4fc8"), (0x3D, "440f4ec0"), (0x7E, "450f4fc8"),
                                    (0x92, "440f4ec0")),
}  # fmt: skip
"""Where each compares a length with the most there is, and the code there."""

_LTR, _RAISE = "helper_ltr_x86_64", "raise_exception_ra_x86_64"
_NULL_AT, _LTR_FRAME = 0x22, 0x48
"""Offset in LTR's routine of what it does with a null selector; bytes of its frame."""

_NULL_CODE = bytes.fromhex("48c78768010000 00000000 48c78770010000 00000000")
"""It clears TR's base, limit and attributes."""

_JUMP = bytes.fromhex("ff2500000000")
"""``jmp [rip]``: to the address in the eight bytes behind it."""

NAMES = (_DECODER, _LOAD, _EMIT, _LTR, _RAISE, *_SATURATIONS)


def lockable() -> tuple[list[int], list[int]]:
    """Return what may follow LOCK: by opcode, which values of ModRM.reg with an operand in memory.

    The second list is for opcodes behind 0Fh. Source: Intel SDM Vol. 2A, "LOCK".
    """
    one, two = [0] * 256, [0] * 256
    for opcode in range(0, 0x38, 8):
        one[opcode] = one[opcode + 1] = _ANY  # ADD OR ADC SBB AND SUB XOR
    for opcode in (0x80, 0x81, 0x82, 0x83):
        one[opcode] = 0x7F  # the same with an immediate operand
    one[0x86] = one[0x87] = _ANY  # XCHG
    one[0xF6] = one[0xF7] = 1 << 2 | 1 << 3  # NOT NEG
    one[0xFE] = one[0xFF] = 1 << 0 | 1 << 1  # INC DEC
    for opcode in (0xAB, 0xB3, 0xBB, 0xB0, 0xB1, 0xC0, 0xC1):
        two[opcode] = _ANY  # BTS BTR BTC CMPXCHG XADD
    two[0xBA] = 1 << 5 | 1 << 6 | 1 << 7  # BTS BTR BTC
    two[0xC7] = 1 << 1  # CMPXCHG8B CMPXCHG16B
    return one, two


def problem() -> str | None:
    """Return why the guards cannot be put up here, or None."""
    try:
        slot_behind(unicorn_api.address_of(_DECODER) + _LOAD_CALL_AT)
    except LookupError as reason:
        return f"this build of unicorn has another decoder: {reason}"
    if _begin_entry().value != unicorn_api.address_of(_DECODER) + _BEGIN_AT:
        return "this build of unicorn has another decoder: its table"
    null = unicorn_api.address_of(_LTR) + _NULL_AT
    if ctypes.string_at(null, len(_NULL_CODE)) != _NULL_CODE:
        return f"this build of unicorn has other code in {_LTR}"
    for name, places in _SATURATIONS.items():
        start = unicorn_api.address_of(name)
        for at, code in places:
            if ctypes.string_at(start + at, 4) != bytes.fromhex(code):
                return f"this build of unicorn has other code in {name}"
    return None


def put_up() -> list[tuple[int, bytes]]:
    """Put our function before the decoder; return what else to write, and where."""
    symbols = place("guards.S", _constants, _tables())
    slot_behind(unicorn_api.address_of(_DECODER) + _LOAD_CALL_AT).value = symbols["fetch"]
    entry = _begin_entry()
    with writable(ctypes.addressof(entry), ctypes.sizeof(entry)):
        entry.value = symbols["begin"]
    null_task = _JUMP + symbols["null_task"].to_bytes(8, "little")
    return [(unicorn_api.address_of(_LTR) + _NULL_AT, null_task)] + [
        (unicorn_api.address_of(name) + at + 2, bytes([_unsigned(code)]))
        for name, places in _SATURATIONS.items()
        for at, code in places
    ]


def _begin_entry() -> ctypes.c_uint64:
    """Return where the decoder keeps the address of what begins an instruction."""
    load = unicorn_api.address_of(_DECODER) + _TABLE_LOAD_AT
    if ctypes.string_at(load, len(_TABLE_LOAD)) != _TABLE_LOAD:
        return ctypes.c_uint64(0)
    table = load + 7 + ctypes.c_int32.from_address(load + 3).value
    return ctypes.c_uint64.from_address(table + _BEGIN_ENTRY)


def _unsigned(code: str) -> int:
    return _ABOVE if bytes.fromhex(code)[2] == _ABOVE + 8 else _NOT_ABOVE


def _tables() -> bytes:
    one, two = lockable()
    for prefix in (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3):
        one[prefix] = _IS_PREFIX
    for prefix in range(0x40, 0x50):
        one[prefix] = _IS_REX
    for opcode in (0xC0, 0xC1, 0xD0, 0xD1, 0xD2, 0xD3):
        one[opcode] = _ROTATE
    one[0xC4] = one[0xC5] = _IS_VEX
    one[0xE0] = one[0xE1] = _USES_FLAGS
    two[0xC7] |= _USES_FLAGS
    for opcode in range(0x90, 0xA0):
        two[opcode] = _CONDITION
    return struct.pack("<512H", *one, *two)


def _constants(tables: int) -> dict[str, int]:
    return {
        "ENV_UC": ENV_UC,
        "ENV_HFLAGS": OFFSET["_hflags"],
        "HF_CS64": Hidden.CS64.value,
        "UC_TCG": native.UC_TCG,
        "TCG_PC_START": native.TCG_PC_START,
        "LOAD_CODE": unicorn_api.address_of(_LOAD),
        "UC_CODE_HOOKS": UC_CODE_HOOKS,
        "CPU_ENV": native.CPU_ENV,
        "CONTEXT_PC": _CONTEXT_PC,
        "CONTEXT_CC_OP": _CONTEXT_CC_OP,
        "CONTEXT_CC_DIRTY": _CONTEXT_CC_DIRTY,
        "CC_OP_DYNAMIC": _CC_OP_DYNAMIC,
        "CC_OP_EFLAGS": CC_OP_EFLAGS,
        "TCG_CC_OP": _TCG_CC_OP,
        "OP_MOVE": _OP_MOVE,
        "EMIT": unicorn_api.address_of(_EMIT),
        "BEGIN": unicorn_api.address_of(_DECODER) + _BEGIN_AT,
        "COMPUTE_FLAGS": unicorn_api.address_of(_DECODER) + _COMPUTE_FLAGS_AT,
        "LONGEST": _LONGEST,
        "LTR_FRAME": _LTR_FRAME,
        "RAISE": unicorn_api.address_of(_RAISE),
        "CONDITION": _CONDITION,
        "ROTATE": _ROTATE,
        "USES_FLAGS": _USES_FLAGS,
        "IS_VEX": _IS_VEX,
        "HF_PE": Hidden.PE.value,
        "ENV_EFLAGS": OFFSET["_eflags"],
        "FLAG_VM_BIT": Flag.VM.bit_length() - 1,
        "IS_PREFIX": _IS_PREFIX,
        "IS_REX": _IS_REX,
        "LOCK": _LOCK,
        "OPCODES": tables,
        "OPCODES_0F": tables + 512,
    }
