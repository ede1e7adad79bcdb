"""A terminal's bytes as strokes on the PC's keyboard.

A terminal sends characters, and for other keys sequences that begin with Esc
(xterm, "Control Sequences"; ECMA-48). It tells of presses only, so a stroke is a
press and a release. An Esc with nothing behind it in one piece of input is the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LEAVE = 0x1D
"""Ctrl-], as in telnet: leaves the machine."""

_FINALS = {"A": "up", "B": "down", "C": "right", "D": "left", "F": "end", "H": "home",
           "P": "f1", "Q": "f2", "R": "f3", "S": "f4"}  # fmt: skip
_NUMBERS = {1: "home", 2: "insert", 3: "delete", 4: "end", 5: "pageup", 6: "pagedown",
            11: "f1", 12: "f2", 13: "f3", 14: "f4", 15: "f5", 17: "f6", 18: "f7", 19: "f8",
            20: "f9", 21: "f10", 23: "f11", 24: "f12"}  # fmt: skip
_SINGLE = {0x08: ("ctrl", "backspace"), 0x09: ("tab",), 0x0A: ("enter",), 0x0D: ("enter",),
           0x1B: ("esc",), 0x7F: ("backspace",), 0x00: ("ctrl", "space")}  # fmt: skip
_MODIFIERS = ((1, "shift"), (2, "alt"), (4, "ctrl"))
"""Bits of a sequence's second number, less 1."""

_SEQUENCE = re.compile(rb"\x1b(?:\[|O)([0-9;]*)([A-Za-z~])")

Stroke = tuple[str, ...] | str
"""Names of keys that are pressed together, or a character."""


def strokes(data: bytes) -> Iterator[Stroke]:
    """Yield what ``data`` types. What no key of a PC types, is left out."""
    at = 0
    while at < len(data):
        match = _SEQUENCE.match(data, at)
        if match is not None:
            at = match.end()
            yield from _sequence(match[1].decode(), match[2].decode())
        elif data[at] == 0x1B and at + 1 < len(data) and 0x20 < data[at + 1] < 0x7F:
            yield ("alt", chr(data[at + 1]).lower())
            at += 2
        else:
            yield from _byte(data[at])
            at += 1


def _byte(code: int) -> Iterator[Stroke]:
    if code in _SINGLE:
        yield _SINGLE[code]
    elif 1 <= code <= 26:
        yield "ctrl", chr(ord("a") + code - 1)
    elif 0x20 <= code < 0x7F:
        yield chr(code)


def _sequence(parameters: str, final: str) -> Iterator[Stroke]:
    numbers = [int(text[:4]) for text in parameters.split(";") if text]
    if final == "Z":
        yield "shift", "tab"
        return
    name = _NUMBERS.get(numbers[0] if numbers else 0) if final == "~" else _FINALS.get(final)
    if name is not None:
        bits = numbers[1] - 1 if len(numbers) > 1 else 0
        yield *(modifier for bit, modifier in _MODIFIERS if bits & bit), name
