"""Random traps from ring 3: nothing that a program asks for upsets the kernel, or frees it.

Three threads make traps that are nearly right (ring3_traps.py), in episodes that each
start from the same scene (ring3_scene.py). After traps the invariants are checked; at
the end of an episode, that the threads hold nothing that they could not reach at first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.conformance.kernel import puppet, script
from tests.conformance.kernel.guest import Guest
from tests.properties.ring3_authority import Authority
from tests.properties.ring3_scene import steps
from tests.properties.ring3_traps import Traps
from vectoros.board import Reason
from vectoros.boot.native import KernelMemory
from vectoros.kernel import derivation
from vectoros.kernel.kernel import Kernel
from vectoros.kernel.process_layout import Init
from vectoros.kernel.slot import SIZE
from vectoros.kernel_image import invariants

EPISODE = 20_000
"""Traps until the scene starts anew."""

BATCH = (2 * script.AREA_SIZE) // script.FUZZ["SIZE"]
LIMIT = "30ms"
"""Of virtual time for a batch: then nobody gets anywhere any more."""


class Fuzz:
    """A machine with the scene set up."""

    def __init__(self, engine: str) -> None:
        self.guest = Guest(engine)
        self.machine = self.guest.machine
        kernel = Kernel(KernelMemory(self.machine.memory))
        self._trap = kernel.trap
        self.machine.pc.gate.connect(self._counted)
        self.traps = 0
        """Of anybody."""
        self.each = range(0)
        """Traps after which invariants are checked."""
        self._set_up()

    def close(self) -> None:
        """Let the machine go."""
        self.machine.close()

    def _counted(self, block: int) -> None:
        self._trap(block)
        self.traps += 1
        if self.traps in self.each:
            invariants.check(self.guest.root)

    def _set_up(self) -> None:
        script_of_root = script.pack(steps())
        self.guest.restart()
        self.guest.write(puppet.AREAS, script_of_root)
        self._batch(b"")
        self.start = self.machine.snapshot()
        self.authority = Authority(self.guest.root)

    def _batch(self, records: bytes) -> bool:
        """Run the records to their end; say whether that was reached."""
        count = len(records) // script.FUZZ["SIZE"]
        self.guest.write(puppet.AREAS + script.FUZZ["TRAPS"], records)
        numbers = (0).to_bytes(8, "little") + count.to_bytes(8, "little")
        self.guest.write(puppet.COMMON + script.FUZZ["NEXT"], numbers)
        return self.machine.run(for_=LIMIT).reason is Reason.MATCH

    def episode(self, seed: int, traps: int = EPISODE) -> int:
        """Make up to ``traps`` random traps from the scene; return how many."""
        self.machine.restore(self.start)
        source, made = Traps(seed), 0
        while made < traps:
            count = min(BATCH, traps - made)
            going = self._batch(source.records(count))
            made += min(count, self.guest.word(puppet.COMMON + script.FUZZ["NEXT"]))
            if not going:
                break
        invariants.check(self.guest.root)
        self.authority.check()
        return made


@pytest.fixture
def fuzz() -> Iterator[Fuzz]:
    with closing(Fuzz("fast")) as made:
        yield made


@pytest.mark.parametrize(
    ("slot", "said"), [(Init.EXIT, "it has got a IO_PORT at 0xf4"), (Init.CNODE, "a CNODE at")]
)
def test_authority_that_leaks_is_found(fuzz: Fuzz, slot: Init, said: str) -> None:
    table = fuzz.authority.table
    source = table.object + slot * SIZE
    derivation.derive(fuzz.guest.root.ram, source, fuzz.authority.cnode.object + 100 * SIZE)
    with pytest.raises(AssertionError, match=said):
        fuzz.authority.check()


def test_a_capability_that_the_root_loses_is_found(fuzz: Fuzz) -> None:
    slot = fuzz.authority.table.object + Init.EXIT * SIZE
    derivation.remove(fuzz.guest.root.ram, slot)
    with pytest.raises(AssertionError, match="it has changed slot 12 of the root"):
        fuzz.authority.check()


def test_invariants_hold_after_each_of_the_first_traps(fuzz: Fuzz) -> None:
    fuzz.each = range(fuzz.traps, fuzz.traps + 150)
    assert fuzz.episode(1, 2_000) >= 1_000


def test_both_engines_come_to_the_same_state(fuzz: Fuzz) -> None:
    made = fuzz.episode(2, 600)
    with closing(Fuzz("portable")) as portable:
        assert portable.episode(2, 600) == made > 300
        assert portable.machine.state_hash() == fuzz.machine.state_hash()


@pytest.mark.slow
def test_both_engines_come_to_the_same_state_after_20_000_traps(fuzz: Fuzz) -> None:
    made = fuzz.episode(3, 20_000)
    with closing(Fuzz("portable")) as portable:
        assert portable.episode(3, 20_000) == made
        assert portable.machine.state_hash() == fuzz.machine.state_hash()


@pytest.mark.slow
def test_a_million_traps(fuzz: Fuzz, capsys: pytest.CaptureFixture[str]) -> None:
    """Invariants after each of the first 5,000, then after every 1,000th."""
    started, made, seed = time.perf_counter(), 0, 0
    fuzz.each = range(fuzz.traps, fuzz.traps + 5_000)
    while made < 1_000_000:
        made += fuzz.episode(seed)
        seed += 1
        if fuzz.traps > fuzz.each.stop:
            fuzz.each = range(0, 1 << 62, 1_000)
    spent = time.perf_counter() - started
    with capsys.disabled():
        print(f"\n{made} random traps in {seed} episodes, {made / spent:.0f} a second")
