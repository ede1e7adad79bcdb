from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.errors import UsageError
from vectoros.serial_port import SEARCH_WINDOW, SerialPort, Watch


def send(port: SerialPort, data: bytes) -> None:
    for byte in data:
        port.transmit(byte)


def watch(port: SerialPort, pattern: str, start: int = 0) -> tuple[Watch, list[int]]:
    """Watch for ``pattern``; return the watch and the lengths of the output when it was found."""
    lengths: list[int] = []
    return port.watch(pattern, start, lambda _: lengths.append(len(port.output))), lengths


def test_output_is_kept_and_shown_as_text() -> None:
    port = SerialPort()
    send(port, "grün\r\n".encode() + b"\xff")
    assert port.output == b"gr\xc3\xbcn\r\n\xff"
    assert port.text == "grün\r\n\ufffd"


def test_every_sink_hears_every_byte_from_then_on() -> None:
    port = SerialPort()
    one: list[int] = []
    two: list[int] = []
    port.on_byte(one.append)
    send(port, b"a")
    port.on_byte(two.append)
    send(port, b"bc")
    assert (bytes(one), bytes(two)) == (b"abc", b"bc")


def test_a_pattern_is_found_with_the_byte_that_completes_it_and_only_once() -> None:
    port = SerialPort()
    found, lengths = watch(port, r"rea(d)y")
    send(port, b"not yet: ready, ready")
    assert lengths == [len(b"not yet: ready")]
    assert found.hit is not None
    assert (found.hit.span(), found.hit[1]) == ((9, 14), b"d")


def test_what_is_there_already_is_found_at_once() -> None:
    port = SerialPort()
    send(port, b"ready ready")
    found, lengths = watch(port, "ready", start=3)
    assert lengths == [11]
    assert found.hit is not None
    assert found.hit.span() == (6, 11)


def test_what_came_before_the_start_does_not_count() -> None:
    port = SerialPort()
    send(port, b"ready rea")
    found, lengths = watch(port, "ready", start=6)
    assert (found.hit, lengths) == (None, [])
    send(port, b"dy")
    assert lengths == [11]


def test_a_line_begins_and_ends_at_line_feeds_and_at_the_end_of_what_has_come() -> None:
    port = SerialPort()
    found, lengths = watch(port, "^ok$")
    send(port, b"not ok\nok")
    assert lengths == [9]
    assert found.hit is not None
    assert found.hit.start() == 7


def test_a_watch_may_end_another_or_begin_one_when_it_is_found() -> None:
    port = SerialPort()
    order: list[str] = []
    second = port.watch("b", 0, lambda _: order.append("second"))

    def first(_: Watch) -> None:
        order.append("first")
        port.unwatch(second)
        port.watch("c", 0, lambda _: order.append("third"))

    port.watch("a", 0, first)
    send(port, b"abc")
    assert order == ["first", "third"]


def test_a_watch_that_is_given_up_is_not_found_any_more() -> None:
    port = SerialPort()
    found, lengths = watch(port, "x")
    port.unwatch(found)
    port.unwatch(found)
    send(port, b"x")
    assert (found.hit, lengths) == (None, [])


def test_a_match_may_be_as_long_as_the_window() -> None:
    port = SerialPort()
    _, lengths = watch(port, "<[^<]*>")
    send(port, b"<" + b"-" * (SEARCH_WINDOW - 2) + b">")
    assert lengths == [SEARCH_WINDOW]
    _, none = watch(port, "<[^<]*>", start=SEARCH_WINDOW)
    send(port, b"<" + b"-" * (SEARCH_WINDOW - 1) + b">")
    assert none == []


def test_a_match_stays_what_it_was_when_the_output_is_rewritten() -> None:
    port = SerialPort()
    found, _ = watch(port, "ready")
    send(port, b"ready")
    port.output[:] = b"other"
    assert found.hit is not None
    assert found.hit[0] == b"ready"


@given(st.text("ab\n", max_size=30), st.sampled_from(["ab", "^b", "a$", "ba+b", "(aa|bb)b"]))
def test_a_pattern_is_found_at_the_first_length_at_which_it_matches(
    text: str, pattern: str
) -> None:
    port = SerialPort()
    _, lengths = watch(port, pattern)
    send(port, text.encode())
    compiled = re.compile(pattern, re.MULTILINE)
    matching = [size for size in range(1, len(text) + 1) if compiled.search(text[:size])]
    assert lengths == matching[:1]


@pytest.mark.parametrize("pattern", ["(", "[a", r"\u00e4", "\ud800"])
def test_what_is_no_regular_expression_is_refused_and_quoted(pattern: str) -> None:
    port = SerialPort()
    with pytest.raises(UsageError) as refusal:
        watch(port, pattern)
    assert str(refusal.value).startswith(f"{pattern!r} is not a regular expression: ")


def test_whoever_waits_for_lines_hears_their_ends_only() -> None:
    port = SerialPort()
    heard: list[int] = []
    port.on_line(lambda: heard.append(len(port.output)))
    send(port, b"one\r\ntwo\nthree")
    assert heard == [5, 9]


@given(st.text("ab\\$. \n#", min_size=1, max_size=3), st.text("ab\\$. \n#", max_size=30))
def test_a_plain_text_is_found_where_a_pattern_for_it_would_be(text: str, said: str) -> None:
    port = SerialPort()
    _, plain = watch(port, re.escape(text))
    _, general = watch(port, f"(?:{re.escape(text)})")
    send(port, said.encode())
    assert plain == general
    assert bool(plain) == (text in said)


def test_a_text_is_searched_for_only_when_its_last_character_comes() -> None:
    port = SerialPort()
    plain, _ = watch(port, re.escape("linux# "))
    general, _ = watch(port, "linux[#$] ")
    assert [plain.could_end_with(byte) for byte in b"x# "] == [False, False, True]
    assert [general.could_end_with(byte) for byte in b"x# "] == [True, True, True]
