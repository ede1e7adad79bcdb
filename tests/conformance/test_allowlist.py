"""The reader of the allow-list: what it expects of a case on a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.allowlist import AllowList, load

TEXT = """
[[ours]]
source = "Vol. 1"
reason = "Both engines and QEMU."
[ours.cases]
"s.a" = "FAIL rax got=1 want=2"

[[ours]]
source = "Vol. 1"
reason = "One engine."
machines = ["fast"]
[ours.cases]
"s.a2" = "FAIL x"
"s.b" = "FAIL y"

[[witness]]
source = "Vol. 2"
reason = "QEMU."
[witness.cases]
"s.c" = "FAIL z"
"""


@pytest.fixture
def known(tmp_path: Path) -> AllowList:
    path = tmp_path / "list.toml"
    path.write_text(TEXT, encoding="utf-8")
    return load(path)


@pytest.mark.parametrize(
    ("case", "machine", "outcome"),
    [
        ("s.a", "fast", "FAIL rax got=1 want=2"),
        ("s.a", "qemu", "FAIL rax got=1 want=2"),
        ("s.b", "fast", "FAIL y"),
        ("s.b", "portable", "ok"),
        ("s.c", "qemu", "FAIL z"),
        ("s.c", "fast", "ok"),
        ("s.d", "qemu", "ok"),
    ],
)
def test_a_row_holds_for_its_machines_and_all_else_must_pass(
    known: AllowList, case: str, machine: str, outcome: str
) -> None:
    assert known.expected(case, machine) == outcome


def test_its_length_counts_the_cases_of_our_engines(known: AllowList) -> None:
    assert known.length == 3


def test_every_row_says_why() -> None:
    for row in (*load().ours, *load().witness):
        assert row.source.startswith("Vol. ")
        assert row.reason.endswith(".")
        assert row.cases
