"""Instructions that would end the host's process, or read its memory: refused or repaired.

Unicorn 2.1.4 translates what no processor runs, and what comes of it is not bounded
by the guest. Found by running random bytes (``tests/cpu/test_soup.py``), from ring 3:

1. LOCK before an instruction that it does not go with. On BTS, BTR and BTC of a
   register the code generator aborts. The SDM has #UD (Vol. 2A, "LOCK"). So our
   function stands between the decoder and the code: where LOCK is not allowed, the
   decoder reads UD2.
2. PCMPESTRI and PCMPESTRM with a length of -2**31: its magnitude is taken for
   negative, and memory of the host is searched. It saturates (Vol. 1, "SSE4.2 String
   and Text Instructions"), if the comparison with the most is unsigned.

As in :mod:`vectoros.cpu.repairs`, code is recognised by its bytes before any of it is
changed.
"""

from __future__ import annotations

import ctypes
import struct

from vectoros.cpu import unicorn_api
from vectoros.cpu.bits import Hidden
from vectoros.cpu.host_code import place, slot_behind
from vectoros.cpu.registers import OFFSET

ENV_UC = 0x1B58
"""Offset in the register file of the pointer to ``uc_struct``."""

UC_TCG = 0x300
"""Offset in ``uc_struct`` of the pointer to the code generator's context."""

TCG_PC_START = 0xA650
"""Offset in that context of the address of the instruction that is being translated."""

_DECODER = "gen_intermediate_code_x86_64"
_LOAD = "cpu_ldub_code_x86_64"
_LOAD_CALL_AT = -0x103D2
"""Offset from the decoder of its call for an instruction's first byte."""

_LONGEST = 15
_IS_PREFIX, _IS_REX, _LOCK = 1 << 15, 1 << 14, 0xF0
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

NAMES = (_DECODER, _LOAD, *_SATURATIONS)


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
    return [
        (unicorn_api.address_of(name) + at + 2, bytes([_unsigned(code)]))
        for name, places in _SATURATIONS.items()
        for at, code in places
    ]


def _unsigned(code: str) -> int:
    return _ABOVE if bytes.fromhex(code)[2] == _ABOVE + 8 else _NOT_ABOVE


def _tables() -> bytes:
    one, two = lockable()
    for prefix in (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3):
        one[prefix] = _IS_PREFIX
    for prefix in range(0x40, 0x50):
        one[prefix] = _IS_REX
    return struct.pack("<512H", *one, *two)


def _constants(tables: int) -> dict[str, int]:
    return {
        "ENV_UC": ENV_UC,
        "ENV_HFLAGS": OFFSET["_hflags"],
        "HF_CS64": Hidden.CS64.value,
        "UC_TCG": UC_TCG,
        "TCG_PC_START": TCG_PC_START,
        "LOAD_CODE": unicorn_api.address_of(_LOAD),
        "LONGEST": _LONGEST,
        "IS_PREFIX": _IS_PREFIX,
        "IS_REX": _IS_REX,
        "LOCK": _LOCK,
        "OPCODES": tables,
        "OPCODES_0F": tables + 512,
    }
