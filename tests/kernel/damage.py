"""A booted system in which some words have been overwritten."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.kernel.system import System, boot
from vectoros.kernel.objects import Type
from vectoros.kernel.root import ROOT_SIZE
from vectoros.kernel_image import inspect


def _interesting(system: System) -> list[int]:
    """Return the addresses of words that something is read from: slots, TCBs, tables, root."""
    found = set(range(system.root.address, system.root.address + ROOT_SIZE, 8))
    for cap in inspect.tree(system.root):
        found.update(range(cap.slot, cap.slot + 64, 8))
        if cap.type is not Type.FRAME and 0 < cap.size <= 1 << 14:
            found.update(range(cap.object, cap.object + cap.size, 8))
    return sorted(found)


BOOTED = boot()
_PLACES = _interesting(BOOTED)
_SLOTS = sorted(
    cap.slot + offset for cap in inspect.tree(BOOTED.root) for offset in range(0, 64, 8)
)
_WORDS = sorted({BOOTED.ram.words[at >> 3] for at in _PLACES})

DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(_PLACES) | st.sampled_from(_SLOTS),
        st.integers(0, (1 << 64) - 1) | st.sampled_from(_WORDS) | st.sampled_from(_PLACES),
    ),
    min_size=1,
    max_size=8,
)
"""Addresses, and the words that are there now: any, others of the system's, or addresses."""


def damaged(damage: list[tuple[int, int]]) -> System:
    """Return the booted system with these words in it."""
    system = BOOTED.copy()
    for at, word in damage:
        system.ram.words[at >> 3] = word
    return system
