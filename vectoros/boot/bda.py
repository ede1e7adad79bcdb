"""The BIOS data area and its extension: what real-mode programs expect to find there.

Source: IBM PC/AT Technical Reference, "System BIOS", data areas at 40:0; IBM PS/2
and PC BIOS Interface Technical Reference for the extended area.
"""

from __future__ import annotations

from vectoros.boot.frame import RamLike

BDA = 0x400
BDA_SIZE = 0x100
EBDA = 0x9FC00
EBDA_SIZE = 0x400
BASE_KIB = EBDA >> 10
"""Memory below the extended data area, in KiB: what INT 12h says."""

COLUMNS, ROWS = 80, 25
TEXT = 0xB8000
"""The text screen: a character and an attribute for each cell."""

PAGE_BYTES = 0x1000
PAGES = 8
CRTC = 0x3D4
"""Index port of the display's CRT controller; its data port is the next."""

COM1 = 0x3F8

EQUIPMENT = 0x222
"""A coprocessor, an 80 x 25 colour display, one serial port, no diskette drive."""

CONFIGURATION = EBDA + 0x120
"""The table that INT 15h, AH=C0h, points to."""

CONFIGURATION_TABLE = bytes((8, 0, 0xFC, 0, 1, 0x74, 0, 0, 0, 0))
"""Length; model PC/AT; two interrupt controllers, a clock, the keyboard hook, an EBDA."""

KEYS_FIRST, KEYS_END = 0x1E, 0x3E
"""The keyboard ring: offsets from segment 40h of its first word, and behind its last."""


class Cell:
    """A number at a fixed address in guest RAM."""

    def __init__(self, address: int, width: int) -> None:
        """Stand for the ``width`` bytes at ``address``."""
        self.address = address
        self.width = width

    def __get__(self, area: DataArea, owner: type) -> int:
        """Read it."""
        return int.from_bytes(area.memory.read(self.address, self.width), "little")

    def __set__(self, area: DataArea, value: int) -> None:
        """Write its low bits."""
        value &= (1 << 8 * self.width) - 1
        area.memory.write(self.address, value.to_bytes(self.width, "little"))


class DataArea:
    """The fields that the services use, by name."""

    com1 = Cell(BDA + 0x00, 2)
    ebda_segment = Cell(BDA + 0x0E, 2)
    equipment = Cell(BDA + 0x10, 2)
    base_kib = Cell(BDA + 0x13, 2)
    shift_flags = Cell(BDA + 0x17, 2)
    keypad = Cell(BDA + 0x19, 1)
    keys_head = Cell(BDA + 0x1A, 2)
    keys_tail = Cell(BDA + 0x1C, 2)
    mode = Cell(BDA + 0x49, 1)
    columns = Cell(BDA + 0x4A, 2)
    page_bytes = Cell(BDA + 0x4C, 2)
    page_offset = Cell(BDA + 0x4E, 2)
    cursor_shape = Cell(BDA + 0x60, 2)
    page = Cell(BDA + 0x62, 1)
    crtc = Cell(BDA + 0x63, 2)
    ticks = Cell(BDA + 0x6C, 4)
    midnight = Cell(BDA + 0x70, 1)
    disk_status = Cell(BDA + 0x74, 1)
    disks = Cell(BDA + 0x75, 1)
    keys_first = Cell(BDA + 0x80, 2)
    keys_end = Cell(BDA + 0x82, 2)
    last_row = Cell(BDA + 0x84, 1)
    character_height = Cell(BDA + 0x85, 2)
    keyboard_kind = Cell(BDA + 0x96, 1)

    ebda_kib = Cell(EBDA + 0x00, 1)
    vbe_mode = Cell(EBDA + 0x100, 2)
    """The VBE mode that was set last, with its flags; 0 in text mode. From here on ours."""

    escape = Cell(EBDA + 0x102, 1)
    """How much of an escape sequence the serial port has sent."""

    escape_tick = Cell(EBDA + 0x104, 4)
    moved = Cell(EBDA + 0x108, 1)
    """The cursor was moved, and the terminal on the serial port has not been told."""

    def __init__(self, memory: RamLike) -> None:
        """Look at ``memory``."""
        self.memory = memory

    def cursor(self, page: int) -> tuple[int, int]:
        """Return row and column of the cursor of ``page``."""
        column, row = self.memory.read(BDA + 0x50 + 2 * (page % PAGES), 2)
        return row, column

    def set_cursor(self, page: int, row: int, column: int) -> None:
        """Move the cursor of ``page``."""
        cell = bytes((column & 0xFF, row & 0xFF))
        self.memory.write(BDA + 0x50 + 2 * (page % PAGES), cell)

    def fill(self, *, disks: int) -> None:
        """Fill both areas as after power-on, on a machine with so many disks."""
        self.memory.write(BDA, bytes(BDA_SIZE))
        self.memory.write(EBDA, bytes(EBDA_SIZE))
        self.memory.write(CONFIGURATION, CONFIGURATION_TABLE)
        self.com1, self.crtc = COM1, CRTC
        self.ebda_segment, self.ebda_kib = EBDA >> 4, EBDA_SIZE >> 10
        self.equipment, self.base_kib = EQUIPMENT, BASE_KIB
        self.keys_head = self.keys_tail = self.keys_first = KEYS_FIRST
        self.keys_end = KEYS_END
        self.disks = disks
        self.keyboard_kind = 0x10  # 101 or 102 keys
