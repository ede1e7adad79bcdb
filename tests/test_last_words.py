from __future__ import annotations

import pytest

from vectoros.last_words import LONG, PANIC, SHORT, has_halted, panic_of, tail


@pytest.mark.parametrize(
    "line",
    [
        "Kernel panic - not syncing: no init",
        "[    1.060541] Kernel panic - not syncing: no init",
        "[12345.000000] Kernel panic - not syncing: no init",
        "[    1.060541][    T1] Kernel panic - not syncing: no init",
        "<0>[    1.060541] Kernel panic - not syncing: no init",
        "panic: no init",
        "vectoros> panic: no init",
    ],
)
def test_a_panic_is_told_behind_any_stamp(line: str) -> None:
    assert panic_of(["before", line, "after"]) == "no init"


@pytest.mark.parametrize(
    "line",
    [
        "log: Kernel panic - not syncing: no init",
        " Kernel panic - not syncing: no init",
        "[1.06] Kernel panic - not syncing: no init",
        "Kernel panic",
        "Jan 1 host kernel: [    1.060541] Kernel panic - not syncing: no init",
    ],
)
def test_a_line_that_only_mentions_one_is_none(line: str) -> None:
    assert panic_of([line]) is None
    assert PANIC.fullmatch(line) is None


def test_the_last_of_several_panics_counts() -> None:
    assert panic_of(["Kernel panic - not syncing: one", "x", "panic: two"]) == "two"


def test_a_halt_on_purpose_is_the_last_thing_that_is_said() -> None:
    assert has_halted(["x", "[    4.200000] reboot: System halted"])
    assert not has_halted(["[    4.200000] reboot: System halted", "x"])
    assert not has_halted([])


def test_the_tail_begins_where_the_trouble_began() -> None:
    lines = [f"line {number}" for number in range(200)]
    assert tail(lines) == lines[-SHORT:]
    lines[160] = "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000"
    lines[170] = "[    1.000100] Kernel panic - not syncing: Fatal exception"
    assert tail(lines) == lines[160:]
    lines[160] = "general protection fault, probably for non-canonical address: 0000 [#1]"
    assert tail(lines) == lines[160:]


def test_trouble_long_ago_is_not_shown() -> None:
    lines = [f"line {number}" for number in range(200)]
    lines[200 - LONG - 1] = "BUG: something else"
    assert tail(lines) == lines[-SHORT:]
    assert tail([]) == []
