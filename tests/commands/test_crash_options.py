"""`vectoros boot` of a guest that crashes: the options that add to its report."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Sector = Callable[[str], Path]


def test_symbols_give_the_report_names(run: Run, sector: Sector, tmp_path: Path) -> None:
    (tmp_path / "one.map").write_text("00007c00 T start\n")
    (tmp_path / "two.map").write_text("00000c60 T far\n")
    options = ["--symbols", "one.map", "--symbols", "two.map@+0x7000"]
    done = run("boot", "--no-bios", sector("triple_fault"), *options)
    assert done.returncode == 70
    assert b"\n  in start+0x69\n" in done.stderr  # the first that knows counts
    assert b"\nNames are from\n  one.map\n  two.map, moved by +0x7000\n" in done.stderr


def test_a_file_without_symbols_is_refused_before_the_machine_runs(
    run: Run, sector: Sector, tmp_path: Path
) -> None:
    (tmp_path / "note").write_text(
        "ffffffffffffffff B The real System.map is in the linux-image-6.1-dbg package\n"
    )
    done = run("boot", "--no-bios", sector("hello"), "--symbols", "note")
    assert (done.returncode, done.stdout) == (65, b"")
    assert done.stderr == (
        b"vectoros: error: note: is only a note:"
        b" the symbols are in Debian's package linux-image-6.1-dbg\n"
    )
