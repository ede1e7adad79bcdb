"""INT 10h: the screen in text memory, its mirror on the serial port, and modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vectoros.boot.frame import Action, Op
from vectoros.boot.vbe import DISPI, DISPI_ID, MODES, UNKNOWN

Run = Callable[..., Any]
CLEAR = "mov ax, 3\n int 0x10\n"
TELETYPE = "mov ah, 14\n mov al, '{0}'\n int 0x10\n"
CURSOR = "mov ah, 3\n mov bh, 0\n int 0x10\n call dump\n"


def put(text: str) -> str:
    """Return code that prints ``text``."""
    letters = ", ".join(str(ord(letter)) for letter in text)
    return (
        f"jmp over\ntext: .byte {letters}\nover: mov si, text\n mov cx, {len(text)}\n"
        "next: lodsb\n mov ah, 14\n int 0x10\n loop next\n"
    )


def test_a_teletype_writes_to_the_screen_and_to_the_serial_port(run: Run) -> None:
    guest = run(CLEAR + put("one\r\ntwo") + CURSOR)
    assert (guest.row(0), guest.row(1)) == ("one", "two")
    assert guest.said.startswith("one\r\ntwo")
    assert guest.lines[-1].split()[3] == "0103", "row 1, column 3"


def test_backspace_moves_back_and_the_bell_rings_only_on_the_terminal(run: Run) -> None:
    guest = run(CLEAR + put("ab\b\a\b\b\bX") + CURSOR)
    assert guest.row(0) == "Xb"
    assert guest.said.startswith("ab\b\a\b\b\bX")
    assert guest.lines[-1].split()[3] == "0001"


def test_the_screen_scrolls_at_its_end_and_lines_wrap(run: Run) -> None:
    lines = "mov cx, 24\nagain: mov ax, 0x0e0a\n int 0x10\n loop again\n"
    guest = run(CLEAR + "mov ax, 0x0e41\n int 0x10\n" + lines + put("\r" + "x" * 81))
    assert guest.row(0) == "", "the A has scrolled off"
    assert (guest.row(23), guest.row(24)) == ("x" * 80, "x")


def test_a_cursor_that_was_moved_is_told_to_the_terminal_once(run: Run) -> None:
    move = "mov ah, 2\n mov bh, 0\n mov dx, 0x0509\n int 0x10\n"
    guest = run(CLEAR + move + put("hi"))
    assert guest.row(5) == " " * 9 + "hi"
    assert guest.said == "\x1b[6;10Hhi"


def test_characters_with_attributes_are_written_and_read(run: Run) -> None:
    guest = run(
        CLEAR + "mov ax, 0x0951\n mov bx, 0x1e\n mov cx, 90\n int 0x10\n"
        "mov ah, 8\n int 0x10\n call dump\n mov ax, 0x0a52\n mov cx, 1\n int 0x10\n" + CURSOR
    )
    assert (guest.row(0), guest.row(1)) == ("R" + "Q" * 79, "Q" * 10)
    assert guest.machine.memory.read(0xB8001, 1) == b"\x1e"
    assert "1e51" in guest.said, "character and attribute, as AH=08h reads them"
    assert guest.said.startswith("Q" * 80), "the terminal gets what fits on the line"
    assert guest.lines[-1].split()[3] == "0000", "the cursor stays"


def test_a_string_is_written_with_and_without_its_attributes(run: Run) -> None:
    string = "jmp on\ns: .byte 'a', 0x21, 'b', 0x22\non: mov bp, s\n mov bx, 0x0017\n"
    plain = "mov ax, 0x1300\n mov cx, 1\n mov dx, 0x0203\n int 0x10\n"
    pairs = "mov ax, 0x1303\n mov cx, 2\n mov dx, 0x0300\n int 0x10\n"
    guest = run(CLEAR + string + plain + CURSOR + pairs + CURSOR)
    assert guest.machine.memory.read(0xB8000 + 2 * 163, 2) == b"a\x17"
    assert guest.machine.memory.read(0xB8000 + 2 * 240, 4) == b"a\x21b\x22"
    positions = [line.split()[3] for line in guest.lines if len(line.split()) > 3]
    assert positions == ["0000", "0302"]


def test_windows_scroll_in_both_directions(run: Run) -> None:
    text = CLEAR + put("aaaa\r\nbbbb\r\ncccc")
    window = "mov cx, 0x0001\n mov dx, 0x0202\n mov bh, 7\n int 0x10\n"
    up = run(text + "mov ax, 0x0601\n" + window)
    assert [up.row(row) for row in range(3)] == ["abba", "bccb", "c  c"]
    down = run(text + "mov ax, 0x0701\n" + window)
    assert [down.row(row) for row in range(3)] == ["a  a", "baab", "cbbc"]
    cleared = run(text + "mov ax, 0x0600\n" + window)
    assert [cleared.row(row) for row in range(3)] == ["a  a", "b  b", "c  c"]


def test_the_mode_is_80_by_25_and_setting_it_clears_the_screen(run: Run) -> None:
    guest = run(put("x") + CLEAR + "mov ah, 15\n int 0x10\n call dump\n")
    assert guest.lines[-1].startswith("x5003 0000")
    assert all(not guest.row(row) for row in range(25))


def test_setting_the_mode_may_keep_the_screen(run: Run) -> None:
    guest = run(CLEAR + put("x") + "mov ax, 0x83\n int 0x10\n")
    assert guest.row(0) == "x"


def test_the_display_is_a_vga(run: Run) -> None:
    assert run("mov ax, 0x1a00\n int 0x10\n call dump\n").lines[-1].startswith("1a1a 0008")
    assert run("mov ah, 18\n mov bl, 16\n int 0x10\n call dump").lines[-1].split()[1:3] == [
        "0003", "0009",
    ]  # fmt: skip


@pytest.mark.parametrize("absent", [0xFFFF, 0, 0xB0D5])
@pytest.mark.parametrize("function", [0x4F00, 0x4F01, 0x4F02, 0x4F03])
def test_without_its_registers_there_is_no_vbe(desk: Any, function: int, absent: int) -> None:  # noqa: ANN401
    frame = desk.frame(0x10, ax=function, bx=0x4142, cx=0x142)
    assert answered(desk, frame, absent).ax == UNKNOWN


def answered(desk: Any, frame: Any, dispi: int = DISPI_ID | 5) -> Any:  # noqa: ANN401
    """Serve ``frame`` twice: it asks for the registers, and is answered ``dispi``."""
    desk.serve(frame)
    assert frame.action == Action.AGAIN
    second = type(frame)(desk.memory, 0x7000)
    assert second.data[16] == Op.IN_INDEX16
    second.data[20:24] = dispi.to_bytes(4, "little")
    desk.serve(second)
    return second


def test_vbe_describes_its_modes(desk: Any) -> None:  # noqa: ANN401
    desk.memory.write(0x8000, b"VBE2")
    assert answered(desk, desk.frame(0x10, ax=0x4F00, es=0x800)).ax == 0x4F
    info = desk.memory.read(0x8000, 512)
    assert info[:6] == b"VESA\x00\x02"
    offset = int.from_bytes(info[14:16], "little")
    listed = [int.from_bytes(info[at : at + 2], "little") for at in range(offset, offset + 12, 2)]
    assert listed == [*MODES, 0xFFFF]
    for mode, (width, height) in MODES.items():
        assert answered(desk, desk.frame(0x10, ax=0x4F01, cx=mode, es=0x900)).ax == 0x4F
        found = desk.memory.read(0x9000, 256)
        assert int.from_bytes(found[0x10:0x12], "little") == width * 4
        assert int.from_bytes(found[0x12:0x14], "little") == width
        assert int.from_bytes(found[0x14:0x16], "little") == height
        assert int.from_bytes(found[0x28:0x2C], "little") == 0xE000_0000


def test_vbe_sets_a_mode_by_its_registers_and_tells_it(desk: Any) -> None:  # noqa: ANN401
    frame = answered(desk, desk.frame(0x10, ax=0x4F02, bx=0x4142))
    assert frame.ax == 0x4F
    ops = [frame.data[16 + 8 * n : 24 + 8 * n] for n in range(frame.count)]
    writes = [(op[1], int.from_bytes(op[4:8], "little")) for op in ops]
    assert writes == [(4, 0), (1, 640), (2, 480), (3, 32), (5, 0), (4, 0x41)]
    assert {int.from_bytes(op[2:4], "little") for op in ops} == {DISPI}
    assert answered(desk, desk.frame(0x10, ax=0x4F03)).bx == 0x4142
    text = desk.frame(0x10, ax=0x0003)
    desk.serve(text)
    assert text.data[16:18] == bytes((Op.OUT_INDEX16, 4)), "text mode switches it off"


@pytest.mark.parametrize("mode", [0x4140, 0x0142, 0x41FF])
def test_vbe_refuses_a_mode_that_it_has_not(desk: Any, mode: int) -> None:  # noqa: ANN401
    assert answered(desk, desk.frame(0x10, ax=0x4F02, bx=mode)).ax == 0x014F
