"""What a program is given at boot, besides itself: the capabilities of each grant."""

from __future__ import annotations

from typing import NamedTuple

from vectoros.kernel import derivation, irq, vspace
from vectoros.kernel.boot_record import Screen
from vectoros.kernel.objects import LARGE_PAGE_BITS, PAGE_BITS, READ_WRITE, Type
from vectoros.kernel.process import Process
from vectoros.kernel.process_layout import SCREEN, Grant, Init
from vectoros.kernel.root import Root
from vectoros.kernel.slot import Slot
from vectoros.kernel.supply import Supply


class Device(NamedTuple):
    """A range of I/O ports, or an interrupt line, which is bound to the process's notification."""

    grant: Grant
    slot: Init
    kind: Type
    first: int
    last: int = 0


DEVICES = (
    Device(Grant.CONSOLE, Init.COM1, Type.IO_PORT, 0x3F8, 0x3FF),
    Device(Grant.CONSOLE, Init.KEYBOARD, Type.IO_PORT, 0x60, 0x64),
    Device(Grant.POWER, Init.EXIT, Type.IO_PORT, 0xF4, 0xF7),
    Device(Grant.POWER, Init.POWER, Type.IO_PORT, 0x604, 0x605),
    Device(Grant.POWER, Init.RESET, Type.IO_PORT, 0xCF9, 0xCF9),
    Device(Grant.CLOCK, Init.RTC, Type.IO_PORT, 0x70, 0x71),
    Device(Grant.CONSOLE, Init.COM1_IRQ, Type.IRQ_HANDLER, 4),
    Device(Grant.CONSOLE, Init.KEYBOARD_IRQ, Type.IRQ_HANDLER, 1),
    Device(Grant.CLOCK, Init.RTC_IRQ, Type.IRQ_HANDLER, 8),
)
"""Ports and lines of a PC/AT, as the machine's map has them (vectoros/layout.py)."""


def give(root: Root, process: Process) -> None:
    """Give ``process`` the ports and interrupts that its grants name."""
    for row in DEVICES:
        if process.program.grants & row.grant:
            _issue(root, process, row)


def _issue(root: Root, process: Process, row: Device) -> None:
    """Give a capability; a second one is derived from the first.

    A line that two programs ask for signals the first.
    """
    ram, slot, lines = root.ram, process.slot(row.slot), row.kind is Type.IRQ_HANDLER
    control = root.control(Type.IRQ_CONTROL if lines else Type.IO_PORT_CONTROL).address
    before = irq.issued(ram, control, row.first, row.last)
    if before:
        derivation.derive(ram, before.address, slot.address)
    else:
        irq.give(ram, control, slot, *row[2:])
    target = root.interrupt(row.first)
    if lines and not target.type:
        source = process.slot(Init.NOTIFICATION).address
        derivation.derive(ram, source, target.address).badge = 1 << row.first


class Framebuffer:
    """The screen's memory, which any number of programs may have mapped."""

    def __init__(self, supply: Supply, screen: Screen) -> None:
        """Cover ``screen`` with untypeds for devices, if there is one."""
        self._supply = supply
        self.screen = screen
        large = screen.base % (1 << LARGE_PAGE_BITS) == 0
        self._bits = LARGE_PAGE_BITS if large else PAGE_BITS
        self._originals: list[Slot] = []
        if screen.size:
            end = screen.base + (self.frames << self._bits)
            supply.add(screen.base, end, device=True)

    @property
    def frames(self) -> int:
        """Frames that it takes."""
        return -(-self.screen.size // (1 << self._bits))

    def give(self, process: Process) -> None:
        """Map the screen into ``process``, with capabilities of its own."""
        for number in range(self.frames):
            slot = process.free_slot()
            if number < len(self._originals):
                derivation.derive(slot.ram, self._originals[number].address, slot.address)
            else:
                address = self.screen.base + (number << self._bits)
                self._supply.device_frame(address, slot.address, self._bits)
                self._originals.append(slot)
            slot.rights = READ_WRITE
            process.map(slot, SCREEN + (number << self._bits), vspace.READ_WRITE)
