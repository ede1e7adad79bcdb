"""The command: what ``--help`` loads, and how every kind of failure ends."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import vectoros
from vectoros import cli
from vectoros.errors import BadFileError, InvariantError, UsageError

HEAVY = ("numpy", "unicorn", "gguf", "keystone", "capstone", "rich", "vectoros.api")
HOME = str(Path(vectoros.__file__).parents[1])


@pytest.fixture(autouse=True)
def _hook_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.fixture
def probe() -> Iterator[click.Command]:
    """A command whose ``fail`` attribute is raised when it runs."""

    @click.command("probe")
    def command() -> None:
        raise failure[0]

    failure: list[BaseException] = []
    command.failure = failure  # type: ignore[attr-defined]
    cli.vectoros.add_command(command)
    yield command
    del cli.vectoros.commands["probe"]


@pytest.fixture
def raising(probe: click.Command, monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What the command ``probe`` raises, for a test to append."""
    monkeypatch.setattr(cli.Group, "get_command", lambda _group, _ctx, _name: probe)
    failure: list[BaseException] = probe.failure  # type: ignore[attr-defined]
    return failure


def modules_after(*arguments: str) -> set[str]:
    """Return the modules that a process has loaded when the command is done."""
    program = (
        "import sys; from vectoros.cli import main; main(sys.argv[1:]);"
        "print('MODULES', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": HOME},
        check=True,
    )
    return set(done.stdout.rpartition("MODULES ")[2].split())


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), *((name, "--help") for name in cli.COMMANDS)]
)
def test_help_loads_no_emulator(arguments: tuple[str, ...]) -> None:
    loaded = modules_after(*arguments)
    assert {name for name in HEAVY if name in loaded} == set()


def test_help_loads_no_command() -> None:
    loaded = modules_after("--help")
    assert {name for name in loaded if name.startswith("vectoros.commands.")} == set()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which pages changed")
def test_a_boot_loads_no_numpy() -> None:
    image = str(Path(__file__).parents[1] / "images" / "dev.img")
    loaded = modules_after("boot", image, "--until", "vectoros> ", "--serial", "null")
    assert "vectoros.api" in loaded
    assert "numpy" not in loaded, "it takes longer to load than the machine to boot"


def test_help_lists_every_command_with_the_first_line_of_its_manual(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    ctx = click.Context(cli.vectoros)
    for name in cli.COMMANDS:
        command = cli.vectoros.get_command(ctx, name)
        assert command is not None
        first = (command.help or "").partition("\n")[0]
        assert f"{name} {first}" in shown


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"vectoros {vectoros.__version__}\n"


def test_without_arguments_there_is_help_on_standard_error_and_status_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main([]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Usage: vectoros")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bot"], "No such command 'bot'"),
        (["boot"], "there is nothing to boot: give an IMAGE, or --kernel FILE"),
        (["boot", "--tcp", "x"], "No such option"),
        (["boot", "a", "b"], "Got unexpected extra argument (b)"),
        (["boot", "a", "--pace", "slow"], "'slow' is not one of 'real', 'max'"),
        (["image"], "Missing command"),
        (["snapshot", "save", "x"], "Missing option '-o' / '--output'"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("vectoros: error: ")
    assert sentence in shown.err
    assert shown.err.count("\n") == 1
    assert " --help')" in shown.err


@pytest.mark.parametrize(
    ("failure", "status", "said"),
    [
        (UsageError("--x: no"), 2, "vectoros: error: --x: no\n"),
        (BadFileError("f", "is bad"), 65, "vectoros: error: f: is bad\n"),
        (KeyboardInterrupt(), 130, "vectoros: interrupted\n"),
    ],
)
def test_each_kind_of_failure_has_its_status_and_its_sentence(
    raising: list[BaseException],
    failure: BaseException,
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raising.append(failure)
    assert cli.main(["probe"]) == status
    assert capsys.readouterr().err.replace("\n\n", "\n").lstrip("\n") == said


def test_a_bug_is_not_caught(raising: list[BaseException]) -> None:
    raising.append(InvariantError("a promise"))
    with pytest.raises(InvariantError, match="a promise"):
        cli.main(["probe"])


def test_a_failure_of_the_host_that_is_not_about_output_is_a_bug(
    raising: list[BaseException],
) -> None:
    raising.append(OSError(errno.EBADF, "bad"))
    with pytest.raises(OSError, match="bad"):
        cli.main(["probe"])


def test_a_bug_ends_with_a_traceback_and_a_line_that_asks_for_it() -> None:
    program = (
        "import sys; from vectoros import cli\n"
        "def broken(*_): raise AssertionError('a promise')\n"
        "cli.Group.get_command = broken\n"
        "sys.exit(cli.main(['boot']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": HOME, "NO_COLOR": "1"},
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "AssertionError: a promise" in done.stderr
    assert done.stderr.endswith(
        "vectoros: error: this is a bug in VectorOS; please report it with the lines above\n"
    )


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run ``line`` with ``$V`` for the command; its status is that of the command itself."""
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": HOME, "V": f"{sys.executable} -m vectoros"},
        check=False,
        timeout=60,
    )


def test_a_reader_that_goes_away_ends_a_command_quietly() -> None:
    done = shell("$V devices --json | true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_full_disk_is_one_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this host has no /dev/full")
    done = shell("$V devices > /dev/full")
    assert done.returncode == 65
    assert done.stderr == (
        "vectoros: error: standard output cannot be written: No space left on device\n"
    )


def test_the_module_is_the_command() -> None:
    done = shell("$V --version")
    assert done.stdout == f"vectoros {vectoros.__version__}\n"
