"""INT 09h and 16h: from scan codes and serial bytes to the keyboard ring, and out of it.

firmware/bios.S looks at the serial port each time a program asks for a key, and
hands on what has come. So a program that only knows the BIOS hears a terminal.

Source: IBM PC/AT Technical Reference, "Keyboard BIOS"; Ralf Brown's Interrupt List.
"""

from __future__ import annotations

from vectoros.boot import keys
from vectoros.boot.bda import BDA, KEYS_END, KEYS_FIRST
from vectoros.boot.frame import Action, Frame
from vectoros.boot.service import Host, Service

RIGHT_SHIFT, LEFT_SHIFT, CONTROL, ALT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
SCROLL, NUM, CAPS, INSERT = 1 << 4, 1 << 5, 1 << 6, 1 << 7
"""Bits of the shift flags at 40:17."""

HELD = {0x36: RIGHT_SHIFT, 0x2A: LEFT_SHIFT, 0x1D: CONTROL, 0x38: ALT}
TOGGLES = {0x46: SCROLL, 0x45: NUM, 0x3A: CAPS}
RELEASE = 1 << 7
EXTENDED_CODE, PAUSE_CODE = 0xE0, 0xE1
PREFIX_E0, PREFIX_E1 = 1 << 1, 1 << 0
"""Bits of the keyboard's state at 40:96: the last byte was E0h, or E1h."""

EXTENDED_CHARACTER = 0xE0
"""Low byte of a key that an old keyboard did not have; AH=00h shows it as 0."""

ESCAPE = 0x1B
ESCAPE_ALONE, IN_SEQUENCE = 1, 2
ESCAPE_TICKS = 1
"""Timer ticks after which an escape that nothing follows is the key itself."""


def _ring(host: Host) -> tuple[int, int]:
    """Return the ring's bounds; if a program has spoilt them, those of power-on."""
    first, end = host.area.keys_first, host.area.keys_end
    if first % 2 or end % 2 or not KEYS_FIRST <= first < end <= 0x100 or end - first < 4:
        return KEYS_FIRST, KEYS_END
    return first, end


def _position(host: Host, value: int) -> int:
    first, end = _ring(host)
    return value if first <= value < end and (value - first) % 2 == 0 else first


def _next(host: Host, position: int) -> int:
    first, end = _ring(host)
    return first if position + 2 >= end else position + 2


def push(host: Host, key: int) -> bool:
    """Put ``key`` into the ring; return whether there was room."""
    tail = _position(host, host.area.keys_tail)
    after = _next(host, tail)
    if after == _position(host, host.area.keys_head):
        return False
    host.memory.write(BDA + tail, key.to_bytes(2, "little"))
    host.area.keys_tail = after
    return True


def _peek(host: Host) -> int | None:
    """Return the oldest key, if there is one."""
    head = _position(host, host.area.keys_head)
    if head == _position(host, host.area.keys_tail):
        return None
    return int.from_bytes(host.memory.read(BDA + head, 2), "little")


def _drop(host: Host) -> None:
    host.area.keys_head = _next(host, _position(host, host.area.keys_head))


def hear(host: Host, byte: int) -> None:
    """Take a byte from the terminal: a character, or part of an escape sequence."""
    area = host.area
    state = area.escape
    area.escape = 0
    if state == ESCAPE_ALONE and byte in b"[O":
        area.escape = IN_SEQUENCE
    elif state == IN_SEQUENCE:
        if byte in keys.SEQUENCES:
            push(host, keys.SEQUENCES[byte])
        elif chr(byte) in "0123456789;":
            area.escape = IN_SEQUENCE  # a parameter, and not the end
    else:
        if state == ESCAPE_ALONE:
            push(host, keys.ESCAPE_KEY)
        if byte == ESCAPE:
            area.escape, area.escape_tick = ESCAPE_ALONE, area.ticks
        else:
            push(host, keys.CHARACTERS.get(byte, byte))


def _listen(host: Host, frame: Frame) -> None:
    """Do what is due with the serial port."""
    area = host.area
    if frame.serial & 0x100:
        hear(host, frame.serial & 0xFF)
    elif area.escape == ESCAPE_ALONE:
        passed = area.ticks - area.escape_tick
        if not 0 <= passed <= ESCAPE_TICKS:
            area.escape = 0
            push(host, keys.ESCAPE_KEY)


def _old(key: int) -> int:
    """Return ``key`` as AH=00h shows it."""
    return key & 0xFF00 if key & 0xFF == EXTENDED_CHARACTER else key


def scan_code(host: Host, frame: Frame) -> None:
    """INT 09h: the scan code in AL."""
    code, flags = frame.al, host.area.shift_flags
    kind = host.area.keyboard_kind
    extended = bool(kind & PREFIX_E0)
    host.area.keyboard_kind = kind & ~(PREFIX_E0 | PREFIX_E1)
    if code == EXTENDED_CODE:
        host.area.keyboard_kind |= PREFIX_E0
    elif code == PAUSE_CODE:
        host.area.keyboard_kind |= PREFIX_E1
    elif (held := HELD.get(code & ~RELEASE)) is not None and not kind & PREFIX_E1:
        shift = held in (LEFT_SHIFT, RIGHT_SHIFT)
        if not (extended and shift):  # E0 2A is no shift: the keyboard makes it up
            host.area.shift_flags = flags & ~held if code & RELEASE else flags | held
    elif not code & RELEASE and not kind & PREFIX_E1:
        if code in TOGGLES and not extended:
            host.area.shift_flags = flags ^ TOGGLES[code]
        elif key := _key(code, flags, extended):
            push(host, key)


def _key(code: int, flags: int, extended: bool) -> int:
    """Return the key that ``code`` is, with the shift keys as ``flags`` says."""
    if extended and keys.PAD <= code <= keys.PAD_LAST:
        return code << 8 | EXTENDED_CHARACTER
    return keys.from_scan(
        code,
        shift=bool(flags & (LEFT_SHIFT | RIGHT_SHIFT)),
        control=bool(flags & CONTROL),
        alt=bool(flags & ALT),
        caps=bool(flags & CAPS),
        num=bool(flags & NUM),
    )


def read_key(host: Host, frame: Frame) -> None:
    """AH=00h and 10h: wait for a key, and take it, in AX."""
    _listen(host, frame)
    key = _peek(host)
    if key is None:
        # A byte that was no key yet: there may be more of them to take at once.
        frame.action = Action.AGAIN if frame.serial & 0x100 else Action.WAIT
        return
    _drop(host)
    frame.ax = key if frame.ah == 0x10 else _old(key)


def check_key(host: Host, frame: Frame) -> None:
    """AH=01h and 11h: clear ZF and show the next key in AX if there is one."""
    _listen(host, frame)
    key = _peek(host)
    frame.zero = key is None
    if key is not None:
        frame.ax = key if frame.ah == 0x11 else _old(key)


def shift_flags(host: Host, frame: Frame) -> None:
    """AH=02h: the shift flags in AL."""
    frame.al = host.area.shift_flags


def extended_flags(host: Host, frame: Frame) -> None:
    """AH=12h: the shift flags in AX."""
    frame.ax = host.area.shift_flags


def store_key(host: Host, frame: Frame) -> None:
    """AH=05h: put CX into the ring; AL is 0, or 1 if it is full."""
    frame.al = 0 if push(host, frame.cx) else 1


SERVICES = (
    Service(0x09, None, "a scan code has come (IRQ 1)", scan_code),
    Service(0x16, 0x00, "wait for a key", read_key),
    Service(0x16, 0x01, "is there a key?", check_key),
    Service(0x16, 0x02, "get the shift flags", shift_flags),
    Service(0x16, 0x05, "put a key into the ring", store_key),
    Service(0x16, 0x10, "wait for a key, extended keyboard", read_key),
    Service(0x16, 0x11, "is there a key? extended keyboard", check_key),
    Service(0x16, 0x12, "get the extended shift flags", extended_flags),
)
