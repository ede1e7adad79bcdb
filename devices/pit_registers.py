"""The words of the 8254's control port, named as in Intel's data sheet (231164)."""

from __future__ import annotations

from vectoros.devices.fields import Bit, Bits, Fields

READ_BACK = 3
"""The value of SC that makes a control word a read-back command."""

LATCH, LOW_BYTE, HIGH_BYTE, BOTH_BYTES = range(4)
"""Values of RW."""

RW_VALUES = {LATCH: "counter latch", LOW_BYTE: "LSB", HIGH_BYTE: "MSB", BOTH_BYTES: "LSB then MSB"}

MODES = {
    0: "0, interrupt on terminal count",
    1: "1, hardware retriggerable one-shot",
    2: "2, rate generator",
    3: "3, square wave",
    4: "4, software triggered strobe",
    5: "5, hardware triggered strobe",
    6: "2, rate generator",
    7: "3, square wave",
}


class ControlWord(Fields):
    """Program a counter."""

    SC = Bits(7, 6, "select counter")
    RW = Bits(5, 4, "which bytes are read and written", RW_VALUES)
    M = Bits(3, 1, "mode", MODES)
    BCD = Bit(0, "count", {0: "binary, 16 bits", 1: "binary coded decimal, 4 digits"})


class LatchCommand(Fields):
    """Hold a counter's value until it is read."""

    SC = Bits(7, 6, "select counter")


class ReadBack(Fields):
    """Latch count and status of several counters at once. COUNT and STATUS are active low."""

    COUNT = Bit(5, "0: latch the count")
    STATUS = Bit(4, "0: latch the status")
    CNT2 = Bit(3, "of counter 2")
    CNT1 = Bit(2, "of counter 1")
    CNT0 = Bit(1, "of counter 0")


class Status(Fields):
    """What a latched status reads as."""

    OUT = Bit(7, "level of the output")
    NULL = Bit(6, "a count was written and is not yet counting")
    RW = Bits(5, 4, "as programmed", RW_VALUES)
    M = Bits(3, 1, "as programmed", MODES)
    BCD = Bit(0, "as programmed")
