"""The US keyboard layout: which key gives which character, alone and with Shift.

The host's typing, displays and guest programs all read this one table; a guest
takes it as the two tables of :func:`ascii_tables`.
"""

from __future__ import annotations

from vectoros.devices.scancodes import KEY_NAMES, KEYS, Key, scan_codes

_PAIRS = {
    "grave": "`~",
    "minus": "-_",
    "equal": "=+",
    "leftbrace": "[{",
    "rightbrace": "]}",
    "backslash": "\\|",
    "semicolon": ";:",
    "apostrophe": "'\"",
    "comma": ",<",
    "dot": ".>",
    "slash": "/?",
    "esc": "\x1b\x1b",
    "backspace": "\b\b",
    "tab": "\t\t",
    "enter": "\n\n",
    "space": "  ",
}
_DIGITS = dict(zip("1234567890", "!@#$%^&*()", strict=True))

LAYOUT: dict[str, str] = (
    _PAIRS
    | {digit: digit + mark for digit, mark in _DIGITS.items()}
    | {
        key.name: key.name + key.name.upper()
        for key in KEYS
        if key.name in set("abcdefghijklmnopqrstuvwxyz")
    }
)
"""Name of a key -> its character alone, then the one with Shift."""

CHARACTERS: dict[str, tuple[Key, bool]] = {
    character: (KEY_NAMES[name], shifted)
    for shifted in (True, False)  # what needs no Shift is typed without it
    for name, pair in LAYOUT.items()
    for character in pair[shifted]
}
"""Character -> the key that types it, and whether with Shift."""


def ascii_tables() -> tuple[bytes, bytes]:
    """Return two tables of 128 bytes, make code of set 1 to ASCII: keys alone, and with Shift.

    0 stands where a key gives no character.

    >>> alone, shifted = ascii_tables()
    >>> alone[0x1E:0x20] + shifted[0x1E:0x20]
    b'asAS'
    """
    tables = bytearray(128), bytearray(128)
    for name, pair in LAYOUT.items():
        (code,) = scan_codes(KEY_NAMES[name], down=True, scan_set=1)
        for table, character in zip(tables, pair, strict=True):
            table[code] = ord(character)
    return bytes(tables[0]), bytes(tables[1])
