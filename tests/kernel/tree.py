"""The derivation tree below a slot, for tests that trust its links."""

from __future__ import annotations

from collections.abc import Iterator

from vectoros.kernel.derivation import CLOSE, OPEN
from vectoros.kernel.memory import Ram
from vectoros.kernel.slot import SIZE
from vectoros.kernel.views import WORD


def descendants(ram: Ram, slot: int) -> Iterator[tuple[int, int]]:
    """Yield each descendant and its depth below ``slot``, parents first."""
    depth = 0
    node = ram.words[slot + OPEN + WORD >> 3]
    while node != slot + CLOSE:
        found = node - node % SIZE
        if node == found + OPEN:
            depth += 1
            yield found, depth
        else:
            depth -= 1
        node = ram.words[node + WORD >> 3]
