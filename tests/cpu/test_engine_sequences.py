"""Random instructions on the fast engine and on the portable one: nothing may differ.

Valid encodings of nearly every instruction that the CPU has, in every mode and ring,
with operands in memory that is there, missing, read-only or a device's, and
exceptions that go through real handlers (soup.py, arena.py).
"""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cpu.arena import Block
from tests.cpu.duel import Duel
from tests.cpu.rings import OPEN_RINGS, USER_RINGS, Ring
from tests.cpu.soup import Soup
from tests.cpu.stew import block
from vectoros.cpu.repairs import repair

RINGS = (*USER_RINGS, *(r for r in OPEN_RINGS if not r.paging and r.mode.startswith("protected")))
"""Not where the program may write its page tables: then it can tell how long an engine
remembers a translation. Not real mode: its memory is all code, which may change itself."""

pytestmark = pytest.mark.skipif(repair() is not None, reason=f"the guards: {repair()}")
every_ring = pytest.mark.parametrize("ring", RINGS, ids=lambda ring: ring.name)
INSTRUCTIONS = 200_000
_duels: dict[str, Duel] = {}


def duel(ring: Ring) -> Duel:
    """Return the pair of machines for ``ring``: to make one takes longer than to use it."""
    if ring.name not in _duels:
        _duels[ring.name] = Duel(ring)
    return _duels[ring.name]


@every_ring
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False), length=st.integers(1, 16), seed=st.integers(0, 99))
def test_the_engines_agree_on_a_sequence(
    ring: Ring, rng: random.Random, length: int, seed: int
) -> None:
    soup = Soup(rng, ring.bits)
    code, entries = b"", []
    for _ in range(length):
        entries.append(len(code))
        code += soup.instruction()
    report = duel(ring).fight(Block(code, tuple(entries), seed))
    assert not report, report


@pytest.mark.slow
def test_the_engines_agree_on_two_hundred_thousand_instructions() -> None:
    begun = number = 0
    while begun < INSTRUCTIONS:
        for ring in RINGS:
            one = block(ring, number)
            report = duel(ring).fight(one)
            assert not report, report
            begun += len(one.entries)  # at least one each
        number += 1
        print(f"{number} blocks each: more than {begun:,} instructions, no difference")
