"""The bits of the 16550A's registers, named as in National's PC16550D data sheet."""

from __future__ import annotations

from vectoros.devices.fields import Bit, Bits, Fields

NO_INTERRUPT = 0b0001
LINE_STATUS = 0b0110
DATA_AVAILABLE = 0b0100
CHARACTER_TIMEOUT = 0b1100
THR_EMPTY = 0b0010
MODEM_STATUS = 0b0000

CAUSES = {
    NO_INTERRUPT: "none pending",
    LINE_STATUS: "receiver line status; cleared by reading LSR",
    DATA_AVAILABLE: "received data available; cleared by reading RBR",
    CHARACTER_TIMEOUT: "character time-out; cleared by reading RBR",
    THR_EMPTY: "THR empty; cleared by reading IIR or writing THR",
    MODEM_STATUS: "modem status; cleared by reading MSR",
}
"""Values of IIR.ID; the order is that of priority."""

TRIGGER_LEVELS = (1, 4, 8, 14)
"""Bytes in the receive FIFO at which it interrupts, by value of FCR.TRIGGER."""


class Ier(Fields):
    """Interrupt enable."""

    EDSSI = Bit(3, "modem status interrupt")
    ELSI = Bit(2, "receiver line status interrupt")
    ETBEI = Bit(1, "transmitter holding register empty interrupt")
    ERBFI = Bit(0, "received data available interrupt, and character time-out")


class Iir(Fields):
    """Interrupt identification."""

    FIFOS = Bits(7, 6, "FIFOs enabled", {0: "off", 3: "on"})
    ID = Bits(3, 0, "the pending interrupt of the highest priority", CAUSES)


class Fcr(Fields):
    """FIFO control."""

    TRIGGER = Bits(
        7, 6, "bytes at which the receive FIFO interrupts", {0: "1", 1: "4", 2: "8", 3: "14"}
    )
    DMA_MODE = Bit(3, "DMA mode; nothing is wired to it")
    XMIT_RESET = Bit(2, "clear the transmit FIFO, which is always empty; clears itself")
    RCVR_RESET = Bit(1, "clear the receive FIFO; clears itself")
    FIFO_ENABLE = Bit(0, "use the FIFOs; changing it clears them")


class Lcr(Fields):
    """Line control."""

    DLAB = Bit(7, "divisor latch access: offsets 0 and 1 are DLL and DLM")
    BREAK = Bit(6, "set break: no effect here")
    STICK = Bit(5, "stick parity")
    EPS = Bit(4, "even parity")
    PEN = Bit(3, "parity enable")
    STB = Bit(2, "stop bits", {0: "1", 1: "2, or 1.5 with 5 data bits"})
    WLS = Bits(1, 0, "word length", {n: f"{5 + n} bits" for n in range(4)})


class Mcr(Fields):
    """Modem control."""

    LOOP = Bit(4, "loopback: the receiver hears the transmitter, MSR shows bits 3:0")
    OUT2 = Bit(3, "connect the interrupt to its line")
    OUT1 = Bit(2, "output 1: not connected")
    RTS = Bit(1, "request to send")
    DTR = Bit(0, "data terminal ready")


class Lsr(Fields):
    """Line status."""

    FIFO_ERROR = Bit(7, "an error in the receive FIFO: never here")
    TEMT = Bit(6, "transmitter empty: always")
    THRE = Bit(5, "transmitter holding register empty: always")
    BI = Bit(4, "break: never here")
    FE = Bit(3, "framing error: never here")
    PE = Bit(2, "parity error: never here")
    OE = Bit(1, "overrun: a byte was lost, in loopback")
    DR = Bit(0, "data ready")


class Msr(Fields):
    """Modem status."""

    DCD = Bit(7, "data carrier detect; in loopback, OUT2")
    RI = Bit(6, "ring indicator; in loopback, OUT1")
    DSR = Bit(5, "data set ready; in loopback, DTR")
    CTS = Bit(4, "clear to send; in loopback, RTS")
    DDCD = Bit(3, "DCD changed since the last read")
    TERI = Bit(2, "RI went from set to clear since the last read")
    DDSR = Bit(1, "DSR changed since the last read")
    DCTS = Bit(0, "CTS changed since the last read")


MODEM_CHANGES = Msr.DCTS.mask | Msr.DDSR.mask | Msr.TERI.mask | Msr.DDCD.mask
"""What a read of MSR clears, and what its interrupt reports."""
