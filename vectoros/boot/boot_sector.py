"""Start from a disk's first sector, as a BIOS leaves the machine when it jumps there."""

from __future__ import annotations

from vectoros.cpu.bits import Gpr
from vectoros.cpu.selftest import reset_real_mode
from vectoros.disk import BOOT_SIGNATURE
from vectoros.layout import BOOT_SECTOR
from vectoros.memory import Rom
from vectoros.pc import Pc

BIOS_DISK = 0x80
"""DL as a BIOS hands it to a boot sector: the first hard disk."""


class BootSector:
    """The first sector at 0000:7C00, and the CPU in real mode before it.

    See :class:`vectoros.pc.Firmware`. Without a disk, or if it has no boot sector,
    RAM stays as it is: what is at 7C00 is somebody else's.
    """

    def roms(self) -> tuple[Rom, ...]:
        """See :class:`vectoros.pc.Firmware`: there are none."""
        return ()

    def place(self, pc: Pc) -> None:
        """See :class:`vectoros.pc.Firmware`."""
        regs = pc.cpu.regs
        reset_real_mode(regs, BOOT_SECTOR)
        sector = pc.ata.sector(0)  # as the guest has left it: an installer may reboot
        if sector is not None and sector.endswith(BOOT_SIGNATURE):
            pc.memory.write(BOOT_SECTOR, sector)
            regs.gpr[Gpr.RDX] = BIOS_DISK
