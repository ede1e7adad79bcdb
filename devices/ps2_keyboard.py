"""A PS/2 keyboard with 104 keys and the scan code sets 1, 2 and 3.

Promise: every key event that the host queues reaches the guest whole and in
order. It waits in the queue until its last byte is sent; a guest that clears the
keyboard in between, as drivers do when they start, gets it again from its first.

Where it differs from a keyboard on a desk, on purpose:

* Typematic repeat is off: the host sends make and break. The rate is accepted.
* In set 3 every key starts out as make/break, whatever its type on a real one.
* The self-test takes no time, and the one at power-on is over.
* No key adds Shift or Num Lock codes of its own around the keys of the cursor pad.
"""

from __future__ import annotations

from enum import IntEnum

from vectoros.devices.ps2_device import ACKNOWLEDGE, RESEND, TEST_PASSED, Ps2Device
from vectoros.devices.scancodes import KEYS, scan_codes
from vectoros.devices.state import FLAG, Cell, Queue, integer
from vectoros.errors import UsageError

BUFFER_BYTES = 16
"""Bytes of scan codes that the keyboard holds; behind them there is room for an overrun code."""

QUEUE_EVENTS = 4096
"""Key events of the host's that wait at most: a page of text."""

RELEASED = 0x80
"""In a key event: the key goes up. The other bits are its number."""

OVERRUN = {1: 0xFF, 2: 0x00, 3: 0x00}
"""What stands for lost keys, by scan code set."""

IDENTIFIER = (0xAB, 0x83)
"""An MF2 keyboard."""

DEFAULT_RATE = 0x2B
"""10.9 characters a second after 500 ms."""

ALL_CODES = bytes(range(256))


class Command(IntEnum):
    """Commands of the keyboard."""

    SET_INDICATORS = 0xED
    ECHO = 0xEE
    SELECT_SCAN_CODES = 0xF0
    READ_ID = 0xF2
    SET_RATE = 0xF3
    ENABLE = 0xF4
    DEFAULT_DISABLE = 0xF5
    SET_DEFAULT = 0xF6
    ALL_TYPEMATIC = 0xF7
    ALL_MAKE_BREAK = 0xF8
    ALL_MAKE = 0xF9
    ALL_TYPEMATIC_MAKE_BREAK = 0xFA
    KEY_TYPEMATIC = 0xFB
    KEY_MAKE_BREAK = 0xFC
    KEY_MAKE = 0xFD
    RESEND = 0xFE
    RESET = 0xFF


WITH_ARGUMENT = frozenset(
    {
        Command.SET_INDICATORS,
        Command.SELECT_SCAN_CODES,
        Command.SET_RATE,
        Command.KEY_TYPEMATIC,
        Command.KEY_MAKE_BREAK,
        Command.KEY_MAKE,
    }
)


class Ps2Keyboard(Ps2Device):
    """Keys in, scan codes out."""

    FIRST_COMMAND = Command.SET_INDICATORS

    queue = Queue("key events of the host that wait for the guest", QUEUE_EVENTS)
    buffer = Queue("scan codes not sent yet", BUFFER_BYTES + 1)
    queued = Cell(False, FLAG, "the buffer begins with what is left of the queue's first event")
    last = Cell(TEST_PASSED, integer(0, 0xFF), "byte sent last, for RESEND")
    scanning = Cell(True, FLAG, "keys are heard")
    scan_set = Cell(2, integer(1, 3), "scan code set")
    rate = Cell(DEFAULT_RATE, integer(0, 0x7F), "typematic rate and delay, without effect")
    indicators = Cell(0, integer(0, 7), "lights: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock")
    silent = Queue("codes of keys that send no break code in set 3", len(ALL_CODES))

    # The host.

    def enqueue(self, events: bytes) -> None:
        """Queue key events; raise :class:`UsageError`, and queue none, if there is no room."""
        free = QUEUE_EVENTS - len(self.queue)
        if len(events) > free:
            raise UsageError(
                f"keyboard: {len(events)} key events do not fit, because the queue has room "
                f"for {free} of {QUEUE_EVENTS}: let the guest run and read"
            )
        self.queue += events
        self._changed()

    def strike(self, event: int) -> None:
        """Let a key go down or up now, before what waits in the queue.

        This waits for nobody: with a full buffer it ends in an overrun code, and
        while the guest has switched the keyboard off nobody hears it.
        """
        if not self.scanning or len(self.buffer) > BUFFER_BYTES:
            return
        codes = self._codes(event)
        if len(self.buffer) + len(codes) > BUFFER_BYTES:
            codes = bytes([OVERRUN[self.scan_set]])
        self.buffer += codes
        self._changed()

    def _codes(self, event: int) -> bytes:
        """Return what a key event sends."""
        number, down = event & ~RELEASED, event < RELEASED
        if not 1 <= number <= len(KEYS):
            return b""  # only a forged snapshot has such a key
        key = KEYS[number - 1]
        if self.scan_set == 3 and not down and key.set_3 in self.silent:
            return b""
        return scan_codes(key, down, self.scan_set)

    # The cable.

    def pending(self) -> bool:
        """Whether there is something to send."""
        return bool(self.replies or self.buffer or (self.scanning and self.queue))

    def take(self) -> int | None:
        """Send a byte, if there is one."""
        if not self.replies and not self.buffer:
            self._load()
        source = self.replies or self.buffer
        if not source:
            return None
        self.last = source.pop(0)
        if source is self.buffer and self.queued and not source:
            del self.queue[:1]
            self.queued = False
        return self.last

    def _load(self) -> None:
        """Take the next event of the queue that sends anything into the empty buffer."""
        while self.scanning and self.queue and not self.buffer:
            self.buffer[:] = self._codes(self.queue[0])
            self.queued = bool(self.buffer)
            if not self.buffer:
                del self.queue[:1]

    def _clear(self) -> None:
        """Forget the scan codes; an event of the queue will send them again."""
        self.buffer.clear()
        self.queued = False

    # Commands.

    def _default(self) -> None:
        self._clear()
        self.scan_set, self.rate, self.indicators = 2, DEFAULT_RATE, 0
        self.silent.clear()

    def _command(self, code: int) -> None:
        if code in WITH_ARGUMENT:
            self._await(code)
        else:
            self._answer(*self._ask(code) or self._set(code) or [RESEND])

    def _ask(self, code: int) -> list[int] | None:
        """Return the answer to a command that has its own; None if it has not."""
        match code:
            case Command.ECHO:
                return [Command.ECHO]
            case Command.READ_ID:
                return [ACKNOWLEDGE, *IDENTIFIER]
            case Command.RESEND:
                return [self.last]
            case Command.RESET:
                self._default()
                self.scanning = True
                return [ACKNOWLEDGE, TEST_PASSED]
            case _:
                return None

    def _set(self, code: int) -> list[int] | None:
        """Obey a command that sets something, and acknowledge; return None if it does not."""
        match code:
            case Command.ENABLE:
                self._clear()
                self.scanning = True
            case Command.DEFAULT_DISABLE:
                self._default()
                self.scanning = False
            case Command.SET_DEFAULT:
                self._default()
            case Command.ALL_TYPEMATIC | Command.ALL_MAKE:
                self.silent[:] = ALL_CODES
            case Command.ALL_MAKE_BREAK | Command.ALL_TYPEMATIC_MAKE_BREAK:
                self.silent.clear()
            case _:
                return None
        return [ACKNOWLEDGE]

    def _argument(self, command: int, byte: int) -> None:
        self._answer(ACKNOWLEDGE)
        match command:
            case Command.SET_INDICATORS:
                self.indicators = byte & 7
            case Command.SET_RATE:
                self.rate = byte & 0x7F
            case Command.SELECT_SCAN_CODES:
                self._select(byte)
            case _:
                # Further keys may follow, up to the next command.
                self._await(command)
                self._set_type(command, byte)

    def _select(self, scan_set: int) -> None:
        """Use ``scan_set``; 0 asks for the one in use."""
        if scan_set == 0:
            self._answer(ACKNOWLEDGE, self.scan_set)
        elif scan_set in OVERRUN:
            self._clear()
            self.scan_set = scan_set
        else:
            self._await(Command.SELECT_SCAN_CODES, RESEND)

    def _set_type(self, command: int, code: int) -> None:
        """Let the key with ``code`` in set 3 send break codes or not."""
        self.silent[:] = self.silent.replace(bytes([code]), b"")
        if command != Command.KEY_MAKE_BREAK:
            self.silent.append(code)
