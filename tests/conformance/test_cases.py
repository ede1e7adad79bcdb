"""Every case of every conformance program, on each of our engines and on QEMU.

Expected is what the SDM says, which the program itself compares with. The allow-list
(allowlist.toml) has the exceptions, pinned.

A plain ``pytest`` has a test for each program and machine. ``pytest -m conformance``
has one for each case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conformance import allowlist
from tests.conformance.machines import MACHINES, OURS, QEMU, run
from tests.conformance.subjects import names, subject

pytestmark = pytest.mark.conformance

ALLOWED = allowlist.load()
MOST_ALLOWED = 116
"""Length of the allow-list. It may only fall: lower this with it.

Only a commit that brings new programs may raise it, by the rows of their cases.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cases" in metafunc.fixturenames:
        by_case = "conformance" in metafunc.config.getoption("markexpr")
        rows = [row for name in names() for row in _rows(name, by_case)]
        metafunc.parametrize(("name", "cases", "machine"), rows)


def _rows(name: str, by_case: bool) -> Iterator[object]:
    """Yield the parameters of the tests of a subject: all its cases at once, or one by one."""
    groups: list[tuple[str, tuple[str, ...] | None]] = [(name, None)]
    if by_case:
        groups = [(f"{name}.{case}", (case,)) for case in subject(name).cases]
    for label, cases in groups:
        for machine in MACHINES:
            marks = [pytest.mark.qemu] if machine == QEMU else []
            yield pytest.param(name, cases, machine, marks=marks, id=f"{label}-{machine}")


def test_it_does_what_the_manual_says(
    name: str,
    cases: Sequence[str] | None,
    machine: str,
    count: dict[tuple[str, str], list[bool]],
) -> None:
    surprises = []
    for case in cases or subject(name).cases:
        full = f"{name}.{case}"
        outcome, expected = run(name, machine).outcome(full), ALLOWED.expected(full, machine)
        count.setdefault((name, machine), []).append(outcome == "ok")
        if outcome == "ok" and expected != "ok":
            surprises.append(f"{full} passes now on {machine}: remove it from the allow-list")
        elif outcome != expected:
            surprises.append(f"{full}: {outcome}, not {expected}")
    assert surprises == []


@pytest.mark.parametrize("machine", OURS)
@pytest.mark.parametrize("name", names())
def test_every_case_is_reported_once_and_counted(name: str, machine: str) -> None:
    done = run(name, machine)
    assert done.end == ""
    lines = done.text.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [
        f"{name}.{case}" for case in subject(name).cases
    ]
    failed = sum(outcome != "ok" for outcome in done.outcomes.values())
    assert lines[-1] == f"{name}: {len(subject(name).cases)} cases, {failed} failed"


def test_the_allow_list_names_cases_that_exist() -> None:
    existing = {f"{name}.{case}" for name in names() for case in subject(name).cases}
    listed = {case for row in (*ALLOWED.ours, *ALLOWED.witness) for case in row.cases}
    assert sorted(listed - existing) == []


def test_no_case_is_listed_twice_for_a_machine() -> None:
    seen = [
        (case, machine)
        for row in (*ALLOWED.ours, *ALLOWED.witness)
        for case in row.cases
        for machine in row.machines
    ]
    assert sorted(pair for pair in set(seen) if seen.count(pair) > 1) == []


def test_the_allow_list_only_gets_shorter() -> None:
    assert ALLOWED.length <= MOST_ALLOWED


def test_what_tests_of_the_engines_pin_has_such_a_test() -> None:
    root = Path(__file__).parents[2]
    for row in ALLOWED.pinned:
        if row.test is not None:
            file, _, name = row.test.partition("::")
            assert f"def {name}(" in (root / file).read_text(encoding="utf-8"), row.test
