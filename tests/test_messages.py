"""Messages: on standard error, plain wherever colour is not wanted, never in the way."""

from __future__ import annotations

import io
import sys

import pytest

from vectoros import messages


class Terminal(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True


class ClosedWindow(io.StringIO):
    """What is left of a terminal when its window is gone."""

    def write(self, _text: str) -> int:
        raise OSError(5, "Input/output error")


@pytest.fixture(autouse=True)
def _no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_messages_begin_with_the_programs_name(capsys: pytest.CaptureFixture[str]) -> None:
    messages.say("hello", messages.HINT)
    messages.error("no")
    messages.document("Head\n  body")
    assert capsys.readouterr() == ("", "vectoros: hello\nvectoros: error: no\nHead\n  body\n")


def test_a_terminal_gets_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    messages.error("no")
    messages.document("Head\n  body")
    assert "\x1b[31m" in screen.getvalue()
    assert "\x1b[31m\x1b[1mHead\x1b[0m\n  body\n" in screen.getvalue()


def test_a_document_has_headings_and_marked_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    messages.document("Head\nCode\n    1 nop\n  > 2 hlt\nBacktrace\n  ? 3\n  -- break --")
    lines = screen.getvalue().splitlines()
    assert lines[1:3] == ["\x1b[1mCode\x1b[0m", "    1 nop"]
    assert lines[3] == "\x1b[33m  > 2 hlt\x1b[0m"
    assert lines[5:] == ["\x1b[2m  ? 3\x1b[0m", "\x1b[2m  -- break --\x1b[0m"]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_no_colour_gets_none(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    monkeypatch.setenv(name, value)
    messages.error("no")
    assert screen.getvalue() == "vectoros: error: no\n"


def test_a_message_that_nobody_can_see_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", ClosedWindow())
    messages.say("hello")


def test_a_table_has_columns_and_one_line_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    rows = [("a", "x" * 300), ("longer", "[bold]y[/bold]")]
    lines = messages.table(("name", "value"), rows).splitlines()
    assert lines == [
        "name    value",
        "a       " + "x" * 300,
        "longer  [bold]y[/bold]",
    ]


def test_a_table_without_a_header_has_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert messages.table(("", ""), [("a", "b")]) == "a  b"
