"""What every device promises, under any program: docstring of devices/device.py, D1 to D4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectoros.clock import Clock
from vectoros.devices.ata import Ata, AtaControl
from vectoros.devices.debug_console import DebugConsole
from vectoros.devices.device import Device
from vectoros.devices.elcr import Elcr
from vectoros.devices.exit import Exit
from vectoros.devices.i8042 import I8042
from vectoros.devices.i8042_control import I8042Control
from vectoros.devices.pic_pair import PicPair
from vectoros.devices.pit import Pit
from vectoros.devices.pm_timer import PmTimer
from vectoros.devices.port61 import Port61
from vectoros.devices.power import Power
from vectoros.devices.power_events import PowerEvents
from vectoros.devices.reset_control import ResetControl
from vectoros.devices.rtc import Rtc
from vectoros.devices.system_control import SystemControlA
from vectoros.devices.uart import Uart
from vectoros.devices.vbe import Vbe
from vectoros.devices.vga import Vga
from vectoros.irq import Line


class Image:
    """A disk of three sectors, so that random addresses hit and miss."""

    sectors = 3

    def read(self, lba: int, count: int) -> bytes:
        return bytes([lba]) * 512 * count


@dataclass
class Rig:
    """One or two devices that belong together, what they drive, and what they did."""

    clock: Clock
    devices: list[Device]
    lines: list[Line]
    host: Callable[[int], None] = lambda number: None
    done: list[Any] = field(default_factory=list)

    def state(self) -> list[Any]:
        return [*(device.state() for device in self.devices), *(line.level for line in self.lines)]


def uart(clock: Clock) -> Rig:
    line = Line()
    done: list[Any] = []
    device = Uart(clock, irq=line, transmit=done.append)
    return Rig(clock, [device], [line], lambda n: device.receive(bytes([n]) * (n % 20)), done)


def pit(clock: Clock) -> Rig:
    line = Line()
    device = Pit(clock, irq=line)
    return Rig(clock, [device, Port61(clock, pit=device)], [line])


def pics(clock: Clock) -> Rig:
    pair = PicPair(clock)
    done: list[Any] = []
    lines = [pair.input(n) for n in range(16) if n != 2]

    def host(number: int) -> None:
        if number & 0x80:
            done.append(pair.acknowledge())
        else:
            lines[number % 15].set(bool(number & 0x40))

    devices = [pair.master, pair.slave, Elcr(clock, pics=pair)]
    return Rig(clock, devices, [pair.output, *lines], host, done)


def ata(clock: Clock) -> Rig:
    line = Line()
    device = Ata(clock, irq=line, disk=Image())
    return Rig(clock, [device, AtaControl(clock, ata=device)], [line])


def i8042(clock: Clock) -> Rig:
    lines = [Line(), Line()]
    done: list[Any] = []
    device = I8042(
        clock,
        keyboard_irq=lines[0],
        mouse_irq=lines[1],
        reset_machine=lambda: done.append("reset"),
    )

    def host(number: int) -> None:
        device.keyboard.enqueue(bytes([number % 105 + 1]))
        device.keyboard.strike(number)
        device.mouse.move(number, -number)
        device.mouse.press(number & 7)

    return Rig(clock, [device, I8042Control(clock, controller=device)], lines, host, done)


def strobes(clock: Clock) -> Rig:
    done: list[Any] = []
    power = Power(clock, power_off=lambda: done.append("off"))
    devices = [DebugConsole(clock, deliver=done.append), Exit(clock, stop=done.append), power]
    return Rig(clock, devices, [], done=done)


def power(clock: Clock) -> Rig:
    line = Line()
    events = PowerEvents(clock, irq=line)
    return Rig(clock, [events, PmTimer(clock)], [line], lambda n: events.press_button())


def resets(clock: Clock) -> Rig:
    done: list[Any] = []
    hard = ResetControl(clock, reset=lambda: done.append("hard"))
    fast = SystemControlA(clock, reset=lambda: done.append("fast"))
    return Rig(clock, [hard, fast], [], done=done)


def rtc(clock: Clock) -> Rig:
    line = Line()
    contents = {0x15: 0x80, 0x16: 2}
    return Rig(clock, [Rtc(clock, irq=line, start=datetime(2026, 1, 1), contents=contents)], [line])


class VgaFrom10(Vga):
    """A VGA whose area begins where its first ports are, at 3C0h."""

    def read(self, offset: int, width: int) -> int:
        return super().read(offset + 0x10, width)

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset + 0x10, width, value)


def display(clock: Clock) -> Rig:
    done: list[Any] = []
    return Rig(
        clock, [VgaFrom10(clock), Vbe(clock, memory=1 << 23, clear=done.append)], [], done=done
    )


MAKERS = {
    make.__name__: make
    for make in (uart, pit, pics, ata, i8042, strobes, power, resets, rtc, display)
}

# Values that mean something to these devices come up more often than chance has them.
VALUES = st.one_of(st.integers(0, 0xFF), st.sampled_from([0x11, 0x20, 0x34, 0xE0, 0xEC, 2**32 - 1]))
WIDTHS = st.sampled_from([1, 1, 1, 2, 4, 8])
ACCESS = st.tuples(st.sampled_from(["read", "write"]), st.integers(0, 9), WIDTHS, VALUES)
WAIT = st.tuples(st.just("wait"), st.just(0), st.just(1), st.integers(0, 2_000_000))
HOST = st.tuples(st.just("host"), st.just(0), st.just(1), st.integers(0, 0xFF))
BURST = st.tuples(st.just("burst"), st.just(0), st.just(2), st.integers(0, 0xFF))
PROGRAM = st.lists(st.tuples(st.integers(0, 2), st.one_of(ACCESS, ACCESS, WAIT, HOST, BURST)))
Step = tuple[int, tuple[str, int, int, int]]


def play(rig: Rig, program: list[Step]) -> list[Any]:
    """Run a program; return everything that it saw."""
    seen: list[Any] = []
    for which, (what, offset, width, value) in program:
        device = rig.devices[which % len(rig.devices)]
        if what == "read":
            seen.append(device.read(offset, width))
            assert 0 <= seen[-1] < 1 << 8 * width
        elif what == "write":
            device.write(offset, width, value)
        elif what == "burst":  # a whole sector, for the disk
            seen += [device.read(0, 2) for _ in range(256)]
            for _ in range(256):
                device.write(0, 2, value)
        elif what == "host":
            rig.host(value)
        else:
            wait(rig, value)
        seen.append(rig.state())
    return seen


def wait(rig: Rig, ticks: int) -> None:
    """Let time pass as the board does: from deadline to deadline."""
    end = rig.clock.now + ticks
    while dues := [due for device in rig.devices if (due := device.next_event()) is not None]:
        if min(dues) > end:
            break
        rig.clock.set(max(rig.clock.now, min(dues)))
        for device in rig.devices:
            device.catch_up()
            due = device.next_event()
            assert due is None or due > rig.clock.now, f"D3: {device.name}"
    rig.clock.set(end)


def canonical(state: object) -> bool:
    if isinstance(state, dict):
        return all(isinstance(key, str) and canonical(value) for key, value in state.items())
    if isinstance(state, list):
        return all(map(canonical, state))
    return state is None or type(state) in (bool, int, str, bytes)


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=60)
@given(before=PROGRAM, after=PROGRAM)
def test_a_restored_device_behaves_as_the_one_that_was_saved(
    name: str, before: list[Step], after: list[Step]
) -> None:
    rig = MAKERS[name](Clock())
    play(rig, before)
    saved = rig.state()
    assert canonical(saved[: len(rig.devices)])
    twin = MAKERS[name](Clock(rig.clock.now))
    for line, level in zip(twin.lines, saved[len(rig.devices) :], strict=True):
        line.restore(level)
    for device, state in zip(twin.devices, saved, strict=False):
        device.restore(state)
    assert twin.state() == saved
    done = len(rig.done)
    assert play(twin, after) == play(rig, after)
    assert twin.done == rig.done[done:]


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=40)
@given(program=PROGRAM)
def test_looking_is_free(name: str, program: list[Step]) -> None:
    rig = MAKERS[name](Clock())
    play(rig, program)
    before = rig.state()
    for device in rig.devices:
        for view in device.peek():
            assert view.name in str(view)
    assert rig.state() == before


@pytest.mark.parametrize("name", MAKERS)
def test_power_on_is_where_a_new_device_starts(name: str) -> None:
    rig, new = MAKERS[name](Clock()), MAKERS[name](Clock())
    for offset in range(8):
        for value in (0x11, 0x34, 0x83, 0x0F):
            for device in rig.devices:
                device.write(offset, 1, value)
    for device in rig.devices:
        device.reset()
    assert rig.state() == new.state()


JUNK = st.sampled_from([None, True, -1, 0, 1, 7, 255, 10**12, 10**30, "", "D4=1", b"", b"x" * 600])


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=60)
@given(before=PROGRAM, after=PROGRAM, junk=JUNK, choice=st.randoms(use_true_random=False))
def test_a_corrupt_state_is_refused_whole_or_does_no_harm(
    name: str,
    before: list[Step],
    after: list[Step],
    junk: object,
    choice: Any,  # noqa: ANN401  random.Random of hypothesis
) -> None:
    rig = MAKERS[name](Clock())
    play(rig, before)
    for device in rig.devices:
        state: Any = device.state()
        key = choice.choice([*state, "unknown"])
        if isinstance(state.get(key), dict) and state[key]:
            inner = choice.choice([*state[key]])
            bad = state | {key: state[key] | {inner: junk}}
        else:
            bad = state | {key: junk}
        refusal = None
        try:
            device.restore(bad)
        except ValueError as error:
            refusal = str(error)
        if refusal is not None:
            assert refusal.startswith(f"{device.name}.")
            assert device.state() == state
    play(rig, after)
