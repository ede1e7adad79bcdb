"""A panic of an unmodified kernel: recognised, told with names and callers, never mistaken."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from vectoros import Machine
from vectoros.backtrace import Unwinder
from vectoros.board import Reason
from vectoros.crash_report import Crash
from vectoros.elf import Flags
from vectoros.elf_writer import Section, write

pytestmark = pytest.mark.linux

Boot = Callable[..., Machine]

CRASH = "echo c > /proc/sysrq-trigger\n"
LINE = "[    1.060541] Kernel panic - not syncing: x"
END = "---[ end Kernel panic - not syncing: x ]---"


def crash_of(machine: Machine, limit: str = "3s") -> Crash:
    stop = machine.run(for_=limit)
    crash = machine.crash(stop)
    assert crash is not None, f"{stop.reason}, after:\n{machine.serial.text[-2000:]}"
    assert crash.reason == "panic"
    return crash


def names(crash: Crash) -> list[str]:
    return [frame.place.partition("+")[0] for frame in crash.backtrace]


def test_a_panic_is_told_with_names_and_callers_though_there_is_no_file(linux: Machine) -> None:
    linux.serial.send(CRASH)
    crash = crash_of(linux)
    assert crash.summary == "Linux kernel panic: sysrq triggered crash"
    assert crash.symbols == ["the kernel's own table in its memory (kallsyms)"]
    assert {frame.kind for frame in crash.backtrace} == {"rip", "call", "interrupted"}
    program = crash.backtrace[-1]
    assert (program.kind, program.ring) == ("interrupted", 3)
    assert any("Kernel panic - not syncing: sysrq triggered crash" in line for line in crash.serial)
    # The kernel tells its own callers, and marks with a question mark what is left over.
    told = re.findall(r"^\[[ .\d]+\]  ([\w.]+)\+0x", "\n".join(crash.serial), re.MULTILINE)
    callers = told[told.index("panic") :]
    mine = names(crash)
    assert mine[mine.index("panic") : -1] == callers
    assert callers[-1] == "entry_SYSCALL_64_after_hwframe"


@pytest.mark.parametrize("timeout", ["0", "5", "-1"])
def test_it_does_not_matter_what_the_kernel_would_do_next(boot: Boot, timeout: str) -> None:
    with boot(append=f"console=ttyS0 quiet rdinit=/nowhere panic={timeout}") as machine:
        crash = crash_of(machine, "10s")
        assert crash.summary.startswith("Linux kernel panic: VFS: Unable to mount root fs")
        assert "mount_block_root" in names(crash)
        assert machine.pc.board.resets == 0


@pytest.mark.parametrize(
    "command",
    [
        f"echo '{LINE}'; echo '{END}'",
        f"echo '{LINE}'; echo '{END}'; sleep 2",
        f"echo '{LINE}'; echo '{END}'; while :; do :; done",
        f"echo 'Kernel panic - not syncing: x' > /dev/kmsg; echo '{END}' > /dev/kmsg",
    ],
    ids=["then a prompt", "then idle", "then a program", "said by the kernel"],
)
def test_a_guest_that_shows_an_old_log_is_alive(linux: Machine, command: str) -> None:
    linux.serial.send(f"clear; {command}\n")
    assert linux.run(for_="1500ms").reason is Reason.TICK
    assert END in linux.serial.text


def test_a_reset_behind_an_old_log_is_no_panic(linux: Machine) -> None:
    linux.serial.send(f"clear; echo '{LINE}'; reboot -f\n")
    linux.run(for_="100ms")
    assert linux.pc.board.resets > 0


def test_a_system_that_was_told_to_halt_is_said_to_have_done_so(linux: Machine) -> None:
    linux.serial.send("halt -f\n")
    stop = linux.run(for_="1s")
    assert stop.reason is Reason.IDLE
    crash = linux.crash(stop)
    assert crash is not None
    assert crash.summary.startswith("Linux has halted, as it was told to")


def test_the_names_are_those_that_the_kernel_gives(linux: Machine) -> None:
    linux.serial.send("head -n 40000 /proc/kallsyms | tail -n 200; echo done\n")
    linux.serial.expect(r"^done", timeout="3s")
    rows = re.findall(r"^(f[0-9a-f]{15}) [tT] ([\w.]+)\r$", linux.serial.text, re.MULTILINE)
    assert len(rows) > 100
    for address, name in rows:
        place = linux.symbols.find(int(address, 16))
        assert place is not None
        assert place.offset == 0
        assert name in {found for at, found in rows if at == address}
        assert place.name in {found for at, found in rows if at == address} | {name}


def test_every_stack_of_a_busy_kernel_is_followed_to_its_end(linux: Machine) -> None:
    linux.serial.send("while :; do ls -l /proc /sys > /dev/null; done\n")
    choose, symbols = random.Random(1), linux.symbols
    followed = 0
    while followed < 40:
        linux.run(until_tick=linux.clock.now + choose.randrange(1, 3_000_000))
        found = Unwinder(linux.pc, symbols).frames()
        if not found[0].ring:
            followed += 1
            shown = [(frame.kind, frame.place) for frame in found]
            assert "guess" not in {frame.kind for frame in found}, shown
            assert len(found) > 1, shown


def test_both_engines_make_one_report(linux: Machine, tmp_path: Path) -> None:
    linux.save(tmp_path / "prompt.vxs")
    reports = []
    for engine in ("fast", "portable"):
        with Machine.from_snapshot(tmp_path / "prompt.vxs", engine=engine) as machine:
            machine.record_branches()
            machine.serial.send(CRASH)
            reports.append(crash_of(machine).data())
    assert reports[0] == reports[1]


def test_an_elf_kernel_names_its_own_code(tmp_path: Path) -> None:
    code = b"\xfa\xf4\xeb\xfd"  # CLI, HLT, and again
    address = 0x20_0000
    program = write(
        [Section("text", address, code, Flags.READ | Flags.EXECUTE)], {"_start": address}, address
    )
    path = tmp_path / "kernel.elf"
    path.write_bytes(program)
    with cast(Any, Machine).from_kernel(path) as machine:
        crash = machine.crash(machine.run(for_="1ms"))
    assert crash is not None
    assert crash.place == "_start+0x2"
