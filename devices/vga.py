"""The VGA: what of it a text screen needs, and the modes where bytes are dots.

Promise: what the screen shows is a function of memory, of these registers and of
the machine's clock. Nothing here draws; ``vectoros/screen.py`` reads.

Memory is ordinary RAM, from A0000h on, and not four planes behind one address.
So the machine shows text (at B8000h), 320x200 with 256 colors (at A0000h), and
whatever ``Vbe`` sets; the modes with 16 colors are not there. Fonts are fixed:
a character is 8 dots wide, and its picture that of code page 437.

A PC's firmware programs a text mode before a guest sees the machine. So at
power-on the registers are those of mode 3.
"""

from __future__ import annotations

from vectoros.devices.registers import Access, Decoder, Register
from vectoros.devices.vga_fields import (
    AttributeAddress,
    InputStatus0,
    InputStatus1,
    MiscOutput,
    Overflow,
)
from vectoros.devices.vga_registers import (
    ATTRIBUTE_DATA,
    DAC_COLORS,
    DAC_MAXIMUM,
    PALETTE,
    PALETTE_REGISTERS,
    VgaRegisters,
    index,
)

MOVING, MOVES = frozenset({0x04, 0x05, 0x0A}), 0x20
"""What IOAS moves, and by how much: the CRT controller's ports and input status 1."""

DOT_CLOCKS_HZ = (25_175_000, 28_322_000, 25_175_000, 25_175_000)
"""By value of CS; the last two are for cards that bring their own."""

CHARACTER_DOTS = 8
RETRACE_MODULUS = 16
"""The retrace's end is compared in four bits."""

HORIZONTAL_TOTAL_LESS, VERTICAL_TOTAL_LESS = 5, 2
"""What these registers leave out."""


class Vga(VgaRegisters):
    """An index port and a data port for each of four controllers, and the DAC.

    The attribute controller has one port for both: writes to 3C0h are an address
    and data by turns, and reading input status 1 starts with an address again.
    The DAC takes three writes for a color, and gives it in three reads.

    Time runs on in input status 1: with the dot clock and the totals that are
    programmed, it says whether the beam is in a blank or in the retrace.
    """

    source = 'IBM Personal System/2 Hardware Interface Technical Reference, "Video Subsystem"'

    attribute_write = Register(
        0x10, Access.W, int, "attribute controller: address and data, by turns"
    )
    palette_register = Register(
        ATTRIBUTE_DATA, Access.R, int, "color of the DAC for one of text's", bank=PALETTE
    )
    input_status_0 = Register(0x12, Access.R, InputStatus0, "input status 0")
    misc_output_write = Register(0x12, Access.W, MiscOutput, "miscellaneous output")
    pel_address_read = Register(0x17, Access.W, int, "DAC: color to be read next")
    dac_state = Register(0x17, Access.R, int, "DAC: 3 behind a read address, else 0")
    pel_data = Register(0x19, Access.RW, int, "DAC: red, green and blue by turns, 6 bits each")
    feature_control_write = Register(0x2A, Access.W, int, "feature control: no effect here")
    input_status_1 = Register(
        0x2A, Access.R, InputStatus1, "input status 1; reading it makes 3C0h expect an address"
    )

    def _find(
        self, table: Decoder, offset: int, room: int, value: int | None
    ) -> Register[int] | None:
        """IOAS decides whether the CRT controller is at 3D4h or at 3B4h."""
        color = self.misc_output.IOAS
        if (offset in MOVING and color) or (offset - MOVES in MOVING and not color):
            return None
        return super()._find(table, offset + MOVES * (offset in MOVING), room, value)

    @misc_output_write.written_by
    def _set_misc_output(self, value: MiscOutput) -> None:
        self.misc_output = value

    @feature_control_write.written_by
    def _ignore(self, value: int) -> None:
        """Two outputs of a connector that nothing is plugged into."""

    @VgaRegisters.overflow.written_by
    def _set_overflow(self, value: Overflow) -> None:
        if self.vertical_retrace_end.PR:
            value = self.overflow.replace(LC8=value.LC8)
        self.overflow = value

    # The attribute controller.

    @attribute_write.written_by
    def _address_or_data(self, value: int) -> None:
        data, self.flip_flop = self.flip_flop, 1 - self.flip_flop
        number = self.attribute_address.INDEX
        if not data:
            self.attribute_address = AttributeAddress(value & AttributeAddress.mask)
        elif number < PALETTE_REGISTERS:
            changed = bytearray(self.palette)
            changed[number] = value & DAC_MAXIMUM
            self.palette = bytes(changed)
        elif (register := self._readable[ATTRIBUTE_DATA, 1].get(index(number))) is not None:
            register.__set__(self, value)
        else:
            self.guest_errors += 1

    @palette_register.read_by
    def _palette_entry(self) -> int:
        return self.palette[self.attribute_address.INDEX % PALETTE_REGISTERS]

    @input_status_1.after_read
    def _expect_an_address(self) -> None:
        self.flip_flop = 0

    # The DAC.

    @pel_address_read.written_by
    def _start_reading(self, value: int) -> None:
        self.pel_address, self.pel_component, self.dac_reading = value, 0, 3

    @VgaRegisters.pel_address.written_by
    def _start_writing(self, value: int) -> None:
        self.pel_address, self.pel_component, self.dac_reading = value, 0, 0

    @dac_state.read_by
    def _dac_state(self) -> int:
        return self.dac_reading

    @pel_data.read_by
    def _component(self) -> int:
        return self.dac[3 * self.pel_address + self.pel_component]

    @pel_data.after_read
    def _next_component(self) -> None:
        self.pel_component = (self.pel_component + 1) % 3
        if self.pel_component == 0:
            self.pel_address = (self.pel_address + 1) % DAC_COLORS

    @pel_data.written_by
    def _set_component(self, value: int) -> None:
        latch = bytearray(self.pel_latch)
        latch[self.pel_component] = value & DAC_MAXIMUM
        self.pel_latch = bytes(latch)
        if self.pel_component == 2:  # only now does the color change
            start = 3 * self.pel_address
            self.dac = self.dac[:start] + self.pel_latch + self.dac[start + 3 :]
        self._next_component()

    # Time.

    def dot_clock_hz(self) -> int:
        """Return the frequency of the dot clock."""
        return DOT_CLOCKS_HZ[self.misc_output.CS] >> self.clocking_mode.DC

    def line_characters(self) -> int:
        """Return the characters of a line, those in the blank included."""
        return self.horizontal_total + HORIZONTAL_TOTAL_LESS

    def frame_lines(self) -> int:
        """Return the lines of a frame, those in the retrace included."""
        high = self.overflow.VT9 << 9 | self.overflow.VT8 << 8
        return (high | self.vertical_total) + VERTICAL_TOTAL_LESS

    def shown_lines(self) -> int:
        """Return the lines of a frame that are displayed."""
        high = self.overflow.VDE9 << 9 | self.overflow.VDE8 << 8
        return (high | self.vertical_display_enable_end) + 1

    def frames(self) -> int:
        """Return how many frames have passed since power-on: what blinking is counted in."""
        characters = self.clock.count(self.dot_clock_hz()) // CHARACTER_DOTS
        return characters // (self.line_characters() * self.frame_lines())

    def _in_retrace(self, line: int) -> bool:
        """The retrace ends at the first line, behind its start, with the lower bits of VRE."""
        high = self.overflow.VRS9 << 9 | self.overflow.VRS8 << 8
        start = high | self.vertical_retrace_start
        length = (self.vertical_retrace_end.VRE - start) % RETRACE_MODULUS
        return start <= line < start + length

    @input_status_0.read_by
    def _sense(self) -> int:
        return InputStatus0(0).replace(SENSE=1)

    @input_status_1.read_by
    def _beam(self) -> int:
        characters = self.clock.count(self.dot_clock_hz()) // CHARACTER_DOTS
        lines, column = divmod(characters, self.line_characters())
        line = lines % self.frame_lines()
        shown = column <= self.horizontal_display_enable_end and line < self.shown_lines()
        return InputStatus1(0).replace(VR=self._in_retrace(line), DE=not shown)
