"""Whatever is wrong outside: one sentence, the right status, no traceback, nothing half done."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros import cli

ROOT = Path(__file__).parents[2]
DEV_IMG = ROOT / "images" / "dev.img"
NOISE = random.Random(1).randbytes(4096)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in an empty directory with the files that the cases below name."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.chdir(tmp_path)
    good = DEV_IMG.read_bytes()
    Path("good.img").write_bytes(good)
    Path("empty").touch()
    Path("directory").mkdir()
    Path("cut.img").write_bytes(good[:300])
    Path("half.img").write_bytes(good[: len(good) // 2])
    Path("noise").write_bytes(NOISE[:-2] + b"\0\0")
    Path("damaged.img").write_bytes(good[:-1000] + bytes([good[-1000] ^ 1]) + good[-999:])
    os.mkfifo("pipe")
    Path("no_source.toml").write_text(
        '[boot_sector]\nsources = ["missing.S"]\n' + PROGRAMS, encoding="utf-8"
    )
    Path("no_toml.toml").write_text("= =", encoding="utf-8")
    Path("foreign.vxs").write_bytes(b"VXSNAP\0\x63" + NOISE)


PROGRAMS = """
[[program]]
name = "stage2"
kind = "stage2"
load = 0x8000
virtual = 0x8000
sources = ["missing.S"]
sections = { text = "boot" }

[[program]]
name = "kernel"
kind = "kernel"
load = 0x100000
virtual = 0x100000
sources = ["missing.S"]
sections = { text = "rx" }
"""

BOOT = [
    (["boot", "missing.img"], 65, "missing.img: "),
    (["boot", "empty"], 65, "empty: is empty"),
    (["boot", "directory"], 65, "directory: is a directory"),
    (["boot", "pipe"], 65, "pipe: is a pipe"),
    (["boot", "cut.img"], 65, "cut.img: has 300 bytes"),
    (["boot", "noise"], 65, "noise: is not bootable"),
    (["boot", "good.img", "--memory", "1K"], 2, "--memory must be from 1M"),
    (["boot", "good.img", "--memory", "64T"], 2, "--memory: a size is"),
    (["boot", "good.img", "--memory", "999G"], 2, "--memory must be from 1M"),
    (["boot", "good.img", "--memory", "2000001"], 2, "--memory must be a multiple"),
    (["boot", "good.img", "--memory", "-1"], 2, "--memory: a size is"),
    (["boot", "good.img", "--engine", "warp"], 2, "'warp' is not one of"),
    (["boot", "good.img", "--rtc", "soon"], 2, "--rtc: a date and time is written 2030-05-01T12"),
    (["boot", "good.img", "--rtc", ""], 2, "--rtc: a date and time is written 2030-05-01T12:00:00"),
    (["boot", "good.img", "--rtc", "2030-02-29"], 2, "--rtc: '2030-02-29' is on no calendar: day"),
    (["boot", "good.img", "--until", "("], 2, "--until: '(' is not a regular expression"),
    (["boot", "good.img", "--max-time", "10"], 2, "--max-time: a duration is"),
    (["boot", "good.img", "--serial", "tcp::1"], 2, "--serial: must be stdio, null or file:"),
    (["boot", "good.img", "--serial", "file:"], 2, "--serial: must be stdio, null or file:"),
    (["boot", "good.img", "--serial", "file:no/f"], 2, "--serial no/f: cannot be written"),
    (["boot", "good.img", "--display", "x11"], 2, "--display: must be none, terminal or png:PATH"),
    (["boot", "good.img", "--display", "png:"], 2, "--display: must be none, terminal or png:PATH"),
    (["boot", "good.img", "--display", "none:x"], 2, "--display: must be none, terminal or png:"),
    (["boot", "good.img", "--display", "png:no/f"], 2, "--display no/f: cannot be written"),
    (["boot", "good.img", "--display", "terminal"], 2, "--display terminal: standard output is no"),
    (
        ["boot", "good.img", "--display", "terminal", "--serial", "stdio"],
        2,
        "--serial stdio and --display terminal cannot share one terminal",
    ),
    (["boot", "good.img", "--report", "no/r.json"], 2, "--report no/r.json: cannot be written"),
    (["boot", "good.img", "--report", "directory"], 2, "--report directory: cannot be written"),
    (["boot", "good.img", "--report", "/dev/null"], 2, "--report /dev/null: cannot be written"),
    (["boot", "good.img", "--trace", "magic"], 2, "--trace knows port, mmio, irq, fault, miles"),
    (["boot", "good.img", "--trace", "port:no/t"], 2, "--trace no/t: cannot be written"),
]

IMAGE = [
    (["image", "build", "missing.toml", "-o", "new"], 65, "missing.toml: cannot be read"),
    (["image", "build", "directory", "-o", "new"], 65, "directory: is a directory"),
    (["image", "build", "noise", "-o", "new"], 65, "noise: is not UTF-8 text"),
    (["image", "build", "no_toml.toml", "-o", "new"], 65, "no_toml.toml: is not TOML"),
    (["image", "build", "no_source.toml", "-o", "new"], 65, "no_source.toml: names the source"),
    (["image", "build", str(ROOT / "images/dev.toml"), "-o", "no/f"], 2, "--output no/f: cannot"),
    (["image", "inspect", "missing.img"], 65, "missing.img: "),
    (["image", "inspect", "noise"], 65, "noise: is not a disk image"),
    (["image", "inspect", "half.img"], 65, "half.img: is truncated"),
    (["image", "verify", "empty"], 65, "empty: "),
    (["image", "verify", "half.img"], 65, "half.img: is not as it was built: is truncated"),
    (["image", "verify", "damaged.img"], 65, "damaged.img: is not as it was built: "),
]

SNAPSHOT = [
    (["snapshot", "save", "good.img", "-o", "new"], 2, "--until or by --at"),
    (["snapshot", "save", "good.img", "-o", "new", "--at", "1", "--until", "x"], 2, "--until or"),
    (["snapshot", "save", "good.img", "-o", "new", "--at", "soon"], 2, "--at: a duration is"),
    (["snapshot", "save", "good.img", "-o", "no/f", "--at", "1"], 2, "--output no/f: cannot be"),
    (["snapshot", "save", "missing.img", "-o", "new", "--at", "1"], 65, "missing.img: "),
    (["snapshot", "info", "missing.vxs"], 65, "missing.vxs: "),
    (["snapshot", "info", "directory"], 65, "directory: is a directory"),
    (["snapshot", "info", "empty"], 65, "empty: is not a VectorOS snapshot"),
    (["snapshot", "info", "noise"], 65, "noise: is not a VectorOS snapshot"),
    (["snapshot", "info", "foreign.vxs"], 65, "foreign.vxs: has snapshot format 99"),
    (["snapshot", "restore", "good.img"], 65, "good.img: is not a VectorOS snapshot"),
    (["snapshot", "restore", "pipe"], 65, "pipe: is a pipe"),
]


def files() -> dict[str, bytes | None]:
    return {path.name: path.read_bytes() if path.is_file() else None for path in Path().iterdir()}


def shown(case: object) -> str | None:
    return " ".join(map(str, case)).replace(str(ROOT) + "/", "") if isinstance(case, list) else None


@pytest.mark.parametrize(("arguments", "status", "sentence"), [*BOOT, *IMAGE, *SNAPSHOT], ids=shown)
def test_bad_input_is_one_sentence_and_nothing_is_done(
    arguments: list[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files()
    assert cli.main(arguments) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("vectoros: error: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert files() == before


@pytest.fixture
def saved(capsys: pytest.CaptureFixture[str]) -> Path:
    """A good snapshot of good.img."""
    assert cli.main(["snapshot", "save", "good.img", "-o", "good.vxs", "--at", "1000"]) == 0
    capsys.readouterr()
    return Path("good.vxs")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda data: data[:20], "is cut short"),
        (lambda data: data[:-10], "its SHA-256 does not match"),
        (lambda data: data[:100] + bytes([data[100] ^ 4]) + data[101:], "its SHA-256 does not"),
        (lambda data: data + b"x", "its SHA-256 does not match"),
    ],
    ids=["header", "end", "middle", "longer"],
)
@pytest.mark.parametrize("what", ["info", "restore"])
def test_a_spoilt_snapshot_is_refused(
    saved: Path,
    what: str,
    spoil: Callable[[bytes], bytes],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    saved.write_bytes(spoil(saved.read_bytes()))
    assert cli.main(["snapshot", what, "good.vxs"]) == 65
    said = capsys.readouterr().err
    assert said.startswith("vectoros: error: good.vxs")
    assert sentence in said


def test_a_snapshot_refuses_another_disk(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["snapshot", "restore", "good.vxs", "--disk", "damaged.img"]) == 65
    assert "good.vxs: needs the disk image with SHA-256" in capsys.readouterr().err
    Path("good.img").unlink()
    assert cli.main(["snapshot", "restore", "good.vxs"]) == 65
    assert "good.img: " in capsys.readouterr().err


def test_a_read_only_image_boots(capsys: pytest.CaptureFixture[str]) -> None:
    Path("good.img").chmod(0o444)
    assert cli.main(["boot", "good.img", "--serial", "null", "--until", "ready"]) == 0
    assert capsys.readouterr().err == ""


def test_a_truncated_image_that_still_boots_is_the_guests_business(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = cli.main(["boot", "half.img", "--serial", "null"])
    assert status not in (0, 1, 2)
    assert "Traceback" not in capsys.readouterr().err


def test_verify_says_in_json_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["image", "verify", "half.img", "--json"]) == 65
    said = capsys.readouterr()
    assert '"ok": false' in said.out
    assert "half.img: is not as it was built" in said.err
