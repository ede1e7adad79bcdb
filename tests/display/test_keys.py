from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.devices.us_layout import CHARACTERS
from vectoros.display.keys import strokes
from vectoros.keyboard import find_key


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"aB%", ["a", "B", "%"]),
        (b"\r\n\t\x7f", [("enter",), ("enter",), ("tab",), ("backspace",)]),
        (b"\x1b", [("esc",)]),
        (b"\x1b\x1b", [("esc",), ("esc",)]),
        (b"\x01\x1a", [("ctrl", "a"), ("ctrl", "z")]),
        (b"\x1bx\x1bX", [("alt", "x"), ("alt", "x")]),
        (b"\x1b[A\x1bOB\x1b[C\x1b[D", [("up",), ("down",), ("right",), ("left",)]),
        (b"\x1b[H\x1bOF\x1b[1~\x1b[4~", [("home",), ("end",), ("home",), ("end",)]),
        (b"\x1b[2~\x1b[3~\x1b[5~\x1b[6~", [("insert",), ("delete",), ("pageup",), ("pagedown",)]),
        (b"\x1bOP\x1b[15~\x1b[24~", [("f1",), ("f5",), ("f12",)]),
        (b"\x1b[1;5D\x1b[3;2~", [("ctrl", "left"), ("shift", "delete")]),
        (b"\x1b[1;8A", [("shift", "alt", "ctrl", "up")]),
        (b"\x1b[Z", [("shift", "tab")]),
        (b"\x1b[99~\x1b[5x\x1b[~", []),
        ("é☺".encode(), []),
    ],
)
def test_bytes_are_strokes(data: bytes, expected: list[object]) -> None:
    assert list(strokes(data)) == expected


@given(st.binary(max_size=12) | st.text("\x1b[O;~0123456789AZ", max_size=12).map(str.encode))
def test_whatever_comes_is_keys_that_there_are(data: bytes) -> None:
    for stroke in strokes(data):
        if isinstance(stroke, str):
            assert stroke in CHARACTERS
        elif stroke[0] != "alt" or len(stroke[-1]) > 1:
            assert all(find_key(name) for name in stroke)


def test_a_number_of_any_length_is_no_key() -> None:
    assert list(strokes(b"\x1b[" + b"9" * 5000 + b"~")) == []
