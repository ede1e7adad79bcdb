"""The 8042 keyboard controller: two cables, one output buffer.

Promises: a byte is in the output buffer until the guest has read it, and the line
of its interrupt is high for just as long; it falls between two bytes, so that an
edge-triggered interrupt controller sees each one.

Where it differs from the chip:

* The controller itself takes no time: IBF is never seen set, and its own answers
  (to 20h, AAh, D0h, D3h, ...) are there at once. If the output buffer is full, an
  answer waits until it is read, and goes before the devices' bytes.
* A device's byte takes 4 us on its cable, not a millisecond, from the moment when the
  output buffer is free and the device has something to say. With translation, a
  break code's two bytes travel as one.
* If both devices have something to say, the keyboard goes first.

As on the chip, translation is for every byte of the keyboard, answers to commands
among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.i8042_registers import (
    CABLE_TEST_PASSED,
    IDLE_PINS,
    INPUT_PORT,
    POWER_ON,
    SELF_TEST_PASSED,
    Command,
    Configuration,
    OutputPort,
    Status,
)
from vectoros.devices.ps2_device import Ps2Device
from vectoros.devices.ps2_keyboard import Ps2Keyboard
from vectoros.devices.ps2_mouse import Ps2Mouse
from vectoros.devices.registers import Access, Register
from vectoros.devices.scancodes import RELEASE, TRANSLATION
from vectoros.devices.state import FLAG, Cell, Stateful, integer, one_of, optional
from vectoros.irq import Line
from vectoros.units import REACTION_TICKS

BYTE_TICKS = 4 * REACTION_TICKS
"""Ticks that a byte takes on a cable.

Long enough that a driver which reads the buffer empty, as Linux and SeaBIOS do
first, sees it empty after one byte, whatever more there is to come. Not longer,
because a guest that waits for an answer in a tight loop asks once in six ticks,
and each time costs the host microseconds.
"""

FROM_MOUSE = 0x100
"""In an answer that waits: it is to look like a byte of the mouse's."""

# Banks: which command came before a byte for the data port.
AFTER_60, AFTER_D1, AFTER_D2, AFTER_D3, AFTER_D4, OTHERWISE = (
    "after 60h",
    "after D1h",
    "after D2h",
    "after D3h",
    "after D4h",
    "otherwise",
)

EXPECTING: dict[int, str] = {
    Command.WRITE_CONFIGURATION: AFTER_60,
    Command.WRITE_OUTPUT_PORT: AFTER_D1,
    Command.WRITE_KEYBOARD_OUTPUT: AFTER_D2,
    Command.WRITE_MOUSE_OUTPUT: AFTER_D3,
    Command.WRITE_MOUSE: AFTER_D4,
}
"""Commands whose byte comes next at the data port."""

CABLES: dict[int, dict[str, int]] = {
    Command.DISABLE_KEYBOARD: {"DIS": 1},
    Command.ENABLE_KEYBOARD: {"DIS": 0},
    Command.DISABLE_MOUSE: {"DIS2": 1},
    Command.ENABLE_MOUSE: {"DIS2": 0},
}
"""Commands that hold or release a cable's clock."""


class I8042(Device):
    """The controller's data port; keyboard and mouse are parts of it.

    The status and command register is the area ``keyboard_control``, at 64h.
    Interrupt 1 is for the keyboard, and for answers of the controller itself;
    interrupt 12 for the mouse, if the configuration byte enables them.
    """

    source = (
        "IBM Personal System/2 Hardware Interface Technical Reference, "
        '"Keyboard/Auxiliary Device Controller"; Intel 8042 data sheet'
    )

    output_buffer = Register(0, Access.R, int, "a byte of a device's or the chip's own", reset=0)
    configuration = Register(
        0, Access.W, Configuration, "configuration byte", reset=POWER_ON, bank=AFTER_60
    )
    output_port = Register(0, Access.W, OutputPort, "output pins", reset=IDLE_PINS, bank=AFTER_D1)
    keyboard_output = Register(0, Access.W, int, "comes back as the keyboard's", bank=AFTER_D2)
    mouse_output = Register(0, Access.W, int, "comes back as the mouse's", bank=AFTER_D3)
    mouse_input = Register(0, Access.W, int, "a byte for the mouse", bank=AFTER_D4)
    keyboard_input = Register(0, Access.W, int, "a byte for the keyboard", bank=OTHERWISE)

    full = Cell(False, FLAG, "OBF: the output buffer has a byte")
    auxiliary = Cell(False, FLAG, "AUXOBF: and it is the mouse's")
    answer = Cell(None, optional(integer(0, 0x1FF)), "answer that waits; bit 8: as the mouse's")
    expects = Cell(OTHERWISE, one_of(*EXPECTING.values(), OTHERWISE), "where a data byte goes")
    commanded = Cell(False, FLAG, "CD: the last write was to the command port")
    arrives = Cell(None, optional(integer()), "tick at which the byte on a cable has arrived")

    def __init__(
        self,
        clock: Clock,
        *,
        keyboard_irq: Line,
        mouse_irq: Line,
        reset_machine: Callable[[], None],
    ) -> None:
        """Interrupt on the two lines; call ``reset_machine`` when the reset pin goes low."""
        self._keyboard_irq = keyboard_irq
        self._mouse_irq = mouse_irq
        self._reset_machine = reset_machine
        self.keyboard = Ps2Keyboard(self._host_acted)
        self.mouse = Ps2Mouse(self._host_acted)
        super().__init__(clock)

    def bank(self, offset: int, value: int | None) -> str:
        """Tell what a byte is by the command before it."""
        return self.expects

    def parts(self) -> Mapping[str, Stateful]:
        """What hangs on the cables is part of the controller's state."""
        return {"keyboard": self.keyboard, "mouse": self.mouse}

    def reset(self) -> None:
        """Go to the power-on state. Keys that the host queued and nobody has read are gone."""
        super().reset()
        self._drive()

    def system_reset(self) -> None:
        """Follow a reset of the machine: the host keeps the keys that nobody has read."""
        queue = self.keyboard.queue
        self.reset()
        self.keyboard.queue = queue
        self._listen()

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a checked state, and the levels of the lines with it."""
        super().adopt(state)
        keyboard, mouse = self._levels()
        self._keyboard_irq.restore(keyboard)
        self._mouse_irq.restore(mouse)

    # The output buffer.

    def _levels(self) -> tuple[bool, bool]:
        """Return the levels that the two interrupt lines should have."""
        config = self.configuration
        keyboard = self.full and not self.auxiliary and config.INT
        return bool(keyboard), bool(self.full and self.auxiliary and config.INT2)

    def _drive(self) -> None:
        keyboard, mouse = self._levels()
        self._keyboard_irq.set(keyboard)
        self._mouse_irq.set(mouse)

    def _fill(self, byte: int, auxiliary: bool) -> None:
        """Put a byte into the output buffer, which is empty."""
        self.output_buffer, self.full, self.auxiliary = byte, True, auxiliary
        self._listen()
        self._drive()

    def _answer(self, byte: int, source: int = 0) -> None:
        """Give the guest a byte of the controller's own."""
        if self.full:
            self.answer = byte | source
        else:
            self._fill(byte, bool(source))

    @output_buffer.after_read
    def _taken(self) -> None:
        self.full = self.auxiliary = False
        self._drive()  # low: the next byte then makes an edge
        if self.answer is not None:
            answer, self.answer = self.answer, None
            self._fill(answer & 0xFF, bool(answer & FROM_MOUSE))
        self._listen()

    # The cables.

    def _sender(self) -> Ps2Device | None:
        """Return the device whose turn it is to send, if one may and has something to."""
        config = self.configuration
        if self.full:
            return None
        if not config.DIS and self.keyboard.pending():
            return self.keyboard
        if not config.DIS2 and self.mouse.pending():
            return self.mouse
        return None

    def _listen(self) -> None:
        """Start or stop waiting for a byte, as things are now."""
        if self._sender() is None:
            self.arrives = None
        elif self.arrives is None:
            self.arrives = self.clock.now + BYTE_TICKS

    def _host_acted(self) -> None:
        """Hear of a key, a movement or a button."""
        self.catch_up()
        self._listen()

    def next_event(self) -> int | None:
        """Return the tick at which the byte on a cable has arrived."""
        return self.arrives

    def advance(self) -> None:
        """Take the byte that has arrived."""
        if self.arrives is None or self.arrives > self.clock.now:
            return
        self.arrives = None
        sender = self._sender()
        byte = None if sender is None else self._receive(sender)
        if byte is None:
            self._listen()
        else:
            self._fill(byte, sender is self.mouse)

    def _receive(self, sender: Ps2Device) -> int | None:
        """Take a byte from a device, translated if it is the keyboard's."""
        byte = sender.take()
        if byte is None or sender is self.mouse or not self.configuration.XLAT:
            return byte
        if byte != RELEASE:
            return TRANSLATION[byte]
        code = sender.take()
        return None if code is None else TRANSLATION[code] | 0x80

    # The data port, written.

    def _written(self) -> None:
        """Note that the byte of a command, if there was one, has come."""
        self.expects, self.commanded = OTHERWISE, False
        self._listen()
        self._drive()

    @configuration.written_by
    def _write_configuration(self, value: Configuration) -> None:
        self.configuration = value
        self._written()

    @output_port.written_by
    def _write_output_port(self, value: OutputPort) -> None:
        self.output_port = IDLE_PINS.replace(A20=value.A20)
        self._written()
        if not value.RESET:
            self._reset_machine()

    @keyboard_output.written_by
    def _write_keyboard_output(self, byte: int) -> None:
        self._answer(byte)
        self._written()

    @mouse_output.written_by
    def _write_mouse_output(self, byte: int) -> None:
        self._answer(byte, FROM_MOUSE)
        self._written()

    # To send a byte to a device releases its clock.

    @mouse_input.written_by
    def _write_mouse(self, byte: int) -> None:
        self.configuration = self.configuration.replace(DIS2=0)
        self.mouse.receive(byte)
        self._written()

    @keyboard_input.written_by
    def _write_keyboard(self, byte: int) -> None:
        self.configuration = self.configuration.replace(DIS=0)
        self.keyboard.receive(byte)
        self._written()

    # What the control port shows and does.

    def status(self) -> int:
        """Return the status register."""
        return Status(0).replace(
            AUXOBF=self.auxiliary,
            INH=1,
            CD=self.commanded,
            SYS=self.configuration.SYS,
            OBF=self.full,
        )

    def command(self, code: int) -> None:
        """Obey a command."""
        self.expects, self.commanded = EXPECTING.get(code, OTHERWISE), True
        answer = self._ask(code)
        if answer is not None:
            self._answer(answer)
        elif code in CABLES:
            self.configuration = self.configuration.replace(**CABLES[code])
        elif code >= Command.PULSE:
            if not code & OutputPort.RESET.mask:
                self._reset_machine()
        elif self.expects == OTHERWISE:
            self.guest_errors += 1
        self._listen()
        self._drive()

    def _ask(self, code: int) -> int | None:
        """Return the controller's answer to a command that has one."""
        match code:
            case Command.READ_CONFIGURATION:
                return self.configuration
            case Command.SELF_TEST:
                self.configuration = self.configuration.replace(SYS=1)
                return SELF_TEST_PASSED
            case Command.TEST_KEYBOARD | Command.TEST_MOUSE:
                return CABLE_TEST_PASSED
            case Command.READ_INPUT_PORT:
                return INPUT_PORT
            case Command.READ_OUTPUT_PORT:
                mine = self.full and not self.auxiliary
                return self.output_port.replace(AUXOBF=self.auxiliary, OBF=mine)
            case _:
                return None
