"""The debug console: a guest writes text to a port, and each line is a milestone.

The smallest way for firmware to say how far it has come: one OUT a character, no
set-up. Promise: text is delivered a line at a time, in order, and a guest that
never ends its line cannot fill the host's memory.
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.registers import Access, Register
from vectoros.devices.state import Queue

SIGNATURE = 0xE9
"""What a read gives, so that a guest can tell that the console is there (Bochs)."""

LINE_BYTES = 4096
"""A line is cut after this many bytes."""


class DebugConsole(Device):
    """Collect characters into lines.

    A line ends with a line feed, and a carriage return before it is dropped. The
    bytes are UTF-8; one that is not shows as U+FFFD. A line of more than 4096
    bytes is delivered in pieces.
    """

    name = "debug_console"
    source = 'Bochs User Manual, "port_e9_hack"; QEMU, device isa-debugcon'

    text = Register(0, Access.RW, int, "write: a character; read: always E9h")
    line = Queue("the line so far", LINE_BYTES)

    def __init__(self, clock: Clock, *, deliver: Callable[[str], None]) -> None:
        """Call ``deliver`` with each finished line."""
        self._deliver = deliver
        super().__init__(clock)

    @text.read_by
    def _sign(self) -> int:
        return SIGNATURE

    @text.written_by
    def _collect(self, byte: int) -> None:
        if byte != ord("\n"):
            self.line.append(byte)
            if len(self.line) < LINE_BYTES:
                return
        line = self.line.removesuffix(b"\r").decode(errors="replace")
        self.line.clear()
        self._deliver(line)
