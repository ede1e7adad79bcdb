"""INT 10h: the text screen, mirrored to the serial port.

The screen is text memory at B8000h and the CRT controller's cursor. Characters go
to COM1 as well, so that a program that only knows the BIOS can be used on a plain
terminal. When a program moves the cursor, the terminal is told so, in the language
of ECMA-48, just before the next character.

Source: Ralf Brown's Interrupt List, INT 10; IBM VGA BIOS as described there.
"""

from __future__ import annotations

from vectoros.boot.bda import COLUMNS, CRTC, PAGE_BYTES, PAGES, ROWS, TEXT
from vectoros.boot.frame import Frame, Op, linear
from vectoros.boot.service import Host, Service, nothing
from vectoros.boot.vbe import dispi_off

TEXT_MODE = 3
LIGHT_GREY = 0x07
CURSOR_SHAPE = 0x0D0E
"""First and last line of the cursor in a character of 16 lines."""

CURSOR_START, START_ADDRESS, CURSOR_ADDRESS = 0x0A, 0x0C, 0x0E
"""CRT controller registers, high byte first (IBM VGA)."""

KEEP = 1 << 7
"""In a mode number: do not clear the screen."""

DISPLAY_VGA_COLOUR = 0x08


def _at(page: int, row: int, column: int) -> int:
    """Return the address of a cell, which may be any: it is kept within text memory."""
    cell = (row * COLUMNS + column) * 2
    return TEXT + (page % PAGES * PAGE_BYTES + cell) % (PAGES * PAGE_BYTES)


def _crtc(frame: Frame, register: int, value: int) -> None:
    frame.operate(Op.OUT_INDEX8, CRTC, value >> 8, register)
    frame.operate(Op.OUT_INDEX8, CRTC, value & 0xFF, register + 1)


def _move(host: Host, frame: Frame, page: int, row: int, column: int) -> None:
    """Move the cursor, and show it if its page is on the screen."""
    host.area.set_cursor(page, row, column)
    if page == host.area.page:
        _crtc(frame, CURSOR_ADDRESS, page * PAGE_BYTES // 2 + row * COLUMNS + column)


def _fill(host: Host, page: int, row: int, span: tuple[int, int], attribute: int) -> None:
    left, right = span
    host.memory.write(_at(page, row, left), bytes((0x20, attribute)) * (right - left + 1))


def _scroll(
    host: Host, page: int, rows: tuple[int, int], span: tuple[int, int], by: int, attribute: int
) -> None:
    """Move a window up by ``by`` rows, or down if that is negative, and fill what comes free."""
    top, bottom = rows
    left, right = span
    height = bottom - top + 1
    by = max(-height, min(by, height))
    order = range(top, bottom + 1) if by > 0 else range(bottom, top - 1, -1)
    for row in order:
        source = row + by
        if top <= source <= bottom:
            data = host.memory.read(_at(page, source, left), 2 * (right - left + 1))
            host.memory.write(_at(page, row, left), data)
        else:
            _fill(host, page, row, span, attribute)


def _send(host: Host, frame: Frame, character: int, row: int, column: int) -> None:
    """Send a character to the terminal, whose cursor belongs at ``row`` and ``column``."""
    if host.area.moved and character >= 0x20:
        host.area.moved = 0
        for byte in f"\x1b[{row + 1};{column + 1}H".encode():
            frame.operate(Op.SEND, value=byte)
    frame.operate(Op.SEND, value=character)


def _put(host: Host, frame: Frame, character: int, attribute: int | None, page: int) -> None:
    """Write ``character`` at the cursor as a teletype would, and move on."""
    page %= PAGES
    row, column = host.area.cursor(page)
    row, column = min(row, ROWS - 1), min(column, COLUMNS - 1)
    _send(host, frame, character, row, column)
    match character:
        case 0x07:  # bell
            return
        case 0x08:
            column = max(0, column - 1)
        case 0x0A:
            row += 1
        case 0x0D:
            column = 0
        case _:
            address = _at(page, row, column)
            cell = bytes((character,) if attribute is None else (character, attribute))
            host.memory.write(address, cell)
            column += 1
    if column == COLUMNS:
        row, column = row + 1, 0
    if row == ROWS:
        below = host.memory.read(_at(page, ROWS - 1, column) + 1, 1)[0]
        _scroll(host, page, (0, ROWS - 1), (0, COLUMNS - 1), 1, below)
        row = ROWS - 1
    _move(host, frame, page, row, column)


def set_mode(host: Host, frame: Frame) -> None:
    """AH=00h: every text mode is mode 3; a mode that there is not changes nothing."""
    if frame.al & ~KEEP not in (0, 1, 2, 3, 7):
        return
    area = host.area
    dispi_off(host, frame)
    area.vbe_mode = 0
    area.mode, area.columns, area.last_row = TEXT_MODE, COLUMNS, ROWS - 1
    area.page_bytes, area.page_offset, area.page = PAGE_BYTES, 0, 0
    area.character_height, area.cursor_shape = 16, CURSOR_SHAPE
    if not frame.al & KEEP:
        host.memory.write(TEXT, bytes((0x20, LIGHT_GREY)) * (PAGES * PAGE_BYTES // 2))
    for page in range(PAGES):
        area.set_cursor(page, 0, 0)
    _crtc(frame, CURSOR_START, CURSOR_SHAPE)
    _crtc(frame, START_ADDRESS, 0)
    _crtc(frame, CURSOR_ADDRESS, 0)


def set_cursor_shape(host: Host, frame: Frame) -> None:
    """AH=01h: CH first line, CL last line."""
    host.area.cursor_shape = frame.cx
    _crtc(frame, CURSOR_START, frame.cx)


def set_cursor(host: Host, frame: Frame) -> None:
    """AH=02h: BH page, DH row, DL column."""
    page = frame.bh % PAGES
    if host.area.cursor(page) != (frame.dh, frame.dl):
        host.area.moved = 1
    _move(host, frame, page, frame.dh, frame.dl)


def get_cursor(host: Host, frame: Frame) -> None:
    """AH=03h: the shape in CX, the position in DX."""
    frame.cx = host.area.cursor_shape
    frame.dh, frame.dl = host.area.cursor(frame.bh)


def set_page(host: Host, frame: Frame) -> None:
    """AH=05h: show page AL."""
    page = frame.al % PAGES
    host.area.page, host.area.page_offset = page, page * PAGE_BYTES
    _crtc(frame, START_ADDRESS, page * PAGE_BYTES // 2)
    row, column = host.area.cursor(page)
    _move(host, frame, page, row, column)


def scroll(host: Host, frame: Frame) -> None:
    """AH=06h and 07h: the window CX to DX by AL rows, all of it if that is 0."""
    top, bottom = frame.ch, min(frame.dh, ROWS - 1)
    left, right = frame.cl, min(frame.dl, COLUMNS - 1)
    if top > bottom or left > right:
        return
    by = frame.al or ROWS
    up = by if frame.ah == 0x06 else -by
    _scroll(host, host.area.page, (top, bottom), (left, right), up, frame.bh)


def read_cell(host: Host, frame: Frame) -> None:
    """AH=08h: character and attribute at the cursor of page BH."""
    row, column = host.area.cursor(frame.bh)
    frame.al, frame.ah = host.memory.read(_at(frame.bh, row, column), 2)


def write_cells(host: Host, frame: Frame) -> None:
    """AH=09h and 0Ah: AL, CX times from the cursor of page BH on, which stays."""
    page = frame.bh % PAGES
    row, column = host.area.cursor(page)
    start = row * COLUMNS + column
    count = max(0, min(frame.cx, ROWS * COLUMNS - start))
    if frame.step == 0:
        if frame.ah == 0x09:
            host.memory.write(_at(page, row, column), bytes((frame.al, frame.bl)) * count)
        else:
            for cell in range(count):
                host.memory.write(_at(page, row, column + cell), bytes((frame.al,)))
    if frame.al >= 0x20:
        _send_row(host, frame, row, column, min(count, max(0, COLUMNS - column)))


def _send_row(host: Host, frame: Frame, row: int, column: int, count: int) -> None:
    """Send AL ``count`` times, over as many calls as that takes; the step counts."""
    sent = frame.step
    if sent >= count:
        host.area.moved = int(count > 0)  # the terminal's cursor went on, ours did not
        return
    _send(host, frame, frame.al, row, column)
    sent += 1
    while frame.room and sent < count:
        frame.operate(Op.SEND, value=frame.al)
        sent += 1
    frame.again(sent)


def teletype(host: Host, frame: Frame) -> None:
    """AH=0Eh: AL at the cursor, which moves; the screen scrolls at its end."""
    _put(host, frame, frame.al, None, host.area.page)


def get_mode(host: Host, frame: Frame) -> None:
    """AH=0Fh: mode in AL, columns in AH, page in BH."""
    frame.al, frame.ah, frame.bh = host.area.mode, host.area.columns, host.area.page


def display_type(host: Host, frame: Frame) -> None:
    """AH=12h, BL=10h: a colour display with all its memory; other BL: unchanged."""
    if frame.bl == 0x10:
        frame.bx, frame.cx = 0x0003, 0x0009


def write_string(host: Host, frame: Frame) -> None:
    """AH=13h: CX characters at ES:BP, from row DH and column DL of page BH on."""
    page, pair = frame.bh % PAGES, bool(frame.al & 2)
    if frame.step == 0:
        row, column = host.area.cursor(page)
        frame.scratch = row << 8 | column
        if (row, column) != (frame.dh, frame.dl):
            host.area.moved = 1
            host.area.set_cursor(page, frame.dh, frame.dl)
    if frame.step < frame.cx:
        width = 2 if pair else 1
        offset = frame.bp + width * frame.step & 0xFFFF
        cell = host.memory.read(linear(frame.es, offset), width)
        _put(host, frame, cell[0], cell[1] if pair else frame.bl, page)
        frame.again(frame.step + 1)
    elif not frame.al & 1:
        host.area.moved = 1
        _move(host, frame, page, frame.scratch >> 8, frame.scratch & 0xFF)


def display_combination(host: Host, frame: Frame) -> None:
    """AH=1Ah: AL=00h asks: a VGA with a colour display, and no other."""
    if frame.al == 0:
        frame.bx = DISPLAY_VGA_COLOUR
    frame.al = 0x1A


SERVICES = (
    Service(0x10, 0x00, "set the video mode", set_mode),
    Service(0x10, 0x01, "set the cursor's shape", set_cursor_shape),
    Service(0x10, 0x02, "set the cursor's position", set_cursor),
    Service(0x10, 0x03, "get the cursor's position and shape", get_cursor),
    Service(0x10, 0x05, "show another page", set_page),
    Service(0x10, 0x06, "scroll a window up", scroll),
    Service(0x10, 0x07, "scroll a window down", scroll),
    Service(0x10, 0x08, "read character and attribute at the cursor", read_cell),
    Service(0x10, 0x09, "write character and attribute at the cursor", write_cells),
    Service(0x10, 0x0A, "write a character at the cursor", write_cells),
    Service(0x10, 0x0B, "set the border's colour: no effect", nothing),
    Service(0x10, 0x0E, "write a character as a teletype", teletype),
    Service(0x10, 0x0F, "get the video mode", get_mode),
    Service(0x10, 0x12, "get the display's configuration (BL=10h)", display_type),
    Service(0x10, 0x13, "write a string", write_string),
    Service(0x10, 0x1A, "get the display combination", display_combination),
)
