"""The registers of the MC146818, named as in Motorola's data sheet."""

from __future__ import annotations

from vectoros.devices.fields import Bit, Bits, Fields

OSCILLATOR_HZ = 32_768
"""The time-base of a PC (IBM PC/AT), which DV = 2 goes with."""

LAST_RUNNING_DV = 2
"""Values up to this one are time-bases; those above hold the divider in reset or test it."""

SLOW_RATES = 2
"""RS 1 and 2 give what 8 and 9 do: the divider has no taps so early at 32.768 kHz."""


def period_cycles(rate: int) -> int:
    """Return the cycles of the oscillator between two periodic interrupts; 0 if there are none.

    >>> [OSCILLATOR_HZ // period_cycles(rate) for rate in (1, 2, 3, 6, 15)]
    [256, 128, 8192, 1024, 2]
    """
    if rate == 0:
        return 0
    return 1 << (rate + 6 if rate <= SLOW_RATES else rate - 1)


RATES = {0: "none", **{rs: f"{OSCILLATOR_HZ // period_cycles(rs)} Hz" for rs in range(1, 16)}}
"""Values of RS."""


class Index(Fields):
    """The address register of the PC."""

    NMI_OFF = Bit(7, "mask NMI; nothing raises one")
    ADDRESS = Bits(6, 0, "which byte answers at the data port")


class RegisterA(Fields):
    """Register A."""

    UIP = Bit(7, "an update comes within 244 us; read only")
    DV = Bits(6, 4, "divider", {2: "32.768 kHz", 6: "held in reset", 7: "held in reset"})
    RS = Bits(3, 0, "rate of the periodic interrupt", RATES)


class RegisterB(Fields):
    """Register B."""

    SET = Bit(7, "hold the time, so that it can be set; setting it clears UIE")
    PIE = Bit(6, "periodic interrupt")
    AIE = Bit(5, "alarm interrupt")
    UIE = Bit(4, "update-ended interrupt")
    SQWE = Bit(3, "square wave; its pin is not connected")
    DM = Bit(2, "data mode", {0: "BCD", 1: "binary"})
    H24 = Bit(1, "hour format (24/12)", {0: "12 hours, bit 7 is PM", 1: "24 hours"})
    DSE = Bit(0, "daylight saving; holds a bit, clocks are not changed")


class RegisterC(Fields):
    """Register C."""

    IRQF = Bit(7, "an interrupt that is enabled has come: the level of IRQ 8")
    PF = Bit(6, "the period has passed")
    AF = Bit(5, "the time is that of the alarm")
    UF = Bit(4, "the time has been updated")


class RegisterD(Fields):
    """Register D."""

    VRT = Bit(7, "the battery is good, and so are RAM and time: always")
