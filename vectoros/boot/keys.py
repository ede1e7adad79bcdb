"""Keys: scan codes and characters of a US keyboard, as INT 16h pairs them.

A key is the scan code of set 1 in the high byte and the character in the low one,
0 if it has none.

Source: IBM PC/AT Technical Reference, "Keyboard"; Ralf Brown's Interrupt List,
table 00006 at INT 16/AH=00; ECMA-48 and xterm for escape sequences.
"""

from __future__ import annotations

from vectoros.devices.us_layout import ascii_tables

_ALONE, _SHIFTED = ascii_tables()
_ENTER, _TAB = {0x1C: 0x0D}, {0x0F: 0x00}
"""Where a BIOS differs: Enter gives CR, and Shift with Tab nothing."""

PLAIN: dict[int, int] = {code: char for code, char in enumerate(_ALONE) if char} | _ENTER
"""Character by scan code."""

SHIFTED: dict[int, int] = {code: char for code, char in enumerate(_SHIFTED) if char} | _ENTER | _TAB

PAD, PAD_LAST = 0x47, 0x53
PAD_DIGITS = b"789-456+1230."
"""What the keypad gives with Num Lock, from scan code 47h on."""

GREY = {0x4A: ord("-"), 0x4E: ord("+"), 0x37: ord("*")}
"""Keys of the keypad that give a character in any case."""

F1, F10, F11, F12 = 0x3B, 0x44, 0x57, 0x58

CONTROLLED = {0x1A: 0x1B, 0x1B: 0x1D, 0x2B: 0x1C, 0x07: 0x1E, 0x0C: 0x1F, 0x0E: 0x7F, 0x1C: 0x0A}
"""Character by scan code with the control key, for keys that are not letters."""

SEQUENCES = {
    ord("A"): 0x4800, ord("B"): 0x5000, ord("C"): 0x4D00, ord("D"): 0x4B00,
    ord("H"): 0x4700, ord("F"): 0x4F00,
}  # fmt: skip
"""Key by the last byte of an escape sequence: up, down, right, left, home, end."""

ESCAPE_KEY = 0x011B


def from_scan(code: int, *, shift: bool, control: bool, alt: bool, caps: bool, num: bool) -> int:
    """Return the key of scan code ``code`` (not extended), or 0 if it gives none."""
    if F1 <= code <= F10 or code in (F11, F12):
        return _function(code, shift=shift, control=control, alt=alt)
    if PAD <= code <= PAD_LAST and code not in GREY:
        return code << 8 | (PAD_DIGITS[code - PAD] if num != shift and not control else 0)
    if code in GREY:
        return code << 8 | GREY[code]
    if code not in PLAIN:
        return 0
    plain = PLAIN[code]
    letter = chr(plain).isalpha()
    if alt:
        return (code + 0x76 if 0x02 <= code <= 0x0D else code) << 8
    if control:
        return code << 8 | (plain & 0x1F if letter else CONTROLLED.get(code, 0))
    upper = shift != (caps and letter)
    return code << 8 | (SHIFTED if upper else PLAIN)[code]


def _function(code: int, *, shift: bool, control: bool, alt: bool) -> int:
    """Return the key of a function key: each modifier has scan codes of its own."""
    if code in (F11, F12):
        base = 0x8B if alt else 0x89 if control else 0x87 if shift else 0x85
        return (base + code - F11) << 8
    base = 0x68 if alt else 0x5E if control else 0x54 if shift else F1
    return (base + code - F1) << 8


def _characters() -> dict[int, int]:
    """Return the key by character, as a terminal sends them."""
    keys = {char: code << 8 | char for code, char in SHIFTED.items() if char}
    keys |= {char: code << 8 | char for code, char in PLAIN.items()}
    letters = {code: char for code, char in PLAIN.items() if chr(char).isalpha()}
    for code, char in letters.items():
        keys.setdefault(char & 0x1F, code << 8 | char & 0x1F)
    return keys | {0x0A: 0x1C0D, 0x7F: 0x0E08}


CHARACTERS = _characters()
"""Key by character. A line feed is the Enter key, and DEL is backspace."""
