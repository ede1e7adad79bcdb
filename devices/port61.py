"""System control port B: the gate and the output of the timer's counter 2."""

from __future__ import annotations

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.fields import Bit, Fields
from vectoros.devices.pit import Pit
from vectoros.devices.registers import Access, Register

REFRESH_PULSES = 18
"""CLK pulses between two memory refreshes: 15.085 us (IBM PC/AT).

The PC's firmware programs counter 1 for this. Guests use the bit as a clock and
nobody programs the counter any more, so here it toggles by itself.
"""


class SystemControl(Fields):
    """System control port B."""

    PARITY = Bit(7, "memory parity error: never")
    IOCHK = Bit(6, "error on the expansion bus: never")
    OUT2 = Bit(5, "output of counter 2")
    REFRESH = Bit(4, "toggles with each memory refresh, every 15.085 us")
    IOCHK_OFF = Bit(3, "ignore IOCHK")
    PARITY_OFF = Bit(2, "ignore PARITY")
    SPEAKER = Bit(1, "let counter 2 sound; there is no speaker")
    GATE2 = Bit(0, "gate of counter 2")


CONTROLS = 0x0F
"""Bits 3:0 hold what was written; the others show what is."""


class Port61(Device):
    """One register. Bits 3:0 are controls, bits 7:4 are status and cannot be written."""

    source = 'IBM PC/AT Technical Reference, "System control"; Intel 82371SB, register NMISC'

    control_b = Register(0, Access.RW, SystemControl, "system control port B", reset=0)

    def __init__(self, clock: Clock, *, pit: Pit) -> None:
        """Gate counter 2 of ``pit``, and show its output."""
        self._pit = pit
        super().__init__(clock)

    def reset(self) -> None:
        """Go to the power-on state: the gate is low."""
        super().reset()
        self._pit.set_gate2(False)

    @control_b.read_by
    def _status(self) -> int:
        refreshes = self._pit.pulse // REFRESH_PULSES
        return self.control_b.replace(OUT2=self._pit.out2(), REFRESH=refreshes)

    @control_b.written_by
    def _control(self, value: SystemControl) -> None:
        self.control_b = SystemControl(value & CONTROLS)
        self._pit.set_gate2(bool(value.GATE2))
