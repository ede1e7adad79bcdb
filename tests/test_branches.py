"""The last branches: what the architecture knows of them, on both engines, under any pauses."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.assembler import assemble
from vectoros.branches import BRANCHES, Branch, branch_lines, last_branches
from vectoros.cpu.run_log import RunLog
from vectoros.disk import BOOT_SIGNATURE
from vectoros.symbols.table import Name, Table

ENGINES = ("fast", "portable")
Sector = Callable[[str], Path]

LOOPS = """
        cld
        mov     cx, 5
        lea     di, [0x6000]
        rep stosb                       # no branch
        mov     cx, 3
inner:  dec     cx
        jnz     inner
        mov     cx, 2
outer:  push    cx
        call    leaf
        pop     cx
        loop    outer
        jmp     far_away
leaf:   ret
        .quad   0, 0
far_away:
        mov     dx, 0x3f8               # a device: slices end here
        mov     cx, 4
send:   mov     al, 'x'
        out     dx, al
        loop    send
        cli
        hlt
"""


def image_of(source: str, folder: Path) -> tuple[Path, dict[str, int]]:
    program = assemble(source, origin=0x7C00, name="guest", bits=16)
    path = folder / "guest.img"
    path.write_bytes(program.code.ljust(510, b"\0") + BOOT_SIGNATURE)
    return path, program.symbols


def named(branches: list[Branch], labels: dict[str, int]) -> list[tuple[str, str, int]]:
    names = {address: name for name, address in labels.items()}
    return [(b.how, names.get(b.target, "behind a call"), b.count) for b in branches]


@pytest.mark.parametrize("engine", ENGINES)
def test_loops_calls_and_returns_are_told_in_order(tmp_path: Path, engine: str) -> None:
    path, labels = image_of(LOOPS, tmp_path)
    with Machine.from_image(path, engine=engine, firmware=False) as machine:
        log = RunLog(machine.pc.cpu)
        machine.run()
        found = last_branches(machine.pc, log)
        assert named(found, labels) == [
            ("jne", "inner", 2),
            ("call", "leaf", 1),
            ("ret", "behind a call", 1),
            ("loop", "outer", 1),
            ("call", "leaf", 1),
            ("ret", "behind a call", 1),
            ("jmp", "far_away", 1),
            ("loop", "send", 3),
        ]
        lines = branch_lines(machine.pc, log, Table([Name(labels["send"], "send")], "x"))
    assert (lines[0].how, lines[0].count, lines[0].target_place) == ("loop", 3, "send")
    assert lines[0].source_place == "send+0x3"


@pytest.mark.parametrize("name", ["traps", "frames", "calls", "frames32", "interrupts", "rtc"])
def test_both_engines_tell_the_same_under_any_pauses(sector: Sector, name: str) -> None:
    image = sector(name)
    told = []
    for engine in ENGINES:
        for seed in (None, 1, 2):
            with Machine.from_image(image, engine=engine, firmware=False) as machine:
                log = RunLog(machine.pc.cpu)
                pauses = random.Random(seed)
                for _ in range(0 if seed is None else 100):
                    machine.run(until_tick=machine.clock.now + pauses.randrange(1, 40))
                machine.run(until_tick=40_000)
                told.append((last_branches(machine.pc, log), machine.state_hash()))
    assert all(one == told[0] for one in told)
    assert told[0][0]


@pytest.mark.parametrize("engine", ENGINES)
def test_exceptions_and_interrupts_are_branches(sector: Sector, engine: str) -> None:
    with Machine.from_image(sector("frames32"), engine=engine, firmware=False) as machine:
        log = RunLog(machine.pc.cpu)
        machine.run()
        fault = machine.pc.cpu.faults()[-1]
        (trap,) = [b for b in last_branches(machine.pc, log) if b.how == "interrupt"]
    assert trap.source == fault.rip


@pytest.mark.parametrize("engine", ENGINES)
def test_a_log_changes_nothing_that_the_guest_can_see(engine: str) -> None:
    image = Path(__file__).parent.parent / "images" / "dev.img"
    hashes = set()
    for begin in (None, "at first", "late"):
        with Machine.from_image(image, engine=engine) as machine:
            if begin == "at first":
                machine.record_branches()
            machine.serial.expect("vectoros> ", timeout="1s")
            if begin == "late":  # with page tables of the kernel's, and code translated
                machine.record_branches()
            machine.serial.send("help\n")
            machine.run(for_="1ms")
            hashes.add(machine.state_hash())
    assert len(hashes) == 1


def test_recording_may_begin_late(sector: Sector) -> None:
    with Machine.from_image(sector("spin"), firmware=False) as machine:
        machine.run(for_="1us")
        machine.record_branches()
        machine.run(for_="1us")
        assert machine._log is not None
        assert [branch.how for branch in last_branches(machine.pc, machine._log)] == ["jmp"]


def test_no_more_than_so_many_are_told(tmp_path: Path) -> None:
    path, _ = image_of("again: call next\nnext: pop ax\njmp again\n", tmp_path)
    with Machine.from_image(path, firmware=False) as machine:
        log = RunLog(machine.pc.cpu)
        machine.run(for_="10us")
        assert len(last_branches(machine.pc, log)) <= BRANCHES


def test_code_that_is_gone_is_told_without_its_instruction(tmp_path: Path) -> None:
    path, _ = image_of(LOOPS, tmp_path)
    with Machine.from_image(path, firmware=False) as machine:
        log = RunLog(machine.pc.cpu)
        machine.run()
        targets = [branch.target for branch in last_branches(machine.pc, log)]
        machine.memory.write(0x7C00, b"\x90" * 256)
        gone = last_branches(machine.pc, log)
    assert [branch.target for branch in gone if branch.target in targets]
    assert {branch.how for branch in gone} == {"interrupt"}


def test_the_report_tells_them_if_they_were_recorded(sector: Sector) -> None:
    with Machine.from_image(sector("frames"), firmware=False) as machine:
        machine.record_branches()
        stop = machine.run()
        crash = machine.crash(stop)
        assert crash is not None
        assert crash.branches is not None
        assert crash.branches[0].how == "int"
        text = crash.text()
    assert (
        "\nLast branches, newest first\n  int       0000000000007cf4 -> 0000000000007cf7\n" in text
    )
