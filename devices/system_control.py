"""System control port A: the A20 gate and the fast reset, at port 92h.

Promise: a reset is asked for exactly when FAST_RESET rises.
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.fields import Bit, Fields
from vectoros.devices.registers import Access, Register


class ControlA(Fields):
    """System control port A."""

    A20 = Bit(1, "address line 20 is not masked; reads as written, and the line never is")
    FAST_RESET = Bit(0, "fast reset: a change from 0 to 1 resets the machine")


class SystemControlA(Device):
    """One register.

    Address line 20 is always open, which is how the machine starts. A guest may
    write the bit and read it back; addresses do not wrap at 1 MiB. A fast reset
    is a whole one: the CPU and every device start anew, and RAM is kept.
    """

    name = "system_control"
    source = 'IBM PS/2 Hardware Interface Technical Reference, "System Control Port A"'

    control_a = Register(0, Access.RW, ControlA, "system control port A", reset=ControlA.A20.mask)

    def __init__(self, clock: Clock, *, reset: Callable[[], None]) -> None:
        """Call ``reset`` when the guest asks for one; when it comes is the board's business."""
        self._reset = reset
        super().__init__(clock)

    @control_a.written_by
    def _control(self, value: ControlA) -> None:
        rises = value.FAST_RESET and not self.control_a.FAST_RESET
        self.control_a = value
        if rises:
            self._reset()
