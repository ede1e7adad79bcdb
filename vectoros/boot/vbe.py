"""INT 10h, AX=4Fxxh: graphics modes with a linear framebuffer, on Bochs's registers.

Source: VESA BIOS Extension Core Functions Standard 3.0; Bochs, "VBE dispi"
(bochs.sourceforge.io, vbe-dispi.txt). Mode numbers are those of Bochs.
"""

from __future__ import annotations

import struct

from vectoros.boot.frame import Frame, Op, linear
from vectoros.boot.service import Host, Service
from vectoros.layout import FRAMEBUFFER, FRAMEBUFFER_SIZE

DISPI = 0x1CE
"""Index port; the data port is the next, and 16 bits wide as this one."""

ID, XRES, YRES, BPP, ENABLE, BANK = 0, 1, 2, 3, 4, 5
ENABLED, LINEAR, KEEP_MEMORY = 1 << 0, 1 << 6, 1 << 7
DISPI_ID = 0xB0C0
"""What ID reads as, but for the version in its low four bits."""

MODES = {
    0x141: (640, 400),
    0x142: (640, 480),
    0x143: (800, 600),
    0x144: (1024, 768),
    0x145: (1280, 1024),
}
"""Width and height by mode number; a pixel has 32 bits."""

BPP_BITS = 32
OK, FAILED, UNKNOWN = 0x004F, 0x014F, 0x0100
"""AX afterwards. UNKNOWN is what a BIOS without VBE leaves: not 4Fh in AL."""

USE_LINEAR, DONT_CLEAR, NUMBER = 1 << 14, 1 << 15, 0x1FF
"""BX of function 02h."""

ATTRIBUTES = 0xDB
"""Supported, colour, graphics, not VGA, no banks, a linear framebuffer."""

DIRECT_COLOUR = 6
VBE_SIZE, VBE1_SIZE, MODE_SIZE = 512, 256, 256
OEM = b"VectorOS\0"


def _absent(frame: Frame) -> bool | None:
    """Whether there is no display of this kind; None if the frame must first ask."""
    if frame.step == 0:
        frame.operate(Op.IN_INDEX16, DISPI, index=ID)
        frame.again(1)
        return None
    return frame.result(0) & 0xFFF0 != DISPI_ID


def dispi_off(host: Host, frame: Frame) -> None:
    """Leave a graphics mode, if this BIOS has set one."""
    if host.area.vbe_mode:
        frame.operate(Op.OUT_INDEX16, DISPI, 0, ENABLE)


def controller_info(host: Host, frame: Frame) -> None:
    """AX=4F00h: fill the block at ES:DI."""
    if (absent := _absent(frame)) is not False:
        frame.ax = frame.ax if absent is None else UNKNOWN
        return
    address = linear(frame.es, frame.di)
    second = host.memory.read(address, 4) == b"VBE2"
    far = frame.es << 16
    modes = b"".join(struct.pack("<H", mode) for mode in (*MODES, 0xFFFF))
    names = 34 + len(modes)
    head = struct.pack(
        "<4sHIIIH",
        b"VESA",
        0x0200,
        far | frame.di + names & 0xFFFF,
        0,
        far | frame.di + 34 & 0xFFFF,
        FRAMEBUFFER_SIZE >> 16,
    )
    block = head.ljust(34, b"\0") + modes + OEM
    host.memory.write(address, block.ljust(VBE_SIZE if second else VBE1_SIZE, b"\0"))
    frame.ax = OK


def mode_info(host: Host, frame: Frame) -> None:
    """AX=4F01h: describe mode CX in the block at ES:DI."""
    if (absent := _absent(frame)) is not False:
        frame.ax = frame.ax if absent is None else UNKNOWN
        return
    size = MODES.get(frame.cx & NUMBER)
    if size is None:
        frame.ax = FAILED
        return
    width, height = size
    block = bytearray(MODE_SIZE)
    struct.pack_into("<H", block, 0, ATTRIBUTES)
    struct.pack_into(
        "<HHHBBBBBBBBB", block, 0x10, width * 4, width, height, 8, 16, 1, BPP_BITS, 1,
        DIRECT_COLOUR, 0, 0, 1,
    )  # fmt: skip
    block[0x1F:0x27] = bytes((8, 16, 8, 8, 8, 0, 8, 24))  # red, green, blue, unused
    struct.pack_into("<I", block, 0x28, FRAMEBUFFER)
    struct.pack_into("<HBB", block, 0x32, width * 4, 0, 0)
    block[0x36:0x3E] = bytes((8, 16, 8, 8, 8, 0, 8, 24))
    host.memory.write(linear(frame.es, frame.di), bytes(block))
    frame.ax = OK


def set_mode(host: Host, frame: Frame) -> None:
    """AX=4F02h: mode BX, which must ask for the linear framebuffer."""
    if (absent := _absent(frame)) is not False:
        frame.ax = frame.ax if absent is None else UNKNOWN
        return
    size = MODES.get(frame.bx & NUMBER)
    if size is None or not frame.bx & USE_LINEAR:
        frame.ax = FAILED
        return
    keep = KEEP_MEMORY if frame.bx & DONT_CLEAR else 0
    for index, value in (
        (ENABLE, 0),
        (XRES, size[0]),
        (YRES, size[1]),
        (BPP, BPP_BITS),
        (BANK, 0),
        (ENABLE, ENABLED | LINEAR | keep),
    ):
        frame.operate(Op.OUT_INDEX16, DISPI, value, index)
    host.area.vbe_mode = frame.bx
    frame.ax = OK


def get_mode(host: Host, frame: Frame) -> None:
    """AX=4F03h: the mode in BX."""
    if (absent := _absent(frame)) is not False:
        frame.ax = frame.ax if absent is None else UNKNOWN
        return
    frame.bx = host.area.vbe_mode or host.area.mode
    frame.ax = OK


def unknown(host: Host, frame: Frame) -> None:
    """Any other function fails."""
    frame.ax = UNKNOWN


SERVICES = (
    Service(0x10, 0x4F00, "VBE: describe the controller", controller_info),
    Service(0x10, 0x4F01, "VBE: describe a mode", mode_info),
    Service(0x10, 0x4F02, "VBE: set a mode", set_mode),
    Service(0x10, 0x4F03, "VBE: get the mode", get_mode),
    Service(0x10, 0x4F, "VBE: any other function fails", unknown),
)
