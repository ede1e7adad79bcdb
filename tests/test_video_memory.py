"""A guest that draws, through pauses, snapshots, files and both engines."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vectoros import Machine
from vectoros.board import Reason
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.layout import FRAMEBUFFER, FRAMEBUFFER_SIZE

ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)
WIDTH, HEIGHT = 320, 200
Sector = Callable[[str], Path]


def drawn() -> np.ndarray:
    """Return what tests/guest/sectors/picture.S draws."""
    line, column = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([column % 256, line, (column ^ line) % 256], axis=-1)


@pytest.fixture
def image(sector: Sector) -> Path:
    return sector("picture")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_guest_draws_is_on_the_screen(engine: str, image: Path) -> None:
    with Machine.from_image(image, engine=engine, firmware=False) as machine:
        assert machine.run().reason is Reason.POWER_OFF
        assert machine.screen.mode == "graphics"
        assert np.array_equal(machine.screen.pixels(), drawn())
        assert machine.memory.read(FRAMEBUFFER - 4, 4) == b"\xff" * 4
        assert machine.memory.read(FRAMEBUFFER + FRAMEBUFFER_SIZE, 4) == b"\xff" * 4


def test_engines_pauses_and_looks_give_one_state(image: Path) -> None:
    rng, hashes = random.Random(5), set()
    for engine in ENGINES:
        for pauses in (False, True):
            with Machine.from_image(image, engine=engine, firmware=False) as machine:
                while pauses and machine.clock.now < 1_000_000:
                    machine.run(until_tick=machine.clock.now + rng.randrange(1, 40_000))
                    if rng.random() < 0.2:
                        machine.screen.pixels()
                machine.run()
                hashes.add((machine.state_hash(), machine.clock.now))
    assert len(hashes) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_going_back_puts_the_picture_back(engine: str, image: Path, tmp_path: Path) -> None:
    other = ENGINES[-1] if engine == ENGINES[0] else ENGINES[0]
    with Machine.from_image(image, engine=engine, firmware=False) as machine:
        machine.run(until_tick=800_000)
        half, saved, before = machine.screen.pixels(), machine.snapshot(), machine.state_hash()
        assert 0 < np.count_nonzero(half) < np.count_nonzero(drawn())
        machine.save(tmp_path / "half")
        machine.run()
        whole = machine.state_hash()
        machine.restore(saved)
        assert np.array_equal(machine.screen.pixels(), half)
        assert machine.state_hash() == before
        machine.run()
        assert machine.state_hash() == whole
    with Machine.from_snapshot(tmp_path / "half", engine=other) as machine:
        assert machine.state_hash() == before
        assert np.array_equal(machine.screen.pixels(), half)
        machine.run()
        assert machine.state_hash() == whole


def test_untouched_video_memory_costs_a_snapshot_nothing(tmp_path: Path) -> None:
    with Machine() as machine:
        used = len(machine.memory.ram.dirty())
        machine.pc.vbe.write(0, 2, 4)
        machine.memory.clear(FRAMEBUFFER, FRAMEBUFFER_SIZE)
        assert len(machine.memory.ram.dirty()) == used
        assert machine.save(tmp_path / "saved") < 64 * 1024
