"""The mouse alone, at its end of the cable."""

from __future__ import annotations

import pytest

from vectoros.devices.ps2_mouse import Ps2Mouse

LEFT, RIGHT, MIDDLE = 1, 2, 4


def make(*commands: int) -> Ps2Mouse:
    mouse = Ps2Mouse(lambda: None)
    mouse.reset()
    say(mouse, *commands)
    return mouse


def drain(mouse: Ps2Mouse) -> str:
    found = bytearray()
    while mouse.pending():
        byte = mouse.take()
        assert byte is not None
        found.append(byte)
    return found.hex(" ")


def say(mouse: Ps2Mouse, *data: int) -> str:
    """Send bytes and return all answers."""
    answers = []
    for byte in data:
        mouse.receive(byte)
        answers.append(drain(mouse))
    return " ".join(answers)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ((0xFF,), "fa aa 00"),
        ((0xF2,), "fa 00"),
        ((0xE9,), "fa 00 02 64"),
        ((0xE6,), "fa"),
        ((0xE7, 0xE9), "fa fa 10 02 64"),
        ((0xE8, 3, 0xE9), "fa fa fa 00 03 64"),
        ((0xE8, 4, 1), "fa fe fa"),
        ((0xF3, 200, 0xE9), "fa fa fa 00 02 c8"),
        ((0xF3, 0, 10, 0xE9), "fa fe fa fa 00 02 0a"),
        ((0xF3, 0xF2), "fa fa 00"),  # a command instead of the argument
        ((0xF4, 0xE9), "fa fa 20 02 64"),
        ((0xF4, 0xF5, 0xE9), "fa fa fa 00 02 64"),
        ((0xF0, 0xE9), "fa fa 40 02 64"),
        ((0xF0, 0xEA, 0xE9), "fa fa fa 00 02 64"),
        ((0xEB,), "fa 08 00 00"),
        ((0xE7, 0xF4, 0xE8, 0, 0xF3, 10, 0xF6, 0xE9), "fa fa fa fa fa fa fa fa 00 02 64"),
        ((0xEE, 0xF4, 0x12, 0xEE, 0xEC, 0xE9), "fa f4 12 ee fa fa 00 02 64"),
        ((0xEE, 0xFF), "fa fa aa 00"),
        ((0xE9, 0xFE), "fa 00 02 64 fa 00 02 64"),
        ((0xE1,), "fe"),
        ((0x00,), "fe"),
        ((0xEF,), "fe"),
    ],
)
def test_commands_and_their_answers(sent: tuple[int, ...], answer: str) -> None:
    assert say(make(), *sent) == answer


@pytest.mark.parametrize(
    ("dx", "dy", "packet"),
    [
        (1, 2, "08 01 02"),
        (-1, 0, "18 ff 00"),
        (0, -1, "28 00 ff"),
        (255, -256, "28 ff 00"),
        (256, 0, "48 ff 00"),
        (0, 256, "88 00 ff"),
        (-257, -1000, "f8 00 00"),
    ],
)
def test_movement_makes_a_packet_with_signs_and_overflows(dx: int, dy: int, packet: str) -> None:
    mouse = make(0xF4)
    mouse.move(dx, dy)
    assert drain(mouse) == packet
    mouse.move(1, 1)
    assert drain(mouse) == "08 01 01", "the overflow is over"


def test_movements_add_up_until_the_guest_takes_a_packet() -> None:
    mouse = make(0xF4)
    mouse.move(3, 4)
    mouse.move(-5, 6)
    assert drain(mouse) == "18 fe 0a"
    mouse.move(0, 0)
    assert not mouse.pending()


def test_a_click_makes_two_packets_and_the_first_has_the_movement_before_it() -> None:
    mouse = make(0xF4)
    mouse.move(7, 0)
    mouse.press(LEFT | MIDDLE)
    mouse.press(LEFT | MIDDLE)
    mouse.press(0)
    assert drain(mouse) == "0d 07 00 08 00 00"


def test_with_a_full_buffer_the_latest_buttons_come_last() -> None:
    mouse = make(0xF4)
    for _ in range(10):
        mouse.press(LEFT)
        mouse.press(RIGHT)
    packets = drain(mouse).split()
    assert packets[::3] == ["09", "0a", "09", "0a", "09", "0a"], "five, and how it is now"


def test_nothing_is_reported_unless_it_is_asked_for() -> None:
    mouse = make()
    mouse.move(1, 1)
    mouse.press(RIGHT)
    assert not mouse.pending()
    assert say(mouse, 0xE9) == "fa 01 02 64"
    assert say(mouse, 0xEB) == "fa 0a 01 01"
    assert say(mouse, 0xF4) == "fa"
    assert not mouse.pending(), "ENABLE clears the counters"


def test_in_remote_and_in_wrap_mode_there_are_no_packets_of_its_own() -> None:
    for code in (0xF0, 0xEE):
        mouse = make(0xF4, code)
        mouse.move(1, 1)
        mouse.press(LEFT)
        assert not mouse.pending()
    mouse = make(0xF4, 0xEE)
    mouse.move(5, 5)
    assert say(mouse, 0xEC) == "fa 08 05 05"


def test_scaling_grows_with_speed_in_packets_but_not_in_read_data() -> None:
    mouse = make(0xE7, 0xF4)
    scaled = []
    for count in range(8):
        mouse.move(count, -count)
        scaled.append(drain(mouse))
    assert scaled[0] == ""
    assert [int(packet.split()[1], 16) for packet in scaled[1:]] == [1, 1, 3, 6, 9, 12, 14]
    assert scaled[7] == "28 0e f2"
    mouse.move(200, 0)
    assert drain(mouse) == "48 ff 00"
    say(mouse, 0xF0)
    mouse.move(7, 0)
    assert say(mouse, 0xEB) == "fa 08 07 00"


def test_the_knock_turns_on_the_wheel_and_a_reset_turns_it_off() -> None:
    mouse = make(0xF3, 200, 0xF3, 100, 0xF3, 80)
    assert say(mouse, 0xF2) == "fa 03"
    say(mouse, 0xF4)
    mouse.move(1, 0, 1)
    assert drain(mouse) == "08 01 00 01"
    mouse.move(0, 0, -2)
    assert drain(mouse) == "08 00 00 fe"
    mouse.move(0, 0, 100)
    assert drain(mouse) == "08 00 00 07"
    say(mouse, 0xF6)
    assert say(mouse, 0xF2) == "fa 03", "the default keeps it"
    assert say(mouse, 0xFF, 0xF2) == "fa aa 00 fa 00"


@pytest.mark.parametrize("rates", [(100, 80, 200), (200, 200, 80), (200, 100)])
def test_another_sequence_of_rates_does_not(rates: tuple[int, ...]) -> None:
    mouse = make(*(byte for rate in rates for byte in (0xF3, rate)))
    assert say(mouse, 0xF2) == "fa 00"


def test_a_command_ends_a_packet_and_the_buttons_are_told_again() -> None:
    mouse = make(0xF4)
    mouse.press(LEFT)
    assert mouse.take() == 0x09
    assert say(mouse, 0xF2) == "fa 00 09 00 00"


def test_resend_sends_the_last_packet_again() -> None:
    mouse = make(0xF4)
    mouse.move(1, 2)
    assert drain(mouse) == "08 01 02"
    assert say(mouse, 0xFE) == "08 01 02"
