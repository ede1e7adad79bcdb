"""The runners themselves: a case that expects something else fails, in both alike."""

from __future__ import annotations

import pytest

from tests.conformance.kernel.dsl import EP, NTFN, case, invoke, load, poll, send, signal, thread
from tests.conformance.kernel.step import Case
from tests.conformance.kernel.suite import RUNNERS, lines, problem, totals
from vectoros.kernel.errors import Error

DESCRIBE = invoke(EP, "UNTYPED.Describe")

WRONG = (
    (case("X-1", "a status", poll(NTFN).invalid()),
     "step 0 (root, trap 8): expected 0x2 0x0 0x2001 0x0, got 0x0 0x0 0x0 0x0"),
    (case("X-2", "a badge", signal(NTFN), poll(NTFN).gets(badge=1)),
     "step 1 (root, trap 8): expected 0x0 0x1 0x0, got 0x0 0x0 0x0"),
    (case("X-3", "a length", poll(NTFN).gets(0)),
     "step 0 (root, trap 8): expected 0x0 0x0 0x1 0x0, got 0x0 0x0 0x0 0x0"),
    (case("X-4", "it ends", poll(NTFN).blocks()), "step 0 (root, trap 8): it ended: 0x0"),
    (case("X-5", "it blocks", send(EP)), "step 0 (root, trap 3): it never ended"),
    (case("X-6", "a word of memory", load(0x44_1000).gives(1 << 40)),
     "step 0 (root, trap 0): expected 0x10000000000, got 0x"),
    (case("X-7", "another thread", thread("a"), poll(NTFN).from_("a").blocks()), "step 6 "),
    (case("X-8", "nobody runs", send(EP).blocks(), poll(NTFN).blocks()),
     "step 1 (root) was not started"),
)  # fmt: skip
"""Cases that are wrong, and how what both runners say of each begins."""


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(("wrong", "said"), WRONG, ids=[wrong.title for wrong, _ in WRONG])
def test_what_is_not_as_expected_is_said(wrong: Case, said: str, runner: str) -> None:
    found = problem(wrong, runner)
    assert found is not None
    assert found.startswith(said)


def test_a_refusal_must_be_one_that_the_row_has() -> None:
    with pytest.raises(ValueError, match="0 conditions are DELETE_FIRST"):
        DESCRIBE.refused(Error.DELETE_FIRST)
    with pytest.raises(ValueError, match="has other arguments"):
        invoke(EP, "UNTYPED.Describe", 1)


def test_the_table_has_a_line_for_each_case() -> None:
    results = {WRONG[0][0]: {"host": "ok", "guest": "FAILED"}, WRONG[1][0]: {"host": "ok"}}
    assert [line.split() for line in lines(results)[1:]] == [
        ["VXT-X-1", "ok", "FAILED", "a", "status"],
        ["VXT-X-2", "ok", "-", "a", "badge"],
    ]
    assert totals(results) == "2 ids: 2 of 2 on the host, 0 of 1 in ring 3"
