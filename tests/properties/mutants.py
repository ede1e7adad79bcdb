"""A system that is sound, and how a mutant of it is written down."""

from __future__ import annotations

from collections.abc import Callable

from tests.kernel.system import System
from vectoros.kernel import vspace
from vectoros.kernel.objects import PAGE_BITS
from vectoros.kernel.process_layout import INFO_PAGE, Init
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image.invariants.facts import Facts

Mutant = Callable[[System], None]
MUTANTS: list[tuple[str, str, Mutant]] = []
"""Invariant, how its complaint begins, where ``*`` stands for any text, and the change that it
must reject."""


def mutant(invariant: str, message: str) -> Callable[[Mutant], Mutant]:
    """Enter the function that follows as a mutant that ``invariant`` rejects."""

    def keep(change: Mutant) -> Mutant:
        MUTANTS.append((invariant, message, change))
        return change

    return keep


def threads(system: System) -> list[Tcb]:
    """Return the threads of shell, ticker and victim."""
    shell = next(t for t in _all(system) if t.name == "shell")
    return system.processes(shell, 3)


def _all(system: System) -> list[Tcb]:
    return Facts.collect(system.root).threads()


def context(system: System, thread: Tcb) -> SchedContext:
    """Return what the thread runs on."""
    return SchedContext(system.ram, thread.sched_context)


def reply(system: System, thread: Tcb) -> int:
    """Return the Reply object of the thread's process."""
    return system.slot(thread, Init.REPLY).object


def entry_of(system: System, thread: Tcb, address: int = INFO_PAGE) -> int:
    """Return where the entry of the page at ``address`` is, in words."""
    return vspace.find(system.ram, thread.space, address, PAGE_BITS)[0]
