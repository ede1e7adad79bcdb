"""The debug console: characters in, lines out."""

from __future__ import annotations

from vectoros.clock import Clock
from vectoros.devices.debug_console import LINE_BYTES, DebugConsole


def said(text: bytes) -> list[str]:
    lines: list[str] = []
    console = DebugConsole(Clock(), deliver=lines.append)
    for byte in text:
        console.write(0, 1, byte)
    return lines


def test_a_read_tells_that_the_console_is_there() -> None:
    assert DebugConsole(Clock(), deliver=print).read(0, 1) == 0xE9


def test_each_finished_line_is_delivered_without_its_end() -> None:
    assert said(b"stage 1\nstage 2\r\n\nhalf") == ["stage 1", "stage 2", ""]


def test_text_is_utf_8_and_what_is_not_is_replaced() -> None:
    assert said("größer\n".encode() + b"\xff\n") == ["größer", "\N{REPLACEMENT CHARACTER}"]


def test_a_line_without_an_end_is_cut() -> None:
    assert said(b"x" * (2 * LINE_BYTES + 1)) == ["x" * LINE_BYTES] * 2


def test_half_a_line_survives_a_snapshot() -> None:
    lines: list[str] = []
    first = DebugConsole(Clock(), deliver=print)
    first.write(0, 1, ord("a"))
    second = DebugConsole(Clock(), deliver=lines.append)
    second.restore(first.state())
    second.write(0, 2, ord("b") | ord("\n") << 8)
    assert second.guest_errors == 1, "the port has one byte; the second goes to a hole"
    second.write(0, 1, ord("\n"))
    assert lines == ["ab"]
