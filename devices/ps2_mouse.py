"""A PS/2 mouse with three buttons and, once a driver has knocked, a wheel.

The counters are those of the real thing: what moves further than a packet can
say before the guest takes one is lost, and the packet's overflow bits say so. A
button that changes makes a packet of its own, so that a click is never missed
while there is room for one.

Packets come as fast as the guest takes them; the sample rate is only remembered.

Source besides the technical reference: Microsoft, *IntelliMouse* (the sample rates
200, 100, 80 turn on the wheel, and the identifier becomes 3).
"""

from __future__ import annotations

from enum import IntEnum

from vectoros.devices.fields import Bit, Fields
from vectoros.devices.ps2_device import ACKNOWLEDGE, RESEND, TEST_PASSED, Ps2Device
from vectoros.devices.state import FLAG, Cell, Queue, integer

BUFFER_BYTES = 16
"""Bytes of packets that the mouse holds."""

RATES = (10, 20, 40, 60, 80, 100, 200)
"""Sample rates that a mouse knows, in packets a second."""

DEFAULT_RATE = 100
DEFAULT_RESOLUTION = 2
RESOLUTIONS = range(4)
"""1, 2, 4 and 8 counts a millimetre. The host moves in counts, so this is without effect."""

WHEEL_KNOCK = bytes([200, 100, 80])
"""The last three sample rates that turn on the wheel."""

STANDARD, INTELLIMOUSE = 0, 3
"""Identifiers."""

LOWEST, HIGHEST = -256, 255
"""Ends of a movement counter: nine bits."""

WHEEL_LOWEST, WHEEL_HIGHEST = -8, 7
"""Ends of the wheel's counter (IntelliMouse: four bits, sign-extended to a byte)."""

TWO_TO_ONE = {0: 0, 1: 1, 2: 1, 3: 3, 4: 6, 5: 9}
"""Scaling 2:1 of small movements; larger ones are doubled."""


class Command(IntEnum):
    """Commands of the mouse."""

    SCALING_1_1 = 0xE6
    SCALING_2_1 = 0xE7
    SET_RESOLUTION = 0xE8
    STATUS_REQUEST = 0xE9
    SET_STREAM_MODE = 0xEA
    READ_DATA = 0xEB
    RESET_WRAP_MODE = 0xEC
    SET_WRAP_MODE = 0xEE
    SET_REMOTE_MODE = 0xF0
    READ_ID = 0xF2
    SET_RATE = 0xF3
    ENABLE = 0xF4
    DISABLE = 0xF5
    SET_DEFAULT = 0xF6
    RESEND = 0xFE
    RESET = 0xFF


class Packet(Fields):
    """First byte of a packet."""

    YO = Bit(7, "the vertical counter overflowed")
    XO = Bit(6, "the horizontal counter overflowed")
    YS = Bit(5, "sign of the vertical movement, up is positive")
    XS = Bit(4, "sign of the horizontal movement, right is positive")
    ONE = Bit(3, "always set")
    M = Bit(2, "middle button")
    R = Bit(1, "right button")
    L = Bit(0, "left button")


class Status(Fields):
    """First byte of the answer to STATUS REQUEST."""

    REMOTE = Bit(6, "remote mode: packets only on demand")
    ENABLED = Bit(5, "packets are sent in stream mode")
    SCALING = Bit(4, "scaling", {0: "1:1", 1: "2:1"})
    L = Bit(2, "left button")
    M = Bit(1, "middle button")
    R = Bit(0, "right button")


def _saturate(value: int) -> tuple[int, bool]:
    """Return ``value`` as a counter holds it, and whether it overflowed."""
    held = max(LOWEST, min(HIGHEST, value))
    return held, held != value


def _double(value: int) -> int:
    """Return ``value`` scaled 2:1."""
    size = TWO_TO_ONE.get(abs(value), 2 * abs(value))
    return size if value >= 0 else -size


class Ps2Mouse(Ps2Device):
    """Movements and buttons in, packets out."""

    FIRST_COMMAND = Command.SCALING_1_1

    buffer = Queue("bytes of packets not sent yet", BUFFER_BYTES)
    last = Queue("the last answer or packet, for RESEND", 5)
    dx = Cell(0, integer(LOWEST, HIGHEST), "horizontal counter")
    dy = Cell(0, integer(LOWEST, HIGHEST), "vertical counter")
    dz = Cell(0, integer(WHEEL_LOWEST, WHEEL_HIGHEST), "wheel counter")
    x_overflow = Cell(False, FLAG, "the horizontal counter overflowed")
    y_overflow = Cell(False, FLAG, "the vertical counter overflowed")
    buttons = Cell(0, integer(0, 7), "buttons that are down, as in a packet")
    changed = Cell(False, FLAG, "a packet would say something new")
    reporting = Cell(False, FLAG, "ENABLE: packets are sent in stream mode")
    remote = Cell(False, FLAG, "remote mode")
    wrap = Cell(False, FLAG, "wrap mode: every byte comes back")
    doubling = Cell(False, FLAG, "scaling is 2:1")
    resolution = Cell(DEFAULT_RESOLUTION, integer(0, 3), "resolution, without effect")
    rate = Cell(DEFAULT_RATE, integer(0, 200), "sample rate, without effect")
    knock = Queue("the last three sample rates", len(WHEEL_KNOCK))
    wheel = Cell(False, FLAG, "packets have a fourth byte: the wheel")

    # The host.

    def move(self, dx: int, dy: int, dz: int = 0) -> None:
        """Move by counts: right, up, and the wheel towards the user are positive."""
        self.dx, over = _saturate(self.dx + dx)
        self.x_overflow |= over
        self.dy, over = _saturate(self.dy + dy)
        self.y_overflow |= over
        self.dz = max(WHEEL_LOWEST, min(WHEEL_HIGHEST, self.dz + dz))
        self.changed |= bool(dx or dy or dz)
        self._changed()

    def press(self, buttons: int) -> None:
        """Have ``buttons`` down, as in a packet, and no others."""
        if buttons == self.buttons:
            return
        self.buttons = buttons
        self.changed = True
        packet_bytes = 4 if self.wheel else 3
        if self._streaming() and len(self.buffer) + packet_bytes <= BUFFER_BYTES:
            self.buffer += self._packet(self.doubling)
        self._changed()

    # The cable.

    def _streaming(self) -> bool:
        return self.reporting and not self.remote and not self.wrap

    def pending(self) -> bool:
        """Whether there is something to send."""
        return bool(self.replies or self.buffer or (self._streaming() and self.changed))

    def take(self) -> int | None:
        """Send a byte, if there is one."""
        if not self.replies and not self.buffer and self._streaming() and self.changed:
            self.buffer[:] = self._packet(self.doubling)
        source = self.replies or self.buffer
        return source.pop(0) if source else None

    def _packet(self, doubled: bool) -> bytes:
        """Return a packet about everything since the last one."""
        (dx, x_over), (dy, y_over) = (
            _saturate(_double(count) if doubled else count) for count in (self.dx, self.dy)
        )
        first = Packet(self.buttons).replace(
            ONE=1,
            XS=dx < 0,
            YS=dy < 0,
            XO=x_over or self.x_overflow,
            YO=y_over or self.y_overflow,
        )
        packet = bytes([first, dx & 0xFF, dy & 0xFF])
        if self.wheel:
            packet += bytes([self.dz & 0xFF])
        self._clear_counters()
        self.last[:] = packet
        return packet

    def _clear_counters(self) -> None:
        self.dx = self.dy = self.dz = 0
        self.x_overflow = self.y_overflow = self.changed = False

    # Commands.

    def _answer(self, *answer: int) -> None:
        super()._answer(*answer)
        self.last[:] = self.replies

    def receive(self, byte: int) -> None:
        """Take a command or an argument. It ends a packet that is under way."""
        if self.buffer:
            self.buffer.clear()
            self.changed = True  # at least the buttons must be told again
        if self.wrap and byte not in (Command.RESET, Command.RESET_WRAP_MODE):
            self._answer(byte)
        else:
            super().receive(byte)

    def _default(self) -> None:
        self._clear_counters()
        self.reporting = self.remote = self.wrap = self.doubling = False
        self.resolution, self.rate = DEFAULT_RESOLUTION, DEFAULT_RATE

    def _command(self, code: int) -> None:
        if code in (Command.SET_RESOLUTION, Command.SET_RATE):
            self._await(code)
            return
        self._answer(*self._ask(code) or self._set(code) or [RESEND])

    def _ask(self, code: int) -> list[int] | None:
        """Return the answer to a command that asks for something; None if it does not."""
        match code:
            case Command.STATUS_REQUEST:
                return [ACKNOWLEDGE, self._status(), self.resolution, self.rate]
            case Command.READ_DATA:
                return [ACKNOWLEDGE, *self._packet(doubled=False)]
            case Command.READ_ID:
                return [ACKNOWLEDGE, INTELLIMOUSE if self.wheel else STANDARD]
            case Command.RESEND:
                return list(self.last)
            case Command.RESET:
                self._default()
                self.wheel = False
                self.knock.clear()
                return [ACKNOWLEDGE, TEST_PASSED, STANDARD]
            case _:
                return None

    def _set(self, code: int) -> list[int] | None:
        """Obey a command that sets something, and acknowledge; return None if it does not."""
        match code:
            case Command.SCALING_1_1 | Command.SCALING_2_1:
                self.doubling = code == Command.SCALING_2_1
            case Command.SET_STREAM_MODE | Command.SET_REMOTE_MODE:
                self.remote = code == Command.SET_REMOTE_MODE
                self._clear_counters()
            case Command.SET_WRAP_MODE | Command.RESET_WRAP_MODE:
                self.wrap = code == Command.SET_WRAP_MODE
            case Command.ENABLE | Command.DISABLE:
                self.reporting = code == Command.ENABLE
                self._clear_counters()
            case Command.SET_DEFAULT:
                self._default()
            case _:
                return None
        return [ACKNOWLEDGE]

    def _status(self) -> int:
        held = Packet(self.buttons)
        return Status(0).replace(
            REMOTE=self.remote,
            ENABLED=self.reporting,
            SCALING=self.doubling,
            L=held.L,
            M=held.M,
            R=held.R,
        )

    def _argument(self, command: int, byte: int) -> None:
        """Take a resolution or a rate; ask again for one that does not exist."""
        if byte not in (RESOLUTIONS if command == Command.SET_RESOLUTION else RATES):
            self._await(command, RESEND)
            return
        if command == Command.SET_RESOLUTION:
            self.resolution = byte
        else:
            self.rate = byte
            self.knock[:] = bytes([*self.knock, byte])[-len(WHEEL_KNOCK) :]
            self.wheel |= self.knock == WHEEL_KNOCK
        self._answer(ACKNOWLEDGE)
