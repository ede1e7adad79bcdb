"""Every case of the suite, without a machine and in ring 3."""

from __future__ import annotations

import pytest

from tests.conformance.kernel.step import Case
from tests.conformance.kernel.suite import CASES, FAILED, PASSED, RUNNERS, problem


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_case(case: Case, runner: str, results: dict[Case, dict[str, str]]) -> None:
    results.setdefault(case, {})[runner] = FAILED
    found = problem(case, runner)
    assert found is None, f"{case.id}: {case.title}\n  {found}"
    results[case][runner] = PASSED


@pytest.mark.parametrize("case", CASES[::16], ids=[case.id for case in CASES[::16]])
def test_the_portable_engine_agrees(case: Case) -> None:
    assert problem(case, "guest", "portable") is None


def test_no_two_cases_have_the_same_id_nor_two_of_an_object_the_same_title() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert len({(case.id.rpartition("-")[0], case.title) for case in CASES}) == len(CASES)
