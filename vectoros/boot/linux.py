"""Start a Linux kernel (bzImage) at its 64-bit entry point, as a boot loader would.

What the kernel is told is in its *boot parameters*, a page: its own setup header, the
address map (as the BIOS's E820h tells it), where its command line is and where its
initrd. The kernel goes where it wants to be, the initrd to the end of RAM.

Source: Linux's ``Documentation/arch/x86/boot.rst`` and ``zero-page.rst``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from vectoros.boot import acpi, long_mode
from vectoros.boot.linux_header import HEADER_START, read_header
from vectoros.boot.system_service import memory_map
from vectoros.cpu.bits import Gpr
from vectoros.errors import UsageError
from vectoros.memory import Rom
from vectoros.pc import Pc
from vectoros.units import MIB, PAGE_SIZE

ENTRY_64 = 0x200
"""Offset of the 64-bit entry point in the protected-mode kernel."""

SCREEN = {0x06: 3, 0x07: 80, 0x0E: 25, 0x0F: 1, 0x10: 16}
"""``screen_info``: video mode 3 with 80 columns and 25 lines, a VGA, 16 dots a character.

That is how the VGA is switched on (devices/vga.py).
"""

E820_COUNT, E820_TABLE = 0x1E8, 0x2D0
E820_ENTRY = struct.Struct("<QQI")
ACPI_RSDP_ADDR = 0x70
VID_MODE, TYPE_OF_LOADER = 0x1FA, 0x210
RAMDISK, CMD_LINE_PTR = 0x218, 0x228
"""Offsets in the boot parameters. ``ramdisk_size`` is behind ``ramdisk_image``."""

NORMAL_MODE, UNDEFINED_LOADER = 0xFFFF, 0xFF
"""``vid_mode``: leave the screen as it is. ``type_of_loader``: none that has a number."""


class Linux:
    """A Linux kernel, its command line and its initrd. See :class:`vectoros.pc.Firmware`."""

    def __init__(self, data: bytes, name: str, command_line: str = "", initrd: bytes = b"") -> None:
        """Check the kernel in ``data``; raise :class:`BadFileError` if it cannot be booted."""
        self._header = read_header(data, name)
        self._name = name
        self._command_line = command_line
        self._initrd = initrd
        most = self._header.cmdline_size
        if len(command_line) > most:
            raise UsageError(
                f"--append takes at most {most} characters for {name}, not {len(command_line)}"
            )

    def roms(self) -> tuple[Rom, ...]:
        """See :class:`vectoros.pc.Firmware`: there are none."""
        return ()

    def place(self, pc: Pc) -> None:
        """See :class:`vectoros.pc.Firmware`."""
        header, memory = self._header, pc.memory
        initrd_at = self._place_of_initrd(memory.size)
        memory.write(header.pref_address, bytes(header.kernel))
        memory.write(initrd_at, self._initrd)
        rsdp = acpi.place(memory)
        parameters = self._boot_parameters(memory_map(memory.size), initrd_at, rsdp)
        memory.write(long_mode.PARAMETERS, parameters)
        long_mode.enter(pc, header.pref_address + ENTRY_64, self._command_line)
        pc.cpu.regs.gpr[Gpr.RSI] = long_mode.PARAMETERS

    def _place_of_initrd(self, ram: int) -> int:
        """Return where the initrd goes; raise :class:`UsageError` if ``ram`` is too small."""
        header, size = self._header, len(self._initrd)
        kernel_end = header.pref_address + header.init_size
        top = min(ram, header.initrd_addr_max + 1)
        start = (top - size) & -PAGE_SIZE
        if kernel_end > ram or (size and start < kernel_end):
            need = kernel_end + size + (PAGE_SIZE if size else 0)
            initrd = f" and an initrd of {size} bytes" if size else ""
            raise UsageError(
                f"--memory: {self._name} is loaded at {header.pref_address // MIB} MiB and takes "
                f"{header.init_size} bytes{initrd}: it needs {-(-need // MIB)}M or more, "
                f"and has {ram // MIB}M"
            )
        return start

    def _boot_parameters(
        self, areas: Iterable[tuple[int, int, int]], initrd_at: int, rsdp: int
    ) -> bytes:
        """Return the page of boot parameters, "zero page" to its friends."""
        page = bytearray(PAGE_SIZE)
        page[HEADER_START : HEADER_START + len(self._header.raw)] = self._header.raw
        for offset, value in SCREEN.items():
            page[offset] = value
        struct.pack_into("<H", page, VID_MODE, NORMAL_MODE)
        struct.pack_into("<Q", page, ACPI_RSDP_ADDR, rsdp)
        page[TYPE_OF_LOADER] = UNDEFINED_LOADER
        struct.pack_into("<I", page, CMD_LINE_PTR, long_mode.COMMAND_LINE)
        size = len(self._initrd)
        struct.pack_into("<II", page, RAMDISK, initrd_at if size else 0, size)
        entries = list(areas)
        page[E820_COUNT] = len(entries)
        for number, entry in enumerate(entries):
            E820_ENTRY.pack_into(page, E820_TABLE + number * E820_ENTRY.size, *entry)
        return bytes(page)
