"""Which tests a plain ``pytest`` runs, and how hypothesis behaves here.

A test that takes long runs only with ``--slow``. A test that needs another
program runs wherever that program is installed; elsewhere the reason it was
skipped names the Debian package. ``pytest -rs`` prints the reasons.
"""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

OPT_IN = ("slow", "linux", "conformance")
"""Markers whose tests run only with ``--slow``."""

PROGRAMS = {
    "qemu": ("qemu-system-x86_64", "qemu-system-x86"),
    "gdb": ("gdb", "gdb"),
}
"""Markers whose tests need a program: its name, and the Debian package that has it."""

# No deadline: it would measure the host. The same examples each time under CI,
# so that a red run can be run again; fresh ones at home, so that bugs are found.
settings.register_profile("vectoros", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("vectoros")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare ``--slow``."""
    parser.addoption("--slow", action="store_true", help="also run the tests that take long")


def reason_to_skip(marker: str, *, slow: bool) -> str | None:
    """Return why a test with ``marker`` cannot run here, or None if it can."""
    if marker in OPT_IN and not slow:
        return f"{marker}: run with --slow"
    if marker in PROGRAMS:
        program, package = PROGRAMS[marker]
        if shutil.which(program) is None:
            return f"{marker}: {program} not found; install the Debian package {package}"
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what this run did not ask for or this host cannot do."""
    slow = bool(config.getoption("--slow"))
    reasons = {name: reason_to_skip(name, slow=slow) for name in (*OPT_IN, *PROGRAMS)}
    for item in items:
        for name, reason in reasons.items():
            if reason is not None and item.get_closest_marker(name) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))
