"""Bytes to run as code: pure noise, noise that decodes, and instructions with noise in them.

Nothing here knows what an instruction does: a table of opcodes says only which have
a ModRM byte and how long an immediate operand is. So the bytes reach encodings that
no assembler would emit.
"""

from __future__ import annotations

import random
from collections.abc import Callable

_PREFIXES = bytes.fromhex("26 2e 36 3e 64 65 66 66 66 67 67 f0 f2 f3 f2 f3")
_SIMD_PREFIXES = (b"", b"", b"\x66", b"\xf2", b"\xf3")
_LONG = 64
_NO_OPERANDS = bytes.fromhex(
    "06 07 0e 16 17 1e 1f 27 2f 37 3f 40 48 50 53 58 5b 60 61 6c 6d 6e 6f 90 91 97 98 99 9b 9c"
    "9d 9e 9f a4 a5 a6 a7 aa ab ac ad ae af c3 c9 cb cc ce cf d6 d7 ec ed ee ef f1 f4 f5 f8 f9"
    "fa fb fc fd"
)
_NO_OPERANDS_0F = bytes.fromhex(
    "04 05 06 07 08 09 0a 0b 0e 25 30 31 32 33 34 35 37 77 a0 a1 a2 a8 a9 aa c8 c9 cb cf"
)
_IMMEDIATE_8 = bytes.fromhex("04 0c 14 1c 24 2c 34 3c 6a a8 b0 b3 cd d4 d5 e4 e5 e6 e7")
_IMMEDIATE_Z = bytes.fromhex("05 0d 15 1d 25 2d 35 3d 68 a9 b8 bb")
_MODRM = bytes.fromhex(
    "00 01 02 03 08 09 0a 0b 10 11 12 13 18 19 1a 1b 20 21 22 23 28 29 2a 2b 30 31 32 33 38 39"
    "3a 3b 62 63 84 85 86 87 88 89 8a 8b 8c 8d 8e 8f c4 c5 d0 d1 d2 d3 fe ff"
)
_MODRM_8 = bytes.fromhex("6b 80 83 c0 c1 c6")
_MODRM_Z = bytes.fromhex("69 81 c7")
_PLAIN_0F = bytes.fromhex("00 01 02 03 0d 18 19 1e 1f 20 21 22 23 a3 a5 ab ad ae af b0 b1 b2 b3")
_IMMEDIATE_0F = bytes.fromhex("70 71 72 73 a4 ac ba c2 c4 c5 c6")
_SPECIAL_ADDRESSES = (0, 0x10, 0x400, 0x4C, 0x1000, 0x1FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)

Choice = tuple[bytes, Callable[[], bytes]]
"""Opcodes, and what writes the bytes behind one of them."""


class Soup:
    """Writes bytes for a code segment of ``bits`` bits."""

    def __init__(self, rng: random.Random, bits: int) -> None:
        self.rng = rng
        self.bits = bits

    def write(self, size: int) -> bytes:
        """Return ``size`` bytes of one of the three kinds, picked at random."""
        kind = self.rng.choice((self.noise, self.instructions, self.instructions, self.mutated))
        return kind(size)

    def noise(self, size: int) -> bytes:
        """Return bytes that are all alike likely."""
        return self.rng.randbytes(size)

    def instructions(self, size: int) -> bytes:
        """Return instructions one behind the other."""
        code = bytearray()
        while len(code) < size:
            code += self.instruction()
        return bytes(code[:size])

    def mutated(self, size: int) -> bytes:
        """Return instructions of which every tenth byte or so is another one."""
        code = bytearray(self.instructions(size))
        for _ in range(size // 10):
            code[self.rng.randrange(size)] = self.rng.choice((self.rng.randrange(256), 0xFF, 0x0F))
        return bytes(code)

    # -- one instruction --------------------------------------------------------

    def instruction(self) -> bytes:
        """Return one instruction, most likely one that exists."""
        prefixes = b""
        while self.rng.random() < 0.2:
            prefixes += bytes([self.rng.choice(_PREFIXES)])
        rex = b""
        if self.bits == _LONG and self.rng.random() < 0.5:
            rex = bytes([0x40 | self.rng.randrange(16)])
        simd = self.rng.choice(_SIMD_PREFIXES)
        kinds: tuple[Callable[[], bytes], ...] = (
            self._integer, self._integer, self._integer, self._integer,
            self._x87, self._branch, self._group3,
            self._two_byte, self._two_byte,
        )  # fmt: skip
        if self.rng.random() < 0.3:
            return prefixes + simd + rex + self.rng.choice((self._simd, self._three_byte))()
        return prefixes + rex + self.rng.choice(kinds)()

    def _bytes(self, size: int) -> bytes:
        rng = self.rng
        if rng.random() < 0.5:
            return rng.choice((0, 1, 0x7F, 0x80, 0xFF, -1, rng.randrange(64))).to_bytes(
                size + 1, "little", signed=True
            )[:size]
        return rng.randbytes(size)

    def _z(self) -> bytes:
        """Return an immediate of the operand size that there is without a prefix."""
        return self._bytes(2 if self.bits == 16 else 4)

    def _modrm(self) -> bytes:
        """Return a ModRM byte with what belongs to it."""
        rng = self.rng
        mod = rng.choice((0, 1, 2, 3, 3))
        rm = rng.randrange(8)
        code = bytes([mod << 6 | rng.randrange(8) << 3 | rm])
        if mod == 3:
            return code
        wide = self.bits != 16
        if wide and rm == 4:
            sib = rng.randrange(256)
            code += bytes([sib])
            if sib & 7 == 5 and mod == 0:
                return code + self._address(4)
        if mod == 0 and rm == (5 if wide else 6):
            return code + self._address(4 if wide else 2)
        if mod == 1:
            return code + self._bytes(1)
        return code + (self._address(4 if wide else 2) if mod == 2 else b"")

    def _address(self, size: int) -> bytes:
        value = self.rng.choice((*_SPECIAL_ADDRESSES, self.rng.randrange(0x2_0000)))
        return (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def _integer(self) -> bytes:
        rng = self.rng
        choices: tuple[Choice, ...] = (
            (_NO_OPERANDS, bytes),
            (_NO_OPERANDS, bytes),
            (_IMMEDIATE_8, lambda: self._bytes(1)),
            (_IMMEDIATE_Z, self._z),
            (_MODRM, self._modrm),
            (_MODRM, self._modrm),
            (_MODRM, self._modrm),
            (_MODRM_8, lambda: self._modrm() + self._bytes(1)),
            (_MODRM_Z, lambda: self._modrm() + self._z()),
            (b"\xc8", lambda: self._bytes(2) + bytes([rng.randrange(33)])),
            (b"\xa0\xa1\xa2\xa3", lambda: self._address(self.bits // 8)),
        )
        opcodes, tail = rng.choice(choices)
        return bytes([rng.choice(opcodes)]) + tail()

    def _x87(self) -> bytes:
        return bytes([0xD8 + self.rng.randrange(8)]) + self._modrm()

    def _group3(self) -> bytes:
        """Return TEST, NOT, NEG, a multiplication or a division."""
        opcode = 0xF6 + self.rng.randrange(2)
        modrm = self._modrm()
        if modrm[0] >> 3 & 6:
            return bytes([opcode]) + modrm
        return bytes([opcode]) + modrm + (self._z() if opcode & 1 else self._bytes(1))

    def _branch(self) -> bytes:
        """Return a jump, a call or a return; near ones mostly stay near."""
        rng = self.rng
        near = self.rng.randrange(64).to_bytes(2 if self.bits == 16 else 4, "little")
        return rng.choice(
            (
                bytes([0x70 + rng.randrange(16), rng.randrange(32)]),
                bytes([0xE0 + rng.randrange(4), rng.randrange(256)]),
                bytes([0xEB, rng.randrange(32)]),
                b"\xe8" + near,
                b"\xe9" + near,
                b"\x0f" + bytes([0x80 + rng.randrange(16)]) + near,
                b"\xc2" + self._bytes(2),
                b"\xca" + self._bytes(2),
                b"\x9a" + self._address(len(near)) + self._bytes(2),
                b"\xea" + self._address(len(near)) + self._bytes(2),
                b"\xff" + self._modrm(),
            )
        )

    def _two_byte(self) -> bytes:
        rng = self.rng
        choices: tuple[Choice, ...] = (
            (_NO_OPERANDS_0F, bytes),
            (_PLAIN_0F, self._modrm),
            (_PLAIN_0F, self._modrm),
            (bytes(range(0x40, 0x50)), self._modrm),
            (bytes(range(0x90, 0xA0)), self._modrm),
            (bytes(range(0xB0, 0xC2)), self._modrm),
            (bytes((0xC7, 0xC7, 0xAE, 0x01, 0x00)), self._modrm),
            (_IMMEDIATE_0F, lambda: self._modrm() + self._bytes(1)),
        )
        opcodes, tail = rng.choice(choices)
        return bytes([0x0F, rng.choice(opcodes)]) + tail()

    def _simd(self) -> bytes:
        """Return an MMX or SSE instruction of the two-byte map."""
        rng = self.rng
        ranges = (range(0x10, 0x18), range(0x28, 0x30), range(0x50, 0x80), range(0xD0, 0x100))
        if rng.random() < 0.2:
            return bytes([0x0F, rng.choice(_IMMEDIATE_0F)]) + self._modrm() + self._bytes(1)
        return bytes([0x0F, rng.choice(rng.choice(ranges))]) + self._modrm()

    def _three_byte(self) -> bytes:
        rng = self.rng
        if rng.random() < 0.1:
            return bytes([rng.choice((0xC4, 0xC5, 0x62, 0x8F))]) + rng.randbytes(4)
        if rng.random() < 0.5:
            choices = (*range(0x0C), 0x10, 0x14, 0x15, 0x17, *range(0x1C, 0x42), *range(0xD8, 0xE0))
            return bytes([0x0F, 0x38, rng.choice((*choices, 0xF0, 0xF1))]) + self._modrm()
        choices = (*range(0x08, 0x18), *range(0x20, 0x23), *range(0x40, 0x45), *range(0x60, 0x64))
        return bytes([0x0F, 0x3A, rng.choice((*choices, 0xDF))]) + self._modrm() + self._bytes(1)
