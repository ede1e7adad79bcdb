"""Random programs that change code through random mappings of it, and run it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cpu.aliases import ALIAS, FUNCTION, LARGE, OTHER, PAGES, booted
from tests.cpu.machines import CODE, ENGINES, NX, PRESENT, Machine, same
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Stop
from vectoros.units import PAGE_SIZE

FAR = 1 << 40
PASSES = 3
BODY = bytes.fromhex("05 00000000 c1c003 c3")  # add eax, 0; rol eax, 3; ret
PLACES = (0x10, 0x7F0, PAGE_SIZE - 3, PAGE_SIZE + 6, 2 * PAGE_SIZE - 7, 2 * PAGE_SIZE + 0x400)
"""Where functions lie, from FUNCTION on; two of them in two pages."""

FREE = 0x900  # in each page: nothing but stores that mean nothing
VIEWS = {"own": FUNCTION, "alias": ALIAS, "other": OTHER, "large": LARGE + FUNCTION}
RUNNABLE = ("own", "other")
OWN_CODE = 0x1E_0000  # a mapping of the program itself that cannot be executed
STARTS = (CODE, CODE + PAGE_SIZE - 33)
MODES = ("long", "pae", "legacy", "protected32")
"""The last without paging, where all views are one."""

views = st.sampled_from(tuple(VIEWS))
words = st.integers(0, (1 << 31) - 1)


@dataclass(frozen=True)
class Place:
    """Where a step of a program is to run."""

    mode: str
    number: int  # of the step

    @property
    def rdi(self) -> str:
        return "rdi" if self.mode == "long" else "edi"

    def view(self, name: str) -> int:
        return FUNCTION if self.mode == "protected32" else VIEWS[name]


@dataclass(frozen=True)
class Call:
    """Run a function through a mapping."""

    function: int
    view: str

    def text(self, place: Place) -> str:
        return f"mov edi, {place.view(self.view) + PLACES[self.function]}\n call {place.rdi}"

    def play(self, model: Model, _number: int) -> None:
        model.add(int.from_bytes(model.operands[self.function], "little"))
        model.eax = (model.eax << 3 | model.eax >> 29) & 0xFFFF_FFFF


@dataclass(frozen=True)
class Change:
    """Change bytes of a function's operand through a mapping: by a move or by an addition."""

    function: int
    view: str
    first: int
    width: int
    value: int
    verb: str

    def text(self, place: Place) -> str:
        at = place.view(self.view) + PLACES[self.function] + 1 + self.first
        size = {1: "byte", 2: "word", 4: "dword"}[self.width]
        value = self.value % (1 << 8 * self.width - 1)
        return f"mov edi, {at}\n {self.verb} {size} ptr [edi], {value}"

    def play(self, model: Model, _number: int) -> None:
        operand = model.operands[self.function]
        part = slice(self.first, self.first + self.width)
        value = self.value % (1 << 8 * self.width - 1)
        if self.verb == "add":
            value += int.from_bytes(operand[part], "little")
        operand[part] = (value % (1 << 8 * self.width)).to_bytes(self.width, "little")


@dataclass(frozen=True)
class Touch:
    """Store where there is no code, which may make the next store to the page a quick one."""

    view: str
    page: int

    def text(self, place: Place) -> str:
        at = place.view(self.view) + self.page * PAGE_SIZE + FREE
        return f"mov edi, {at}\n inc dword ptr [edi]"

    def play(self, model: Model, _number: int) -> None: ...


@dataclass(frozen=True)
class Own:
    """Change the operand of an instruction that follows, in the running block."""

    verb: str
    value: int

    def text(self, place: Place) -> str:
        away = 0 if place.mode == "protected32" else OWN_CODE - (CODE & -PAGE_SIZE)
        at = f"own{place.number} + 1 + {away}"
        store = f"mov edi, {at}\n {self.verb} dword ptr [edi], {self.value}"
        return f"{store}\n nop\nown{place.number}: .byte 0x05, 1, 0, 0, 0"  # add eax, 1

    def play(self, model: Model, number: int) -> None:
        before = model.own.get(number, 1) if self.verb == "add" else 0
        model.own[number] = (before + self.value) & 0xFFFF_FFFF
        model.add(model.own[number])


@dataclass(frozen=True)
class Flush:
    """Forget all translations of addresses."""

    def text(self, place: Place) -> str:
        return (
            "mov rdx, cr3\n mov cr3, rdx" if place.mode == "long" else "mov edx, cr3\n mov cr3, edx"
        )

    def play(self, model: Model, _number: int) -> None: ...


class Model:
    """What the program computes."""

    def __init__(self) -> None:
        self.operands = [bytearray(4) for _ in PLACES]
        self.own: dict[int, int] = {}
        self.eax = 0

    def add(self, value: int) -> None:
        self.eax = (self.eax + value) & 0xFFFF_FFFF


Step = Call | Change | Touch | Own | Flush


@st.composite
def changes(draw: st.DrawFn) -> Change:
    width = draw(st.sampled_from((1, 2, 4)))
    first = draw(st.integers(0, 4 - width))
    function = draw(st.integers(0, len(PLACES) - 1))
    verb = draw(st.sampled_from(("mov", "add")))
    return Change(function, draw(views), first, width, draw(words), verb)


steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.builds(Call, st.integers(0, len(PLACES) - 1), st.sampled_from(RUNNABLE)),
        st.builds(Call, st.integers(0, len(PLACES) - 1), st.sampled_from(RUNNABLE)),
        changes(),
        st.builds(Touch, views, st.integers(0, PAGES - 1)),
        st.builds(Own, st.sampled_from(("mov", "add")), words),
        st.builds(Flush),
    ),
    min_size=4,
    max_size=24,
)


def machine(engine: str, mode: str, start: int, text: str) -> Machine:
    if mode == "protected32":
        found = Machine(engine)
        found.boot(mode)
    else:
        found = booted(engine, mode)
        for page in range(2):
            at = (CODE & -PAGE_SIZE) + page * PAGE_SIZE
            rights = PRESENT if mode == "legacy" else PRESENT | NX
            found.map(OWN_CODE + page * PAGE_SIZE, at, rights)
    for place in PLACES:
        found.memory.write(FUNCTION + place, BODY)
    found.code(text, start)
    found.regs.rip = start
    found.cpu.registers_changed()
    return found


@settings(max_examples=60)
@given(steps, st.sampled_from(MODES), st.sampled_from(STARTS), st.randoms(use_true_random=False))
def test_code_changed_through_random_mappings_runs_as_changed(
    program: list[Step], mode: str, start: int, rng: random.Random
) -> None:
    body = "\n".join(step.text(Place(mode, number)) for number, step in enumerate(program))
    text = f"xor eax, eax\n mov ebp, {PASSES}\nagain: {body}\n dec ebp\n jnz again\n hlt"
    model = Model()
    for _ in range(PASSES):
        for number, step in enumerate(program):
            step.play(model, number)
    machines = []
    for engine in ENGINES:
        for paused in (False, True):
            subject = machine(engine, mode, start, text)
            while subject.run(rng.choice((1, 2, 5, 30, 200)) if paused else FAR) is not Stop.HALT:
                assert subject.clock.now < 10_000
            assert subject.regs.gpr[Gpr.RAX] == model.eax, (
                f"{engine}, {mode}, paused: {paused}\n{text}"
            )
            machines.append(subject)
    same(*machines)
