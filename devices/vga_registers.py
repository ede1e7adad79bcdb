"""The VGA's table of registers, named as in IBM's video subsystem reference.

Most lie behind an index: the guest writes a number to one port and then finds the
register at the next. The values at power-on are those that a BIOS sets for text
mode 3: 80 by 25 characters of 8 by 16 dots.
"""

from __future__ import annotations

from typing import TypeVar

from vectoros.devices.device import Device
from vectoros.devices.registers import Access, Register
from vectoros.devices.state import Cell, Shape, integer
from vectoros.devices.vga_fields import (
    AttributeAddress,
    AttributeMode,
    ClockingMode,
    ColorSelect,
    CursorEnd,
    CursorStart,
    GraphicsMisc,
    GraphicsMode,
    MaximumScanLine,
    MemoryMode,
    MiscOutput,
    Overflow,
    VerticalRetraceEnd,
)

V = TypeVar("V", bound=int)

ATTRIBUTE_DATA, SEQUENCER_DATA, GRAPHICS_DATA, CRTC_DATA = 0x11, 0x15, 0x1F, 0x25
"""Offsets of the four data ports."""

PALETTE_REGISTERS = 16
"""Of the attribute controller: the colors of text, and of modes with 16 colors."""

PALETTE = "index 00h to 0Fh"
PROTECTED, LAST_PROTECTED = "index 00h to 06h, PR=1", 0x06
"""A bank in which there is nothing to be written: its registers' bank when PR is set."""

DAC_COLORS, DAC_MAXIMUM = 256, 63
"""Colors of the DAC, and the largest value of a component: 6 bits."""

TEXT_PALETTE = bytes([0, 1, 2, 3, 4, 5, 0x14, 7, *range(0x38, 0x40)])
"""Which of the DAC's colors text uses: 14h is brown, and 38h to 3Fh are the bright ones."""


def _ega_color(number: int) -> tuple[int, ...]:
    """Return red, green and blue of a color of the EGA, whose bits are rgbRGB."""
    return tuple(0x2A * (number >> bit & 1) + 0x15 * (number >> bit + 3 & 1) for bit in (2, 1, 0))


TEXT_COLORS = bytes(c for number in range(64) for c in _ega_color(number)).ljust(
    3 * DAC_COLORS, b"\0"
)
"""What a BIOS loads into the DAC for text: the EGA's 64 colors, and black."""


def _table(size: int, most: int) -> Shape[bytes]:
    return Shape(
        f"{size} bytes up to {most}",
        lambda value: isinstance(value, bytes) and len(value) == size and max(value) <= most,
    )


def index(number: int) -> str:
    """Return the bank of the register behind an index."""
    return f"index {number:02X}h"


def _at(port: int, number: int, kind: type[V], reset: int, doc: str) -> Register[V]:
    access = Access.R if port == ATTRIBUTE_DATA else Access.RW
    return Register(port, access, kind, doc, reset=reset, bank=index(number))


class VgaRegisters(Device):
    """The registers that hold a value; ``Vga`` adds those that do something."""

    attribute_address = Register(
        0x10, Access.R, AttributeAddress, "attribute controller: address", reset=0x20
    )
    attribute_mode = _at(ATTRIBUTE_DATA, 0x10, AttributeMode, 0x0C, "mode control")
    overscan_color = _at(ATTRIBUTE_DATA, 0x11, int, 0, "overscan color: there is no border here")
    color_plane_enable = _at(ATTRIBUTE_DATA, 0x12, int, 0x0F, "which bits of a color count")
    horizontal_pel_panning = _at(ATTRIBUTE_DATA, 0x13, int, 0, "panning: no effect here")
    color_select = _at(ATTRIBUTE_DATA, 0x14, ColorSelect, 0, "upper bits of a color")

    misc_output = Register(0x1C, Access.R, MiscOutput, "miscellaneous output", reset=0x63)

    sequencer_address = Register(0x14, Access.RW, int, "sequencer: index", reset=0)
    sequencer_reset = _at(SEQUENCER_DATA, 0, int, 0x03, "reset: no effect here")
    clocking_mode = _at(SEQUENCER_DATA, 1, ClockingMode, 0x01, "clocking mode")
    map_mask = _at(SEQUENCER_DATA, 2, int, 0x03, "planes to be written: no effect here")
    character_map_select = _at(SEQUENCER_DATA, 3, int, 0, "font: no effect here")
    memory_mode = _at(SEQUENCER_DATA, 4, MemoryMode, 0x02, "memory mode")

    pel_mask = Register(0x16, Access.RW, int, "which bits of a color reach the DAC", reset=0xFF)
    pel_address = Register(0x18, Access.RW, int, "DAC: color to be written next", reset=0)

    feature_control = Register(0x1A, Access.R, int, "feature control: always 0", reset=0)

    graphics_address = Register(0x1E, Access.RW, int, "graphics controller: index", reset=0)
    set_reset = _at(GRAPHICS_DATA, 0, int, 0, "set/reset: no effect here")
    enable_set_reset = _at(GRAPHICS_DATA, 1, int, 0, "enable set/reset: no effect here")
    color_compare = _at(GRAPHICS_DATA, 2, int, 0, "color compare: no effect here")
    data_rotate = _at(GRAPHICS_DATA, 3, int, 0, "data rotate: no effect here")
    read_map_select = _at(GRAPHICS_DATA, 4, int, 0, "plane to be read: no effect here")
    graphics_mode = _at(GRAPHICS_DATA, 5, GraphicsMode, 0x10, "mode")
    graphics_misc = _at(GRAPHICS_DATA, 6, GraphicsMisc, 0x0E, "miscellaneous")
    color_dont_care = _at(GRAPHICS_DATA, 7, int, 0x0F, "color don't care: no effect here")
    bit_mask = _at(GRAPHICS_DATA, 8, int, 0xFF, "bit mask: no effect here")

    crtc_address = Register(0x24, Access.RW, int, "CRT controller: index", reset=0)
    horizontal_total = _at(CRTC_DATA, 0x00, int, 0x5F, "characters of a line in all, less 5")
    horizontal_display_enable_end = _at(CRTC_DATA, 0x01, int, 0x4F, "characters shown, less 1")
    start_horizontal_blanking = _at(CRTC_DATA, 0x02, int, 0x50, "start of horizontal blanking")
    end_horizontal_blanking = _at(CRTC_DATA, 0x03, int, 0x82, "end of horizontal blanking")
    start_horizontal_retrace = _at(CRTC_DATA, 0x04, int, 0x55, "start of horizontal retrace")
    end_horizontal_retrace = _at(CRTC_DATA, 0x05, int, 0x81, "end of horizontal retrace")
    vertical_total = _at(CRTC_DATA, 0x06, int, 0xBF, "lines of a frame in all, less 2; 10 bits")
    overflow = _at(CRTC_DATA, 0x07, Overflow, 0x1F, "bits that did not fit elsewhere")
    preset_row_scan = _at(CRTC_DATA, 0x08, int, 0, "preset row scan: no effect here")
    maximum_scan_line = _at(CRTC_DATA, 0x09, MaximumScanLine, 0x4F, "maximum scan line")
    cursor_start = _at(CRTC_DATA, 0x0A, CursorStart, 0x0D, "cursor start")
    cursor_end = _at(CRTC_DATA, 0x0B, CursorEnd, 0x0E, "cursor end")
    start_address_high = _at(CRTC_DATA, 0x0C, int, 0, "first character shown, high byte")
    start_address_low = _at(CRTC_DATA, 0x0D, int, 0, "first character shown, low byte")
    cursor_location_high = _at(CRTC_DATA, 0x0E, int, 0, "character of the cursor, high byte")
    cursor_location_low = _at(CRTC_DATA, 0x0F, int, 0, "character of the cursor, low byte")
    vertical_retrace_start = _at(CRTC_DATA, 0x10, int, 0x9C, "first line of the retrace; 10 bits")
    vertical_retrace_end = _at(CRTC_DATA, 0x11, VerticalRetraceEnd, 0x8E, "vertical retrace end")
    vertical_display_enable_end = _at(CRTC_DATA, 0x12, int, 0x8F, "lines shown, less 1; 10 bits")
    offset = _at(CRTC_DATA, 0x13, int, 0x28, "half the characters from one row to the next")
    underline_location = _at(CRTC_DATA, 0x14, int, 0x1F, "underline location: no effect here")
    start_vertical_blanking = _at(CRTC_DATA, 0x15, int, 0x96, "start of vertical blanking")
    end_vertical_blanking = _at(CRTC_DATA, 0x16, int, 0xB9, "end of vertical blanking")
    crtc_mode_control = _at(CRTC_DATA, 0x17, int, 0xA3, "CRTC mode control: no effect here")
    line_compare = _at(CRTC_DATA, 0x18, int, 0xFF, "line compare: no effect here")

    flip_flop = Cell(0, integer(0, 1), "whether 3C0h takes data next: 0 address, 1 data")
    palette = Cell(TEXT_PALETTE, _table(PALETTE_REGISTERS, 63), "the 16 palette registers")
    dac = Cell(TEXT_COLORS, _table(3 * DAC_COLORS, DAC_MAXIMUM), "the colors of the DAC")
    dac_reading = Cell(0, integer(0, 3), "DAC state: 3 behind a read address")
    pel_component = Cell(0, integer(0, 2), "DAC: which of red, green and blue is next")
    pel_latch = Cell(bytes(3), _table(3, DAC_MAXIMUM), "DAC: components of a color under way")

    def bank(self, offset: int, value: int | None) -> str:
        """An index decides, in four places."""
        if offset == ATTRIBUTE_DATA:
            number = self.attribute_address.INDEX
            return PALETTE if number < PALETTE_REGISTERS else index(number)
        if offset == CRTC_DATA:
            locked = self.crtc_address <= LAST_PROTECTED and self.vertical_retrace_end.PR
            return PROTECTED if locked and value is not None else index(self.crtc_address)
        address = {SEQUENCER_DATA: self.sequencer_address, GRAPHICS_DATA: self.graphics_address}
        return index(address[offset])
