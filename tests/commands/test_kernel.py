"""``vectoros boot --kernel``, and the same with snapshots."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.boot.kernels import bzimage, executable

Run = Callable[..., "CompletedProcess[bytes]"]


@pytest.fixture
def files(tmp_path: Path) -> None:
    """The files that the commands name, where they run."""
    (tmp_path / "linux").write_bytes(bzimage())
    (tmp_path / "elf").write_bytes(executable())
    (tmp_path / "initrd").write_bytes(b"initrd")
    (tmp_path / "disk").write_bytes(bytes(512))


@pytest.mark.parametrize("kernel", ["linux", "elf"])
def test_a_kernel_file_gets_its_command_line_and_its_status_is_the_commands(
    kernel: str, run: Run, files: None
) -> None:
    done = run("boot", "--kernel", kernel, "--append", "hello there")
    assert (done.returncode, done.stdout) == (7, b"hello there")


def test_a_report_names_the_files(run: Run, files: None, tmp_path: Path) -> None:
    words = ("--kernel", "linux", "--initrd", "initrd", "--report", "report.json")
    assert run("boot", "disk", *words).returncode == 7
    report = json.loads((tmp_path / "report.json").read_bytes())
    for name, file in (("kernel", "linux"), ("initrd", "initrd"), ("image", "disk")):
        digest = sha256((tmp_path / file).read_bytes()).hexdigest()
        assert report[name] == {"path": file, "sha256": digest}
    assert report["memory"] == 256 << 20


def test_a_machine_with_a_kernel_file_is_saved_and_goes_on(run: Run, files: None) -> None:
    words = ("snapshot", "save", "--kernel", "linux", "--append", "late", "-o", "m.vxs")
    assert run(*words, "--at", "5", "--memory", "4M").returncode == 0
    info = json.loads(run("snapshot", "info", "m.vxs", "--json").stdout)
    assert (Path(info["kernel"]["path"]).name, info["initrd"]) == ("linux", None)
    assert info["kernel"]["sha256"].encode() in run("snapshot", "info", "m.vxs").stdout
    done = run("snapshot", "restore", "m.vxs")
    assert (done.returncode, done.stdout) == (7, b"late")


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["--initrd", "initrd"], 2, b"--initrd needs --kernel: nobody else would look for it"),
        (["--kernel", "linux", "--no-bios"], 2, b"--no-bios means nothing with --kernel"),
        (["--kernel", "missing"], 65, b"missing: cannot be read: No such file"),
        (["--kernel", "initrd"], 65, b"initrd: is no kernel: neither a Linux bzImage"),
        (["--kernel", "linux", "--initrd", "."], 65, b".: is a directory and not a file"),
        (["--kernel", "linux", "--memory", "1M"], 2, b"it needs 3M or more, and has 1M"),
        (["--kernel", "linux", "--append", "x" * 256], 2, b"takes at most 255 characters for"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    words: list[str], status: int, sentence: bytes, run: Run, files: None
) -> None:
    done = run("boot", *words)
    assert (done.returncode, done.stdout) == (status, b"")
    assert sentence in done.stderr
    assert done.stderr.count(b"\n") == 1
