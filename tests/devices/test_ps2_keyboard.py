"""The keyboard alone, at its end of the cable."""

from __future__ import annotations

import pytest

from vectoros.devices.ps2_keyboard import (
    BUFFER_BYTES,
    QUEUE_EVENTS,
    RELEASED,
    Command,
    Ps2Keyboard,
)
from vectoros.devices.scancodes import KEY_NAMES
from vectoros.errors import UsageError

NO_COMMANDS = [0xEF, 0xF1]


def make() -> Ps2Keyboard:
    keyboard = Ps2Keyboard(lambda: None)
    keyboard.reset()
    return keyboard


def drain(keyboard: Ps2Keyboard) -> str:
    found = bytearray()
    while keyboard.pending():
        byte = keyboard.take()
        if byte is not None:
            found.append(byte)
    return found.hex(" ")


def say(keyboard: Ps2Keyboard, *data: int) -> str:
    """Send bytes and return all answers."""
    answers = []
    for byte in data:
        keyboard.receive(byte)
        answers.append(drain(keyboard))
    return " ".join(answers)


def events(*names: str) -> bytes:
    """Return key events; a name with a minus is a key going up."""
    return bytes(
        KEY_NAMES[name.strip("-")].number | (RELEASED if name[0] == "-" else 0) for name in names
    )


def test_keys_send_make_and_break_codes_in_order() -> None:
    keyboard = make()
    keyboard.enqueue(events("a", "-a", "up", "-up", "f7", "-f7"))
    assert drain(keyboard) == "1c f0 1c e0 75 e0 f0 75 83 f0 83"
    assert keyboard.take() is None


def test_the_three_sets() -> None:
    sent = {}
    for scan_set in (1, 2, 3):
        keyboard = make()
        assert say(keyboard, 0xF0, scan_set) == "fa fa"
        assert say(keyboard, 0xF0, 0) == f"fa fa {scan_set:02x}"
        keyboard.enqueue(events("esc", "-esc", "rightctrl", "-rightctrl", "pause", "-pause"))
        sent[scan_set] = drain(keyboard)
    assert sent == {
        1: "01 81 e0 1d e0 9d e1 1d 45 e1 9d c5",
        2: "76 f0 76 e0 14 e0 f0 14 e1 14 77 e1 f0 14 f0 77",
        3: "08 f0 08 58 f0 58 62 f0 62",
    }


def test_a_set_that_does_not_exist_is_asked_for_again() -> None:
    keyboard = make()
    assert say(keyboard, 0xF0, 4, 3) == "fa fe fa"
    assert keyboard.scan_set == 3


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ((0xEE,), "ee"),
        ((0xED, 7), "fa fa"),
        ((0xF2,), "fa ab 83"),
        ((0xF3, 0x00), "fa fa"),
        ((0xF4,), "fa"),
        ((0xF5,), "fa"),
        ((0xF6,), "fa"),
        *(((code,), "fa") for code in range(0xF7, 0xFB)),
        ((0xFB, 0x1C), "fa fa"),
        ((0xFC, 0x1C, 0x1B, 0xF4), "fa fa fa fa"),
        ((0xFD, 0x1C), "fa fa"),
        ((0xFF,), "fa aa"),
        ((0x00,), "fe"),
        ((0xEC,), "fe"),
        *(((code,), "fe") for code in NO_COMMANDS),
        ((0xED, 0xEE), "fa ee"),  # a command instead of the argument
    ],
)
def test_commands_and_their_answers(sent: tuple[int, ...], answer: str) -> None:
    assert say(make(), *sent) == answer


def test_what_is_awaited_is_a_plain_number_after_a_set_that_does_not_exist() -> None:
    keyboard = make()
    say(keyboard, 0xF0, 4)
    assert type(keyboard.state()["awaiting"]) is int


def test_indicators_and_rate_are_kept_until_the_default() -> None:
    keyboard = make()
    say(keyboard, 0xED, 0x05, 0xF3, 0x7F)
    assert (keyboard.indicators, keyboard.rate) == (5, 0x7F)
    say(keyboard, 0xF6)
    assert (keyboard.indicators, keyboard.rate) == (0, 0x2B)


def test_resend_sends_the_last_byte_again() -> None:
    keyboard = make()
    keyboard.enqueue(events("a"))
    assert drain(keyboard) == "1c"
    assert say(keyboard, 0xFE, 0xFE, 0xEE, 0xFE) == "1c 1c ee ee"


def test_answers_go_before_keys_and_a_new_command_drops_old_answers() -> None:
    keyboard = make()
    keyboard.enqueue(events("a"))
    keyboard.receive(0xF2)
    assert keyboard.take() == 0xFA
    keyboard.receive(0xEE)
    assert drain(keyboard) == "ee 1c"


def test_a_keyboard_that_does_not_scan_hears_nothing_but_the_queue_waits() -> None:
    keyboard = make()
    assert say(keyboard, 0xF5) == "fa"
    keyboard.strike(KEY_NAMES["x"].number)
    keyboard.enqueue(events("a"))
    assert not keyboard.pending()
    assert say(keyboard, 0xF4) == "fa 1c"


@pytest.mark.parametrize("code", [0xF4, 0xF6, 0xFF])
def test_an_event_that_a_command_cuts_off_is_sent_again_whole(code: int) -> None:
    keyboard = make()
    keyboard.enqueue(events("delete", "-delete", "b"))
    assert [keyboard.take() for _ in range(3)] == [0xE0, 0x71, 0xE0]
    keyboard.receive(code)
    assert drain(keyboard).endswith("e0 f0 71 32")
    assert not keyboard.queue


def test_a_key_struck_after_such_a_command_does_not_take_the_events_place() -> None:
    keyboard = make()
    keyboard.enqueue(events("delete"))
    assert keyboard.take() == 0xE0
    keyboard.receive(0xF4)
    keyboard.strike(KEY_NAMES["x"].number)
    assert drain(keyboard) == "fa 22 e0 71"


def test_the_host_is_told_when_the_queue_is_full_and_nothing_of_it_is_queued() -> None:
    keyboard = make()
    keyboard.enqueue(events("a") * (QUEUE_EVENTS - 1))
    with pytest.raises(UsageError, match=r"2 key events do not fit.* room for 1 of 4096"):
        keyboard.enqueue(events("b", "-b"))
    keyboard.enqueue(events("c"))
    assert len(keyboard.queue) == QUEUE_EVENTS


@pytest.mark.parametrize(("scan_set", "code"), [(1, 0xFF), (2, 0), (3, 0)])
def test_keys_that_do_not_wait_overrun_a_full_buffer(scan_set: int, code: int) -> None:
    keyboard = make()
    say(keyboard, 0xF0, scan_set)
    for _ in range(BUFFER_BYTES + 3):
        keyboard.strike(KEY_NAMES["a"].number)
    sent = bytes.fromhex(drain(keyboard))
    assert len(sent) == BUFFER_BYTES + 1
    assert sent[-1] == code
    assert code not in sent[:-1]
    keyboard.strike(KEY_NAMES["a"].number)
    assert keyboard.pending(), "it goes on when there is room"


def test_a_code_that_does_not_fit_whole_is_an_overrun() -> None:
    keyboard = make()
    for name in ("pause", "up", "up", "up", "a", "up"):
        keyboard.strike(KEY_NAMES[name].number)
    assert drain(keyboard).endswith("e0 75 1c 00")


def test_break_codes_can_be_turned_off_in_set_3_for_all_keys_and_for_one() -> None:
    keyboard = make()
    both = events("a", "-a", "b", "-b")
    say(keyboard, 0xF0, 3)
    for commands, sent in (
        ((Command.ALL_MAKE,), "1c 32"),
        ((Command.KEY_MAKE_BREAK, 0x32), "1c 32 f0 32"),
        ((Command.KEY_TYPEMATIC, 0x32), "1c 32"),
        ((Command.ALL_MAKE_BREAK,), "1c f0 1c 32 f0 32"),
        ((Command.KEY_MAKE, 0x1C), "1c 32 f0 32"),
        ((Command.ALL_TYPEMATIC,), "1c 32"),
        ((Command.ALL_TYPEMATIC_MAKE_BREAK,), "1c f0 1c 32 f0 32"),
    ):
        say(keyboard, *commands, 0xEE)
        keyboard.enqueue(both)
        assert drain(keyboard) == sent, commands
    say(keyboard, Command.ALL_MAKE, 0xF0, 2)
    keyboard.enqueue(both)
    assert drain(keyboard) == "1c f0 1c 32 f0 32", "the other sets do not care"


def test_a_key_of_a_forged_snapshot_sends_nothing() -> None:
    keyboard = make()
    keyboard.enqueue(bytes([0x7F, 0x00, 0x80, *events("a")]))
    assert drain(keyboard) == "1c"
