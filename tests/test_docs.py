"""What the documents show is true: examples run, links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import vectoros
from vectoros import Machine

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(vectoros.__path__, "vectoros.")
    if not module.name.endswith("__main__")  # importing it would run the command line
)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_blocks(page: str) -> list[str]:
    """Return the Python programs in a page, given by its path in the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_program_prints_the_same_every_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (program,) = python_blocks("README.md")
    for _ in range(2):
        exec(program, {})
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert re.fullmatch(r"\d+ \d+ [0-9a-f]{64}", first)


def test_the_readme_shows_what_a_boot_prints() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown_boot = re.search(r"^\$ vectoros boot .* --until .*\n([^`]*)```$", readme, re.MULTILINE)
    with Machine.from_image(ROOT / "images/dev.img") as m:
        m.serial.expect("vectoros> ")
        printed = [line.rstrip() for line in m.serial.text.splitlines()]
    assert shown_boot is not None
    assert shown_boot[1].splitlines() == printed


@pytest.mark.parametrize(
    ("page", "count"),
    [
        ("docs/tutorial/first-boot.md", 2),
        ("docs/how-to/add-a-device.md", 2),
        ("docs/how-to/look-into-a-kernel.md", 0),
    ],
)
def test_the_programs_of_a_page_run_and_so_do_its_tests(
    page: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {"__name__": "page"}
    for program in python_blocks(page):
        exec(program, names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == count
    for test in tests:
        assert callable(test)
        test()
