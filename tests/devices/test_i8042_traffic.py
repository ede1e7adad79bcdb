"""Whatever host and guest do: no exception, bounded buffers, and no key lost or out of order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vectoros.clock import Clock
from vectoros.devices.i8042 import I8042
from vectoros.devices.i8042_control import I8042Control
from vectoros.devices.i8042_registers import Command, Configuration, Status
from vectoros.devices.ps2_keyboard import RELEASED
from vectoros.devices.scancodes import KEYS, scan_codes
from vectoros.irq import Line

EVENTS = st.lists(
    st.builds(
        lambda key, up: key.number | (RELEASED if up else 0), st.sampled_from(KEYS), st.booleans()
    ),
    max_size=5,
)
ECHO = 0xEE
"""Neither a scan code nor part of one."""


class Traffic(RuleBasedStateMachine):
    """A host that types and moves the mouse, and time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.plug_in()

    def plug_in(self) -> None:
        """Make a chip."""
        self.lines = Line(), Line()
        self.chip = I8042(
            self.clock,
            keyboard_irq=self.lines[0],
            mouse_irq=self.lines[1],
            reset_machine=lambda: None,
        )
        self.control = I8042Control(self.clock, controller=self.chip)

    @rule(events=EVENTS)
    def type(self, events: list[int]) -> None:
        self.chip.keyboard.enqueue(bytes(events))

    @rule(dx=st.integers(-300, 300), dy=st.integers(-300, 300), dz=st.integers(-9, 9))
    def move(self, dx: int, dy: int, dz: int) -> None:
        self.chip.mouse.move(dx, dy, dz)

    @rule(buttons=st.integers(0, 7))
    def press(self, buttons: int) -> None:
        self.chip.mouse.press(buttons)

    @rule(ticks=st.integers(1, 40_000))
    def wait(self, ticks: int) -> None:
        end = self.clock.now + ticks
        while (due := self.chip.next_event()) is not None and due <= end:
            self.clock.set(max(self.clock.now, due))
            self.chip.advance()
        self.clock.set(end)

    @rule()
    def go_on_as_another_chip(self) -> None:
        state, levels = self.chip.state(), [line.level for line in self.lines]
        self.plug_in()
        self.chip.restore(state)
        assert self.chip.state() == state
        assert [line.level for line in self.lines] == levels

    @invariant()
    def everything_has_its_bounds(self) -> None:
        self.chip.check(self.chip.state(), "keyboard")

    @invariant()
    def lines_follow_the_buffer(self) -> None:
        status = Status(self.control.read(0, 1))
        config = Configuration(self.chip.configuration)
        mine = bool(status.OBF and not status.AUXOBF and config.INT)
        assert [line.level for line in self.lines] == [
            mine,
            bool(status.OBF and status.AUXOBF and config.INT2),
        ]


class Anything(Traffic):
    """A guest that writes whatever comes to mind."""

    @rule(byte=st.one_of(st.integers(0, 255), st.sampled_from([0xD4, 0x60, 0xD1, 0xAE, 0xA8])))
    def command(self, byte: int) -> None:
        self.control.write(0, 1, byte)

    @rule(byte=st.one_of(st.integers(0, 255), st.integers(0xE6, 0xFF)))
    def write(self, byte: int) -> None:
        self.chip.write(0, 1, byte)

    @rule(event=st.integers(0, 255))
    def strike(self, event: int) -> None:
        self.chip.keyboard.strike(event)

    @rule()
    def read(self) -> None:
        assert 0 <= self.chip.read(0, 1) <= 0xFF

    @rule()
    def reset(self) -> None:
        self.chip.system_reset()


class Typist(Traffic):
    """A guest that reads, asks the controller this and that, and keeps what came."""

    def __init__(self) -> None:
        super().__init__()
        self.expected = bytearray()
        self.keys = bytearray()
        self.packets = bytearray()
        self.control.write(0, 1, Command.WRITE_MOUSE)
        self.chip.write(0, 1, 0xF4)
        self.wait(20_000)
        assert self.chip.read(0, 1) == 0xFA

    @rule(events=EVENTS)
    def type(self, events: list[int]) -> None:
        self.chip.keyboard.enqueue(bytes(events))
        for event in events:
            key, down = KEYS[(event & ~RELEASED) - 1], event < RELEASED
            self.expected += scan_codes(key, down, 1)

    @rule()
    def read(self) -> None:
        status = Status(self.control.read(0, 1))
        if status.OBF:
            byte = self.chip.read(0, 1)
            if status.AUXOBF:
                self.packets.append(byte)
            elif byte != ECHO:
                self.keys.append(byte)

    @rule(
        pair=st.sampled_from(
            [
                (Command.SELF_TEST, 0x55),
                (Command.TEST_KEYBOARD, 0),
                (Command.READ_OUTPUT_PORT, 0xCF),
            ]
        )
    )
    def ask(self, pair: tuple[int, int]) -> None:
        self.read()
        self.control.write(0, 1, pair[0])
        assert self.chip.read(0, 1) == pair[1]

    @rule()
    def echo(self) -> None:
        self.chip.write(0, 1, ECHO)

    @rule(hold=st.booleans())
    def hold_the_cable(self, hold: bool) -> None:
        command = Command.DISABLE_KEYBOARD if hold else Command.ENABLE_KEYBOARD
        self.control.write(0, 1, command)

    @invariant()
    def keys_come_in_order(self) -> None:
        assert self.expected.startswith(self.keys)

    def teardown(self) -> None:
        self.control.write(0, 1, Command.ENABLE_KEYBOARD)
        self.read()
        while self.chip.next_event() is not None:
            self.wait(20_000)
            self.read()
        assert self.keys == self.expected
        assert not self.chip.keyboard.queue
        assert len(self.packets) % 3 == 0
        assert all(first & 8 for first in self.packets[::3])


SETTINGS = settings(max_examples=60, stateful_step_count=40)
TestAnything = Anything.TestCase
TestAnything.settings = SETTINGS
TestTypist = Typist.TestCase
TestTypist.settings = SETTINGS
