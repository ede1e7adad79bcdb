"""Devices programmed in straight-line code: why a consequence waits REACTION_TICKS.

A small board: each access to port 10h or to the device page starts a timer that
raises INTR a little more than REACTION_TICKS later. The program jumps about and
makes accesses in the middle of long blocks. With the rule, and with RIP exact in
callbacks, any number of pauses leads to one end. Without either, the last tests
show, it does not: so the first ones can fail.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.cpu.machines import ENGINES, HOLE, Machine, difference
from vectoros.cpu.bits import Flag, Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.engine_fast import FastEngine
from vectoros.units import REACTION_TICKS

TICKS = 300_000
VECTOR = 0x20
PAUSES = (1, 7, 33, 500, 4000)

TEXT = """
        mov     rbx, HOLE
        sti
again:  imul    rax, r9, 0x41c64e6d
        add     rax, 12345
        mov     r9, rax
        test    rax, 0x30000
        jnz     device
        out     0x10, al
        inc     r8
        inc     r8
        inc     r8
device: test    rax, 0x1c0000
        jnz     mix
        inc     r8
        mov     [rbx], eax
        inc     r8
        nop
        inc     r8
mix:    inc     r8
        xor     r13, r9
        rol     r13, 5
        jmp     again
"""

HANDLER = "inc r12\n imul r11, r11, 31\n add r11, r8\n add r11, r9\n add r11, [rsp]\n iretq"


class Board:
    """The machine's run loop, and its timers."""

    def __init__(self, engine: str, reaction: int) -> None:
        self.reaction = reaction
        self.events: list[int] = []
        self.machine = machine = Machine(engine)
        machine.boot("long", flags=Flag.ID)
        machine.code(TEXT, HOLE=HOLE)
        machine.handler(VECTOR, HANDLER)
        machine.map(HOLE, HOLE)
        machine.cpu.registers_changed()
        machine.world.hooks = {0x10: self.accessed, HOLE: self.accessed}

    def accessed(self) -> None:
        """Start a timer: the value that was written makes it longer."""
        *_, value, now = self.machine.world.log[-1]
        assert isinstance(now, int)
        assert isinstance(value, int)
        self.events.append(now + self.reaction + value % 256)
        self.machine.cpu.shorten(min(self.events))

    def run(self, deadline: int) -> None:
        machine = self.machine
        while machine.clock.now < deadline:
            self.fire()
            tick = min([deadline, *self.events])
            assert machine.cpu.run(tick) is Stop.DEADLINE
        self.fire()

    def fire(self) -> None:
        now = self.machine.clock.now
        if any(event <= now for event in self.events):
            self.events = [event for event in self.events if event > now]
            self.machine.cpu.set_intr(True)


def play(engine: str, seed: int | None, reaction: int = REACTION_TICKS) -> Machine:
    board = Board(engine, reaction)
    rng = random.Random(seed)
    now = 0
    while now < TICKS:
        now = TICKS if seed is None else min(TICKS, now + rng.choice(PAUSES))
        board.run(now)
    return board.machine


@pytest.fixture(scope="module")
def reference() -> Machine:
    return play("fast", None)


def test_the_program_makes_accesses_and_is_interrupted(reference: Machine) -> None:
    kinds = [entry[0] for entry in reference.world.log]
    assert min(kinds.count(kind) for kind in ("out", "write")) > 300
    assert kinds.count("acknowledge") == reference.regs.gpr[Gpr.R12] > 50


@pytest.mark.parametrize("seed", [None, *range(4)])
@pytest.mark.parametrize("engine", ENGINES)
def test_any_pauses_lead_to_one_end(reference: Machine, engine: str, seed: int | None) -> None:
    machine = play(engine, seed)
    found = difference(reference.view(), machine.view())
    assert not found, f"pauses {seed} on {engine}: {found}"


def ends(play_one: Callable[[int | None], Machine]) -> int:
    """Return to how many different ends pauses lead."""
    views = [play_one(seed).view() for seed in (None, 0, 1, 2)]
    return sum(all(difference(view, other) for other in views[:n]) for n, view in enumerate(views))


@pytest.mark.parametrize("engine", ENGINES)
def test_without_the_reaction_time_pauses_are_visible(engine: str) -> None:
    assert ends(lambda seed: play(engine, seed, reaction=1)) > 1


def test_without_an_exact_rip_in_callbacks_pauses_are_visible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def leave_rip(engine: FastEngine, callback: object, store: bool) -> tuple[object, int]:
        return callback, 0

    def stale_now(engine: FastEngine) -> int:
        engine._io_pc.value = 0
        state = engine._state
        unretired = state.last_pc + state.last_size - engine.regs.linear_rip
        charged = state.deadline - state.budget
        return charged - (unretired if 0 <= unretired <= state.last_size else 0)

    monkeypatch.setattr(FastEngine, "_exact", leave_rip)
    monkeypatch.setattr(FastEngine, "_now", stale_now)
    assert ends(lambda seed: play("fast", seed)) > 1
