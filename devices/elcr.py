"""The edge/level control registers: which inputs of the 8259As are level triggered.

An 8259A has one trigger mode for all of its inputs (LTIM of ICW1). PCs since EISA
choose for each input instead. The state is the interrupt controllers' own.
"""

from __future__ import annotations

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.fields import Bit, Bits, Fields
from vectoros.devices.pic_pair import PicPair
from vectoros.devices.registers import Access, Register

_VALUES = {0: "edge", 1: "level"}


def _trigger(irq: int) -> Bits:
    return Bit(irq & 7, f"trigger of IRQ {irq}", _VALUES)


class Elcr1(Fields):
    """Triggers of the master. The timer, the keyboard and the cascade are edges for ever."""

    IRQ7 = _trigger(7)
    IRQ6 = _trigger(6)
    IRQ5 = _trigger(5)
    IRQ4 = _trigger(4)
    IRQ3 = _trigger(3)


class Elcr2(Fields):
    """Triggers of the slave. The clock and the coprocessor are edges for ever."""

    IRQ15 = _trigger(15)
    IRQ14 = _trigger(14)
    IRQ12 = _trigger(12)
    IRQ11 = _trigger(11)
    IRQ10 = _trigger(10)
    IRQ9 = _trigger(9)


class Elcr(Device):
    """Two registers, one for each interrupt controller."""

    source = 'Intel 82371SB (PIIX3) data sheet, "ELCR1" and "ELCR2"'

    elcr1 = Register(0, Access.RW, Elcr1, "edge or level, IRQ 7 to 3")
    elcr2 = Register(1, Access.RW, Elcr2, "edge or level, IRQ 15 to 9")

    def __init__(self, clock: Clock, *, pics: PicPair) -> None:
        """Set the triggers of ``pics``."""
        self._pics = pics
        super().__init__(clock)

    @elcr1.read_by
    def _read_master(self) -> int:
        return self._pics.master.by_level

    @elcr1.written_by
    def _write_master(self, value: Elcr1) -> None:
        self._pics.master.set_triggers(value)

    @elcr2.read_by
    def _read_slave(self) -> int:
        return self._pics.slave.by_level

    @elcr2.written_by
    def _write_slave(self, value: Elcr2) -> None:
        self._pics.slave.set_triggers(value)
