"""The table at the end: subjects, cases, machines, and the allow-list's length."""

from __future__ import annotations

import pytest

from tests.conformance import allowlist
from tests.conformance.machines import MACHINES

CONFORMANCE = pytest.StashKey[dict[tuple[str, str], list[bool]]]()
"""For each subject and machine, whether each case that was run passed."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CONFORMANCE] = {}


@pytest.fixture
def count(request: pytest.FixtureRequest) -> dict[tuple[str, str], list[bool]]:
    """Where a test notes what it saw, for the table."""
    return request.config.stash[CONFORMANCE]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    results = config.stash.get(CONFORMANCE, {})
    if not results:
        return
    write = terminalreporter.write_line
    terminalreporter.section("conformance: cases that do what the SDM says")
    write(f"{'subject':<20} {'cases':>6}" + "".join(f" {machine:>9}" for machine in MACHINES))
    totals = dict.fromkeys(("cases", *MACHINES), 0)
    for subject in sorted({subject for subject, _ in results}):
        rows = [results.get((subject, machine), []) for machine in MACHINES]
        cases = max(map(len, rows))
        totals["cases"] += cases
        cells = ""
        for machine, row in zip(MACHINES, rows, strict=True):
            totals[machine] += sum(row)
            cells += f" {sum(row) if row else '-':>9}"
        write(f"{subject:<20} {cases:>6}{cells}")
    write(f"{'all':<20}" + "".join(f" {n:>{6 if k == 'cases' else 9}}" for k, n in totals.items()))
    known = allowlist.load()
    witness = len({case for row in known.witness for case in row.cases})
    write(
        f"allow-list: {known.length} cases in {len(known.ours)} rows,"
        f" and {len(known.pinned)} that tests of the engines pin;"
        f" QEMU differs from the SDM in {witness} cases in {len(known.witness)} rows"
    )
