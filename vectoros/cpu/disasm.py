"""Instructions as people and engines need them: text, lengths, and port operands.

Decodes 16-, 32- and 64-bit code with capstone, which is imported when it is first
needed: most runs never are.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

BAD = "(bad)"
"""Mnemonic of a byte that starts no instruction, as objdump writes it."""

LONGEST = 15
"""Bytes of the longest legal instruction (Intel SDM Vol. 2A, "Instruction Format")."""

_PREFIXES = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")
_OPERAND_SIZE = 0x66
_REX = range(0x40, 0x50)
_STRING, _IMMEDIATE, _BY_DX = range(0x6C, 0x70), range(0xE4, 0xE8), range(0xEC, 0xF0)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction at a linear address."""

    address: int
    size: int
    bytes: bytes
    mnemonic: str
    operands: str

    def __str__(self) -> str:
        """Address, bytes and text, as the debugger shows them."""
        text = f"{self.mnemonic} {self.operands}".rstrip()
        return f"{self.address:016x}  {self.bytes.hex(' '):<30}  {text}"


@dataclass(frozen=True, slots=True)
class PortAccess:
    """What IN, OUT, INS or OUTS will do."""

    port: int | None  # None: the port in DX
    width: int  # bytes
    is_output: bool
    is_string: bool


def disassemble(code: bytes, address: int, bits: int, limit: int = 0) -> list[Instruction]:
    """Return the instructions of ``code`` in ``bits``-bit mode, at most ``limit`` unless it is 0.

    A byte that starts no instruction stands alone as :data:`BAD`.
    """
    return [
        Instruction(at, size, code[at - address : at - address + size], mnemonic, operands)
        for at, size, mnemonic, operands in _decoder(bits).disasm_lite(code, address, limit)
    ]


def instruction_length(code: bytes, bits: int) -> int:
    """Return the length of the instruction that ``code`` starts with, or 0 if there is none."""
    first = disassemble(code[:LONGEST], 0, bits, limit=1)
    return first[0].size if first and first[0].mnemonic != BAD else 0


def whole_instructions(code: bytes, bits: int) -> list[int]:
    """Return the lengths of the instructions that lie wholly in ``code``, up to a bad one."""
    lengths: list[int] = []
    for instruction in disassemble(code, 0, bits):
        if instruction.mnemonic == BAD:
            break
        lengths.append(instruction.size)
    return lengths


def port_access(code: bytes, bits: int) -> PortAccess | None:
    """Return what ``code`` does to a port if it starts with IN, OUT, INS or OUTS, else None."""
    # REX counts only right before the opcode, and even then REX.W widens no port access.
    prefixes = _PREFIXES.union(_REX) if bits == 64 else _PREFIXES
    at, wide = 0, bits != 16
    while at < len(code) and code[at] in prefixes:
        if code[at] == _OPERAND_SIZE:
            wide = bits == 16
        at += 1
    opcode = code[at] if at < len(code) else 0
    if opcode not in _STRING and opcode not in _IMMEDIATE and opcode not in _BY_DX:
        return None
    port = None
    if opcode in _IMMEDIATE:
        if at + 1 >= len(code):
            return None
        port = code[at + 1]
    width = (4 if wide else 2) if opcode & 1 else 1
    return PortAccess(port, width, is_output=bool(opcode & 2), is_string=opcode in _STRING)


@functools.cache
def _decoder(bits: int) -> Any:  # noqa: ANN401 -- capstone has no types
    import capstone

    modes = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
    decoder = capstone.Cs(capstone.CS_ARCH_X86, modes[bits])
    decoder.skipdata = True
    decoder.skipdata_setup = (BAD, None, None)
    return decoder
