"""The watcher: what is new is told once, at its time, and the guest cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.explain.notes import NOTES
from vectoros.explain.watcher import Event
from vectoros.symbol_map import Symbol, SymbolMap

Sector = Callable[[str], Path]
ENGINES = ("fast", "portable")
DEV = Path(__file__).parents[2] / "images" / "dev.img"
PROMPT = "vectoros> "


def watch(
    image: Path,
    engine: str = "auto",
    *,
    symbols: SymbolMap | None = None,
    until: str | None = None,
    memory: str = "1M",
) -> tuple[list[Event], str]:
    events: list[Event] = []
    with Machine.from_image(image, engine=engine, memory=memory, firmware=image == DEV) as machine:
        machine.explain(events.append, symbols)
        machine.run(until=until, for_="2s")
        return events, machine.state_hash()


def keys(events: list[Event]) -> list[str]:
    return [event.key for event in events]


def test_devices_are_told_of_when_they_are_first_reached(sector: Sector) -> None:
    events, _ = watch(sector("hello"))
    assert [key for key in keys(events) if key in ("port com1", "port debug_console")] == [
        "port com1",
        "port debug_console",
    ]
    assert ("milestone", "hello") in [(event.key, event.detail) for event in events]


def test_addresses_where_nothing_is_are_told_of(sector: Sector) -> None:
    events, _ = watch(sector("hole"))
    found = {event.key: event.detail for event in events}
    assert found["memory nothing"] == "0x100000"
    assert "port nothing" in found


@pytest.mark.parametrize("engine", ENGINES)
def test_interrupts_and_idling_are_told_of_once(sector: Sector, engine: str) -> None:
    events, _ = watch(sector("interrupts"), engine)
    assert keys(events).count("interrupt") == 1
    assert keys(events).count("halt") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_exceptions_are_told_of_with_what_they_are_about(sector: Sector, engine: str) -> None:
    events, _ = watch(sector("triple_fault"), engine)
    assert "exception 14" in keys(events)


def test_ticks_never_go_back() -> None:
    events, _ = watch(DEV, until=PROMPT, memory="64M")
    ticks = [event.tick for event in events]
    assert ticks == sorted(ticks)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_guest_cannot_tell(engine: str) -> None:
    _, watched = watch(DEV, engine, until=PROMPT, memory="64M")
    with Machine.from_image(DEV, engine=engine) as machine:
        machine.run(until=PROMPT, for_="2s")
        assert watched == machine.state_hash()


def test_the_way_to_ring_3_is_told_in_its_order() -> None:
    events, _ = watch(DEV, until=PROMPT, memory="64M")
    way = ("mode real", "cr4 pae", "cr0 pg", "mode 64-bit", "idtr", "tr", "doorbell", "ring 3")
    assert [key for key in keys(events) if key in way] == list(way)
    assert len(set(keys(events)) & set(NOTES)) > 20


def test_a_place_is_the_label_before_the_instruction(sector: Sector) -> None:
    symbols = SymbolMap([Symbol("boot_sector", 0x7C00, "start", "hello.S", 1)])
    events, _ = watch(sector("hello"), symbols=symbols)
    (event,) = [event for event in events if event.key == "port com1"]
    assert event.place == Symbol("boot_sector", 0x7C00, "start", "hello.S", 1)
