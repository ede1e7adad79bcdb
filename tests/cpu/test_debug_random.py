"""The two engines against each other on random programs that set breakpoints at random."""

from __future__ import annotations

import random

import pytest

from tests.cpu.machines import LONG_MODES, Machine, difference
from tests.cpu.programs import Flavour, Writer
from tests.cpu.test_engine_random import FLAVOURS, Case, play
from vectoros.cpu.bits import CR4_DE

SEEDS = 4
HANDLERS = {
    16: """
        push    eax
        .byte   0x0f, 0x21, 0xf8        # mov eax, dr7
        and     al, 0xfc
        .byte   0x0f, 0x23, 0xf8        # mov dr7, eax
        pop     eax
        iret
    """,
    32: "or dword ptr [esp + 10], 1\n iretd",
    64: "or dword ptr [rsp + 18], 1\n iretq",
}
"""Of vector 1: set RF in the frame; in real mode, which has no RF there, disable DR0."""


class BreakpointWriter(Writer):
    """Writes programs that in ring 0 also write to the debug registers."""

    def program(self, length: int) -> str:
        lines = super().program(length).splitlines()
        if self.flavour.ring:
            return "\n".join(lines)
        for _ in range(6):
            at = self.rng.randrange(2, len(lines))
            lines[at:at] = self._breakpoint().split(";")
        return "\n".join(lines)

    def _breakpoint(self) -> str:
        wide = "rax" if self.flavour.bits == 64 else "eax"
        number = self.rng.randrange(4)
        where = self.flavour.data + self.rng.randrange(0x200)
        if self.rng.random() < 0.3:
            where = self.flavour.data - 0x100 - 8 * self.rng.randrange(4)  # the stack
        dr7 = settings(self.rng, self.flavour)
        opcodes = f".byte 0x0f, 0x23, {0xC0 + 8 * number};mov eax, {dr7};.byte 0x0f, 0x23, 0xf8"
        return f"push {wide};mov eax, {where};{opcodes};pop {wide}"


def settings(rng: random.Random, flavour: Flavour) -> int:
    """Return a random DR7."""
    dr7 = 0
    for number in range(4):
        if rng.random() < 0.5:
            kinds = (0, 1, 2, 3) if flavour.bits != 16 or number == 0 else (1, 2, 3)
            dr7 |= rng.choice((1, 2, 3)) << 2 * number
            dr7 |= (rng.choice(kinds) | rng.randrange(4) << 2) << 16 + 4 * number
    if rng.random() < 0.1:
        dr7 |= 1 << 13
    return dr7


class BreakpointCase(Case):
    """A program, and the debug registers that it starts with."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rng = random.Random(f"breakpoints {self.flavour} {self.seed}")
        self.source = BreakpointWriter(self.flavour, rng).program(120)
        self.dr7 = settings(rng, self.flavour)
        self.kinds = [self.dr7 >> 16 + 4 * number & 3 for number in range(4)]
        self.rng = rng

    def machine(self, engine: str) -> Machine:
        machine = super().machine(engine)
        flavour, regs = self.flavour, machine.regs
        bits = 16 if flavour.mode == "real" else 64 if flavour.mode in LONG_MODES else 32
        machine.handler(1, HANDLERS[bits])
        rng = random.Random(self.seed)
        code = regs.segs[1].base + flavour.code
        for number, kind in enumerate(self.kinds):
            regs.dr[number] = (
                code + rng.randrange(len(self.program.code))
                if kind == 0
                else rng.choice((0x20, 0x60, 0x80))
                if kind == 2
                else flavour.data + rng.choice((rng.randrange(0x200), -0x100 - rng.randrange(32)))
            )
        regs.dr[7] = self.dr7 | 0x400
        regs.cr4 |= CR4_DE
        machine.cpu.registers_changed()
        return machine


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: f"{flavour.mode}-{flavour.ring}")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_engines_agree_on_a_random_program_with_breakpoints(
    flavour: Flavour, seed: int
) -> None:
    case = BreakpointCase(flavour, seed)
    reference = play(case.machine("fast"), case, None)
    for engine, pauses in (("portable", None), ("fast", 1), ("portable", 2)):
        rng = None if pauses is None else random.Random(pauses)
        seen = play(case.machine(engine), case, rng)
        for one, other in zip(reference, seen, strict=True):
            found = difference(one, other)
            if found:
                pytest.fail(
                    f"fast and {engine} (pauses: {pauses}) differ at tick {one['tick']}: {found}\n"
                    f"dr7 {case.dr7:#x} {[hex(x) for x in case.machine('fast').regs.dr]}\n"
                    f"{case.listing()}"
                )
