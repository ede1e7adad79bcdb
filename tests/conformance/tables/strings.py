"""String instructions as cases of the subject ``strings``: rows, and what the manual makes of them.

Source: Intel SDM Vol. 2, the operation sections of MOVS, CMPS, SCAS, LODS, STOS and REP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FIELD = 0x8000
FIELD_SIZE = 0x100
"""As tests/guest/cpu/strings.S fills it: byte n is n."""

CF, PF, AF, ZF, SF, DF, OF = (1 << bit for bit in (0, 2, 4, 6, 7, 10, 11))
STATUS = CF | PF | AF | ZF | SF | OF
ONES = (1 << 64) - 1
OPCODES = {"movs": 0xA4, "cmps": 0xA6, "stos": 0xAA, "lods": 0xAC, "scas": 0xAE}
WIDTHS = {"b": 1, "w": 2, "d": 4, "q": 8}
REPE, REPNE = 0xF3, 0xF2
MODES = {"64": (64, 32, "CASE64", "FILL64"), "32": (32, 32, "CASE32", "FILL32"),
         "p16": (16, 16, "CASE16", "FILL16"), "real": (16, 16, "CASE_REAL", "FILL16")}  # fmt: skip
"""Size of addresses and of operands, and the macros."""


@dataclass(frozen=True, slots=True)
class Row:
    """One instruction and what it starts with."""

    name: str
    mode: str
    operation: str
    width: str
    repeat: int = 0
    count: int = 3
    source: int = FIELD + 0x40
    target: int = FIELD + 0x80
    accumulator: int = 0x8877665544332211
    backwards: bool = False
    other_address_size: bool = False

    @property
    def address_bits(self) -> int:
        """Size of addresses and of the count."""
        bits = MODES[self.mode][0]
        if not self.other_address_size:
            return bits
        return 16 if bits == 32 else 32

    @property
    def code(self) -> list[int]:
        """The instruction, prefixes first."""
        size, plain = WIDTHS[self.width], MODES[self.mode][1]
        prefixes = [0x67] * self.other_address_size
        prefixes += [0x66] * (size in (2, 4) and size * 8 != plain)
        prefixes += [self.repeat] * bool(self.repeat) + [0x48] * (size == 8)
        return [*prefixes, OPCODES[self.operation] + (size > 1)]


class Model:
    """Registers and memory while a row runs, by the manual's pseudocode."""

    def __init__(self, row: Row) -> None:
        """Start with what ``row`` says, every status flag set."""
        self.row = row
        self.size = WIDTHS[row.width]
        self.mask = (1 << row.address_bits) - 1
        self.rsi, self.rdi, self.rcx, self.rax = row.source, row.target, row.count, row.accumulator
        self.flags = STATUS
        self.memory = bytearray(range(FIELD_SIZE))

    def run(self) -> Model:
        """Run the instruction to its end."""
        if not self.row.repeat:
            self.once()
        else:
            while self.rcx & self.mask:
                self.once()
                self.rcx = self.moved(self.rcx, -1)
                if self.row.operation in ("cmps", "scas"):
                    equal = bool(self.flags & ZF)
                    if equal is (self.row.repeat == REPNE):
                        break
        return self

    def once(self) -> None:
        """Do one iteration."""
        step = -self.size if self.row.backwards else self.size
        operation = self.row.operation
        reads = operation in ("movs", "cmps", "lods")
        value = self.load(self.rsi) if reads else self.rax & (1 << self.size * 8) - 1
        if operation in ("movs", "stos"):
            at = (self.rdi & self.mask) - FIELD
            self.memory[at : at + self.size] = value.to_bytes(self.size, "little")
        elif operation == "lods":
            keep = self.rax & ~((1 << self.size * 8) - 1) if self.size < 4 else 0
            self.rax = keep | value
        else:
            self.compare(value, self.load(self.rdi))
        if reads:
            self.rsi = self.moved(self.rsi, step)
        if operation != "lods":
            self.rdi = self.moved(self.rdi, step)

    def load(self, register: int) -> int:
        """Return the operand at ``register``."""
        at = (register & self.mask) - FIELD
        return int.from_bytes(self.memory[at : at + self.size], "little")

    def moved(self, register: int, step: int) -> int:
        """Return ``register`` after a step. 32-bit results are zero-extended, 16-bit are not."""
        low = register + step & self.mask
        return register & ~self.mask | low if self.row.address_bits == 16 else low

    def compare(self, first: int, second: int) -> None:
        """Set the flags as CMP does."""
        top = 1 << self.size * 8 - 1
        result = first - second & 2 * top - 1
        flags = CF * (first < second) | ZF * (result == 0) | SF * bool(result & top)
        flags |= AF * ((first & 15) < (second & 15))
        flags |= PF * ((result & 0xFF).bit_count() % 2 == 0)
        self.flags = flags | OF * bool((first ^ second) & (first ^ result) & top)


def _rows() -> Iterator[Row]:
    for mode in MODES:
        for operation in OPCODES:
            for width in "bwdq" if mode == "64" else "bwd":
                for backwards in (False, True):
                    name = f"{operation}.{width}{'.down' * backwards}"
                    repeat = REPNE if operation in ("cmps", "scas") else REPE
                    yield Row(name, mode, operation, width, repeat, backwards=backwards)
                yield Row(f"{operation}.{width}.once", mode, operation, width)
        yield from _special(mode)
    yield from _counters()


def _special(mode: str) -> Iterator[Row]:
    yield from (Row(f"{op}.none", mode, op, "b", REPE, count=0) for op in OPCODES)
    # Overlapping: a byte at a time, so the first is repeated, or all is moved up by one.
    at = FIELD + 0x40
    yield Row("movs.overlap.1", mode, "movs", "b", REPE, 9, at, at + 1)
    yield Row("movs.overlap.3", mode, "movs", "w", REPE, 6, at, at + 3)
    yield Row("movs.overlap.below", mode, "movs", "b", REPE, 9, at, at - 1)
    yield Row("movs.overlap.down", mode, "movs", "b", REPE, 9, at + 8, at + 9, backwards=True)
    yield Row("movs.overlap.wide", mode, "movs", "d", REPE, 4, at, at + 2)
    # The end of comparisons: by equality, by inequality, and by the count.
    byte = 0x1100 | 0x83
    yield Row("scas.found", mode, "scas", "b", REPNE, 9, accumulator=byte)
    yield Row("scas.found.last", mode, "scas", "b", REPNE, 4, accumulator=byte)
    yield Row("scas.absent", mode, "scas", "b", REPNE, 3, accumulator=byte)
    yield Row("scas.differs", mode, "scas", "b", REPE, 9, accumulator=0x80)
    yield Row("scas.differs.w", mode, "scas", "w", REPE, 9, accumulator=0x8180)
    yield Row("cmps.same", mode, "cmps", "b", REPE, 5, at, at)
    yield Row("cmps.same.w", mode, "cmps", "w", REPE, 5, at, at, backwards=True)
    yield Row("cmps.differs", mode, "cmps", "b", REPE, 5, at, at + 1)
    yield Row("cmps.found", mode, "cmps", "d", REPNE, 5, at, at)
    # With the other prefix, which for these two is a repetition all the same.
    yield Row("movs.repne", mode, "movs", "b", REPNE, 4)
    yield Row("stos.repne", mode, "stos", "w", REPNE, 4)
    # The other size of addresses and counts.
    for op in OPCODES:
        repeat = REPNE if op in ("cmps", "scas") else REPE
        yield Row(f"{op}.67", mode, op, "b", repeat, 3, other_address_size=True)
        yield Row(f"{op}.67.d", mode, op, "d", repeat, 2, backwards=True, other_address_size=True)


def _counters() -> Iterator[Row]:
    """Yield rows whose registers have bits that the size of addresses does not reach."""
    high, field = 0xABCD << 16, FIELD + 0x40
    for op in OPCODES:
        repeat = REPNE if op in ("cmps", "scas") else REPE
        yield Row(f"{op}.67.high", "32", op, "b", repeat, high | 2, high | field,
                  high | FIELD + 0x80, other_address_size=True)  # fmt: skip
        yield Row(f"{op}.high", "real", op, "b", repeat, high | 2, high | field, high | FIELD)
        long = 0xABCD << 32
        yield Row(f"{op}.67.high", "64", op, "b", repeat, long | 2, long | field,
                  long | FIELD + 0x80, other_address_size=True)  # fmt: skip
    # 64-bit counts, ended by what is found.
    yield Row("scas.count", "64", "scas", "b", REPNE, 1 << 32, accumulator=0x83)
    yield Row("scas.count.top", "64", "scas", "b", REPNE, ONES, accumulator=0x83)
    yield Row("cmps.count", "64", "cmps", "d", REPE, 1 << 63, field, field + 1)


def _lines(row: Row) -> Iterator[str]:
    bits, _, case, fill = MODES[row.mode]
    yield f"{case} {row.name}.{row.mode}"
    yield f"        {fill}"
    size = "r" if bits == 64 else "e"
    limit = (1 << (64 if bits == 64 else 32)) - 1
    yield f"        mov     {size}si, {row.source}"
    yield f"        mov     {size}di, {row.target}"
    yield f"        mov     {size}cx, {row.count}"
    yield f"        mov     {size}ax, {row.accumulator & limit:#x}"
    flags = STATUS | 2 | DF * row.backwards
    words = ", ".join(f"{byte:#x}" for byte in flags.to_bytes(2, "little"))
    if bits == 16:
        yield f"        .byte   0x68, {words}"
        yield "        .byte   0x9d"
    else:
        yield f"        push    {flags:#x}"
        yield "        popfq" if bits == 64 else "        popfd"
    yield f"        .byte   {', '.join(f'{byte:#x}' for byte in row.code)}"
    done = Model(row).run()
    # Whether a count of zero clears the upper half of RCX is not said; it is zero here.
    for register, value in (("RSI", done.rsi), ("RDI", done.rdi), ("RCX", done.rcx)):
        yield f"WANT {register}, {value:#x}"
    yield f"WANT RAX, {done.rax & limit:#x}"
    yield f"WANT_BITS RFLAGS, {STATUS | DF:#x}, {done.flags | DF * row.backwards:#x}"
    for at in range(0, FIELD_SIZE, 8):
        if (word := done.memory[at : at + 8]) != bytes(range(at, at + 8)):
            yield f"WANT_MEM {FIELD + at:#x}, NONE, {int.from_bytes(word, 'little'):#x}"


SOURCE = "\n".join(line for row in _rows() for line in _lines(row)) + "\n"
