"""INT 1Ah and the power-on tables: the timer tick count and the clock's time and date.

Source: Ralf Brown's Interrupt List, INT 1A; Motorola MC146818A data sheet.
"""

from __future__ import annotations

from vectoros.boot.bda import DataArea
from vectoros.boot.frame import Frame, Op
from vectoros.boot.service import Host, Service

CMOS = 0x70
"""Index port of the clock and its memory; the data port is the next."""

SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR = 0, 2, 4, 7, 8, 9
STATUS_A, STATUS_B, CENTURY = 0x0A, 0x0B, 0x32
UPDATING, BINARY, DAYLIGHT, HOLD = 1 << 7, 1 << 2, 1 << 0, 1 << 7
"""In A: an update is near. In B: numbers are binary; daylight saving; updates are held."""

ABSENT = 0xFF
"""What status register A reads as where there is no clock."""

PIT_HZ, PIT_PERIODS = 1_193_182, 1 << 16
POST = 0x7F
"""Not an interrupt: the number by which firmware/post.S asks for the data areas to be filled."""

NO_PCI = 0x81


def _read(frame: Frame, *registers: int) -> None:
    """Read status A and ``registers`` of the clock, and come again."""
    for register in (STATUS_A, *registers):
        frame.operate(Op.IN_INDEX8, CMOS, index=register)
    frame.again(1)


def _values(frame: Frame, *registers: int) -> list[int] | None:
    """Return what :func:`_read` has brought; None while there is nothing to use.

    If the clock was just counting, ask again. If there is none, set the carry flag.
    """
    if frame.step == 0:
        _read(frame, *registers)
        return None
    status = frame.result(0)
    if status == ABSENT:
        frame.carry = True
        return None
    if status & UPDATING:
        _read(frame, *registers)
        return None
    return [frame.result(1 + number) for number in range(len(registers))]


def get_ticks(host: Host, frame: Frame) -> None:
    """AH=00h: ticks since midnight in CX:DX, in AL whether midnight has passed since."""
    ticks = host.area.ticks
    frame.cx, frame.dx, frame.al = ticks >> 16, ticks, host.area.midnight
    host.area.midnight = 0
    frame.carry = False


def set_ticks(host: Host, frame: Frame) -> None:
    """AH=01h: set them to CX:DX."""
    host.area.ticks = frame.cx << 16 | frame.dx
    host.area.midnight = 0
    frame.carry = False


def get_time(host: Host, frame: Frame) -> None:
    """AH=02h: hours, minutes, seconds in CH, CL, DH; daylight saving in DL."""
    values = _values(frame, HOURS, MINUTES, SECONDS, STATUS_B)
    if values is not None:
        frame.ch, frame.cl, frame.dh = values[:3]
        frame.dl = values[3] & DAYLIGHT
        frame.carry = False


def get_date(host: Host, frame: Frame) -> None:
    """AH=04h: century, year, month, day in CH, CL, DH, DL."""
    values = _values(frame, CENTURY, YEAR, MONTH, DAY)
    if values is not None:
        frame.ch, frame.cl, frame.dh, frame.dl = values
        frame.carry = False


def _set(frame: Frame, registers: dict[int, int], daylight: int | None = None) -> None:
    """Hold the clock, write ``registers``, and let it go on."""
    values = _values(frame, STATUS_B)
    if values is None:
        return
    status = values[0] & ~HOLD
    if daylight is not None:
        status = status & ~DAYLIGHT | daylight & DAYLIGHT
    for register, value in {STATUS_B: status | HOLD, **registers}.items():
        frame.operate(Op.OUT_INDEX8, CMOS, value, register)
    frame.operate(Op.OUT_INDEX8, CMOS, status, STATUS_B)
    frame.carry = False


def set_time(host: Host, frame: Frame) -> None:
    """AH=03h: to CH, CL, DH; daylight saving as in DL."""
    _set(frame, {HOURS: frame.ch, MINUTES: frame.cl, SECONDS: frame.dh}, frame.dl)


def set_date(host: Host, frame: Frame) -> None:
    """AH=05h: to CH, CL, DH, DL."""
    _set(frame, {CENTURY: frame.ch, YEAR: frame.cl, MONTH: frame.dh, DAY: frame.dl})


def no_pci(host: Host, frame: Frame) -> None:
    """AH=B1h: there is no PCI bus."""
    frame.ah = NO_PCI
    frame.carry = True


def unknown(host: Host, frame: Frame) -> None:
    """Any other function fails."""
    frame.carry = True


def fill_tables(host: Host, frame: Frame) -> None:
    """Fill the data areas, and set the tick count by the clock."""
    if frame.step == 0:
        host.area.fill(disks=int(host.disk is not None))
    values = _values(frame, HOURS, MINUTES, SECONDS, STATUS_B)
    if values is not None:
        hours, minutes, seconds = (_number(value, values[3]) for value in values[:3])
        _set_clock(host.area, (hours * 60 + minutes) * 60 + seconds)


def _number(value: int, status: int) -> int:
    """Return a number of the clock, which writes it as ``status`` says."""
    return value if status & BINARY else (value >> 4) * 10 + (value & 0xF)


def _set_clock(area: DataArea, seconds: int) -> None:
    area.ticks = seconds * PIT_HZ // PIT_PERIODS


SERVICES = (
    Service(0x1A, 0x00, "get the tick count", get_ticks),
    Service(0x1A, 0x01, "set the tick count", set_ticks),
    Service(0x1A, 0x02, "get the clock's time", get_time),
    Service(0x1A, 0x03, "set the clock's time", set_time),
    Service(0x1A, 0x04, "get the clock's date", get_date),
    Service(0x1A, 0x05, "set the clock's date", set_date),
    Service(0x1A, 0xB1, "PCI: not present", no_pci),
    Service(0x1A, None, "any other function sets CF", unknown),
)
POST_SERVICE = Service(POST, None, "fill the data areas (POST only)", fill_tables)
