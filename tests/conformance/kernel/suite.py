"""All cases, the runners, and the table of what they said."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Protocol

from tests.conformance.kernel import (
    asid,
    audit,
    channel,
    cnode,
    domain,
    endpoint,
    faults,
    frame,
    ioport,
    irq,
    lease,
    notification,
    policy,
    reply,
    sched_context,
    tables,
    tcb,
    traps,
    untyped,
)
from tests.conformance.kernel.guest import Guest
from tests.conformance.kernel.host import Host
from tests.conformance.kernel.step import Case, Outcome, comparable, shown

MODULES = (
    traps,
    cnode,
    untyped,
    tcb,
    endpoint,
    notification,
    reply,
    faults,
    sched_context,
    domain,
    frame,
    tables,
    asid,
    irq,
    ioport,
    channel,
    lease,
    policy,
    audit,
)

CASES: tuple[Case, ...] = tuple(each for module in MODULES for each in module.CASES)

RUNNERS = ("host", "guest")

PASSED, FAILED = "ok", "FAILED"


class Runner(Protocol):
    """Something that runs cases."""

    def run(self, case: Case) -> Outcome:
        """Run ``case`` from the state after boot."""


@functools.cache
def runner(name: str, engine: str = "fast") -> Runner:
    """Return a runner; there is one machine of each engine, for all cases."""
    return Host() if name == "host" else Guest(engine)


@functools.cache
def outcome(case: Case, name: str, engine: str = "fast") -> Outcome:
    """Return what a runner sees of ``case``, which it runs once."""
    return runner(name, engine).run(case)


def problem(case: Case, name: str, engine: str = "fast") -> str | None:
    """Return what is wrong with ``case`` in a runner, or None.

    In ring 3 the answers must be those without a machine, word for word.
    """
    seen = outcome(case, name, engine)
    wrong = seen.problem(case)
    if wrong is not None or name == "host":
        return wrong
    pairs = zip(case.steps, seen.answers, outcome(case, "host").answers, strict=True)
    for number, (step, guest, host) in enumerate(pairs):
        if comparable(step, guest) != comparable(step, host):
            return f"step {number}: {shown(guest or ())}, on the host {shown(host or ())}"
    return None


def lines(results: Mapping[Case, Mapping[str, str]]) -> list[str]:
    """Return the table: a line for each case."""
    rows = [f"{'id':<20} {'host':<7} {'in-guest':<9} title"]
    for case, row in results.items():
        host, guest = (row.get(name, "-") for name in RUNNERS)
        rows.append(f"{case.id:<20} {host:<7} {guest:<9} {case.title}")
    return rows


def totals(results: Mapping[Case, Mapping[str, str]]) -> str:
    """Return the last line."""
    counts = []
    for name, said in zip(RUNNERS, ("on the host", "in ring 3"), strict=True):
        ran = [row[name] for row in results.values() if name in row]
        counts.append(f"{ran.count(PASSED)} of {len(ran)} {said}")
    return f"{len(results)} ids: {', '.join(counts)}"
