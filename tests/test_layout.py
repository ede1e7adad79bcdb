"""The repository's shape: table, links and tree agree, and imports keep to the house rules."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TABLE = PROJECT["tool"]["setuptools"]

PACKAGE_ROOTS: dict[str, str] = TABLE["package-dir"]
"""Import name of each source root -> its directory at the top of the repository."""

LINKED = ("kernel", "devices", "firmware")
SOURCE_FOLDERS = (*PACKAGE_ROOTS.values(), "images", "tests", "benchmarks", "docs")
LINE_LIMIT = 400

IMPORT_NAMES = {"keystone-engine": "keystone"}
"""Distributions whose import package has another name."""


def files_below(folder: str) -> Iterator[Path]:
    """Yield the files of a folder at the top of the repository, following no link."""
    for path in sorted((ROOT / folder).rglob("*")):
        relative = path.relative_to(ROOT)
        through_link = any((ROOT / parent).is_symlink() for parent in relative.parents)
        if path.is_file() and not through_link and "__pycache__" not in relative.parts:
            yield path


def packages() -> dict[str, Path]:
    """Return every importable package of the tree with its directory."""
    return {
        ".".join((name, *init.parent.relative_to(ROOT / folder).parts)): init.parent
        for name, folder in PACKAGE_ROOTS.items()
        for init in files_below(folder)
        if init.name == "__init__.py"
    }


def imports_of(path: Path) -> set[str]:
    """Return the absolute names that the Python file at ``path`` imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def top_names(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(path)}


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in files_below(folder) if path.suffix == ".py"]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", LINKED)
def test_link_and_build_table_name_one_directory(name: str) -> None:
    assert PACKAGE_ROOTS[f"vectoros.{name}"] == name
    link = ROOT / "vectoros" / name
    # Git writes a link as a text file where the file system has none (Windows).
    target = link.readlink().as_posix() if link.is_symlink() else link.read_text(encoding="utf-8")
    assert target == f"../{name}"


def test_every_package_is_in_the_build_table_and_nothing_else() -> None:
    assert set(TABLE["packages"]) == set(packages())


def test_every_package_is_listed_once() -> None:
    assert len(TABLE["packages"]) == len(set(TABLE["packages"]))


def test_every_python_file_of_the_tree_is_in_a_package() -> None:
    homes = set(packages().values())
    stray = [shown(f) for f in python_files(*PACKAGE_ROOTS.values()) if f.parent not in homes]
    assert not stray, "in a folder without __init__.py, so not installed"


def test_every_data_file_of_a_package_is_installed_with_it() -> None:
    homes = packages()
    packed = {
        path
        for name in TABLE["package-data"].keys() & homes.keys()
        for pattern in TABLE["package-data"][name]
        for path in homes[name].glob(pattern)
    }
    data = {
        path
        for folder in PACKAGE_ROOTS.values()
        for path in files_below(folder)
        if path.suffix != ".py" and path.name not in LINKED
    }
    assert {shown(path) for path in data} == {shown(path) for path in packed}


def test_dependencies_are_what_the_packages_import() -> None:
    declared = {re.split(r"[^A-Za-z0-9_-]", line)[0] for line in PROJECT["project"]["dependencies"]}
    known = sys.stdlib_module_names | {"vectoros"}
    imported = set[str]().union(*map(top_names, python_files(*PACKAGE_ROOTS.values()))) - known
    assert imported == {IMPORT_NAMES.get(name, name) for name in declared}


def test_only_the_cpu_package_imports_unicorn() -> None:
    users = [f for f in python_files(*PACKAGE_ROOTS.values()) if "unicorn" in top_names(f)]
    assert [shown(f) for f in users if f.parent != ROOT / "vectoros" / "cpu"] == []


def test_nothing_imports_a_second_copy_of_a_package() -> None:
    everything = python_files(*SOURCE_FOLDERS)
    assert [shown(f) for f in everything if top_names(f) & set(LINKED)] == []


def test_no_source_file_is_longer_than_the_limit() -> None:
    sources = [f for d in SOURCE_FOLDERS for f in files_below(d) if f.suffix in (".py", ".S")]
    lines = {shown(f): len(f.read_text(encoding="utf-8").splitlines()) for f in sources}
    assert {name: n for name, n in lines.items() if n > LINE_LIMIT} == {}
