"""Every case of every conformance program, on each of our engines and on QEMU.

Expected is what the SDM says, which the program itself compares with. The allow-list
(allowlist.toml) has the exceptions, pinned.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance import allowlist
from tests.conformance.machines import MACHINES, QEMU, run
from tests.conformance.subjects import names, subject

pytestmark = pytest.mark.conformance

ALLOWED = allowlist.load()


def _parameters() -> Iterator[object]:
    for name in names():
        for case in subject(name).cases:
            for machine in MACHINES:
                marks = [pytest.mark.qemu] if machine == QEMU else []
                yield pytest.param(name, case, machine, marks=marks, id=f"{name}.{case}-{machine}")


@pytest.mark.parametrize(("name", "case", "machine"), list(_parameters()))
def test_it_does_what_the_manual_says(
    name: str, case: str, machine: str, count: dict[tuple[str, str], list[bool]]
) -> None:
    full = f"{name}.{case}"
    outcome = run(name, machine).outcome(full)
    count.setdefault((name, machine), []).append(outcome == "ok")
    expected = ALLOWED.expected(full, machine)
    if outcome == "ok" and expected != "ok":
        pytest.fail(f"{full} passes now on {machine}: remove it from the allow-list")
    assert outcome == expected


@pytest.mark.parametrize("name", names())
def test_every_case_is_reported_once_and_counted(name: str) -> None:
    done = run(name, "fast")
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
