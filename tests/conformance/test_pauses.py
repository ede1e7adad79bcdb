"""Pauses change nothing: a subject that is run in short slices prints what it prints in one."""

from __future__ import annotations

import random

import pytest

from tests.conformance.machines import LIMIT_TICKS, OURS, outcomes, run
from tests.conformance.subjects import subject
from vectoros.board import Reason
from vectoros.boot.multiboot import Multiboot
from vectoros.config import Config
from vectoros.pc import Pc

pytestmark = pytest.mark.conformance

LONGEST_SLICE = 600  # ticks; a case has some tens of thousands, most of them for its tables


def sliced(name: str, engine: str, seed: int) -> str:
    """Return the text of the subject called ``name``, paused every few hundred ticks."""
    pc = Pc(Config(engine=engine), None, Multiboot(subject(name).program.code, f"{name}.S"))
    lengths = random.Random(seed)
    try:
        while pc.board.clock.now < LIMIT_TICKS:
            stop = pc.board.run(pc.board.clock.now + lengths.randint(1, LONGEST_SLICE))
            if stop.reason is Reason.TRIPLE_FAULT:
                pc.board.guest_stop = None
                pc.request_reset()
            elif stop.reason is not Reason.TICK:
                break
        return pc.serial.text
    finally:
        pc.cpu.close()


@pytest.mark.parametrize("engine", OURS)
@pytest.mark.parametrize("name", ["paging_fetch", "system_calls"])
def test_pauses_change_no_outcome(name: str, engine: str) -> None:
    found = outcomes(name, sliced(name, engine, seed=len(name)))
    assert found == run(name, engine).outcomes
