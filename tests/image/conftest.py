"""A small image to break: a boot sector that does nothing, three tiny programs, and data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros.image import build

SOURCES = {
    "boot.S": ".code16\nhlt\n",
    "stage2.S": "nop\n",
    "kernel.S": "hlt\n.section data\n.byte 1\n.zero 7000\n.section guard\n.zero 4096\n",
    "shell.S": "start: jmp start\n.section stack\n.zero 4096\n",
    "logo.txt": "V",
}

MANIFEST = """\
[boot_sector]
sources = ["boot.S"]

[[program]]
name = "stage2"
kind = "stage2"
load = 0x8000
virtual = 0x8000
sources = ["stage2.S"]
sections = { text = "boot" }

[[program]]
name = "kernel"
kind = "kernel"
load = 0x100000
virtual = 0xffffffff80100000
sources = ["kernel.S"]
sections = { text = "rx", data = "rw", guard = "guard" }

[[program]]
name = "shell"
virtual = 0x440000
sources = ["shell.S"]
sections = { text = "rx", stack = "rw" }
priority = 120
grants = ["console", "power"]

[[data]]
name = "logo"
source = "logo.txt"
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of projects: the one above with ``changes`` made to its files."""

    def make(**changes: tuple[str, str]) -> Path:
        for name, text in {**SOURCES, "image.toml": MANIFEST}.items():
            old, new = changes.get(name.partition(".")[0], ("", ""))
            assert old in text, f"{old!r} is not in {name}"
            (tmp_path / name).write_text(text.replace(old, new, 1) if old else text)
        return tmp_path / "image.toml"

    return make


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The image that the project above builds: five entries, and 17 sectors, 12 of the shell."""
    folder = tmp_path_factory.mktemp("image")
    for name, text in {**SOURCES, "image.toml": MANIFEST}.items():
        (folder / name).write_text(text)
    return build(folder / "image.toml")
