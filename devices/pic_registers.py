"""The command words of the 8259A, named as in Intel's data sheet (231468)."""

from __future__ import annotations

from vectoros.devices.fields import Bit, Bits, Fields


class Icw1(Fields):
    """Initialization command word 1."""

    START = Bit(4, "always 1: this is what makes it ICW1")
    LTIM = Bit(3, "trigger", {0: "edge", 1: "level"})
    ADI = Bit(2, "call address interval; for the 8080 only")
    SNGL = Bit(1, "single: no other 8259A, and no ICW3")
    IC4 = Bit(0, "ICW4 will follow; without it all of ICW4 is 0")


class Icw2(Fields):
    """Initialization command word 2."""

    T = Bits(7, 3, "bits 7:3 of every vector; bits 2:0 are the level")


class Icw3(Fields):
    """Initialization command word 3."""

    S = Bits(7, 0, "master: a bit for each input with a slave; slave: its identity in bits 2:0")


class Icw4(Fields):
    """Initialization command word 4."""

    SFNM = Bit(4, "special fully nested: a slave may interrupt its own service")
    BUF = Bit(3, "buffered mode; no effect here")
    MS = Bit(2, "buffered mode: master; no effect here, the pin decides")
    AEOI = Bit(1, "automatic end of interrupt")
    UPM = Bit(0, "8086 mode; the 8080's is treated alike, no CPU here could tell")


class Ocw2(Fields):
    """Operation command word 2."""

    COMMAND = Bits(
        7,
        5,
        "R, SL and EOI",
        {
            0b000: "rotate in automatic EOI mode: off",
            0b001: "non-specific EOI",
            0b010: "no operation",
            0b011: "specific EOI",
            0b100: "rotate in automatic EOI mode: on",
            0b101: "rotate on non-specific EOI",
            0b110: "set priority",
            0b111: "rotate on specific EOI",
        },
    )
    L = Bits(2, 0, "the level that a specific command means")


class Ocw3(Fields):
    """Operation command word 3."""

    ESMM = Bit(6, "SMM counts")
    SMM = Bit(5, "special mask mode: a masked level in service blocks no other")
    P = Bit(2, "poll: the next read acknowledges")
    RR = Bit(1, "RIS counts")
    RIS = Bit(0, "register that offset 0 reads as", {0: "IRR", 1: "ISR"})


class Poll(Fields):
    """What a read gives after the poll command."""

    I = Bit(7, "an interrupt was pending, and is now in service")  # noqa: E741  Intel's name
    W = Bits(2, 0, "its level")
