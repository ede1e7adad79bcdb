"""The committed page of what is architectural says what the allow-list says."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.docs import PAGE, page

HOW = f"regenerate it: python -m tests.conformance.docs {PAGE}"


def test_the_page_is_what_programs_and_allow_list_make_of_it() -> None:
    path = Path(__file__).parents[2] / PAGE
    assert path.exists(), HOW
    assert path.read_text(encoding="utf-8") == page(), HOW
