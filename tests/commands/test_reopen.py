"""The commands that lead to a crash again: as the user's own, and they really do."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.board import Reason
from vectoros.commands._reopen import reopen

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Sector = Callable[[str], Path]


@pytest.mark.parametrize(
    ("words", "saved"),
    [
        (["boot", "a.img"], ["a.img"]),
        (["boot", "--no-bios", "a.img"], ["--no-bios", "a.img"]),
        (["boot", "a.img", "--memory", "16M", "--serial", "null"], ["a.img", "--memory", "16M"]),
        (["boot", "a.img", "--memory=16M", "--serial=null"], ["a.img", "--memory=16M"]),
        (["boot", "a.img", "--until", "x", "--max-time", "1s", "--explain"], ["a.img"]),
        (["boot", "my disk.img", "--no-reboot", "--branches"], ["my disk.img"]),
    ],
)
def test_a_snapshot_is_of_the_same_machine(
    sector: Sector, words: list[str], saved: list[str]
) -> None:
    with Machine.from_image(sector("triple_fault"), firmware=False) as machine:
        machine.run()
        first, second = reopen(machine, Reason.TRIPLE_FAULT, words)
    save = ["vectoros", "snapshot", "save", *saved, "-o", "before.vxs", "--at", "0"]
    assert shlex.split(first) == save
    assert second == "vectoros snapshot restore before.vxs --branches --trace fault,irq,port"


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (["snapshot", "restore", "x.vxs"], "vectoros snapshot restore x.vxs --branches"),
        (["snapshot", "restore", "x.vxs", "--branches"],
         "vectoros snapshot restore x.vxs --branches"),
    ],
)  # fmt: skip
def test_what_no_snapshot_can_be_made_of_is_run_again(
    sector: Sector, words: list[str], again: str
) -> None:
    with Machine.from_image(sector("triple_fault"), firmware=False) as machine:
        assert reopen(machine, Reason.TRIPLE_FAULT, words) == [again]


def test_what_was_typed_is_no_part_of_a_command(sector: Sector) -> None:
    with Machine.from_image(sector("echo"), firmware=False) as machine:
        machine.serial.send("x")
        assert reopen(machine, Reason.IDLE, ["boot", "a b.img"]) == [
            "vectoros boot 'a b.img' --branches"
        ]


def test_the_commands_of_a_report_lead_to_the_same_crash(run: Run, sector: Sector) -> None:
    first = run("boot", "--no-bios", sector("triple_fault"))
    commands = re.findall(r"^  \$ vectoros (.+)$", first.stderr.decode(), re.MULTILINE)
    assert len(commands) == 2
    assert run(*shlex.split(commands[0])).returncode == 0
    again = run(*shlex.split(commands[1]))
    assert again.returncode == 70
    for text in (b"  1. #PF page fault at 0xdead000\n", b", tick 105 (26 ns)\n"):
        assert text in first.stderr
        assert text in again.stderr
    assert b"fault     #PF, 0008:" in again.stderr
