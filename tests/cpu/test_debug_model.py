"""Debug exceptions of random programs, against a model that knows what each instruction does.

The model decodes nothing: every instruction of a program is written together with
the bytes that it accesses.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cpu.debug_log import BS, RESUME, booted, events
from tests.cpu.machines import CODE, DATA, ENGINES, Machine, difference
from vectoros.assembler import assemble
from vectoros.cpu.bits import Flag, Gpr
from vectoros.cpu.core import Stop

WIDTHS = {1: ("byte", "al"), 2: ("word", "ax"), 4: ("dword", "eax"), 8: ("qword", "rax")}
SPAN = 24  # bytes of data that programs use


@dataclass(frozen=True)
class Step:
    """One instruction, and what it accesses: (offset in the data, size, whether it writes)."""

    text: str
    accesses: tuple[tuple[int, int, bool], ...] = ()
    holds: bool = False  # MOV SS


def _move(width: int, at: int) -> list[Step]:
    name, register = WIDTHS[width]
    return [
        Step(f"mov [rsi + {at}], {register}", ((at, width, True),)),
        Step(f"mov {register}, [rsi + {at}]", ((at, width, False),)),
        Step(f"add {name} ptr [rsi + {at}], 1", ((at, width, True),)),
        Step(f"cmp {name} ptr [rsi + {at}], 1", ((at, width, False),)),
        Step(f"xchg [rsi + {at}], {register}", ((at, width, True),)),
        Step(f"lea rax, [rsi + {at}]"),
    ]


def _others(at: int) -> list[Step]:
    stack = f"lea rsp, [rsi + {at}]"
    return [
        Step("nop"),
        Step("sti"),
        Step(f"mov ss, [rsi + {SPAN}]", ((SPAN, 2, False),), holds=True),
        Step(stack),
        Step(f"mov ss, [rsi + {SPAN}]", ((SPAN, 2, False),), holds=True),
        Step(f"movups xmm0, [rsi + {at}]", ((at, 16, False),)),
        Step(f"movups [rsi + {at}], xmm0", ((at, 16, True),)),
        Step(f"cmpxchg8b [rsi + {at}]", ((at, 8, True),)),
        Step(f"bts dword ptr [rsi + {at}], 3", ((at, 4, True),)),
        Step(f"fld qword ptr [rsi + {at}]", ((at, 8, False),)),
        Step(f"fstp qword ptr [rsi + {at}]", ((at, 8, True),)),
        Step(f"fnstcw [rsi + {at}]", ((at, 2, True),)),
        Step(f"sete [rsi + {at}]", ((at, 1, True),)),
        Step(f"prefetcht0 [rsi + {at}]"),
    ]


STEPS = st.integers(0, SPAN - 8).flatmap(
    lambda at: st.one_of(
        st.sampled_from(_others(at)),
        st.sampled_from(sorted(WIDTHS)).flatmap(lambda width: st.sampled_from(_move(width, at))),
    )
)


@dataclass(frozen=True)
class Setting:
    """One debug register."""

    kind: int  # DR7's R/W
    length: int
    at: int  # which instruction, or which byte


SETTINGS = st.lists(
    st.one_of(
        st.just(Setting(3, 2, SPAN)),  # what MOV SS reads
        st.builds(Setting, st.just(0), st.just(1), st.integers(0, 11)),
        st.builds(
            Setting, st.sampled_from((1, 3)), st.sampled_from((1, 2, 4, 8)), st.integers(0, SPAN)
        ),
    ),
    min_size=1,
    max_size=4,
)


@dataclass
class Plan:
    """A program with its breakpoints."""

    steps: list[Step]
    settings: list[Setting]
    stepping: bool

    def __post_init__(self) -> None:
        self.offsets = [0]
        for step in self.steps:
            code = assemble(step.text, bits=64).code
            self.offsets.append(self.offsets[-1] + len(code))

    def machine(self, engine: str) -> Machine:
        dr7, registers = 0, []
        for number, one in enumerate(self.settings):
            size = {1: 0, 2: 1, 8: 2, 4: 3}[one.length]
            dr7 |= 1 << 2 * number | one.kind << 16 + 4 * number | size << 18 + 4 * number
            where = self.offsets[min(one.at, len(self.steps) - 1)]
            registers.append(DATA + one.at if one.kind else CODE + where)
        text = "\n".join(step.text for step in self.steps) + "\nhlt"
        flags = int(Flag.TF) if self.stepping else 0
        machine = booted(
            engine, "long", text, dr7=dr7, dr=tuple(registers), extra=RESUME[64], flags=flags
        )
        machine.gate(1, 0x14000, ist=1)
        machine.memory.write(0x3024, (0x24000).to_bytes(8, "little"))
        machine.memory.write(DATA + SPAN, b"\x20\0")
        machine.regs.gpr[Gpr.RSI] = DATA
        machine.regs.cr4 |= 1 << 9
        machine.cpu.registers_changed()
        return machine

    def expected(self) -> list[tuple[int, int]]:
        """Return DR6 and RIP of each exception. Every handler sets RF."""
        seen: list[tuple[int, int]] = []
        pending, held, resumed = 0, False, False
        for number, step in enumerate(self.steps):
            bits = self._code(number)
            if bits and not held and not resumed:
                seen.append((bits, self.offsets[number]))
            pending |= self._data(step)
            holds, resumed = step.holds and not held, False
            held = holds  # only the first of two in a row does
            behind = self.offsets[number + 1]
            if not holds and (pending or (self.stepping and not step.holds)):
                bit = BS if self.stepping and not step.holds else 0
                seen.append((bit | pending, behind))
                pending, resumed = 0, True
        return seen

    def _at(self, one: Setting) -> int:
        return min(one.at, len(self.steps) - 1)

    def _bits(self, condition: Callable[[Setting], bool]) -> int:
        return sum(1 << number for number, one in enumerate(self.settings) if condition(one))

    def _code(self, number: int) -> int:
        return self._bits(lambda one: one.kind == 0 and self._at(one) == number)

    def _data(self, step: Step) -> int:
        return self._bits(
            lambda one: (
                one.kind != 0
                and any(
                    self._overlap(one, at, size) and (write or one.kind == 3)
                    for at, size, write in step.accesses
                )
            )
        )

    def _overlap(self, one: Setting, at: int, size: int) -> bool:
        first = one.at & -one.length
        return first < at + size and at < first + one.length


def finish(machine: Machine, rng: random.Random | None) -> Machine:
    """Run to HLT, in pieces if ``rng`` is given; now and then go on in another machine."""
    for _ in range(20_000):
        ticks = 100_000 if rng is None else rng.choice((1, 1, 2, 3, 5, 17))
        stop = machine.run(ticks)
        if stop is Stop.HALT:
            return machine
        assert stop is Stop.DEADLINE
        if rng is not None and rng.random() < 0.05:
            machine = machine.successor(rng.choice(ENGINES))
    raise AssertionError(f"no end: {machine.regs.rip:#x}")


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=12), SETTINGS, st.booleans())
def test_random_programs_meet_the_breakpoints_that_the_model_says(
    steps: list[Step], chosen: list[Setting], stepping: bool
) -> None:
    plan = Plan(steps, chosen, stepping)
    seen = []
    for engine, seed in (("fast", None), ("portable", None), ("fast", 1), ("portable", 2)):
        rng = None if seed is None else random.Random(seed)
        machine = finish(plan.machine(engine), rng)
        assert [(dr6, at) for dr6, at, _ in events(machine)] == plan.expected(), engine
        seen.append(machine.view())
    for other in seen[1:]:
        assert not difference(seen[0], other)
