"""The manual: its transcripts are real, and the page is what the code says."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import vectoros
from vectoros import cli, manual

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "cli.md"
TOO_LONG = {"bench"}
"""Commands whose example takes too long for a test."""

ELLIPSIS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def transcripts(name: str) -> Iterator[tuple[str, str]]:
    """Yield each command line of a manual with what it is said to print."""
    command = cli.vectoros.get_command(click.Context(cli.vectoros), name)
    assert command is not None
    blocks = (command.help or "").replace("\b\n", "").split("\n\n")
    for block in blocks:
        lines = [line.removeprefix("    ") for line in block.splitlines()]
        if lines[0].startswith("$ "):
            yield lines[0].removeprefix("$ "), "\n".join(lines[1:])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the images that manuals mention, and with a ``vectoros`` to run."""
    for name in ("images", "firmware", "kernel"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = tmp_path / "bin" / "vectoros"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vectoros "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name not in TOO_LONG])
def test_transcripts_show_what_the_command_prints(name: str, place: Path) -> None:
    shown = list(transcripts(name))
    assert shown, f"the manual of {name} has no transcript"
    for line, expected in shown:
        done = subprocess.run(
            ["sh", "-c", line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=place,
            env={
                **os.environ,
                "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": str(Path(vectoros.__file__).parents[1]),
            },
            check=False,
            timeout=120,
        )
        printed = done.stdout.decode()
        same = doctest.OutputChecker().check_output(expected + "\n", printed, ELLIPSIS)
        assert same, f"$ {line}\n--- the manual says\n{expected}\n--- it prints\n{printed}"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == manual.page(), (
        "run: python -m vectoros.manual > docs/reference/cli.md"
    )


def test_the_page_has_every_command_and_option() -> None:
    page = manual.page()
    ctx = click.Context(cli.vectoros)
    for name in cli.COMMANDS:
        command = cli.vectoros.get_command(ctx, name)
        assert command is not None
        children = command.commands.values() if isinstance(command, click.Group) else [command]
        for child in children:
            for param in child.params:
                assert not isinstance(param, click.Option) or f"`{param.opts[0]}" in page
