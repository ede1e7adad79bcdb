"""The table at the end: id, result without a machine, result in ring 3, title."""

from __future__ import annotations

import pytest

from tests.conformance.kernel.step import Case
from tests.conformance.kernel.suite import FAILED, lines, totals

RESULTS = pytest.StashKey[dict[Case, dict[str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = {}


@pytest.fixture
def results(request: pytest.FixtureRequest) -> dict[Case, dict[str, str]]:
    """Where a test notes how its case went."""
    return request.config.stash[RESULTS]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    results = config.stash.get(RESULTS, {})
    if not results:
        return
    terminalreporter.section("conformance of the kernel")
    for line in lines(results):
        terminalreporter.write_line(line, red=FAILED in line)
    terminalreporter.write_line(totals(results))
