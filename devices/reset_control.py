"""The reset control register: how software resets a PC, at port CF9h.

Promise: a reset is asked for exactly when RCPU rises.
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.fields import Bit, Fields
from vectoros.devices.registers import Access, Register


class Rc(Fields):
    """Reset control."""

    RCPU = Bit(2, "reset CPU: a change from 0 to 1 resets")
    SRST = Bit(1, "system reset: what RCPU resets", {0: "the CPU (soft)", 1: "everything (hard)"})


class ResetControl(Device):
    """One register.

    A soft reset of this machine is a hard one, as on QEMU: the CPU and every
    device start anew. RAM is kept in either.
    """

    name = "reset_control"
    source = 'Intel 82371SB (PIIX3) data sheet, register RC, "Reset Control"'

    rc = Register(0, Access.RW, Rc, "reset control", reset=0)

    def __init__(self, clock: Clock, *, reset: Callable[[], None]) -> None:
        """Call ``reset`` when the guest asks for one; when it comes is the board's business."""
        self._reset = reset
        super().__init__(clock)

    @rc.written_by
    def _control(self, value: Rc) -> None:
        rises = value.RCPU and not self.rc.RCPU
        self.rc = value
        if rises:
            self._reset()
