"""The Bochs VBE extensions ("dispi"): graphics modes with a linear framebuffer.

Promise: while ENABLED is set, the mode is one that fits into video memory, so that
whoever draws or shows it needs no further check. A mode that does not is not set:
ENABLED stays clear, and a guest that reads it back sees so.

Sixteen-bit registers behind one index. The framebuffer is RAM, mapped at a fixed
address whether or not a mode is set; there is no window to it at A0000h, so the
bank is always 0, and no way to have a DAC of 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.fields import Bit, Fields
from vectoros.devices.registers import Access, Decoder, Register
from vectoros.units import KIB

OLDEST_ID, NEWEST_ID = 0xB0C0, 0xB0C5
"""Versions of the interface. A guest writes the one that it wants, and looks if it stuck."""

BITS = (8, 15, 16, 24, 32)
"""Values of BPP: colors of the VGA's DAC, then red, green and blue in 5:5:5, 5:6:5 or 8:8:8."""

MAXIMUM_XRES, MAXIMUM_YRES = 1920, 1200
"""What GETCAPS tells; as far as video memory goes, a mode may have any size up to this."""

BANK_BYTES = 64 * KIB
DATA, DATA_ALIAS = 1, 2
"""Offsets of the data port: 1CFh, and 1D0h where 16-bit ports must be even."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A picture in video memory: what the registers say while ENABLED is set."""

    width: int
    height: int
    bpp: int
    virt_width: int
    x_offset: int
    y_offset: int

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel."""
        return (self.bpp + 7) // 8

    @property
    def pitch(self) -> int:
        """Bytes from one line to the next."""
        return self.virt_width * self.pixel_bytes

    @property
    def start(self) -> int:
        """Offset of the first pixel that is shown."""
        return self.y_offset * self.pitch + self.x_offset * self.pixel_bytes

    def fits(self, memory: int) -> bool:
        """Whether ``memory`` bytes hold it, and a screen may be so large."""
        known = self.bpp in BITS
        sized = 0 < self.width <= MAXIMUM_XRES and 0 < self.height <= MAXIMUM_YRES
        inside = self.x_offset + self.width <= self.virt_width
        return known and sized and inside and (self.y_offset + self.height) * self.pitch <= memory


class Enable(Fields):
    """Enable."""

    NOCLEARMEM = Bit(7, "keep what is in memory when the mode is set")
    LFB_ENABLED = Bit(6, "use the linear framebuffer: it is always there")
    GETCAPS = Bit(1, "XRES, YRES and BPP read as the largest values")
    ENABLED = Bit(0, "the mode is set, and the VGA's own is not shown")


def _at(number: int, access: Access, doc: str, reset: int | None = None) -> Register[int]:
    return Register(
        DATA, access, int, doc, width=2, reset=reset, bank=f"index {number}", stream=True
    )


class Vbe(Device):
    """An index port and a data port.

    Write XRES, YRES and BPP while ENABLED is clear, then ENABLE. Setting ENABLED
    clears what the mode shows, unless NOCLEARMEM is set, and puts the picture at the
    beginning of memory. XRES, YRES and BPP hold their values while ENABLED is set.
    VIRT_WIDTH may make lines longer than the screen, and the offsets then choose
    what of them is shown; values that do not fit are cut down to what does.
    """

    source = 'Bochs, "VBE Display API" (vbe_display_api.txt); QEMU, hw/display/vga.c'

    index = Register(0, Access.RW, int, "index", width=2, reset=0, stream=True)
    id = _at(0, Access.RW, "version of the interface", NEWEST_ID)
    xres = _at(1, Access.RW, "width of the screen in pixels", 0)
    yres = _at(2, Access.RW, "height of the screen in pixels", 0)
    bpp = _at(3, Access.RW, "bits of a pixel", 0)
    enable = Register(
        DATA, Access.RW, Enable, "enable", width=2, reset=0, bank="index 4", stream=True
    )
    bank_number = _at(5, Access.R, "bank: always 0", 0)
    virt_width = _at(6, Access.RW, "pixels from one line to the next", 0)
    virt_height = _at(7, Access.R, "lines that fit into memory")
    x_offset = _at(8, Access.RW, "first pixel of a line that is shown", 0)
    y_offset = _at(9, Access.RW, "first line that is shown", 0)
    video_memory_64k = _at(10, Access.R, "size of video memory in pieces of 64 KiB")

    def __init__(self, clock: Clock, *, memory: int, clear: Callable[[int], None]) -> None:
        """Show ``memory`` bytes of video memory; ``clear`` sets so many of them to 0."""
        self._memory = memory
        self._clear = clear
        super().__init__(clock)

    def bank(self, offset: int, value: int | None) -> str:
        """The index decides."""
        return f"index {self.index}"

    def _find(
        self, table: Decoder, offset: int, room: int, value: int | None
    ) -> Register[int] | None:
        """The data port is there twice."""
        return super()._find(table, DATA if offset == DATA_ALIAS else offset, room, value)

    @property
    def mode(self) -> Mode | None:
        """The mode that is set; None leaves the screen to the VGA."""
        return self._mode() if self.enable.ENABLED else None

    def _mode(self) -> Mode:
        return Mode(self.xres, self.yres, self.bpp, self.virt_width, self.x_offset, self.y_offset)

    def check(self, state: object, where: str) -> None:
        """Raise :class:`ValueError` unless ``state`` keeps the promise."""
        super().check(state, where)
        saved: Mapping[str, Any] = state  # type: ignore[assignment]  # as the check has found
        names = ("xres", "yres", "bpp", "virt_width", "x_offset", "y_offset")
        if Enable(saved["enable"]).ENABLED and not Mode(*map(saved.__getitem__, names)).fits(
            self._memory
        ):
            raise ValueError(f"{where}.enable must be clear: the mode does not fit into memory")

    # The size of the screen.

    @id.written_by
    def _want_version(self, value: int) -> None:
        if OLDEST_ID <= value <= NEWEST_ID:
            self.id = value

    @enable.written_by
    def _set_enable(self, value: Enable) -> None:
        if value.ENABLED and not self.enable.ENABLED:
            mode = Mode(self.xres, self.yres, self.bpp, self.xres, 0, 0)
            if mode.fits(self._memory):
                self.virt_width, self.x_offset, self.y_offset = mode.virt_width, 0, 0
                if not value.NOCLEARMEM:
                    self._clear(mode.pitch * mode.height)
            else:
                self.guest_errors += 1
                value = value.replace(ENABLED=0)
        self.enable = value

    @xres.read_by
    def _xres(self) -> int:
        return MAXIMUM_XRES if self.enable.GETCAPS else self.xres

    @yres.read_by
    def _yres(self) -> int:
        return MAXIMUM_YRES if self.enable.GETCAPS else self.yres

    @bpp.read_by
    def _bpp(self) -> int:
        return max(BITS) if self.enable.GETCAPS else self.bpp

    @xres.written_by
    def _set_xres(self, value: int) -> None:
        self._set_size("xres", value)

    @yres.written_by
    def _set_yres(self, value: int) -> None:
        self._set_size("yres", value)

    @bpp.written_by
    def _set_bpp(self, value: int) -> None:
        self._set_size("bpp", value)

    def _set_size(self, name: str, value: int) -> None:
        if self.enable.ENABLED:
            self.guest_errors += 1
        else:
            setattr(self, name, value)

    # The picture in memory. Without a mode there is none, and setting one begins anew.

    @virt_width.written_by
    def _set_virt_width(self, value: int) -> None:
        if self.enable.ENABLED:
            mode = self._mode()
            most = self._memory // (mode.pixel_bytes * mode.height)
            self.virt_width = min(max(value, mode.width), most)
            self._set_x_offset(self.x_offset)
            self._set_y_offset(self.y_offset)

    @virt_height.read_by
    def _virt_height(self) -> int:
        mode = self.mode
        return 0 if mode is None else min(self._memory // mode.pitch, 0xFFFF)

    @x_offset.written_by
    def _set_x_offset(self, value: int) -> None:
        if self.enable.ENABLED:
            self.x_offset = min(value, self.virt_width - self.xres)

    @y_offset.written_by
    def _set_y_offset(self, value: int) -> None:
        if self.enable.ENABLED:
            self.y_offset = min(value, self._virt_height() - self.yres)

    @video_memory_64k.read_by
    def _video_memory_64k(self) -> int:
        return self._memory // BANK_BYTES
