"""The suite against the table: each method works once, and is refused for each reason."""

from __future__ import annotations

from tests.conformance.kernel.step import Step
from tests.conformance.kernel.suite import CASES
from vectoros.kernel.errors import Error
from vectoros.kernel.methods import METHODS

STEPS: tuple[Step, ...] = tuple(step for case in CASES for step in case.steps)


def test_each_condition_of_each_row_has_a_case() -> None:
    met = {(step.rsi >> 12, step.condition) for step in STEPS if step.condition is not None}
    missing = [
        f"{row.object.name}.{row.name}, condition {index}: {condition.error.name},"
        f" {condition.meaning}"
        for row in METHODS
        for index, condition in enumerate(row.conditions)
        if (row.label, index) not in met
    ]
    assert not missing, "no case meets\n  " + "\n  ".join(missing)


def test_each_method_works_in_some_case() -> None:
    done = {step.rsi >> 12 for step in STEPS if step.expected and not step.expected.status}
    assert not [row.signature for row in METHODS if row.label not in done]


def test_each_method_with_arguments_is_refused_if_the_message_is_too_short() -> None:
    refused = {
        step.rsi >> 12
        for step in STEPS
        if step.expected and step.expected.status == Error.TRUNCATED_MESSAGE
    }
    short = [row for row in METHODS if row.arguments or row.capabilities]
    assert not [row.signature for row in short if row.label not in refused]


def test_there_are_at_least_200_ids() -> None:
    assert len(CASES) >= 200
