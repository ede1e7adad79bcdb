"""The 16550A UART: the console.

Promises: every byte that a guest sends reaches the host at once and in order; no
byte that the host sends is lost while the machine is on.

Where it differs from a chip on a cable, on purpose:

* The transmitter is infinitely fast. THRE and TEMT are set whenever a guest can
  look; the interrupt still drops and rises again with every byte, so that an
  edge-triggered controller sees each one.
* The sender at the other end waits. A byte enters the receiver when there is
  room for it, and comes back if the guest clears it away unread, as drivers do
  when they start. So only loopback can overrun.
* Line errors do not happen, a break goes nowhere, and a character carries 8 bits
  whatever the word length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vectoros.clock import Clock, tick_of_count
from vectoros.devices.device import Device
from vectoros.devices.registers import Access, Register
from vectoros.devices.state import FLAG, Cell, Queue, integer, optional
from vectoros.devices.uart_registers import (
    CHARACTER_TIMEOUT,
    DATA_AVAILABLE,
    LINE_STATUS,
    MODEM_CHANGES,
    MODEM_STATUS,
    NO_INTERRUPT,
    THR_EMPTY,
    TRIGGER_LEVELS,
    Fcr,
    Ier,
    Iir,
    Lcr,
    Lsr,
    Mcr,
    Msr,
)
from vectoros.irq import Line

CLOCK_HZ = 1_843_200
"""The crystal on a PC's serial card (IBM PC/AT); a bit lasts 16 x divisor of its periods."""

FIFO_BYTES = 16
TIMEOUT_CHARACTERS = 4
"""Silence after which a receive FIFO below its trigger level interrupts anyway."""

CONNECTED = Msr(0).replace(CTS=1, DSR=1, DCD=1)
"""Modem inputs with a terminal attached and switched on."""

_ALL_SENT, _DATA_READY, _OVERRUN = Lsr.THRE.mask | Lsr.TEMT.mask, Lsr.DR.mask, Lsr.OE.mask

DLAB_0, DLAB_1 = "DLAB=0", "DLAB=1"


class Uart(Device):
    """NS16550A with FIFOs, loopback and modem status.

    OUT2 connects the interrupt to the line, as on every PC; in loopback the chip
    holds its outputs inactive, OUT2 among them, so the line is low.
    """

    source = "National Semiconductor PC16550D data sheet (June 1995), register names as there"

    rbr = Register(0, Access.R, int, "receiver buffer: the oldest byte", bank=DLAB_0)
    thr = Register(0, Access.W, int, "transmitter holding: send a byte", bank=DLAB_0)
    dll = Register(0, Access.RW, int, "divisor latch, low byte", reset=0x0C, bank=DLAB_1)
    ier = Register(1, Access.RW, Ier, "interrupt enable", reset=0, bank=DLAB_0)
    dlm = Register(1, Access.RW, int, "divisor latch, high byte", reset=0, bank=DLAB_1)
    iir = Register(2, Access.R, Iir, "interrupt identification; a read clears THRE's interrupt")
    fcr = Register(2, Access.W, Fcr, "FIFO control", reset=0)
    lcr = Register(3, Access.RW, Lcr, "line control", reset=0)
    mcr = Register(4, Access.RW, Mcr, "modem control", reset=0)
    lsr = Register(5, Access.R, Lsr, "line status; a read clears OE")
    msr = Register(6, Access.R, Msr, "modem status; a read clears bits 3:0", reset=CONNECTED)
    scr = Register(7, Access.RW, int, "scratch: holds a byte", reset=0)

    queue = Queue("bytes from the host that wait outside the chip")
    fifo = Queue("receive FIFO, or the receiver buffer alone if FIFOs are off", FIFO_BYTES)
    looped = Cell(0, integer(0, FIFO_BYTES), "bytes at the FIFO's front that loopback put there")
    overrun = Cell(False, FLAG, "OE: a byte came and there was no room")
    thre_interrupt = Cell(False, FLAG, "THR emptied since that was last reported")
    timeout_at = Cell(None, optional(integer()), "tick at which silence becomes a time-out")
    timed_out = Cell(False, FLAG, "the character time-out has come")

    def __init__(self, clock: Clock, *, irq: Line, transmit: Callable[[int], None]) -> None:
        """Interrupt on ``irq``; call ``transmit`` with each byte that is sent."""
        self._irq = irq
        self._transmit = transmit
        super().__init__(clock)

    def bank(self, offset: int, value: int | None) -> str:
        """DLAB decides who answers at offsets 0 and 1."""
        return DLAB_1 if self.lcr.DLAB else DLAB_0

    def reset(self) -> None:
        """Go to the power-on state. What the host has sent and nobody has read is gone."""
        super().reset()
        self._drive()

    def system_reset(self) -> None:
        """Follow a reset of the machine: the sender keeps what it sent and nobody has read."""
        self._clear_receiver()
        queue = self.queue
        self.reset()
        self.queue = queue
        self._fill()

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a checked state, and the line's level with it."""
        super().adopt(state)
        self._irq.restore(self._interrupting())

    # The receiver.

    def receive(self, data: bytes) -> None:
        """Let the host send ``data``."""
        self.catch_up()
        self.queue += data
        self._fill()
        self._drive()

    def _room(self) -> int:
        """Return how many bytes the receiver can take now."""
        return (FIFO_BYTES if self.fcr.FIFO_ENABLE else 1) - len(self.fifo)

    def _fill(self) -> None:
        """Let waiting bytes in. In loopback the receiver hears only the transmitter."""
        room = 0 if self.mcr.LOOP else self._room()
        if room > 0 and self.queue:
            self.fifo += self.queue[:room]
            del self.queue[:room]
            self._restart_timeout()

    def _clear_receiver(self) -> None:
        """Empty the FIFO; the sender keeps what it sent and the guest has not read."""
        self.queue[:0] = self.fifo[self.looped :]
        self.fifo.clear()
        self.looped = 0
        self.timed_out = False
        self.timeout_at = None

    def _loop_back(self, byte: int) -> None:
        """Receive what was just transmitted."""
        if self._room() > 0:
            self.fifo.append(byte)
            self.looped += 1
            self._restart_timeout()
            return
        self.overrun = True
        if not self.fcr.FIFO_ENABLE:
            # Without a FIFO the new byte replaces the old; a full FIFO stays as it is.
            self.fifo[:] = [byte]
            self.looped = 1

    @rbr.read_by
    def _oldest(self) -> int:
        return self.fifo[0] if self.fifo else 0

    @rbr.after_read
    def _take(self) -> None:
        del self.fifo[:1]
        self.looped = max(0, self.looped - 1)
        self.timed_out = False
        self._restart_timeout()
        self._drive()  # low, if that was the last: the next byte then makes an edge
        self._fill()
        self._drive()

    # The character time-out.

    def _character_times(self, characters: int) -> int:
        """Return the ticks that ``characters`` take on the line, rounded up."""
        stop_half_bits = 2 if not self.lcr.STB else 3 if self.lcr.WLS == 0 else 4
        half_bits = 2 * (1 + 5 + self.lcr.WLS + self.lcr.PEN) + stop_half_bits
        divisor = self.dlm << 8 | self.dll or 0x10000  # the divider counts down through zero
        return tick_of_count(characters * half_bits * 8 * divisor, CLOCK_HZ)

    def _restart_timeout(self) -> None:
        """Measure silence from now, if there is anything to read."""
        waiting = self.fcr.FIFO_ENABLE and self.fifo
        now = self.clock.now
        self.timeout_at = now + self._character_times(TIMEOUT_CHARACTERS) if waiting else None

    def next_event(self) -> int | None:
        """Return the tick of the character time-out, if one is running."""
        return self.timeout_at

    def advance(self) -> None:
        """Let the character time-out happen."""
        if self.timeout_at is not None and self.timeout_at <= self.clock.now:
            self.timeout_at = None
            self.timed_out = True
            self._drive()

    # The transmitter.

    @thr.written_by
    def _send(self, byte: int) -> None:
        self.thre_interrupt = False
        self._drive()
        if self.mcr.LOOP:
            self._loop_back(byte)
        else:
            self._transmit(byte)
        self.thre_interrupt = True
        self._drive()

    # Control.

    @ier.written_by
    def _enable(self, value: Ier) -> None:
        # THR is empty whenever a guest can enable this, so enabling interrupts at once.
        self.thre_interrupt |= bool(value.ETBEI and not self.ier.ETBEI)
        self.ier = value
        self._drive()

    @fcr.written_by
    def _control_fifo(self, value: Fcr) -> None:
        if value.FIFO_ENABLE != self.fcr.FIFO_ENABLE or (value.FIFO_ENABLE and value.RCVR_RESET):
            self._clear_receiver()
        # The other bits are programmed only together with FIFO_ENABLE.
        self.fcr = value.replace(RCVR_RESET=0, XMIT_RESET=0) if value.FIFO_ENABLE else Fcr(0)
        self._drive()
        self._fill()
        self._drive()

    @mcr.written_by
    def _control_modem(self, value: Mcr) -> None:
        if value.LOOP and not self.mcr.LOOP:
            self._clear_receiver()  # the sender is cut off, and keeps its bytes
        self.mcr = value
        self._sense_modem()
        self._fill()
        self._drive()

    def _sense_modem(self) -> None:
        """Compare the modem inputs with what they were, and note what changed."""
        old, mcr = self.msr, self.mcr
        new = old.replace(CTS=1, DSR=1, RI=0, DCD=1)
        if mcr.LOOP:
            new = old.replace(CTS=mcr.RTS, DSR=mcr.DTR, RI=mcr.OUT1, DCD=mcr.OUT2)
        self.msr = new.replace(
            DCTS=old.DCTS | (old.CTS ^ new.CTS),
            DDSR=old.DDSR | (old.DSR ^ new.DSR),
            TERI=old.TERI | (old.RI & ~new.RI),  # only the end of a ring counts
            DDCD=old.DDCD | (old.DCD ^ new.DCD),
        )

    # Status and interrupts.

    @lsr.read_by
    def _line_status(self) -> int:
        # Written out, with plain numbers: this is what guests poll.
        return _ALL_SENT | (_DATA_READY if self.fifo else 0) | (_OVERRUN if self.overrun else 0)

    @lsr.after_read
    def _line_status_was_read(self) -> None:
        if self.overrun:
            self.overrun = False
            self._drive()

    @msr.after_read
    def _modem_status_was_read(self) -> None:
        self.msr = self.msr.replace(DCTS=0, DDSR=0, TERI=0, DDCD=0)
        self._drive()

    def _cause(self) -> int:
        """Return what IIR names: the pending interrupt of the highest priority."""
        ier, fcr = self.ier, self.fcr
        enough = TRIGGER_LEVELS[fcr.TRIGGER] if fcr.FIFO_ENABLE else 1
        causes = (
            (ier.ELSI and self.overrun, LINE_STATUS),
            (ier.ERBFI and len(self.fifo) >= enough, DATA_AVAILABLE),
            (ier.ERBFI and self.timed_out, CHARACTER_TIMEOUT),
            (ier.ETBEI and self.thre_interrupt, THR_EMPTY),
            (ier.EDSSI and self.msr & MODEM_CHANGES, MODEM_STATUS),
        )
        return next((cause for pending, cause in causes if pending), NO_INTERRUPT)

    @iir.read_by
    def _identify(self) -> int:
        return Iir(self._cause()).replace(FIFOS=3 * self.fcr.FIFO_ENABLE)

    @iir.after_read
    def _identified(self) -> None:
        if self._cause() == THR_EMPTY:
            self.thre_interrupt = False
            self._drive()

    def _interrupting(self) -> bool:
        """Return the level that the interrupt line should have."""
        connected = self.mcr.OUT2 and not self.mcr.LOOP
        return bool(connected and self._cause() != NO_INTERRUPT)

    def _drive(self) -> None:
        # A kernel that prints has all interrupts off, and comes by here twice a byte.
        self._irq.set(bool(self.ier) and self._interrupting())
