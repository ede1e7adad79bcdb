"""The pages about the kernel are what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vectoros import kernel_manual
from vectoros.kernel import abi
from vectoros.kernel.methods import METHODS
from vectoros.kernel_image.invariants import INVARIANTS
from vectoros.kernel_view.declared import error_name, type_name

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(
    ("name", "path"),
    [("abi", "reference/kernel-abi.md"), ("invariants", "explanation/invariants.md")],
)
def test_the_page_is_what_the_code_says(name: str, path: str) -> None:
    assert (DOCS / path).read_text(encoding="utf-8") == kernel_manual.PAGES[name](), (
        f"run: python -m vectoros.kernel_manual {name} > docs/{path}"
    )


def test_the_page_has_every_method_and_trap() -> None:
    page = kernel_manual.page()
    for name in (*(m.constant for m in METHODS), *(f"TRAP_{trap.name}" for trap in abi.Trap)):
        assert f"`{name}`" in page


def test_every_method_has_its_conditions_in_the_order_in_which_they_are_checked() -> None:
    sections = dict(
        re.findall(r"^#### (\S+)\n(.*?)(?=^##)", kernel_manual.page(), re.MULTILINE | re.DOTALL)
    )
    for row in METHODS:
        section = sections[f"{type_name(row.object)}.{row.name}"]
        shown = re.findall(r"^\| (\w+) \| (.*?) ?\| (.*) \|$", section, re.MULTILINE)[1:]
        assert shown == [(error_name(c.error), c.words, c.meaning) for c in row.conditions]


def test_every_invariant_is_on_its_page_with_its_number() -> None:
    assert [rule.function for rule in kernel_manual.rules()] == [f.__name__ for f in INVARIANTS]
    for rule in kernel_manual.rules():
        assert re.fullmatch(r"I\d+", rule.number), f"{rule.function} has no number"
        assert rule.sentence.endswith("."), f"{rule.function} does not say what holds"
