"""Random programs: sequences from a menu of instructions, with labels to jump between.

A program never ends and never leaves its memory. Whatever faults comes back at
one of the labels, in turn; interrupts and INT n come back where they were.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.cpu.machines import (
    BITS,
    CODE,
    DATA,
    HOLE,
    USER_CODE,
)
from vectoros.cpu.bits import Flag

LABELS = 8
MISSING = 0x1F_F000  # a page of RAM that the tables do not map
IA32_PAT, IA32_LSTAR = 0x277, 0xC000_0082
VECTORS = (0x80, 0x81, 0x20)

_ALU = ("add", "or", "adc", "sbb", "and", "sub", "xor", "cmp", "test")
_SHIFTS = ("shl", "shr", "sar", "rol", "ror", "rcl", "rcr")
_ONE = ("inc", "dec", "neg", "not")
_CONDITIONS = (
    "o",
    "no",
    "b",
    "ae",
    "e",
    "ne",
    "be",
    "a",
    "s",
    "ns",
    "p",
    "np",
    "l",
    "ge",
    "le",
    "g",
)
_FLAGS: tuple[Flag, ...] = (
    Flag.CF,
    Flag.PF,
    Flag.AF,
    Flag.ZF,
    Flag.SF,
    Flag.DF,
    Flag.OF,
    Flag.IF,
    Flag.ID,
)
_SSE = (
    "movd xmm0, eax", "movd ecx, xmm1", "pxor xmm2, xmm0", "paddd xmm0, xmm1",
    "pshufd xmm1, xmm0, 27", "cvtsi2sd xmm3, eax", "addsd xmm3, xmm3",
    "mulsd xmm3, xmm3", "sqrtsd xmm4, xmm3",
    "ucomisd xmm3, xmm4", "punpcklbw xmm5, xmm0", "psrlq xmm5, 3", "cvttsd2si edx, xmm3",
)  # fmt: skip
_X87 = (
    "fld1", "fldpi", "fldz", "faddp st(1), st(0)", "fmulp st(1), st(0)", "fxch st(1)", "fchs",
    "fsqrt", "fnstsw ax", "fninit", "fincstp", "fabs", "fucompp", "fnclex",
)  # fmt: skip


@dataclass
class Flavour:
    """A mode of operation, and the registers that a program there may use."""

    mode: str
    ring: int

    def __post_init__(self) -> None:
        self.bits = BITS[self.mode]
        wide = "r" if self.bits == 64 else "e"
        self.base = {16: "bx", 32: "ebx", 64: "rbx"}[self.bits]  # holds DATA's address
        self.device = {16: "bp", 32: "ebp", 64: "rbp"}[self.bits]  # holds a device's address
        self.stack = {16: "sp", 32: "esp", 64: "rsp"}[self.bits]
        self.index = ("si", "di") if self.bits == 16 else (f"{wide}si", f"{wide}di")
        self.count = {16: "cx", 32: "ecx", 64: "rcx"}[self.bits]
        self.free32 = ["eax", "ecx", "edx", "esi", "edi"]
        self.free16 = ["ax", "cx", "dx", "si", "di"]
        self.free8 = ["al", "cl", "dl", "ah", "dh"]
        if self.bits == 64:
            self.free32 += ["r8d", "r11d", "r15d"]
            self.free64 = ["rax", "rcx", "rdx", "rsi", "rdi", "r9", "r12"]

    @property
    def code(self) -> int:
        """Where it lies, as an offset in its code segment."""
        if self.bits == 16:
            return 0
        return USER_CODE if self.ring else CODE

    @property
    def data(self) -> int:
        """Where its data are; 16-bit addresses reach 64 KiB."""
        return 0x6000 if self.bits == 16 else DATA

    @property
    def counter(self) -> int:
        """Where faults are counted; the addresses of the labels lie behind it."""
        return self.data + 0xF00


class Writer:
    """Writes one random program."""

    def __init__(self, flavour: Flavour, rng: random.Random) -> None:
        self.flavour = flavour
        self.rng = rng
        self.patches = 0

    def program(self, length: int) -> str:
        """Return the source: LABELS stretches of ``length`` instructions in all."""
        lines = []
        for label in range(LABELS):
            lines += [f"at{label}:", f"mov {self.flavour.stack}, {self.flavour.data - 0x100}"]
            lines += [f"mov {self.flavour.base}, {self.flavour.data}"]
            if self.flavour.bits != 16:
                lines += [f"mov {self.flavour.device}, {HOLE}"]
            for _ in range(length // LABELS):
                lines += self.rng.choice(MENU)(self).split(";")
            lines += [f"jmp at{self.rng.randrange(LABELS)}"]
        return "\n".join(lines)

    # -- operands -------------------------------------------------------------

    def sizes(self) -> list[str]:
        """Return registers of one size."""
        sets = [self.flavour.free32, self.flavour.free16, self.flavour.free8]
        if self.flavour.bits == 64:
            sets.append(self.flavour.free64)
        return self.rng.choice(sets)

    def reg(self) -> str:
        return self.rng.choice(self.sizes())

    def memory(self) -> str:
        return f"[{self.flavour.base} + {self.rng.randrange(0x7F0)}]"

    def two(self) -> str:
        registers = self.sizes()
        one = self.rng.choice(registers)
        other = self.rng.choice(registers) if self.rng.random() < 0.5 else self.memory()
        return f"{other}, {one}" if self.rng.random() < 0.3 else f"{one}, {other}"

    def immediate(self) -> int:
        return self.rng.choice((0, 1, 2, 7, 31, 64, 100, 127))

    # -- the menu ---------------------------------------------------------------

    def alu(self) -> str:
        operation = self.rng.choice(_ALU)
        if self.rng.random() < 0.4:
            return f"{operation} {self.reg()}, {self.immediate()}"
        registers = self.sizes()
        one = self.rng.choice(registers)
        if operation == "test":
            return f"test {one}, {self.rng.choice(registers)}"
        other = self.rng.choice([self.rng.choice(registers), self.memory()])
        return (
            f"{operation} {one}, {other}"
            if self.rng.random() < 0.7
            else f"{operation} {other}, {one}"
        )

    def shift(self) -> str:
        by = self.rng.choice(["cl", str(self.rng.randrange(40))])
        return f"{self.rng.choice(_SHIFTS)} {self.reg()}, {by}"

    def double_shift(self) -> str:
        one, other = self.rng.sample(self.flavour.free32, 2)
        return f"{self.rng.choice(['shld', 'shrd'])} {one}, {other}, {self.rng.randrange(32)}"

    def one(self) -> str:
        return f"{self.rng.choice(_ONE)} {self.reg()}"

    def multiply(self) -> str:
        return f"{self.rng.choice(['mul', 'imul'])} {self.reg()}"

    def divide(self) -> str:
        """Divide, which mostly faults. Not `idiv r32`: it can kill the host."""
        if self.rng.random() < 0.5:
            return f"mov dx, 0;div {self.rng.choice(['cx', 'si'])}"
        return f"idiv {self.rng.choice(['cl', 'cx', 'di'])}"

    def bits_of(self) -> str:
        one, other = self.rng.sample(self.flavour.free32, 2)
        return f"{self.rng.choice(['bsf', 'bsr', 'bt', 'bts', 'btr', 'btc'])} {one}, {other}"

    def select(self) -> str:
        one, other = self.rng.sample(self.flavour.free32, 2)
        condition = self.rng.choice(_CONDITIONS)
        return self.rng.choice(
            [
                f"cmov{condition} {one}, {other}",
                f"set{condition} {self.rng.choice(self.flavour.free8)}",
            ]
        )

    def exchange(self) -> str:
        one, other = self.rng.sample(self.flavour.free32, 2)
        return self.rng.choice(
            [
                f"xchg {one}, {other}",
                f"xadd {one}, {other}",
                f"lock xadd dword ptr {self.memory()}, {one}",
                f"cmpxchg {one}, {other}",
                f"bswap {one}",
                f"movzx {one}, {self.rng.choice(['al', 'dl'])}",
                f"movsx {one}, {self.rng.choice(['al', 'dl'])}",
                f"cdq;lea {one}, {self.memory()}",
            ]
        )

    def move(self) -> str:
        if self.rng.random() < 0.3:
            return f"mov {self.rng.choice(self.flavour.free32)}, {self.rng.getrandbits(31)}"
        return f"mov {self.two()}"

    def stack(self) -> str:
        names = {16: self.flavour.free16, 32: self.flavour.free32[:5]}
        registers = names.get(self.flavour.bits) or self.flavour.free64
        return self.rng.choice(["push {0}", "pop {0}", "push {0};pop {1}"]).format(
            self.rng.choice(registers), self.rng.choice(registers)
        )

    def flags(self) -> str:
        wide = {16: "ax", 32: "eax", 64: "rax"}[self.flavour.bits]
        suffix = {16: "", 32: "d", 64: "q"}[self.flavour.bits]
        if self.rng.random() < 0.4:
            return f"pushf{suffix};pop {wide}"
        value = sum(flag.value for flag in _FLAGS if self.rng.random() < 0.4)
        if self.rng.random() < 0.1:
            value |= Flag.TF.value
        if self.flavour.bits == 16:
            value &= 0xFFFF
        return f"mov eax, {value};push {wide};popf{suffix}"

    def string(self) -> str:
        source, target = self.flavour.index
        data = self.flavour.data
        operation = self.rng.choice(["movs", "stos", "lods", "scas", "cmps"])
        prefix = self.rng.choice(
            ["", "rep ", "repne " if operation in {"scas", "cmps"} else "rep "]
        )
        size = self.rng.choice(
            "bw" if operation in {"movs", "cmps"} else "bwd"
        )  # MOVSD is SSE's, too
        return (
            f"{self.rng.choice(['cld', 'std'])};mov {source}, {data + self.rng.randrange(64, 512)};"
            f"mov {target}, {data + self.rng.randrange(64, 512)};"
            f"mov {self.flavour.count}, {self.rng.randrange(9)};{prefix}{operation}{size}"
        )

    def window(self) -> str:
        return self.rng.choice(["sti", "cli", "sti;nop", "mov ax, ss;mov ss, ax", "nop"])

    def trap(self) -> str:
        choices = ["int 0x80", "int 0x81", "int3", "ud2"]
        if self.flavour.bits == 64:
            choices += ["syscall"] * 2
        else:
            choices += ["into"]
        return self.rng.choice(choices)

    def port(self) -> str:
        name = self.rng.choice(["al", "ax", "eax"])
        port = self.rng.choice(["dx", str(self.rng.randrange(256))])
        return self.rng.choice([f"in {name}, {port}", f"out {port}, {name}"])

    def port_string(self) -> str:
        source, target = self.flavour.index
        return (
            f"cld;mov {source}, {self.flavour.data};mov {target}, {self.flavour.data + 64};"
            f"mov {self.flavour.count}, {self.rng.randrange(4)};"
            f"{self.rng.choice(['insb', 'outsb', 'rep insw', 'rep outsd'])}"
        )

    def clock(self) -> str:
        return self.rng.choice(["rdtsc", "cpuid", "rdtscp" if self.flavour.bits == 64 else "rdtsc"])

    def device(self) -> str:
        if self.flavour.bits == 16:
            return "nop"
        where = f"[{self.flavour.device} + {self.rng.randrange(0, 64, 8)}]"
        one = self.reg()
        return self.rng.choice(
            [f"mov {one}, {where}", f"mov {where}, {one}", f"add {where}, {one}"]
        )

    def missing(self) -> str:
        if self.flavour.bits != 64:
            return "nop"
        return self.rng.choice(
            [f"mov eax, {MISSING};mov ecx, [rax]", f"mov eax, {MISSING};push [rax]"]
        )

    def float(self) -> str:
        if self.rng.random() < 0.2:
            where = self.memory()
            return self.rng.choice(
                [f"fild dword ptr {where}", f"fstp qword ptr {where}", f"movups {where}, xmm3"]
            )
        return self.rng.choice(_SSE + _X87)

    def patch(self) -> str:
        """Store into the immediate of an instruction that is soon to come, in the same block."""
        self.patches += 1
        label = f"patch{self.patches}"
        if self.flavour.bits == 64:
            return f"mov byte ptr [rip + {label} + 1], dl;{label}:mov al, 0x55"
        return f"mov byte ptr cs:[{label} + 1], dl;{label}:mov al, 0x55"

    def call(self) -> str:
        self.patches += 1
        number = self.patches
        register = self.rng.choice(self.flavour.free32)
        return (
            f"call sub{number};jmp behind{number};sub{number}:inc {register};ret;behind{number}:nop"
        )

    def loop(self) -> str:
        self.patches += 1
        body = (
            f"mov {self.flavour.count}, {self.rng.randrange(1, 5)};loop{self.patches}:{self.alu()}"
        )
        if self.flavour.bits == 64:
            return f"{body};dec r10d;and r10d, 3;jnz loop{self.patches}"
        return f"{body};loop loop{self.patches}"

    def frame(self) -> str:
        pointer = self.flavour.device
        size, level = self.rng.randrange(32), self.rng.randrange(3)
        return f"push {pointer};enter {size}, {level};leave;pop {pointer}"

    def odd(self) -> str:
        choices = [
            "lahf",
            "sahf",
            "cwd",
            "cbw",
            "cmc",
            "stc",
            "clc",
            "std",
            "cld",
            "xlatb",
            "pause",
        ]
        if self.flavour.bits != 64:
            choices += ["aaa", "aas", "daa", "das", "aam", "aad", "pushad;popad", "salc"]
        return self.rng.choice(choices)

    def system(self) -> str:
        """Touch the system registers; in ring 3 most of this faults."""
        wide = "rax" if self.flavour.bits == 64 else "eax"
        choices = [
            f"mov {wide}, cr3;mov cr3, {wide}",
            f"mov {wide}, cr0;mov cr0, {wide}",
            f"mov {wide}, cr2",
            f"mov {wide}, dr7;mov {wide}, dr6;mov dr6, {wide}",
            f"mov ecx, {IA32_PAT};rdmsr",
            f"mov ecx, {IA32_LSTAR + 1};rdmsr;wrmsr",
            "clts",
            "smsw ax",
            f"sgdt {self.memory()}",
            f"invlpg {self.memory()}",
            "wbinvd",
            "hlt",
        ]
        if self.flavour.mode != "real":
            choices += [
                "mov eax, 0x28;verr ax",
                "mov ecx, 0x33;lar eax, ecx",
                "mov ecx, 0x3b;lsl edx, ecx",
            ]
        return self.rng.choice(choices)

    def jump(self) -> str:
        return f"j{self.rng.choice(_CONDITIONS)} at{self.rng.randrange(LABELS)}"


MENU = (
    *[Writer.alu] * 6, *[Writer.shift] * 3, Writer.double_shift, *[Writer.one] * 2,
    *[Writer.move] * 4,
    Writer.multiply, Writer.divide, Writer.bits_of, *[Writer.select] * 2, *[Writer.exchange] * 2,
    *[Writer.stack] * 3, *[Writer.flags] * 2, *[Writer.string] * 2, *[Writer.window] * 3,
    *[Writer.trap] * 2, *[Writer.port] * 2, Writer.port_string, *[Writer.clock] * 2,
    *[Writer.call] * 2, Writer.loop, Writer.frame, *[Writer.odd] * 2, Writer.system,
    *[Writer.device] * 2, Writer.missing, *[Writer.float] * 4, Writer.patch, *[Writer.jump] * 3,
)  # fmt: skip
