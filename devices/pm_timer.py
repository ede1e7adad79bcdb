"""The ACPI power management timer: a counter that never stops, at 3.579545 MHz.

Promise: the count is a function of the machine's clock alone, so no state is kept
and nobody can set it.
"""

from __future__ import annotations

from vectoros.clock import Clock, tick_of_count
from vectoros.devices.device import Device
from vectoros.devices.fields import Bits, Fields
from vectoros.devices.registers import Access, Register
from vectoros.units import TICKS_PER_SECOND

PM_TIMER_HZ = 3_579_545
"""Three times the rate of the 8254 (ACPI 6.5, section 4.8.4.3)."""

TIMER_BITS = 24
"""Width of the counter, as on PIIX4 and QEMU: it starts again every 4.7 seconds.

The tables must say so: TMR_VAL_EXT of the FADT would mean 32.
"""


class PmTmr(Fields):
    """The power management timer."""

    TMR_VAL = Bits(TIMER_BITS - 1, 0, "the count; starts again at 0 after its last value")


def toggles(tick: int) -> int:
    """Return how often the counter's highest bit has changed by ``tick``."""
    return tick * PM_TIMER_HZ // TICKS_PER_SECOND >> TIMER_BITS - 1


def tick_of_toggle(number: int) -> int:
    """Return the first tick by which the highest bit has changed ``number`` times."""
    return tick_of_count(number << TIMER_BITS - 1, PM_TIMER_HZ)


class PmTimer(Device):
    """One register. That its highest bit has changed is told by the event block."""

    name = "pm_timer"
    source = 'ACPI 6.5, section 4.8.4.3, "Power Management Timer"'

    pm_tmr = Register(0, Access.R, PmTmr, "the time", width=4)

    def __init__(self, clock: Clock) -> None:
        """Count what passes on ``clock``."""
        super().__init__(clock)

    @pm_tmr.read_by
    def _count(self) -> int:
        return self.clock.count(PM_TIMER_HZ)
