"""The tracer: everything asked for, in order, and nothing of it visible to the guest."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.errors import UsageError
from vectoros.trace import KINDS

Sector = Callable[[str], Path]
ENGINES = ("fast", "portable")


def trace(
    image: Path, kinds: Collection[str], engine: str = "auto", for_: str = "20ms"
) -> list[str]:
    lines: list[str] = []
    with Machine.from_image(image, engine=engine, memory="1M", firmware=False) as machine:
        machine.trace(kinds, lines.append)
        machine.run(for_=for_)
    return lines


def events(lines: list[str]) -> list[str]:
    """Return the lines without their ticks."""
    return [" ".join(line.split()[1:]) for line in lines]


def test_ports_are_shown_with_value_and_device(sector: Sector) -> None:
    lines = events(trace(sector("hello"), ["port"]))
    assert lines[:2] == ["port out 0x03f8 0x68 com1", "port out 0x00e9 0x68 debug_console"]
    assert lines[-1] == "port out 0x0604 0x2000 power"


def test_holes_are_shown_as_such(sector: Sector) -> None:
    assert events(trace(sector("hole"), ["port", "mmio"])) == [
        "port in 0x2345 0xff nothing there",
        "mmio read 0x0000100000 0xff nothing there",
        "mmio write 0x0000100000 0xff nothing there",
        "port out 0x00f4 0x01 exit",
    ]


def test_interrupts_are_shown_with_their_vectors(sector: Sector) -> None:
    assert events(trace(sector("interrupts"), ["irq"])) == ["irq vector 0x20"] * 3


def test_milestones_are_shown(sector: Sector) -> None:
    assert events(trace(sector("hello"), ["milestone"])) == ["milestone hello"]


@pytest.mark.parametrize("engine", ENGINES)
def test_faults_are_shown_even_if_they_end_the_run(sector: Sector, engine: str) -> None:
    first, second = events(trace(sector("triple_fault"), ["fault"], engine))
    assert first.startswith("fault #PF, 0008:0000000000007c")
    assert first.endswith(
        ", ring 0, cr2 0xdead000, error 0x0: supervisor read, page not present, not delivered"
    )
    assert second.startswith("fault #DF, ")


def test_faults_that_came_too_thick_are_counted(sector: Sector) -> None:
    with Machine.from_image(sector("traps"), firmware=False) as machine:
        lines: list[str] = []
        machine.trace(["fault"], lines.append)
        machine.run(for_="10us")
        total = machine.pc.cpu.counters().traps[3]
    lost = [int(line.split()[2]) for line in lines if line.endswith("before this one were lost")]
    assert len(lines) - len(lost) + sum(lost) == total
    assert sum(lost) > 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["hello", "interrupts", "hole", "triple_fault"])
def test_tracing_everything_leaves_the_state_hash_alone(
    sector: Sector, name: str, engine: str
) -> None:
    hashes = set()
    for kinds in ((), KINDS):
        with Machine.from_image(
            sector(name), engine=engine, memory="1M", firmware=False
        ) as machine:
            lines: list[str] = []
            if kinds:
                machine.trace(kinds, lines.append)
            machine.run(for_="20ms")
            hashes.add(machine.state_hash())
            assert bool(lines) == bool(kinds)
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("name", "for_"), [("interrupts", "20ms"), ("triple_fault", "20ms"), ("traps", "50ns")]
)
def test_both_engines_give_one_trace_in_order_of_ticks(
    sector: Sector, name: str, for_: str
) -> None:
    fast, portable = (trace(sector(name), KINDS, engine, for_) for engine in ENGINES)
    assert fast == portable
    ticks = [int(line.split()[0]) for line in fast]
    assert ticks == sorted(ticks)


def test_a_machine_that_nobody_traces_has_nobody_in_between(sector: Sector) -> None:
    with Machine.from_image(sector("hello"), firmware=False) as machine:
        assert machine.pc.cpu.around is machine.pc.board


def test_an_unknown_kind_is_refused_by_name(sector: Sector) -> None:
    with (
        Machine.from_image(sector("hello"), firmware=False) as machine,
        pytest.raises(UsageError, match=r"--trace knows port, .*, not 'magic'"),
    ):
        machine.trace(["port", "magic"], print)
