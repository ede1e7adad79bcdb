"""The two engines against each other, on random programs, interrupts and pauses."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from tests.cpu.install import install
from tests.cpu.machines import Machine, difference
from tests.cpu.programs import Flavour, Writer
from vectoros.cpu.core import Stop
from vectoros.cpu.disasm import disassemble

FLAVOURS = (
    Flavour("real", 0),
    Flavour("protected16", 0),
    Flavour("protected32", 0),
    Flavour("protected32", 3),
    Flavour("compatibility", 3),
    Flavour("long", 0),
    Flavour("long", 3),
)
SEEDS = 12
TICKS = 6000
GAP_TICKS = 300  # about so many between two events from outside


@dataclass
class Case:
    """One program and what happens to it from outside."""

    flavour: Flavour
    seed: int

    def __post_init__(self) -> None:
        rng = random.Random(f"{self.flavour.mode} {self.flavour.ring} {self.seed}")
        self.source = Writer(self.flavour, rng).program(160)
        self.iopl3 = rng.random() < 0.5
        self.registers = [rng.getrandbits(self.flavour.bits) for _ in range(16)]
        self.contents = rng.randbytes(0x800)
        self.events: list[tuple[int, str]] = []
        tick = 0
        while (tick := tick + rng.randrange(1, 2 * GAP_TICKS)) < TICKS:
            self.events.append((tick, rng.choice(["intr", "intr", "intr", "nmi"])))

    def machine(self, engine: str) -> Machine:
        machine = Machine(engine)
        self.program = install(machine, self.flavour, self.source, iopl3=self.iopl3)
        for number in range(16):
            if number != 4:
                machine.regs.gpr[number] = self.registers[number]
        machine.memory.write(self.flavour.data, self.contents)
        machine.cpu.registers_changed()
        return machine

    def listing(self) -> str:
        code = disassemble(self.program.code, self.flavour.code, self.flavour.bits)
        return "\n".join(str(instruction) for instruction in code)


def advance(machine: Machine, tick: int, rng: random.Random | None) -> bool:
    """Run to ``tick``, in slices if ``rng`` is given; return False after a shutdown."""
    while machine.clock.now < tick:
        ticks = tick - machine.clock.now
        if rng is not None:
            ticks = min(ticks, rng.choice((1, 1, 2, 3, 7, 20, 100)))
        stop = machine.run(ticks)
        if stop is Stop.SHUTDOWN:
            return False
        if stop is Stop.HALT:
            machine.clock.set(max(tick, machine.clock.now))
    return True


def play(machine: Machine, case: Case, rng: random.Random | None) -> list[dict[str, object]]:
    """Play ``case``; return what can be seen at each event, and at the end."""
    seen = []
    for tick, event in [*case.events, (TICKS, "end")]:
        alive = advance(machine, tick, rng)
        seen.append(machine.view())
        if not alive:
            break
        if event == "intr":
            machine.world.vector = 0x20
            machine.cpu.set_intr(True)
        elif event == "nmi":
            machine.cpu.nmi_pending = True
    seen[-1] |= machine.history()
    return seen


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: f"{flavour.mode}-{flavour.ring}")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_engines_agree_on_a_random_program(flavour: Flavour, seed: int) -> None:
    case = Case(flavour, seed)
    reference = play(case.machine("fast"), case, None)
    for engine, pauses in (("portable", None), ("fast", 1), ("portable", 2)):
        rng = None if pauses is None else random.Random(pauses)
        seen = play(case.machine(engine), case, rng)
        for one, other in zip(reference, seen, strict=True):
            found = difference(one, other)
            if found:
                pytest.fail(
                    f"fast and {engine} (pauses: {pauses}) differ at tick {one['tick']}: {found}\n"
                    f"{case.listing()}"
                )


def test_the_programs_reach_what_they_are_meant_to() -> None:
    vectors: set[int] = set()
    kinds: set[object] = set()
    for flavour in FLAVOURS:
        for seed in range(SEEDS):
            case = Case(flavour, seed)
            machine = case.machine("fast")
            play(machine, case, None)
            vectors |= set(machine.cpu.counters().traps)
            kinds |= {entry[0] for entry in machine.world.log}
    assert {0, 1, 3, 4, 6, 13, 14, 0x80, 0x81} <= vectors
    assert kinds == {"in", "out", "read", "write", "acknowledge"}
