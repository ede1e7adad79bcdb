"""The bits of the VGA's registers, named as in IBM's video subsystem reference."""

from __future__ import annotations

from vectoros.devices.fields import Bit, Bits, Fields


class MiscOutput(Fields):
    """Miscellaneous output."""

    VSP = Bit(7, "polarity of the vertical retrace")
    HSP = Bit(6, "polarity of the horizontal retrace")
    PAGE = Bit(5, "which 64 KiB odd/even addressing takes: no effect here")
    CS = Bits(3, 2, "dot clock", {0: "25.175 MHz", 1: "28.322 MHz"})
    ERAM = Bit(1, "memory answers the CPU: always, here")
    IOAS = Bit(0, "ports of the CRT controller", {0: "3Bxh", 1: "3Dxh"})


class InputStatus0(Fields):
    """Input status 0."""

    SENSE = Bit(4, "a monitor is there: always")


class InputStatus1(Fields):
    """Input status 1."""

    VR = Bit(3, "vertical retrace is going on")
    DE = Bit(0, "nothing is being displayed: a horizontal or vertical blank")


class ClockingMode(Fields):
    """Sequencer: clocking mode."""

    SO = Bit(5, "screen off")
    SH4 = Bit(4, "shift 4")
    DC = Bit(3, "dot clock divided by 2")
    SL = Bit(2, "shift load")
    D89 = Bit(0, "dots of a character; the screen here always shows 8", {0: "9", 1: "8"})


class MemoryMode(Fields):
    """Sequencer: memory mode."""

    CH4 = Bit(3, "chain 4: bytes lie one behind the other")
    OE = Bit(2, "odd/even addressing is off")
    EM = Bit(1, "more than 64 KiB of memory")


class GraphicsMode(Fields):
    """Graphics controller: mode."""

    C256 = Bit(6, "256 colors")
    SR = Bit(5, "shift register interleaves")
    OE = Bit(4, "odd/even addressing")
    RM = Bit(3, "read mode")
    WM = Bits(1, 0, "write mode")


class GraphicsMisc(Fields):
    """Graphics controller: miscellaneous."""

    MM = Bits(3, 2, "memory map: no effect here", {3: "32 KiB from B8000h"})
    OE = Bit(1, "chain odd maps to even ones")
    GM = Bit(0, "graphics mode")


class Overflow(Fields):
    """CRT controller: bits that did not fit elsewhere."""

    VRS9 = Bit(7, "vertical retrace start, bit 9")
    VDE9 = Bit(6, "vertical display-enable end, bit 9")
    VT9 = Bit(5, "vertical total, bit 9")
    LC8 = Bit(4, "line compare, bit 8")
    VBS8 = Bit(3, "start of vertical blanking, bit 8")
    VRS8 = Bit(2, "vertical retrace start, bit 8")
    VDE8 = Bit(1, "vertical display-enable end, bit 8")
    VT8 = Bit(0, "vertical total, bit 8")


class MaximumScanLine(Fields):
    """CRT controller: maximum scan line."""

    DSC = Bit(7, "each line is displayed twice")
    LC9 = Bit(6, "line compare, bit 9")
    VBS9 = Bit(5, "start of vertical blanking, bit 9")
    MSL = Bits(4, 0, "lines of a character row, less 1")


class CursorStart(Fields):
    """CRT controller: cursor start."""

    CO = Bit(5, "cursor off")
    RSCB = Bits(4, 0, "first line of the cursor")


class CursorEnd(Fields):
    """CRT controller: cursor end."""

    CSK = Bits(6, 5, "cursor skew: no effect here")
    RSCE = Bits(4, 0, "last line of the cursor")


class VerticalRetraceEnd(Fields):
    """CRT controller: vertical retrace end."""

    PR = Bit(7, "protect registers 00h to 06h, and 07h but for LC8")
    S5R = Bit(6, "refresh cycles: no effect here")
    EVI = Bit(5, "no interrupt on retrace: there is none here")
    CVI = Bit(4, "clear that interrupt")
    VRE = Bits(3, 0, "vertical retrace end, its lower bits")


class AttributeMode(Fields):
    """Attribute controller: mode control."""

    P54 = Bit(7, "bits 5:4 of the color come from color select")
    PW = Bit(6, "a dot is two clocks wide, as with 256 colors")
    PP = Bit(5, "panning ends at the line compare: no effect here")
    EB = Bit(3, "attribute bit 7 blinks; else it is the fourth bit of the background")
    ELG = Bit(2, "line graphics reach into the ninth dot")
    ME = Bit(1, "monochrome")
    G = Bit(0, "graphics mode")


class AttributeAddress(Fields):
    """Attribute controller: address."""

    PAS = Bit(5, "the palette is the display's; 0 blanks it")
    INDEX = Bits(4, 0, "which register the next write goes to")


class ColorSelect(Fields):
    """Attribute controller: color select."""

    C76 = Bits(3, 2, "bits 7:6 of the color")
    C54 = Bits(1, 0, "bits 5:4 of the color, with P54")
