"""The ACPI PM1 event block: what has happened, and what of it shall interrupt.

Promise: SCI is high exactly while an event that is enabled has its status bit set.
The timer's status is a function of the clock and of when it was last cleared, so
nothing is counted, and there is an event only if somebody has asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.fields import Bit, Fields
from vectoros.devices.pm_timer import tick_of_toggle, toggles
from vectoros.devices.registers import Access, Register
from vectoros.devices.state import FLAG, Cell, State, integer
from vectoros.irq import Line


class Pm1Status(Fields):
    """PM1 status. Of what the machine has not, the bit is reserved and reads as 0."""

    PWRBTN_STS = Bit(8, "the power button was pressed")
    TMR_STS = Bit(0, "the highest bit of the timer has changed, from 0 to 1 or back")


class Pm1Enable(Fields):
    """PM1 enable. Drivers read back what they set, so every bit of the standard is kept."""

    PCIEXP_WAKE_DIS = Bit(14, "PCI Express does not wake; there is none")
    RTC_EN = Bit(10, "the clock's alarm; its status is never set here")
    SLPBTN_EN = Bit(9, "the sleep button; there is none")
    PWRBTN_EN = Bit(8, "the power button raises SCI")
    GBL_EN = Bit(5, "the global lock was released by SMM, and there is none")
    TMR_EN = Bit(0, "a change of the timer's highest bit raises SCI")


class PowerEvents(Device):
    """Status and enable: fixed hardware, and a line to the interrupt controller.

    SCI is level triggered: it stays high until the guest has cleared the status
    or the enable bit. SCI_EN of the control register is always set here.
    """

    name = "power_events"
    source = 'ACPI 6.5, section 4.8.4.1, "PM1 Event Grouping"'

    pm1_sts = Register(0, Access.W1C, Pm1Status, "PM1 status", width=2, reset=0)
    pm1_en = Register(2, Access.RW, Pm1Enable, "PM1 enable", width=2, reset=0)

    cleared = Cell(0, integer(), "changes of the timer's highest bit up to the last clearing")
    sci = Cell(False, FLAG, "level of SCI")

    def __init__(self, clock: Clock, *, irq: Line) -> None:
        """Interrupt on ``irq``."""
        self._irq = irq
        super().__init__(clock)

    def reset(self) -> None:
        """Go to the power-on state: nothing has happened yet."""
        super().reset()
        self.cleared = toggles(self.clock.now)
        self._drive()

    def adopt(self, state: Mapping[str, State]) -> None:
        """Take over a checked state, and the line's level with it."""
        super().adopt(state)
        self._irq.restore(self.sci)

    def press_button(self) -> None:
        """Press the power button: the host's doing."""
        self.pm1_sts = self.pm1_sts.replace(PWRBTN_STS=1)
        self._drive()

    def next_event(self) -> int | None:
        """Return the tick at which the timer raises SCI, if it is to and has not yet."""
        if not self.pm1_en.TMR_EN or self.sci:
            return None
        return tick_of_toggle(self.cleared + 1)

    def advance(self) -> None:
        """Raise SCI if the timer is due to."""
        self._drive()

    @pm1_sts.read_by
    def _status(self) -> int:
        changed = toggles(self.clock.now) > self.cleared
        return self.pm1_sts.replace(TMR_STS=changed)

    @pm1_sts.written_by
    def _clear(self, ones: Pm1Status) -> None:
        self.pm1_sts = Pm1Status(self.pm1_sts & ~ones)
        if ones.TMR_STS:
            self.cleared = toggles(self.clock.now)
        self._drive()

    @pm1_en.written_by
    def _enable(self, value: Pm1Enable) -> None:
        self.pm1_en = value
        self._drive()

    def _drive(self) -> None:
        """Set SCI to what status and enable make it; an event has one number in both."""
        self.sci = bool(self._status() & self.pm1_en)
        self._irq.set(self.sci)
