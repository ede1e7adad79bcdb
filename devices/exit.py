"""The exit device: a guest ends the run and says with which status.

Promise: the byte that is written is the status, unchanged. (QEMU's device makes
``2 * byte + 1`` of it, so that a guest cannot report success; ours can.)
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.registers import Access, Register


class Exit(Device):
    """One write-only register.

    A wider write counts by its low byte. The device has nothing to read: a read
    gives all ones, as from a hole.
    """

    source = "QEMU, device isa-debug-exit (place and purpose; the status is not doubled)"

    code = Register(0, Access.W, int, "stop the machine with this exit status")

    def __init__(self, clock: Clock, *, stop: Callable[[int], None]) -> None:
        """Call ``stop`` with the status; when the machine stops is the board's business."""
        self._stop = stop
        super().__init__(clock)

    def write(self, offset: int, width: int, value: int) -> None:
        """Apply a guest's write, of any width, by its low byte."""
        super().write(offset, 1, value & 0xFF)

    @code.written_by
    def _end(self, code: int) -> None:
        self._stop(code)
