"""``vectoros snapshot``: a machine goes on where it was, elsewhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vectoros import Machine, cli, snapshot_file
from vectoros.cpu.selftest import reset_real_mode
from vectoros.layout import BOOT_SECTOR

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Sector = Callable[[str], Path]
DEV_IMG = Path(__file__).parents[2] / "images" / "dev.img"


def report(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_a_machine_goes_on_in_another_process_and_on_the_other_engine(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    image, saved = sector("interrupts"), tmp_path / "m.vxs"
    options = ("--no-bios", "--engine", "fast")
    run("boot", image, "--serial", "null", "--report", "whole.json", *options)
    whole = report(tmp_path / "whole.json")
    done = run("snapshot", "save", image, "-o", saved, "--at", "5ms", *options)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"%s: tick 20000000 (5.000 ms), " % bytes(saved))
    for engine in ("portable", "fast"):
        name = f"{engine}.json"
        done = run("snapshot", "restore", saved, "--engine", engine, "--report", name)
        assert (done.returncode, done.stdout) == (0, b"t")
        found = report(tmp_path / name)
        assert (found["state_hash"], found["ticks"]) == (whole["state_hash"], whole["ticks"])
        assert found["image"] == whole["image"]


def test_restore_has_the_options_of_boot(run: Run, sector: Sector, tmp_path: Path) -> None:
    saved = tmp_path / "m.vxs"
    done = run("snapshot", "save", "--no-bios", sector("echo"), "-o", saved, "--until", r"\?")
    assert done.returncode == 0
    done = run("snapshot", "restore", saved, "--until", "61", given=b"a")
    assert (done.returncode, done.stdout) == (0, b"61 ")
    done = run("snapshot", "restore", saved, "--max-time", "10us")
    assert done.returncode == 124


def test_the_image_may_have_moved(run: Run, sector: Sector, tmp_path: Path) -> None:
    image, saved = sector("exit7"), tmp_path / "m.vxs"
    run("snapshot", "save", "--no-bios", image, "-o", saved, "--at", "1")
    image.rename(tmp_path / "elsewhere.img")
    done = run("snapshot", "restore", saved)
    assert (done.returncode, done.stderr.count(b"\n")) == (65, 1)
    assert run("snapshot", "restore", saved, "--disk", "elsewhere.img").returncode == 7


@pytest.mark.parametrize(
    ("name", "options", "status", "said"),
    [
        ("spin", ("--until", "never", "--max-time", "1ms"), 124, "its time is over"),
        ("hello", ("--at", "1s"), 70, "ended before the point of the snapshot: powered off at"),
        ("exit7", ("--until", "never"), 70, "ended before the point of the snapshot: exit device"),
        ("triple_fault", ("--at", "1s"), 70, "Guest crash: triple fault"),
    ],
)
def test_a_point_that_is_not_reached_saves_nothing(
    sector: Sector,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    saved = tmp_path / "m.vxs"
    arguments = ["snapshot", "save", "--no-bios", str(sector(name)), "-o", str(saved), *options]
    assert cli.main(arguments) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert not saved.exists()


def test_info_shows_what_is_inside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "m.vxs"
    with Machine.from_image(DEV_IMG) as machine:
        machine.serial.expect("vectoros> ")
        machine.save(saved)
        tick, rip = machine.clock.now, f"{machine.cpu.rip:#x}"
        milestones = len(machine.milestones)
        digest = machine.pc.disk.sha256  # type: ignore[union-attr]
    assert cli.main(["snapshot", "info", str(saved), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["tick"], found["rip"], found["memory"]) == (tick, rip, 64 << 20)
    assert found["disk"] == {"path": str(DEV_IMG), "sha256": digest}
    assert found["serial"].endswith("vectoros> ")
    assert len(found["milestones"]) == milestones
    assert "com1" in found["devices"]
    assert cli.main(["snapshot", "info", str(saved)]) == 0
    said = capsys.readouterr().out
    assert f"tick            {tick} (" in said
    assert "last line       vectoros>" in said


@pytest.mark.parametrize(
    ("fingerprint", "said"),
    [
        ({"memory": 1 << 40}, "is of no machine that can be built: --memory must be from 1M"),
        ({"devices": ["abacus"]}, "is of another machine: its devices is ['abacus']"),
        ({"disk_sectors": 9}, "is of another machine: its disk_sectors is 9"),
    ],
)
def test_a_snapshot_of_another_machine_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fingerprint: dict[str, object],
    said: str,
) -> None:
    path = tmp_path / "m.vxs"
    with Machine.from_image(DEV_IMG, memory="1M") as machine:
        machine.save(path)
    saved = snapshot_file.load(path)
    snapshot_file.save(replace(saved, fingerprint={**saved.fingerprint, **fingerprint}), path)
    assert cli.main(["snapshot", "restore", str(path), "--serial", "null"]) == 65
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


def test_a_machine_without_a_disk_takes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "m.vxs"
    with Machine() as machine:
        reset_real_mode(machine.cpu, BOOT_SECTOR)
        machine.pc.cpu.registers_changed()
        machine.save(saved)
    with Machine.from_snapshot(saved) as again:
        assert again.pc.disk is None
    assert cli.main(["snapshot", "restore", str(saved), "--disk", str(DEV_IMG)]) == 65
    assert "was saved without a disk" in capsys.readouterr().err
