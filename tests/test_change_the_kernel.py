"""The tutorial "Change the kernel in an hour", followed to the letter on a copy of the kernel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial" / "change-the-kernel.md"


def blocks() -> dict[str, str]:
    """Return the page's blocks that are marked as tested, by what the mark says."""
    text = PAGE.read_text(encoding="utf-8")
    form = r"^<!-- tested: (.*?) -->\n(?:<!-- .*? -->\n)?```\w+\n(.*?)^```$"
    found = re.findall(form, text, re.MULTILINE | re.DOTALL)
    assert len(found) == text.count("<!-- tested: ")
    return dict(found)


def insert(path: Path, after: str, block: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(f"{after}\n") == 1, f"{path.name} has not one line {after!r}"
    path.write_text(text.replace(f"{after}\n", f"{after}\n{block}"), encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the page changes, and links to the rest."""
    home = tmp_path_factory.mktemp("checkout")
    without = shutil.ignore_patterns("__pycache__")
    for name in ("kernel", "vectoros", "images"):
        shutil.copytree(ROOT / name, home / name, symlinks=True, ignore=without)
    shutil.copytree(ROOT / "tests" / "kernel", home / "tests" / "kernel", ignore=without)
    for name in ("devices", "firmware", "pyproject.toml"):
        (home / name).symlink_to(ROOT / name)
    return home


@pytest.fixture(scope="module")
def changed(checkout: Path) -> Path:
    """The copy after somebody has done what the page says."""
    manifest = checkout / "images" / "room.toml"
    for mark, block in blocks().items():
        match mark.split():
            case ["after", *words, "in", path]:
                insert(checkout / path, " ".join(words).strip('"'), block)
            case ["at", "the", "end", "of", path]:
                with (checkout / path).open("a", encoding="utf-8") as file:
                    file.write(f"\n\n{block}")
            case ["the", "file", path]:
                (checkout / path).write_text(block, encoding="utf-8")
            case ["the", "programs", "of", "images/room.toml"]:
                dev = (ROOT / "images" / "dev.toml").read_text(encoding="utf-8")
                start, shell, rest = dev.partition('[[program]]\nname = "shell"')
                assert shell
                _, data, end = rest.partition("[[data]]")
                manifest.write_text(f"{start}{block}\n{data}{end}", encoding="utf-8")
    return checkout


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the copy of the package, which nobody is to measure the coverage of."""
    ours = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    return subprocess.run(
        [sys.executable, *words],
        cwd=home,
        env={**ours, "PYTHONPATH": str(home), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_pages_own_tests_pass(changed: Path) -> None:
    done = run(changed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/kernel/test_room.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_the_kernel_is_still_small_enough(changed: Path) -> None:
    done = run(changed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/kernel/test_size.py")
    assert done.returncode == 0, done.stdout


def test_they_fail_on_the_mistake_that_the_page_proposes(changed: Path) -> None:
    path = changed / "kernel" / "untyped.py"
    right = path.read_text(encoding="utf-8")
    path.write_text(right.replace("-(-taken >> bits)", "taken >> bits"), "utf-8")
    try:
        assert path.read_text(encoding="utf-8") != right
        words = ("-q", "-p", "no:cacheprovider", "tests/kernel/test_room.py")
        assert " failed" in run(changed, "-m", "pytest", *words).stdout
    finally:
        path.write_text(right, encoding="utf-8")


def test_the_command_prints_the_row(changed: Path) -> None:
    command, _, expected = blocks()["printed by the command"].partition("\n")
    done = run(changed, "-m", *command.removeprefix("$ ").split())
    assert (done.stdout, done.stderr) == (expected, "")


def test_the_program_ends_with_the_number_on_the_page(changed: Path) -> None:
    build, boot, expected = blocks()["run"].splitlines()
    done = run(changed, "-m", *build.removeprefix("$ ").split())
    assert done.returncode == 0, done.stderr
    line = boot.removeprefix("$ ").removesuffix("; echo $?")
    done = run(changed, "-m", *line.split(), "--serial", "null")
    assert done.returncode == int(expected), done.stderr


def test_the_interface_still_has_no_number_twice(changed: Path) -> None:
    words = ("-q", "-p", "no:cacheprovider", "tests/kernel/test_abi.py")
    done = run(changed, "-m", "pytest", *words)
    assert done.returncode == 0, done.stdout
