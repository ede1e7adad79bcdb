"""Loopback: the console's receiver hears its transmitter. Overruns can happen only here."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.uart import Uart
from vectoros.devices.uart_registers import Fcr, Ier, Lsr, Mcr, Msr
from vectoros.irq import Line

RBR = THR = 0
IER, IIR, MCR, LSR, MSR = 1, 2, 4, 5, 6
FCR = IIR

NONE, LINE_STATUS, DATA, MODEM = 0x01, 0x06, 0x04, 0x00
FIFO_14 = Fcr(0).replace(FIFO_ENABLE=1, TRIGGER=3)
CLEAR = FIFO_14 | Fcr.RCVR_RESET.mask


class Rig:
    """A UART, its line, and everything that it sends."""

    def __init__(self) -> None:
        self.line = Line()
        self.sent = bytearray()
        self.uart = Uart(Clock(), irq=self.line, transmit=self.sent.append)

    def read(self, offset: int) -> int:
        return self.uart.read(offset, 1)

    def write(self, offset: int, value: int) -> None:
        self.uart.write(offset, 1, value)

    def cause(self) -> int:
        return self.read(IIR) & 0x0F

    def drain(self) -> bytes:
        found = bytearray()
        while self.read(LSR) & Lsr.DR.mask:
            found.append(self.read(RBR))
        return bytes(found)


def loop(rig: Rig, **more: int) -> None:
    rig.write(MCR, Mcr(0).replace(LOOP=1, **more))


def test_loopback_hears_the_transmitter_and_nothing_else() -> None:
    rig = Rig()
    rig.uart.receive(b"host")
    loop(rig)
    rig.write(THR, 0x55)
    assert rig.drain() == b"\x55"
    assert rig.sent == b""
    rig.write(MCR, Mcr.OUT2.mask)
    assert rig.drain() == b"host"


def test_loopback_shows_the_outputs_as_inputs_and_notes_changes() -> None:
    rig = Rig()
    loop(rig, RTS=1)
    assert rig.read(MSR) == Msr(0).replace(CTS=1, DDSR=1, DDCD=1)
    loop(rig, DTR=1, OUT1=1)
    assert rig.read(MSR) == Msr(0).replace(DSR=1, RI=1, DDSR=1, DCTS=1)
    loop(rig)
    assert rig.read(MSR) == Msr(0).replace(DDSR=1, TERI=1)
    assert rig.read(MSR) == 0


def test_modem_changes_interrupt_with_the_lowest_priority() -> None:
    rig = Rig()
    rig.write(IER, Ier.EDSSI.mask)
    loop(rig)
    assert rig.cause() == MODEM
    assert not rig.line.level, "in loopback the chip's outputs, OUT2 too, are inactive"
    rig.write(MCR, Mcr.OUT2.mask)
    assert rig.line.level
    rig.read(MSR)
    assert not rig.line.level


def test_overrun_without_fifo_replaces_the_byte() -> None:
    rig = Rig()
    rig.write(IER, Ier.ELSI.mask | Ier.ERBFI.mask)
    loop(rig)
    rig.write(THR, 1)
    rig.write(THR, 2)
    assert rig.cause() == LINE_STATUS
    assert rig.read(LSR) & Lsr.OE.mask
    assert rig.cause() == DATA
    assert not rig.read(LSR) & Lsr.OE.mask
    assert rig.drain() == b"\x02"


def test_an_overrun_interrupts_until_line_status_is_read() -> None:
    rig = Rig()
    rig.write(IER, Ier.ELSI.mask)
    loop(rig)
    rig.write(THR, 1)
    rig.write(THR, 2)
    rig.write(MCR, Mcr.OUT2.mask)
    assert rig.line.level
    rig.read(LSR)
    assert not rig.line.level


def test_a_byte_looped_back_times_out_like_any_other() -> None:
    rig = Rig()
    rig.write(FCR, FIFO_14)
    loop(rig)
    rig.write(THR, 1)
    assert rig.uart.next_event() is not None


def test_overrun_with_fifo_loses_the_newest_byte() -> None:
    rig = Rig()
    rig.write(FCR, FIFO_14)
    loop(rig)
    for byte in range(17):
        rig.write(THR, byte)
    assert rig.read(LSR) & Lsr.OE.mask
    assert rig.drain() == bytes(range(16))


@pytest.mark.parametrize("fcr", [0, FIFO_14])
@pytest.mark.parametrize("then", ["nothing", "read", "clear"])
def test_bytes_looped_back_never_reach_the_queue_of_the_host(fcr: int, then: str) -> None:
    rig = Rig()
    rig.write(FCR, fcr)
    loop(rig)
    rig.write(THR, 0x11)
    rig.write(THR, 0x22)
    if then == "read":
        rig.read(RBR)
    if then == "clear":
        rig.write(FCR, CLEAR)
    rig.write(MCR, 0)
    rig.uart.receive(b"host")
    rig.write(FCR, CLEAR)
    assert rig.drain() == b"host"


def test_only_a_command_or_a_change_clears_the_fifo() -> None:
    rig = Rig()
    rig.write(FCR, FIFO_14)
    loop(rig)
    rig.write(THR, 0x11)
    rig.write(FCR, Fcr.FIFO_ENABLE.mask)
    loop(rig, RTS=1)
    assert rig.read(LSR) & Lsr.DR.mask
    rig.write(FCR, 0)
    assert not rig.read(LSR) & Lsr.DR.mask


def test_clearing_the_fifo_stops_the_time_out() -> None:
    rig = Rig()
    rig.write(FCR, FIFO_14)
    loop(rig)
    rig.write(THR, 1)
    assert rig.uart.next_event() is not None
    rig.write(FCR, CLEAR)
    assert rig.uart.next_event() is None
