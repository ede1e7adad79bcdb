"""The host's hands on keyboard and mouse, and a guest that takes their interrupts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.board import Reason
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.devices.ps2_keyboard import QUEUE_EVENTS, RELEASED
from vectoros.devices.scancodes import KEY_NAMES, KEYS, scan_codes
from vectoros.errors import UsageError

ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine() as made:
        yield made


def queued(machine: Machine) -> str:
    """Return what waits: names of keys, with a minus if they go up."""
    events = machine.pc.i8042.keyboard.queue
    return " ".join(
        ("-" if event & RELEASED else "") + KEYS[(event & ~RELEASED) - 1].name for event in events
    )


def test_text_is_typed_key_by_key_with_shift_where_it_is_needed(machine: Machine) -> None:
    machine.keyboard.type("aB?\n")
    assert queued(machine) == (
        "a -a leftshift b -b -leftshift leftshift slash -slash -leftshift enter -enter"
    )
    assert machine.keyboard.waiting == 12


def test_keys_pressed_together_go_up_in_the_reverse_order(machine: Machine) -> None:
    machine.keyboard.press("ctrl", "Alt", "delete")
    machine.keyboard.press("-")
    assert queued(machine) == ("leftctrl leftalt delete -delete -leftalt -leftctrl minus -minus")


def test_a_key_can_be_held_and_released(machine: Machine) -> None:
    machine.keyboard.hold("shift", "up")
    machine.keyboard.release("up", "shift")
    assert machine.pc.i8042.keyboard.buffer.hex(" ") == "12 e0 75 e0 f0 75 f0 12"
    assert machine.keyboard.waiting == 0


@pytest.mark.parametrize("name", ["press", "hold", "release"])
@pytest.mark.parametrize("key", ["any", "?", "A?", ""])
def test_an_unknown_key_is_refused_by_its_name(machine: Machine, name: str, key: str) -> None:
    with pytest.raises(UsageError, match=f"keyboard: there is no key '{key}'".replace("?", r"\?")):
        getattr(machine.keyboard, name)("a", key)
    assert not machine.pc.i8042.keyboard.pending(), "nor is any other pressed"


def test_a_character_that_no_key_types_is_refused_and_nothing_is_typed(machine: Machine) -> None:
    with pytest.raises(UsageError, match="keyboard: no key of the US layout types 'é'"):
        machine.keyboard.type("café")
    assert machine.keyboard.waiting == 0


def test_more_text_than_fits_is_refused(machine: Machine) -> None:
    machine.keyboard.type("a" * (QUEUE_EVENTS // 2))
    with pytest.raises(UsageError, match="2 key events do not fit"):
        machine.keyboard.type("b")
    assert machine.keyboard.waiting == QUEUE_EVENTS


def test_the_lights_are_shown_by_name(machine: Machine) -> None:
    assert machine.keyboard.indicators == frozenset()
    for byte in (0xED, 6):
        machine.pc.board.port_write(0x60, 1, byte)
    assert machine.keyboard.indicators == {"numlock", "capslock"}


def test_the_mouse_moves_on_the_screen_and_clicks(machine: Machine) -> None:
    chip = machine.pc.i8042.mouse
    machine.mouse.move(3, -4)
    assert (chip.dx, chip.dy) == (3, 4), "up is positive on the cable"
    machine.mouse.scroll(-2)
    assert chip.dz == -2
    machine.mouse.button("right", True)
    machine.mouse.button("middle", True)
    machine.mouse.button("right", False)
    assert chip.buttons == 4
    machine.mouse.click("middle")
    assert chip.buttons == 0


@pytest.mark.parametrize(
    ("act", "rule"),
    [
        (lambda mouse: mouse.button("fourth", True), "no button 'fourth'; there are left, right"),
        (lambda mouse: mouse.click("x"), "no button 'x'"),
        (lambda mouse: mouse.move(1_000_001, 0), "dx must be from -1000000 to 1000000, not 100000"),
        (lambda mouse: mouse.move(0, -1_000_001), "dy must be"),
        (lambda mouse: mouse.scroll(8), "steps must be from -7 to 7, not 8"),
    ],
)
def test_the_mouse_refuses_what_it_cannot_do(
    machine: Machine, act: Callable[[object], None], rule: str
) -> None:
    before = machine.state_hash()
    with pytest.raises(UsageError, match=f"^mouse: .*{rule}"):
        act(machine.mouse)
    assert machine.state_hash() == before


# -- a guest ---------------------------------------------------------------------


TEXT = "Hello, World!\n"

ACTIONS: list[tuple[int, Callable[[Machine], None]]] = [
    (100_000, lambda m: m.keyboard.type(TEXT)),
    (200_000, lambda m: m.mouse.move(10, 20)),
    (234_567, lambda m: m.keyboard.press("ctrl", "alt", "delete")),
    (2_000_000, lambda m: m.mouse.click()),
    (2_400_000, lambda m: m.keyboard.press("esc")),
]
"""What the host does, and at which tick."""


def play(machine: Machine, pause: Callable[[], int]) -> tuple[str, int, str]:
    """Act on the guest, with a pause after each ``pause()`` ticks; return how it ended."""
    for tick, act in [*ACTIONS, (10**7, lambda m: None)]:
        while machine.clock.now < tick:
            stop = machine.run(until_tick=min(tick, machine.clock.now + pause()))
            if stop.reason is not Reason.TICK:
                return stop.reason.name, machine.clock.now, machine.state_hash()
        act(machine)
    raise AssertionError(f"the guest did not switch off, and said {machine.serial.text!r}")


def received(machine: Machine, source: str) -> bytes:
    """Return the bytes that the guest took by one of the interrupts."""
    said = bytes(machine.pc.serial.output)
    assert said[:1] == b">"
    return bytes(
        byte for mark, byte in zip(said[1::2], said[2::2], strict=True) if mark == ord(source)
    )


def codes(*events: str) -> bytes:
    return b"".join(
        scan_codes(KEY_NAMES[name.strip("-")], not name.startswith("-"), 1) for name in events
    )


def test_a_guest_gets_every_key_and_packet_by_interrupt(sector: Callable[[str], Path]) -> None:
    with Machine.from_image(sector("keys"), firmware=False) as machine:
        assert play(machine, lambda: 10**9)[0] == "POWER_OFF"
        keys = received(machine, "k")
        assert keys.startswith(codes("shift", "h", "-h", "-shift", "e", "-e", "l", "-l"))
        ctrl, alt, delete = "ctrl", "alt", "delete"
        end = codes(ctrl, alt, delete, "-delete", "-alt", "-ctrl", "esc", "-esc")
        assert keys.endswith(codes("enter", "-enter") + end)
        shifted = sum(character.isupper() or character == "!" for character in TEXT)
        assert len(keys) == 2 * len(TEXT) + 2 * shifted + len(end)
        assert received(machine, "m").hex(" ") == "28 0a ec 09 00 00 08 00 00"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_pauses_and_the_engine_change_nothing(
    sector: Callable[[str], Path], engine: str, seed: int
) -> None:
    image = sector("keys")
    choose = random.Random(seed)
    with (
        Machine.from_image(image, firmware=False) as plain,
        Machine.from_image(image, engine=engine, firmware=False) as paused,
    ):
        expected = play(plain, lambda: 10**9)
        found = play(paused, lambda: choose.randrange(1, choose.choice([100, 20_000])))
        assert found == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_going_back_to_snapshots_changes_nothing(
    sector: Callable[[str], Path], engine: str
) -> None:
    image = sector("keys")
    with (
        Machine.from_image(image, firmware=False) as plain,
        Machine.from_image(image, engine=engine, firmware=False) as machine,
    ):
        for run in (plain, machine):
            run.run(until_tick=100_000)
            run.keyboard.type("help\n")
        plain.run(until_tick=700_000)
        while machine.clock.now < 700_000:
            machine.run(until_tick=min(700_000, machine.clock.now + 12_345))
            saved, before = machine.snapshot(), machine.state_hash()
            machine.run(for_="7us")
            machine.restore(saved)
            assert machine.state_hash() == before
        assert machine.state_hash() == plain.state_hash()
        assert machine.keyboard.waiting == 0


def test_a_guest_that_resets_through_the_controller_starts_again(
    sector: Callable[[str], Path],
) -> None:
    with Machine.from_image(sector("keys"), firmware=False) as machine:
        machine.run(until_tick=100_000)
        machine.pc.board.port_write(0x64, 1, 0xFE)
        machine.run(until_tick=300_000)
        assert machine.serial.text == ">>"
