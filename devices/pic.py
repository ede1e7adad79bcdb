"""The 8259A interrupt controller: eight inputs, one output, priorities.

Promise: an acknowledge cycle resolves priority at that moment. The output is a
level that says "there is something"; nothing about *what* is latched in advance.

A request must stay until it is acknowledged. If its line falls before, the
request is withdrawn, in edge-triggered mode too, and an acknowledge that finds
nothing gets the vector of level 7 with no bit in service: the spurious interrupt.

Before it is initialized a chip requests nothing; the data sheet leaves that open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.pic_registers import Icw1, Icw2, Icw3, Icw4, Ocw2, Ocw3, Poll
from vectoros.devices.registers import Access, Register
from vectoros.devices.state import FLAG, Cell, integer, one_of
from vectoros.irq import Line

SPURIOUS_LEVEL = 7

# Banks: the data sheet's conditions for who answers.
ICW1, OCW2, OCW3 = "D4=1", "D4 D3=00", "D4 D3=01"
ICW2, ICW3, ICW4, OCW1 = "after ICW1", "after ICW2", "after ICW2 or ICW3", "initialized"
IRR, ISR, POLL = "RIS=0", "RIS=1", "polling"


class Pic(Device):
    """One 8259A.

    The initialization sequence is ICW1 at offset 0, then ICW2, ICW3 unless SNGL,
    and ICW4 if IC4, all at offset 1. From then on offset 1 is the mask.
    """

    source = "Intel 8259A data sheet, order number 231468"

    icw1 = Register(0, Access.W, Icw1, "starts initialization", reset=0, bank=ICW1)
    ocw2 = Register(0, Access.W, Ocw2, "end of interrupt, priorities", bank=OCW2)
    ocw3 = Register(0, Access.W, Ocw3, "special mask, poll, which register to read", bank=OCW3)
    irr = Register(0, Access.R, int, "interrupt request: levels that ask", reset=0, bank=IRR)
    isr = Register(0, Access.R, int, "in service: levels not yet ended", reset=0, bank=ISR)
    poll_0 = Register(0, Access.R, Poll, "poll: a read acknowledges", bank=POLL)
    icw2 = Register(1, Access.W, Icw2, "base of the vectors", reset=0, bank=ICW2)
    icw3 = Register(1, Access.W, Icw3, "cascade", reset=0, bank=ICW3)
    icw4 = Register(1, Access.W, Icw4, "modes", reset=0, bank=ICW4)
    imr = Register(1, Access.RW, int, "OCW1, interrupt mask: 1 masks", reset=0, bank=OCW1)
    poll_1 = Register(1, Access.R, Poll, "poll: either offset will do", bank=POLL)

    lowest = Cell(7, integer(0, 7), "level with the lowest priority; the next one is the highest")
    expects = Cell(ICW1, one_of(ICW1, ICW2, ICW3, ICW4, OCW1), "what offset 1 takes as")
    reads_isr = Cell(False, FLAG, "OCW3's RIS: offset 0 reads as ISR")
    polling = Cell(False, FLAG, "OCW3's P: the next read acknowledges")
    special_mask = Cell(False, FLAG, "OCW3's SMM")
    rotates = Cell(False, FLAG, "rotate in automatic EOI mode")
    by_level = Cell(0, integer(0, 0xFF), "inputs that ELCR makes level triggered, whatever LTIM")

    def __init__(self, clock: Clock, *, output: Line, master: bool = True) -> None:
        """Request service on ``output``; ``master`` is the level of the SP/EN pin."""
        self._output = output
        self._master = master
        self.inputs = tuple(Line(self._listener(level)) for level in range(8))
        super().__init__(clock)

    def _listener(self, level: int) -> Callable[[bool], None]:
        return lambda high: self._sense(level, high)

    def bank(self, offset: int, value: int | None) -> str:
        """Tell the words apart: by data, by sequence, and reads by OCW3."""
        if value is None and self.polling:
            return POLL
        if offset == 0:
            if value is None:
                return ISR if self.reads_isr else IRR
            return ICW1 if value & 0x10 else OCW3 if value & 0x08 else OCW2
        # Before ICW1 the mask can be written already, as firmware does.
        return OCW1 if value is None or self.expects == ICW1 else self.expects

    def reset(self) -> None:
        """Go to the power-on state. The inputs are others' wires and keep their levels."""
        super().reset()
        self._drive()

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a checked state, and the output's level with it."""
        super().adopt(state)
        self._output.restore(self.request() is not None)

    # Requests.

    def _sense(self, level: int, high: bool) -> None:
        """Note that an input has changed: a rise requests, a fall withdraws."""
        bit = 1 << level
        self.irr = self.irr | bit if high else self.irr & ~bit
        self._drive()

    def _levels(self) -> int:
        """Return the inputs that are high, as bits."""
        return sum(line.level << n for n, line in enumerate(self.inputs))

    def set_triggers(self, by_level: int) -> None:
        """Make the inputs ``by_level`` level triggered: those that are high request anew."""
        self.by_level = int(by_level)
        self.irr |= self._levels() & by_level
        self._drive()

    def _by_priority(self) -> list[int]:
        """Return all levels, the highest priority first."""
        return [(self.lowest + 1 + n) & 7 for n in range(8)]

    def request(self) -> int | None:
        """Return the level that the output asks service for, or None."""
        if self.expects != OCW1:
            return None
        pending = self.irr & ~self.imr
        blocking = self.isr & ~self.imr if self.special_mask else self.isr
        for level in self._by_priority():
            bit = 1 << level
            in_service = blocking & bit
            again = self.icw4.SFNM and self.cascades(level)
            if pending & bit and (not in_service or again):
                return level
            if in_service:
                return None
        return None

    def cascades(self, level: int) -> bool:
        """Whether this is a master with a slave on input ``level``."""
        return self._master and not self.icw1.SNGL and bool(self.icw3 >> level & 1)

    def vector(self, level: int) -> int:
        """Return the interrupt vector of ``level``."""
        return self.icw2 | level

    def accept(self) -> int | None:
        """Put the request in service, as an acknowledge does; return its level.

        The output falls, and rises again if there is more: an edge-triggered
        master must see a new edge for it.
        """
        level = self.request()
        if level is not None:
            bit = 1 << level
            if not (self.icw1.LTIM or self.by_level & bit):
                self.irr &= ~bit
            if not self.icw4.AEOI:
                self.isr |= bit
            elif self.rotates:
                self.lowest = level
        self._output.set(False)
        self._drive()
        return level

    def _drive(self) -> None:
        self._output.set(self.request() is not None)

    # Initialization.

    @icw1.written_by
    def _initialize(self, value: Icw1) -> None:
        # The edge sense circuit is reset: a line that is already high must rise anew.
        self.irr = self._levels() & (0xFF if value.LTIM else self.by_level)
        self.isr = self.imr = self.icw3 = self.icw4 = 0
        self.lowest = 7
        self.special_mask = self.reads_isr = self.polling = self.rotates = False
        self.icw1 = value
        self._expect(ICW2)

    @icw2.written_by
    def _take_icw2(self, value: Icw2) -> None:
        self.icw2 = value
        self._expect(ICW3)

    @icw3.written_by
    def _take_icw3(self, value: Icw3) -> None:
        self.icw3 = value
        self._expect(ICW4)

    @icw4.written_by
    def _take_icw4(self, value: Icw4) -> None:
        self.icw4 = value
        self._expect(OCW1)

    def _expect(self, word: str) -> None:
        """Wait for ``word`` next, or for the one after it if ICW1 announced none."""
        if word == ICW3 and self.icw1.SNGL:
            word = ICW4
        if word == ICW4 and not self.icw1.IC4:
            word = OCW1
        self.expects = word
        self._drive()

    # Operation.

    @imr.written_by
    def _mask(self, value: int) -> None:
        self.imr = value
        self._drive()

    @ocw2.written_by
    def _command(self, value: Ocw2) -> None:
        command = value.COMMAND
        rotate, specific, end = command & 0b100, command & 0b010, command & 0b001
        if not specific and not end:
            self.rotates = bool(rotate)
            return
        level = value.L if specific else self._highest_in_service()
        if level is None:
            return
        if end:
            self.isr &= ~(1 << level)
        if rotate:
            self.lowest = level
        self._drive()

    def _highest_in_service(self) -> int | None:
        """Return the level that a non-specific EOI ends, or None."""
        # In special mask mode it does not see a level that is masked.
        seen = self.isr & ~self.imr if self.special_mask else self.isr
        return next((level for level in self._by_priority() if seen >> level & 1), None)

    @ocw3.written_by
    def _operate(self, value: Ocw3) -> None:
        if value.ESMM:
            self.special_mask = bool(value.SMM)
        if value.RR:
            self.reads_isr = bool(value.RIS)
        self.polling = bool(value.P)
        self._drive()

    @poll_0.read_by
    @poll_1.read_by
    def _poll_word(self) -> int:
        level = self.request()
        return 0 if level is None else Poll(0).replace(I=1, W=level)

    @poll_0.after_read
    @poll_1.after_read
    def _polled(self) -> None:
        self.polling = False
        self.accept()
