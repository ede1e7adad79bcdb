"""An ATA disk for programmed I/O: device 0 of the primary channel.

Promises: the image is never changed, writes stay in an overlay; a sector past the
end is an error in the status, as on a real disk.

Latency is zero: data is ready with the command, and BSY is seen only while a
software reset is held. Only device 0 exists; for the other the status is 0, as
ATA/ATAPI-6 has it for a single device, and commands are ignored. Without a disk
the same holds for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vectoros.clock import Clock
from vectoros.devices.ata_identify import MAXIMUM_LBA_SECTORS, Geometry, identify
from vectoros.devices.ata_registers import Command, DeviceControl, DeviceHead, Error, Status
from vectoros.devices.device import Device
from vectoros.devices.disk import SECTOR_BYTES, Disk, Overlay
from vectoros.devices.registers import Access, Register
from vectoros.devices.state import FLAG, Cell, Queue, Stateful, integer, one_of
from vectoros.irq import Line

READY = Status(0).replace(DRDY=1, DSC=1)
IDLE, READING, WRITING = "idle", "reading", "writing"

PHASES = (IDLE, READING, WRITING)

LAST_LBA = MAXIMUM_LBA_SECTORS
"""The farthest that a transfer's address can get: one past the last sector."""


class Ata(Device):
    """Command block: the data port and the task file.

    A sector is 256 words through the data port. A 32-bit access moves two words.
    After an error the address registers name the sector that failed.
    """

    source = "ATA/ATAPI-6 (T13/1410D revision 3b), PIO data-in and data-out protocols"

    data = Register(0, Access.RW, int, "a word of the sector", width=2, stream=True)
    error = Register(1, Access.R, Error, "why ERR is set", reset=1)
    features = Register(1, Access.W, int, "features: parameter of SET FEATURES", reset=0)
    count = Register(2, Access.RW, int, "sectors to transfer; 0 is 256", reset=1)
    lba_low = Register(3, Access.RW, int, "LBA 7:0, or sector", reset=1)
    lba_mid = Register(4, Access.RW, int, "LBA 15:8, or cylinder 7:0", reset=0)
    lba_high = Register(5, Access.RW, int, "LBA 23:16, or cylinder 15:8", reset=0)
    device = Register(6, Access.RW, DeviceHead, "device and head", reset=0)
    status = Register(7, Access.R, Status, "status; a read clears the interrupt", reset=READY)
    command = Register(7, Access.W, int, "command: writing starts it")

    interrupt = Cell(False, FLAG, "INTRQ, before nIEN and DEV gate it")
    phase = Cell(IDLE, one_of(*PHASES), "direction of the transfer in progress")
    lba = Cell(0, integer(0, LAST_LBA), "sector in transfer")
    left = Cell(0, integer(0, 256), "sectors of the transfer that are not done")
    buffer = Queue("the sector in transfer: bytes still to read, or written so far", SECTOR_BYTES)
    disabled = Cell(False, FLAG, "nIEN: interrupts are off")

    def __init__(self, clock: Clock, *, irq: Line, disk: Disk | None) -> None:
        """Interrupt on ``irq``; with no ``disk`` the channel is empty."""
        self._irq = irq
        self._overlay = None if disk is None else Overlay(disk)
        self._geometry = Geometry(0 if disk is None else disk.sectors)
        super().__init__(clock)

    @property
    def overlay(self) -> Overlay | None:
        """The disk as the guest sees it, if there is one: the BIOS reads it, too."""
        return self._overlay

    def parts(self) -> Mapping[str, Stateful]:
        """The written sectors are state."""
        return {} if self._overlay is None else {"overlay": self._overlay}

    def reset(self) -> None:
        """Go to the power-on state; what was written to the disk stays."""
        super().reset()
        self._drive()

    def sector(self, lba: int) -> bytes | None:
        """Return a sector as the guest has left it; None if the disk has none such."""
        if self._overlay is None or lba >= self._overlay.sectors:
            return None
        return self._overlay.read(lba)

    def check(self, state: object, where: str) -> None:
        """Raise :class:`ValueError` unless ``state`` is one that the disk can get into."""
        super().check(state, where)
        found = cast(dict[str, Any], state)
        phase, left, lba, size = found["phase"], found["left"], found["lba"], len(found["buffer"])
        inside = lba < self._geometry.addressable
        allowed = {
            IDLE: left == 0 and size == 0,
            # IDENTIFY is one sector that is not on the disk.
            READING: left > 0 and size > 0 and (inside or left == 1),
            WRITING: left > 0 and size < SECTOR_BYTES and inside,
        }
        if not allowed[phase] or size % 2:
            raise ValueError(f"{where}.phase {phase!r} contradicts its lba, left or buffer")

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a checked state, and the line's level with it."""
        super().adopt(state)
        self._irq.restore(self._interrupting())

    # Status and interrupt.

    @property
    def _selected(self) -> bool:
        """Whether the device that exists is the one addressed."""
        return self._overlay is not None and not self.device.DEV

    def alternate_status(self) -> int:
        """Return the status without clearing the interrupt."""
        return self.status if self._selected else 0

    @status.read_by
    def _status(self) -> int:
        return self.alternate_status()

    @status.after_read
    def _status_was_read(self) -> None:
        if self._selected:
            self._interrupt(False)

    def _interrupt(self, pending: bool) -> None:
        self.interrupt = pending
        self._drive()

    def _interrupting(self) -> bool:
        """Return the level that the interrupt line should have."""
        return self.interrupt and self._selected and not self.disabled

    def _drive(self) -> None:
        self._irq.set(self._interrupting())

    @device.written_by
    def _select(self, value: DeviceHead) -> None:
        self.device = value
        self._drive()

    def control(self, old: DeviceControl, new: DeviceControl) -> None:
        """Apply the device control register, which is in the control block."""
        self.disabled = bool(new.NIEN)
        if new.SRST and not old.SRST:
            self._stop_transfer()
            self.status = Status(0).replace(BSY=1)
            self.interrupt = False
        elif old.SRST and not new.SRST:
            self._sign()
        self._drive()

    def _sign(self) -> None:
        """Show the signature of an ATA disk, and that it passed its diagnostic."""
        self.status, self.error = READY, Error(1)
        self.count = self.lba_low = 1
        self.lba_mid = self.lba_high = self.device = 0

    # Commands.

    @command.written_by
    def _start(self, code: int) -> None:
        if not self._selected or self.status.BSY:
            return
        self._stop_transfer()
        self.interrupt = False
        self.status, self.error = READY, Error(0)
        match code:
            case Command.READ_SECTORS | Command.READ_SECTORS_NO_RETRY:
                self._begin(READING)
            case Command.WRITE_SECTORS | Command.WRITE_SECTORS_NO_RETRY:
                self._begin(WRITING)
            case Command.IDENTIFY_DEVICE:
                self.phase, self.left = READING, 1
                self._offer(identify(self._geometry))
            case Command.EXECUTE_DEVICE_DIAGNOSTIC:
                self._sign()
                self._interrupt(True)
            case Command.SET_FEATURES | Command.FLUSH_CACHE:
                self._interrupt(True)  # nothing to set, nothing to flush
            case _:
                self._fail(Error(0).replace(ABRT=1))
        self._drive()

    def _fail(self, error: Error) -> None:
        self._stop_transfer()
        self.status, self.error = READY.replace(ERR=1), error
        self._interrupt(True)

    def _stop_transfer(self) -> None:
        self.phase, self.left = IDLE, 0
        self.buffer.clear()
        self.status = self.status.replace(DRQ=0)

    # Transfers.

    def _begin(self, phase: str) -> None:
        """Start a transfer at the sector that the task file names."""
        cylinder = self.lba_high << 8 | self.lba_mid
        lba: int | None = self.device.HEAD << 24 | cylinder << 8 | self.lba_low
        if not self.device.LBA:
            lba = self._geometry.lba(cylinder, self.device.HEAD, self.lba_low)
        if lba is None or lba >= self._geometry.addressable:
            self._fail(Error(0).replace(IDNF=1))
            return
        self.phase, self.left, self.lba = phase, self.count or 256, lba
        if phase == READING:
            self._load()
        else:
            self.status = self.status.replace(DRQ=1)  # the first sector needs no interrupt

    def _load(self) -> None:
        """Offer the sector in transfer."""
        if self._overlay is not None:
            self._offer(self._overlay.read(self.lba))

    def _offer(self, sector: bytes) -> None:
        self.buffer[:] = sector
        self.status = self.status.replace(DRQ=1)
        self._interrupt(True)

    def _next_sector(self) -> bool:
        """Count the sector that is done; return whether there is another one to transfer."""
        self.left -= 1
        self.count = self.left
        if self.left == 0:
            self._stop_transfer()
            return False
        self.lba += 1
        self._show_address()
        if self.lba >= self._geometry.addressable:
            self._fail(Error(0).replace(IDNF=1))
            return False
        return True

    def _show_address(self) -> None:
        """Let the address registers name the sector in transfer."""
        low, middle, top = self.lba & 0xFF, self.lba >> 8 & 0xFFFF, self.lba >> 24
        if not self.device.LBA:
            middle, top, low = self._geometry.chs(self.lba)
        self.lba_low, self.lba_mid, self.lba_high = low, middle & 0xFF, middle >> 8
        self.device = self.device.replace(HEAD=top)

    @data.read_by
    def _word(self) -> int:
        return int.from_bytes(self.buffer[:2], "little") if self.phase == READING else 0xFFFF

    @data.after_read
    def _word_was_read(self) -> None:
        if self.phase != READING:
            self.guest_errors += 1
            return
        del self.buffer[:2]
        if not self.buffer and self._next_sector():
            self._load()

    @data.written_by
    def _take_word(self, word: int) -> None:
        if self.phase != WRITING or self._overlay is None:
            self.guest_errors += 1
            return
        self.buffer += word.to_bytes(2, "little")
        if len(self.buffer) < SECTOR_BYTES:
            return
        self._overlay.write(self.lba, bytes(self.buffer))
        self.buffer.clear()
        self._next_sector()
        self._interrupt(True)


class AtaControl(Device):
    """Control block: one register."""

    name = "ata_control"
    source = Ata.source

    alternate_status = Register(
        0, Access.R, Status, "the status again; a read does not clear the interrupt"
    )
    device_control = Register(0, Access.W, DeviceControl, "reset and interrupt enable", reset=0)

    def __init__(self, clock: Clock, *, ata: Ata) -> None:
        """Control the channel of ``ata``."""
        self._ata = ata
        super().__init__(clock)

    @alternate_status.read_by
    def _status(self) -> int:
        return self._ata.alternate_status()

    @device_control.written_by
    def _control(self, value: DeviceControl) -> None:
        self._ata.control(self.device_control, value)
        self.device_control = value
