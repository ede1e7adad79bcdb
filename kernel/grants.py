"""What a program is given at boot, besides itself: the capabilities of each grant."""

from __future__ import annotations

from typing import NamedTuple

from vectoros.kernel import derivation, vspace
from vectoros.kernel.boot_record import Screen
from vectoros.kernel.objects import LARGE_PAGE_BITS, PAGE_BITS, READ_WRITE, Type
from vectoros.kernel.process import Process
from vectoros.kernel.process_layout import SCREEN, Grant, Init
from vectoros.kernel.root import Root
from vectoros.kernel.slot import Slot
from vectoros.kernel.supply import Supply


class Ports(NamedTuple):
    """A range of I/O ports, first and last."""

    grant: Grant
    slot: Init
    first: int
    last: int


class Line(NamedTuple):
    """An interrupt, bound to the process's notification."""

    grant: Grant
    slot: Init
    line: int


PORTS = (
    Ports(Grant.CONSOLE, Init.COM1, 0x3F8, 0x3FF),
    Ports(Grant.CONSOLE, Init.KEYBOARD, 0x60, 0x64),
    Ports(Grant.POWER, Init.EXIT, 0xF4, 0xF7),
    Ports(Grant.POWER, Init.POWER, 0x604, 0x605),
    Ports(Grant.POWER, Init.RESET, 0xCF9, 0xCF9),
    Ports(Grant.CLOCK, Init.RTC, 0x70, 0x71),
)
LINES = (
    Line(Grant.CONSOLE, Init.COM1_IRQ, 4),
    Line(Grant.CONSOLE, Init.KEYBOARD_IRQ, 1),
    Line(Grant.CLOCK, Init.RTC_IRQ, 8),
)
"""Ports and lines of a PC/AT, as the machine's map has them (vectoros/layout.py)."""


def give(root: Root, process: Process) -> None:
    """Give ``process`` the ports and interrupts that its grants name."""
    grants = process.program.grants
    for ports in PORTS:
        if grants & ports.grant:
            slot = process.slot(ports.slot)
            slot.fill(Type.IO_PORT, ports.first, badge=ports.last)
            derivation.insert(root.ram, slot.address, root.anchor)
    for row in LINES:
        if grants & row.grant:
            _give_line(root, process, row)


def _give_line(root: Root, process: Process, row: Line) -> None:
    """Give a handler. A line that two programs ask for signals the first."""
    slot = process.slot(row.slot)
    slot.fill(Type.IRQ_HANDLER, row.line)
    derivation.insert(root.ram, slot.address, root.anchor)
    target = root.interrupt(row.line)
    if not target.type:
        source = process.slot(Init.NOTIFICATION).address
        derivation.derive(root.ram, source, target.address).badge = 1 << row.line


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
        first = not self._originals
        for number in range(self.frames):
            slot = process.free_slot()
            if first:
                address = self.screen.base + (number << self._bits)
                self._supply.device_frame(address, slot.address, self._bits)
                self._originals.append(slot)
            else:
                derivation.derive(slot.ram, self._originals[number].address, slot.address)
            slot.rights = READ_WRITE
            process.map(slot, SCREEN + (number << self._bits), vspace.READ_WRITE)
