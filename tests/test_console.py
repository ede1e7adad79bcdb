"""The host's side of the serial port: keys, input, output. Terminals: test_terminal.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.console import Input, Keyboard, Output
from vectoros.errors import BadFileError

Pipe = tuple[int, int]


def never() -> bool:
    return False


@pytest.fixture
def pipe() -> Iterator[Callable[[], Pipe]]:
    """A function that makes a pipe; what is still open at the end is closed."""
    made: list[int] = []

    def make() -> Pipe:
        made.extend(ends := os.pipe())
        return ends

    yield make
    for end in made:
        try:
            os.close(end)
        except OSError:
            continue


@given(st.lists(st.binary(max_size=5)))
def test_without_ctrl_a_every_key_is_the_guests(pieces: list[bytes]) -> None:
    pieces = [piece.replace(b"\x01", b"") for piece in pieces]
    keyboard = Keyboard(lambda: pytest.fail("stopped"), lambda: pytest.fail("helped"))
    assert b"".join(map(keyboard.filter, pieces)) == b"".join(pieces)


@given(st.binary(), st.integers(min_value=0))
def test_where_input_is_cut_makes_no_difference(keys: bytes, where: int) -> None:
    def typed(*pieces: bytes) -> tuple[bytes, list[str]]:
        pressed: list[str] = []
        keyboard = Keyboard(lambda: pressed.append("stop"), lambda: pressed.append("help"))
        return b"".join(map(keyboard.filter, pieces)), pressed

    cut = where % (len(keys) + 1)
    assert typed(keys) == typed(keys[:cut], keys[cut:])


@pytest.mark.parametrize(
    ("keys", "passed", "pressed"),
    [
        (b"\x01x", b"", ["stop"]),
        (b"a\x01hb", b"ab", ["help"]),
        (b"\x01?", b"", ["help"]),
        (b"\x01c", b"\x03", []),
        (b"\x01a", b"\x01", []),
        (b"\x01\x01x", b"\x01x", []),
        (b"\x01zy", b"y", []),
    ],
)
def test_ctrl_a_begins_a_command(keys: bytes, passed: bytes, pressed: list[str]) -> None:
    done: list[str] = []
    keyboard = Keyboard(lambda: done.append("stop"), lambda: done.append("help"))
    assert keyboard.filter(keys) == passed
    assert done == pressed


def test_input_gives_what_is_there_and_waits_for_nothing(pipe: Callable[[], Pipe]) -> None:
    reader, writer = pipe()
    source = Input(reader)
    assert (source.read(), source.open) == (b"", True)
    os.write(writer, b"abc")
    assert source.read() == b"abc"
    assert (source.read(), source.open) == (b"", True)


def test_the_end_of_input_closes_it_for_good(pipe: Callable[[], Pipe]) -> None:
    reader, writer = pipe()
    source = Input(reader)
    os.write(writer, b"last")
    os.close(writer)
    assert source.read() == b"last"
    assert (source.read(), source.open) == (b"", False)
    assert source.read(10) == b""  # at once: there is nothing to wait for


def test_no_input_is_a_closed_one() -> None:
    assert (Input(None).read(), Input(None).open) == (b"", False)


@given(st.lists(st.binary(max_size=20_000), max_size=4))
def test_output_arrives_whole_and_unmodified(pieces: list[bytes]) -> None:
    path = Path(f"/proc/self/fd/{os.memfd_create('out')}")
    with path.open("w+b", buffering=0) as file:
        output = Output(file.fileno(), "out")
        for piece in pieces:
            for byte in piece:
                output.put(byte)
            output.flush(never)
        file.seek(0)
        assert file.read() == b"".join(pieces)
        assert output.line_open == bool((whole := b"".join(pieces)) and whole[-1:] != b"\n")
        assert not output.closed
    os.close(int(path.name))


def test_a_reader_that_went_away_closes_output(pipe: Callable[[], Pipe]) -> None:
    reader, writer = pipe()
    os.close(reader)
    output = Output(writer, "standard output")
    output.put(65)
    output.flush(never)
    assert output.closed
    output.put(66)
    output.flush(never)  # goes nowhere, and says nothing


def test_a_reader_that_stalls_is_given_up_when_told(pipe: Callable[[], Pipe]) -> None:
    _, writer = pipe()
    output = Output(writer, "standard output")
    for _ in range(200_000):  # more than a pipe holds
        output.put(65)
    answers = iter([False, True])  # a third question would be one too many
    output.flush(lambda: next(answers))
    assert list(answers) == []
    assert not output.closed


def test_a_full_disk_is_an_error_that_names_the_file() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this host has no /dev/full")
    with open("/dev/full", "wb", buffering=0) as full:
        output = Output(full.fileno(), "serial.txt")
        output.put(65)
        with pytest.raises(BadFileError, match=r"serial\.txt: cannot be written: No space left"):
            output.flush(never)


def test_no_output_drops_what_it_gets() -> None:
    output = Output(None, "null")
    output.put(65)
    output.flush(never)
    assert not output.closed
    assert not output.is_terminal
