"""THE address map: every physical address and I/O port that the machine decodes.

One row an area. The board attaches devices where these rows say and nowhere
else; the image builder, the documentation and the debugger read the same rows.

Sources: the IBM PC/AT technical reference for the ports below 400h; Intel SDM
Vol. 3A for the reset vector; QEMU's ``pc`` machine for the exit device and the
ACPI registers, so that one image runs on both.
"""

from __future__ import annotations

from dataclasses import dataclass

from vectoros.units import KIB, MIB


@dataclass(frozen=True, slots=True)
class Area:
    """``size`` ports or bytes from ``base`` that answer as one."""

    name: str
    base: int
    size: int
    doc: str

    @property
    def last(self) -> int:
        """The last port or byte of the area."""
        return self.base + self.size - 1

    def __str__(self) -> str:
        """Name and range, as every message about the map shows them."""
        return f"{self.name} at {self.base:#x}..{self.last:#x}"


PORTS: tuple[Area, ...] = (
    Area("pic1", 0x20, 2, "8259A interrupt controller, master"),
    Area("pit", 0x40, 4, "8254 interval timer"),
    Area("keyboard", 0x60, 1, "8042 data port: keyboard and mouse"),
    Area("port61", 0x61, 1, "system control port B: speaker gate, timer 2 output"),
    Area("keyboard_control", 0x64, 1, "8042 status and commands"),
    Area("rtc", 0x70, 2, "MC146818 real-time clock and CMOS RAM: index, data"),
    Area("system_control", 0x92, 1, "system control port A: A20 gate, fast reset"),
    Area("pic2", 0xA0, 2, "8259A interrupt controller, slave"),
    Area("bios_gate", 0xB0, 4, "BIOS gate: an OUT calls a service of the BIOS"),
    Area("debug_console", 0xE9, 1, "debug console: each line is a milestone"),
    Area("exit", 0xF4, 4, "exit device: a byte written stops the machine with that status"),
    Area("vbe", 0x1CE, 4, "Bochs VBE: index, data, and data again at an even port"),
    Area("ata", 0x1F0, 8, "ATA command block, primary channel"),
    Area("vga", 0x3B0, 0x30, "VGA: text mode, and the colors of modes with 8 bits"),
    Area("com1", 0x3F8, 8, "16550A UART: the console"),
    Area("ata_control", 0x3F6, 1, "ATA device control and alternate status, primary channel"),
    Area("elcr", 0x4D0, 2, "edge/level control: how each interrupt input is triggered"),
    Area("power_events", 0x600, 4, "ACPI PM1a events: status and enable"),
    Area("power", 0x604, 2, "ACPI PM1a control: SLP_EN with SLP_TYP 5 switches off"),
    Area("pm_timer", 0x608, 4, "ACPI power management timer, 3.579545 MHz"),
    Area("reset_control", 0xCF9, 1, "reset control: bit 2 from 0 to 1 resets the machine"),
)
"""I/O ports, by device."""

MACHINE_INFO = 0xFEB0_0000
"""A ROM page that says what the machine is (docs/reference/machine-info.md)."""

KERNEL_GATE = 0xFEB0_1000

MEMORY: tuple[Area, ...] = (
    Area("kernel_gate", KERNEL_GATE, 0x1000, "kernel gate: a store calls the kernel"),
)
"""Physical addresses where devices answer, by device."""

BIOS_ROM = 0xFFFF_0000
"""The BIOS's ROM, 64 KiB below 4 GiB: the CPU's first instruction is in its last 16 bytes."""

BIOS_SHADOW = 0xF0000
"""Where the board copies that ROM to, so that real-mode code can run in it."""

ACPI_TABLES = Area("ACPI tables", 0xE_0000, 64 * KIB, "RAM that firmware has for tables")
"""Where a guest finds the ACPI tables: it looks for "RSD PTR " from here to the end of
the first MiB, at every 16th byte (ACPI 6.5, section 5.2.5.1)."""

IRQS: dict[str, int] = {
    "pit": 0,
    "keyboard": 1,
    "cascade": 2,
    "com1": 4,
    "rtc": 8,
    "power_events": 9,
    "mouse": 12,
    "ata": 14,
}
"""Inputs of the two interrupt controllers: 0-7 the master's, 8-15 the slave's."""

BOOT_SECTOR = 0x7C00
"""Where a BIOS places a disk's first sector and jumps to it (IBM PC/AT)."""

HANDOVER = Area("hand-over", 0x9_0000, 0x9000, "what a kernel file is started with")
"""RAM where a kernel file finds its parameters, its command line and its first tables."""

LOW_MEMORY_END = 640 * KIB
"""First byte of the legacy video and adapter area."""

MINIMUM_RAM = 1 * MIB
MAXIMUM_RAM = 3072 * MIB
"""RAM lies below the 32-bit hole in one piece; more needs a second piece above 4 GiB."""

PHYSICAL_ADDRESS_BITS = 40
"""Width of a physical address on the emulated CPU (Unicorn 2.1.4, ``TCG_PHYS_ADDR_BITS``)."""

VGA_GRAPHICS_MEMORY = 0xA_0000
TEXT_MEMORY = 0xB_8000
"""Where the VGA shows dots, and characters with colors, from (IBM VGA). RAM, here."""

FRAMEBUFFER = 0xE000_0000
FRAMEBUFFER_SIZE = 8 * MIB
"""Enough for 1920x1080 in 32 bits; QEMU's VGA has 16 MiB."""

VIDEO_MEMORY = Area("video memory", FRAMEBUFFER, FRAMEBUFFER_SIZE, "linear framebuffer")
"""Where the memory that the screen shows in graphics modes lies: RAM, to the CPU."""

INTA_PAGE = 0xFE_0000_0000
"""A page that only the CPU's interrupt-acknowledge cycle reads. Not decoded for programs."""


def port_area(name: str) -> Area:
    """Return the row of :data:`PORTS` called ``name``."""
    return next(area for area in PORTS if area.name == name)


def memory_area(name: str) -> Area | None:
    """Return the row of :data:`MEMORY` called ``name``, or None: the device has ports."""
    return next((area for area in MEMORY if area.name == name), None)
