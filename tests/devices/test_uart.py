"""The console, driven as a guest drives it: by offset."""

from __future__ import annotations

from vectoros.clock import Clock
from vectoros.devices.uart import CLOCK_HZ, Uart
from vectoros.devices.uart_registers import Fcr, Ier, Lcr, Lsr, Mcr, Msr
from vectoros.irq import Line
from vectoros.units import TICKS_PER_SECOND

RBR = THR = DLL = 0
IER = DLM = 1
IIR = FCR = 2
LCR, MCR, LSR, MSR, SCR = 3, 4, 5, 6, 7

NONE, DATA, TIMEOUT, THR_EMPTY = 0x01, 0x04, 0x0C, 0x02

EIGHT_N_1 = 3
FIFO_14 = Fcr(0).replace(FIFO_ENABLE=1, TRIGGER=3)


class Rig:
    """A UART with a clock to turn, and everything that it sends."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.line = Line()
        self.edges: list[bool] = []
        self.line.connect(self.edges.append)
        self.sent = bytearray()
        self.uart = Uart(self.clock, irq=self.line, transmit=self.sent.append)
        self.write(MCR, Mcr.OUT2.mask)
        self.write(LCR, EIGHT_N_1)

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

    def wait_until(self, tick: int) -> None:
        self.clock.set(tick)
        self.uart.advance()


def test_bytes_leave_at_once_and_in_order() -> None:
    rig = Rig()
    for byte in b"VectorOS":
        assert rig.read(LSR) == Lsr(0).replace(THRE=1, TEMT=1)
        rig.write(THR, byte)
    assert rig.sent == b"VectorOS"


def test_power_on_values() -> None:
    uart = Uart(Clock(), irq=Line(), transmit=print)
    assert [uart.read(offset, 1) for offset in range(8)] == [0, 0, NONE, 0, 0, 0x60, 0xB0, 0]
    uart.write(LCR, 1, Lcr.DLAB.mask)
    assert uart.read(DLL, 2) == 12, "9600 baud"


def test_received_bytes_are_read_in_order_and_none_is_lost() -> None:
    rig = Rig()
    text = bytes(range(256)) * 3
    rig.uart.receive(text[:100])
    rig.uart.receive(text[100:])
    assert rig.drain() == text


def test_an_empty_receiver_reads_as_zero() -> None:
    rig = Rig()
    assert rig.read(RBR) == 0
    assert not rig.read(LSR) & Lsr.DR.mask


def test_divisor_latch_hides_the_data_registers() -> None:
    rig = Rig()
    rig.write(LCR, Lcr.DLAB.mask | EIGHT_N_1)
    rig.write(DLL, 0x34)
    rig.write(DLM, 0x12)
    assert (rig.read(DLL), rig.read(DLM)) == (0x34, 0x12)
    rig.write(LCR, EIGHT_N_1)
    assert (rig.read(RBR), rig.read(IER)) == (0, 0)
    assert rig.sent == b""


def test_scratch_and_masked_registers() -> None:
    rig = Rig()
    for offset, mask in ((SCR, 0xFF), (IER, 0x0F), (LCR, 0xFF), (MCR, 0x1F)):
        rig.write(offset, 0xFF)
        assert rig.read(offset) == mask
        rig.write(offset, 0)


def test_status_registers_cannot_be_written() -> None:
    rig = Rig()
    rig.write(LSR, 0xFF)
    rig.write(MSR, 0xFF)
    assert rig.uart.guest_errors == 2
    assert rig.read(MSR) == Msr(0).replace(CTS=1, DSR=1, DCD=1)


def test_received_data_interrupts_until_it_is_read() -> None:
    rig = Rig()
    rig.write(IER, Ier.ERBFI.mask)
    rig.uart.receive(b"A")
    assert rig.line.level
    assert rig.cause() == DATA
    rig.read(RBR)
    assert not rig.line.level
    assert rig.cause() == NONE


def test_every_waiting_byte_makes_an_edge_of_its_own() -> None:
    rig = Rig()
    rig.write(IER, Ier.ERBFI.mask)
    rig.uart.receive(b"ABC")
    for _ in range(3):
        rig.read(RBR)
    assert rig.edges == [True, False, True, False, True, False]


def test_out2_connects_the_interrupt_to_the_line() -> None:
    rig = Rig()
    rig.write(MCR, 0)
    rig.write(IER, Ier.ERBFI.mask)
    rig.uart.receive(b"A")
    assert not rig.line.level
    assert rig.cause() == DATA
    rig.write(MCR, Mcr.OUT2.mask)
    assert rig.line.level


def test_enabling_the_transmit_interrupt_interrupts_because_thr_is_empty() -> None:
    rig = Rig()
    rig.write(IER, Ier.ETBEI.mask)
    assert rig.line.level
    assert rig.cause() == THR_EMPTY
    assert not rig.line.level, "reading IIR clears it when it is the cause"
    rig.write(IER, Ier.ETBEI.mask)
    assert not rig.line.level, "it was enabled already"


def test_each_byte_sent_makes_a_new_edge() -> None:
    rig = Rig()
    rig.write(IER, Ier.ETBEI.mask)
    rig.write(THR, 0x41)
    rig.write(THR, 0x42)
    assert rig.edges == [True, False, True, False, True]


def test_reading_iir_clears_the_transmit_interrupt_only_when_it_is_the_cause() -> None:
    rig = Rig()
    rig.write(IER, Ier.ETBEI.mask | Ier.ERBFI.mask)
    rig.uart.receive(b"A")
    assert rig.cause() == DATA
    rig.read(RBR)
    assert rig.cause() == THR_EMPTY
    assert rig.cause() == NONE


def test_fifos_show_in_iir_and_changing_them_clears_the_receiver() -> None:
    rig = Rig()
    assert rig.read(IIR) & 0xC0 == 0
    rig.write(FCR, FIFO_14)
    assert rig.read(IIR) & 0xC0 == 0xC0
    rig.write(FCR, 0xCE)  # without FIFO_ENABLE the other bits are not programmed
    assert rig.read(IIR) & 0xC0 == 0


def test_fifo_interrupts_at_its_trigger_level() -> None:
    rig = Rig()
    rig.write(FCR, FIFO_14)
    rig.write(IER, Ier.ERBFI.mask)
    rig.uart.receive(b"x" * 13)
    assert not rig.line.level
    rig.uart.receive(b"x")
    assert rig.cause() == DATA
    rig.read(RBR)
    assert not rig.line.level


def test_silence_below_the_trigger_level_times_out_after_four_characters() -> None:
    rig = Rig()
    rig.write(LCR, Lcr.DLAB.mask)
    rig.write(DLL, 1)  # 115200 baud
    rig.write(LCR, EIGHT_N_1)
    rig.write(FCR, FIFO_14)
    rig.write(IER, Ier.ERBFI.mask)
    rig.clock.set(1000)
    rig.uart.receive(b"AB")
    # 4 characters of 10 bits of 16 clocks
    due = 1000 + -(-4 * 10 * 16 * TICKS_PER_SECOND // CLOCK_HZ)
    assert rig.uart.next_event() == due
    rig.wait_until(due - 1)
    assert not rig.line.level
    rig.wait_until(due)
    assert rig.uart.next_event() is None
    assert rig.line.level
    assert rig.cause() == TIMEOUT
    rig.read(RBR)
    assert not rig.line.level, "reading RBR clears it"
    assert rig.uart.next_event() == due + due - 1000, "and measures again for what is left"
    rig.read(RBR)
    assert rig.uart.next_event() is None


def test_a_late_board_does_not_make_a_stale_read() -> None:
    rig = Rig()
    rig.write(FCR, FIFO_14)
    rig.write(IER, Ier.ERBFI.mask)
    rig.uart.receive(b"A")
    due = rig.uart.next_event()
    assert due is not None
    rig.clock.set(due + 99)
    assert rig.cause() == TIMEOUT


def test_input_after_a_missed_deadline_does_not_undo_the_time_out() -> None:
    rig = Rig()
    rig.write(FCR, FIFO_14)
    rig.write(IER, Ier.ERBFI.mask)
    rig.uart.receive(b"A")
    due = rig.uart.next_event()
    assert due is not None
    rig.clock.set(due + 99)
    rig.uart.receive(b"B")
    assert rig.cause() == TIMEOUT


def test_clearing_the_fifo_ends_a_time_out_and_measures_anew() -> None:
    rig = Rig()
    rig.write(FCR, FIFO_14)
    rig.write(IER, Ier.ERBFI.mask)
    rig.uart.receive(b"A")
    due = rig.uart.next_event()
    assert due is not None
    rig.wait_until(due)
    assert rig.cause() == TIMEOUT
    rig.write(FCR, FIFO_14 | Fcr.RCVR_RESET.mask)
    assert rig.cause() == NONE
    assert rig.uart.next_event() == 2 * due


def test_a_divisor_uses_both_its_bytes() -> None:
    rig = Rig()
    rig.write(LCR, Lcr.DLAB.mask)
    rig.uart.write(DLL, 2, 0x0102)
    rig.write(LCR, EIGHT_N_1)
    rig.write(FCR, FIFO_14)
    rig.uart.receive(b"A")
    assert rig.uart.next_event() == -(-40 * 16 * 0x0102 * TICKS_PER_SECOND // CLOCK_HZ)


def test_a_divisor_of_zero_is_the_largest() -> None:
    rig = Rig()
    rig.write(LCR, Lcr.DLAB.mask)
    rig.write(DLL, 0)
    rig.write(LCR, EIGHT_N_1)
    rig.write(FCR, FIFO_14)
    rig.uart.receive(b"A")
    assert rig.uart.next_event() == -(-40 * 16 * 65536 * TICKS_PER_SECOND // CLOCK_HZ)


def test_stop_bits_and_parity_lengthen_a_character() -> None:
    lengths = []
    for lcr in (0b000, 0b011, 0b111, 0b1111, 0b100):  # 5N1, 8N1, 8N2, 8P2, 5N1.5
        rig = Rig()
        rig.write(LCR, lcr)
        rig.write(FCR, FIFO_14)
        rig.uart.receive(b"A")
        lengths.append(rig.uart.next_event())
    bit = -(-16 * 12 * TICKS_PER_SECOND // CLOCK_HZ)
    assert [round(length / 4 / bit, 3) for length in lengths if length] == [7, 10, 11, 12, 7.5]


def test_typed_ahead_input_survives_a_driver_that_clears_the_fifo() -> None:
    rig = Rig()
    rig.uart.receive(b"help\n")
    rig.write(FCR, FIFO_14 | Fcr.RCVR_RESET.mask | Fcr.XMIT_RESET.mask)
    rig.write(FCR, FIFO_14 | Fcr.RCVR_RESET.mask)
    assert rig.uart.fcr == FIFO_14, "the commands to clear clear themselves"
    assert rig.drain() == b"help\n"


def test_input_that_comes_back_after_a_clear_makes_a_new_edge() -> None:
    rig = Rig()
    rig.write(FCR, Fcr.FIFO_ENABLE.mask)
    rig.write(IER, Ier.ERBFI.mask)
    rig.uart.receive(b"help\n")
    rig.write(FCR, Fcr.FIFO_ENABLE.mask | Fcr.RCVR_RESET.mask)
    assert rig.edges == [True, False, True]


def test_power_on_lowers_the_line() -> None:
    rig = Rig()
    rig.write(IER, Ier.ETBEI.mask)
    rig.uart.reset()
    assert not rig.line.level


def test_a_restored_uart_drives_its_line_without_an_edge() -> None:
    rig, other = Rig(), Rig()
    rig.write(IER, Ier.ERBFI.mask)
    rig.uart.receive(b"AB")
    other.uart.restore(rig.uart.state())
    assert other.line.level
    assert other.edges == []
    assert other.drain() == b"AB"
