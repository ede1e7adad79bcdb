"""The keys of a 104-key keyboard, and what each one sends in the three scan code sets.

One row a key: the table is the only place that knows codes. Set 1 is not in it,
because it is what the controller's translation makes of set 2.

Sources: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard"
(sets 2 and 3) and "Keyboard/Auxiliary Device Controller" (translation); Microsoft,
*Keyboard Scan Code Specification*, revision 1.3a (the three keys that IBM had not).
Names are those of Linux's input event codes, in lower case and without ``KEY_``.
"""

from __future__ import annotations

from dataclasses import dataclass

RELEASE = 0xF0
"""Prefix of a break code in sets 2 and 3."""

TRANSLATION = bytes.fromhex(
    "ff 43 41 3f 3d 3b 3c 58 64 44 42 40 3e 0f 29 59"
    "65 38 2a 70 1d 10 02 5a 66 71 2c 1f 1e 11 03 5b"
    "67 2e 2d 20 12 05 04 5c 68 39 2f 21 14 13 06 5d"
    "69 31 30 23 22 15 07 5e 6a 72 32 24 16 08 09 5f"
    "6b 33 25 17 18 0b 0a 60 6c 34 35 26 27 19 0c 61"
    "6d 73 28 74 1a 0d 62 6e 3a 36 1c 1b 75 2b 63 76"
    "55 56 77 78 79 7a 0e 7b 7c 4f 7d 4b 47 7e 7f 6f"
    "52 53 50 4c 4d 48 01 45 57 4e 51 4a 37 49 46 54"
) + bytes({0x83: 0x41, 0x84: 0x54}.get(code, code) for code in range(0x80, 0x100))
"""Byte of set 2 -> byte of set 1; a break code is that of the make code, with bit 7 set."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key: what it sends in set 2 when it goes down, stroke by stroke, and its code in set 3."""

    number: int
    """Its place in the table, from 1."""
    name: str
    strokes: tuple[bytes, ...]
    set_3: int


_TABLE = """
esc 76 08 | f1 05 07 | f2 06 0f | f3 04 17 | f4 0c 1f | f5 03 27 | f6 0b 2f | f7 83 37 | f8 0a 3f
f9 01 47 | f10 09 4f | f11 78 56 | f12 07 5e | sysrq e012,e07c 57 | scrolllock 7e 5f
pause e11477,e1f014f077 62
grave 0e 0e | 1 16 16 | 2 1e 1e | 3 26 26 | 4 25 25 | 5 2e 2e | 6 36 36 | 7 3d 3d | 8 3e 3e
9 46 46 | 0 45 45 | minus 4e 4e | equal 55 55 | backspace 66 66
tab 0d 0d | q 15 15 | w 1d 1d | e 24 24 | r 2d 2d | t 2c 2c | y 35 35 | u 3c 3c | i 43 43 | o 44 44
p 4d 4d | leftbrace 54 54 | rightbrace 5b 5b | backslash 5d 5c
capslock 58 14 | a 1c 1c | s 1b 1b | d 23 23 | f 2b 2b | g 34 34 | h 33 33 | j 3b 3b | k 42 42
l 4b 4b | semicolon 4c 4c | apostrophe 52 52 | enter 5a 5a
leftshift 12 12 | 102nd 61 13 | z 1a 1a | x 22 22 | c 21 21 | v 2a 2a | b 32 32 | n 31 31 | m 3a 3a
comma 41 41 | dot 49 49 | slash 4a 4a | rightshift 59 59
leftctrl 14 11 | leftmeta e01f 8b | leftalt 11 19 | space 29 29 | rightalt e011 39
rightmeta e027 8c | compose e02f 8d | rightctrl e014 58
insert e070 67 | home e06c 6e | pageup e07d 6f | delete e071 64 | end e069 65 | pagedown e07a 6d
up e075 63 | left e06b 61 | down e072 60 | right e074 6a
numlock 77 76 | kpslash e04a 77 | kpasterisk 7c 7e | kpminus 7b 84 | kp7 6c 6c | kp8 75 75
kp9 7d 7d | kpplus 79 7c | kp4 6b 6b | kp5 73 73 | kp6 74 74 | kp1 69 69 | kp2 72 72 | kp3 7a 7a
kpenter e05a 79 | kp0 70 70 | kpdot 71 71
"""
# Name, set 2, set 3. A key's number is its place here, and snapshots hold numbers: append only.


def _keys() -> tuple[Key, ...]:
    found = []
    for number, row in enumerate(_TABLE.strip().replace("\n", "|").split("|"), start=1):
        name, strokes, set_3 = row.split()
        make = tuple(bytes.fromhex(stroke) for stroke in strokes.split(","))
        found.append(Key(number, name, make, int(set_3, 16)))
    return tuple(found)


KEYS = _keys()
"""Every key, by number: the first is number 1."""

_ALIASES = {
    "shift": "leftshift",
    "ctrl": "leftctrl",
    "control": "leftctrl",
    "alt": "leftalt",
    "altgr": "rightalt",
    "meta": "leftmeta",
    "menu": "compose",
    "escape": "esc",
    "return": "enter",
    "print": "sysrq",
    "ins": "insert",
    "del": "delete",
}

KEY_NAMES: dict[str, Key] = {key.name: key for key in KEYS}
"""Name of a key -> the key; with the usual short and long names besides Linux's."""
KEY_NAMES |= {alias: KEY_NAMES[name] for alias, name in _ALIASES.items()}

_PAUSE = KEY_NAMES["pause"].number
"""The one key that sends its break code at once, and nothing when it is released."""


def set_2(key: Key, down: bool) -> bytes:
    """Return what ``key`` sends in set 2, going down or up.

    >>> set_2(KEY_NAMES["delete"], down=False).hex(" ")
    'e0 f0 71'
    """
    if key.number == _PAUSE:
        return b"".join(key.strokes) if down else b""
    if down:
        return b"".join(key.strokes)
    return b"".join(stroke[:-1] + bytes([RELEASE, stroke[-1]]) for stroke in reversed(key.strokes))


def translate(codes: bytes) -> bytes:
    """Return bytes of set 2 as the controller translates them to set 1.

    >>> translate(bytes.fromhex("e0 f0 71")).hex(" ")
    'e0 d3'
    """
    found = bytearray()
    released = 0
    for code in codes:
        if code == RELEASE:
            released = 0x80
        else:
            found.append(TRANSLATION[code] | released)
            released = 0
    return bytes(found)


def scan_codes(key: Key, down: bool, scan_set: int) -> bytes:
    """Return what ``key`` sends in ``scan_set``, which is 1, 2 or 3."""
    if scan_set == 3:
        return bytes([key.set_3] if down else [RELEASE, key.set_3])
    codes = set_2(key, down)
    return translate(codes) if scan_set == 1 else codes
