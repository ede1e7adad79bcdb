"""The ``vectoros`` command as a process, the way a shell starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import vectoros

COMMAND = [sys.executable, "-m", "vectoros"]


@pytest.fixture
def command() -> list[str]:
    """The words that start the command."""
    return list(COMMAND)


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """An environment in which the package is found from any directory, with no colour."""
    home = str(Path(vectoros.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": home, "NO_COLOR": "1"}


@pytest.fixture
def run(
    environment: dict[str, str], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """A function that runs the command in an empty directory; without input if none is given."""

    def call(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=given,
            capture_output=True,
            env=environment,
            cwd=tmp_path,
            check=False,
            timeout=60,
        )

    return call
