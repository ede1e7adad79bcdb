"""What is true of the kernel's memory between any two traps.

Each invariant is a function over :class:`Facts` that raises :class:`InvariantError` with
its number and the offender. The numbers are those of a list that was read out of seL4's
proofs (l4v); where these have the rule, the function has its name. What l4v says of seL4,
the first line of each docstring says of us.
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.kernel.root import Root
from vectoros.kernel_image.invariants.facts import Facts
from vectoros.kernel_image.invariants.memory import MEMORY
from vectoros.kernel_image.invariants.paging import PAGING
from vectoros.kernel_image.invariants.threads import THREADS
from vectoros.kernel_image.invariants.time import TIME

INVARIANTS: tuple[Callable[[Facts], None], ...] = (*MEMORY, *THREADS, *TIME, *PAGING)
"""All of them, in the order of their numbers."""


def check(root: Root) -> None:
    """Raise :class:`InvariantError` at the first invariant that does not hold."""
    facts = Facts.collect(root)
    for invariant in INVARIANTS:
        invariant(facts)
