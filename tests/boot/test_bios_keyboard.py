"""INT 09h and 16h: keys from the serial port and from scan codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from vectoros.boot.frame import Action

Run = Callable[..., Any]
GET = "mov ah, 0\n int 0x16\n call hex\n"
CHECK = "mov ah, 1\n int 0x16\n call dump\n"


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (b"a", "1e61"), (b"A", "1e41"), (b"1", "0231"), (b" ", "3920"), (b"\r", "1c0d"),
        (b"\n", "1c0d"), (b"\t", "0f09"), (b"\x7f", "0e08"), (b"\x03", "2e03"), (b"~", "297e"),
        (b"\x1b[A", "4800"), (b"\x1b[B", "5000"), (b"\x1bOC", "4d00"), (b"\x1b[1;2D", "4b00"),
        (b"\x1b", "011b"), (b"\x1b\x1b", "011b"), (b"\xe4", "00e4"),
    ],
)  # fmt: skip
def test_what_a_terminal_sends_is_a_key(run: Run, typed: bytes, key: str) -> None:
    assert run(GET, keys=typed).said == f"{key} "


def test_keys_come_in_order_and_an_unknown_sequence_is_nothing(run: Run) -> None:
    assert run(GET * 3, keys=b"x\x1b[5~yz").said == "2d78 1579 2c7a "


def test_however_much_is_typed_ahead_nothing_is_lost(run: Run) -> None:
    loop = f"mov cx, 40\nmore: push cx\n mov ah, 1\n int 0x16\n {GET} pop cx\n loop more\n"
    guest = run(loop, keys=b"0123456789" * 4)
    assert [chr(int(word, 16) & 0xFF) for word in guest.said.split()] == list("0123456789" * 4)


def test_a_key_is_waited_for_with_interrupts_on(run: Run) -> None:
    # The hook of the timer types: only an interrupt can end the wait.
    source = """mov word ptr [0x1c * 4], hook
        mov word ptr [0x1c * 4 + 2], 0
        mov ah, 0
        int 0x16
        call hex
        jmp end
hook:   pushad
        mov ax, 0x0500
        mov cx, 0x1234
        int 0x16
        popad
        iret"""
    assert run(source).said == "1234 "


def test_looking_takes_nothing(run: Run) -> None:
    guest = run(CHECK + CHECK + GET + CHECK, keys=b"k")
    assert [line.split()[0] for line in guest.lines[:2]] == ["256b", "256b"]
    assert "z" not in guest.lines[0]
    assert guest.lines[2].startswith("256b")
    assert guest.lines[2].endswith("z"), "no key is left"


def test_the_ring_holds_15_keys_and_then_is_full(run: Run) -> None:
    source = """mov cx, 17
again:  push cx
        mov ah, 5
        mov cx, 0x3041
        int 0x16
        pop cx
        mov ah, 0
        call hex
        loop again"""
    assert run(source).said == "0000 " * 15 + "0001 " * 2


class Keyboard:
    """Scan codes into a desk, keys out of it."""

    def __init__(self, desk: Any) -> None:  # noqa: ANN401
        self.desk = desk

    def serve(self, vector: int, **registers: int) -> Any:  # noqa: ANN401
        frame = self.desk.frame(vector, **registers)
        self.desk.serve(frame)
        return frame

    def codes(self, codes: Sequence[int]) -> None:
        for code in codes:
            self.serve(0x09, ax=code)

    def taken(self, function: int = 0x0000) -> list[int]:
        found: list[int] = []
        while (frame := self.serve(0x16, ax=function)).action is not None:
            if frame.action == Action.WAIT:
                return found
            found.append(frame.ax)
        return found


@pytest.fixture
def keyboard(desk: Any) -> Keyboard:  # noqa: ANN401
    return Keyboard(desk)


SHIFT, CONTROL, ALT, CAPS, NUM, UP = 0x2A, 0x1D, 0x38, 0x3A, 0x45, 0x80


@pytest.mark.parametrize(
    ("codes", "keys"),
    [
        ([0x1E, 0x1E | UP], [0x1E61]),
        ([SHIFT, 0x1E, SHIFT | UP, 0x1E], [0x1E41, 0x1E61]),
        ([0x36, 0x02], [0x0221]),
        ([CONTROL, 0x2E], [0x2E03]),
        ([CONTROL, 0x02], [0x0200]),
        ([ALT, 0x1E, 0x02], [0x1E00, 0x7800]),
        ([CAPS, 0x1E, 0x02, SHIFT, 0x1E], [0x1E41, 0x0231, 0x1E61]),
        ([CAPS, CAPS | UP, CAPS, 0x1E], [0x1E61]),
        ([0x47, NUM, 0x47], [0x4700, 0x4737]),
        ([0x3B, SHIFT, 0x3B, 0x57], [0x3B00, 0x5400, 0x8700]),
        ([0xE0, 0x48, 0xE0, 0x48 | UP], [0x4800]),
        ([0xE0, SHIFT, 0xE0, 0x48, 0x1E], [0x4800, 0x1E61]),
        ([0xE1, 0x1D, 0x45], []),
        ([0x1C, 0xE0, 0x1C, 0x39, 0x4A], [0x1C0D, 0x1C0D, 0x3920, 0x4A2D]),
        ([0x00, 0x7F, 0xFA, 0xFF], []),
    ],
)
def test_scan_codes_become_keys(keyboard: Keyboard, codes: list[int], keys: list[int]) -> None:
    keyboard.codes(codes)
    assert [hex(key) for key in keyboard.taken()] == [hex(key) for key in keys]


def test_the_extended_calls_tell_grey_keys_apart(keyboard: Keyboard) -> None:
    keyboard.codes([0xE0, 0x48, 0x48])
    assert keyboard.taken(0x1000) == [0x48E0, 0x4800]


def test_the_shift_flags_are_those_of_the_keys_held(keyboard: Keyboard) -> None:
    keyboard.codes([SHIFT, CONTROL, CAPS])
    assert keyboard.serve(0x16, ax=0x0200).al == 0x46
    keyboard.codes([SHIFT | UP, CONTROL | UP])
    assert keyboard.serve(0x16, ax=0x1200).ax == 0x40


def test_a_spoilt_ring_is_a_ring_again(keyboard: Keyboard) -> None:
    keyboard.desk.memory.write(0x41A, b"\xff" * 4)
    keyboard.desk.memory.write(0x480, b"\x01\x00\xff\xff")
    keyboard.codes([0x1E])
    assert keyboard.taken() == [0x1E61]
