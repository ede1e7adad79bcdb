from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.clock import Clock, tick_of_count
from vectoros.devices.vga import Vga
from vectoros.devices.vga_registers import TEXT_COLORS, TEXT_PALETTE
from vectoros.units import TICKS_PER_SECOND

BASE = 0x3B0
DOT_CLOCK_HZ = 25_175_000
LINE_DOTS, FRAME_LINES, SHOWN_LINES = 800, 449, 400
"""Of mode 3 with characters 8 dots wide: 70.087 frames a second (VESA, "Monitor Timings")."""

PORTS = {"crtc": 0x3D4, "sequencer": 0x3C4, "graphics": 0x3CE}
MODE_3 = {
    "sequencer": "03 01 03 00 02",
    "crtc": "5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 1f 96 b9 a3 ff",
    "graphics": "00 00 00 00 00 10 0e 0f ff",
    "attribute": "00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f 0c 00 0f 00 00",
}
"""What a BIOS programs: IBM's table of mode 3, with 8 dots where it has 9, and no panning."""

RESERVED = {("sequencer", 1): 0x3D, ("sequencer", 4): 0x0E, ("graphics", 5): 0x7B,
            ("graphics", 6): 0x0F, ("crtc", 0x0A): 0x3F, ("crtc", 0x0B): 0x7F}  # fmt: skip
"""Bits that hold what is written, where not all do."""


def make(ticks: int = 0) -> Vga:
    return Vga(Clock(ticks))


def read(vga: Vga, port: int, width: int = 1) -> int:
    return vga.read(port - BASE, width)


def write(vga: Vga, port: int, value: int, width: int = 1) -> None:
    vga.write(port - BASE, width, value)


def get(vga: Vga, block: str, number: int) -> int:
    if block == "attribute":
        read(vga, 0x3DA)
        write(vga, 0x3C0, number)
        return read(vga, 0x3C1)
    write(vga, PORTS[block], number)
    return read(vga, PORTS[block] + 1)


def put(vga: Vga, block: str, number: int, value: int) -> None:
    if block == "attribute":
        read(vga, 0x3DA)
        write(vga, 0x3C0, number)
        write(vga, 0x3C0, value)
    else:
        write(vga, PORTS[block], number)
        write(vga, PORTS[block] + 1, value)


# Power-on.


@pytest.mark.parametrize("block", MODE_3)
def test_power_on_is_text_mode_3(block: str) -> None:
    vga = make()
    expected = bytes.fromhex(MODE_3[block])
    assert bytes(get(vga, block, n) for n in range(len(expected))).hex(" ") == expected.hex(" ")
    assert read(vga, 0x3CC) == 0x63
    assert vga.guest_errors == 0


def test_power_on_has_the_colors_of_the_ega_in_the_dac() -> None:
    colors = [TEXT_COLORS[3 * n : 3 * n + 3] for n in TEXT_PALETTE]
    assert [color.hex() for color in colors] == [
        "000000", "00002a", "002a00", "002a2a", "2a0000", "2a002a", "2a1500", "2a2a2a",
        "151515", "15153f", "153f15", "153f3f", "3f1515", "3f153f", "3f3f15", "3f3f3f",
    ]  # fmt: skip


# Indexed registers.


@given(
    st.lists(
        st.tuples(st.sampled_from(["sequencer", "graphics", "crtc"]), st.integers(0, 0x1F),
                  st.integers(0, 0xFF)),
        max_size=30,
    )
)  # fmt: skip
def test_indexed_registers_hold_what_is_written_and_nothing_else(
    writes: list[tuple[str, int, int]],
) -> None:
    vga = make()
    put(vga, "crtc", 0x11, 0x0E)  # no protection
    model = {(b, n): get(vga, b, n) for b in PORTS for n in range(0x20)}
    for block, number, value in writes:
        value &= 0x7F if (block, number) == ("crtc", 0x11) else 0xFF
        put(vga, block, number, value)
        if number < len(bytes.fromhex(MODE_3[block])):
            model[block, number] = value & RESERVED.get((block, number), 0xFF)
    assert {key: get(vga, *key) for key in model} == model


def test_a_register_that_is_not_there_reads_as_all_ones_and_counts() -> None:
    vga = make()
    for block, number in (("crtc", 0x19), ("sequencer", 5), ("graphics", 9), ("attribute", 0x15)):
        errors = vga.guest_errors
        assert get(vga, block, number) == 0xFF
        put(vga, block, number, 1)
        assert vga.guest_errors == errors + 2


def test_a_word_writes_index_and_data_at_once() -> None:
    vga = make()
    write(vga, 0x3D4, 0x120E, 2)
    write(vga, 0x3D4, 0x340F, 2)
    assert (vga.cursor_location_high, vga.cursor_location_low) == (0x12, 0x34)
    assert read(vga, 0x3D4, 2) == 0x340F


def test_pr_protects_the_timing_but_not_the_line_compare() -> None:
    vga = make()
    for number in range(8):
        put(vga, "crtc", number, 0)
    kept = bytes.fromhex("5f 4f 50 82 55 81 bf 0f")  # LC8 is bit 4
    assert bytes(get(vga, "crtc", n) for n in range(8)) == kept
    assert vga.guest_errors == 7
    put(vga, "crtc", 0x11, 0x0E)
    put(vga, "crtc", 0, 0x77)
    put(vga, "crtc", 7, 0x00)
    assert (get(vga, "crtc", 0), get(vga, "crtc", 7)) == (0x77, 0x00)


def test_ioas_moves_the_crt_controller() -> None:
    vga = make()
    assert read(vga, 0x3B4) == read(vga, 0x3BA) == 0xFF
    write(vga, 0x3C2, 0x62)
    assert read(vga, 0x3CC) == 0x62
    write(vga, 0x3B4, 0x0E)
    write(vga, 0x3B5, 0x55)
    assert vga.cursor_location_high == 0x55
    assert read(vga, 0x3D4) == read(vga, 0x3D5) == read(vga, 0x3DA) == 0xFF
    assert read(vga, 0x3BA) in (0, 1, 8, 9)


# The attribute controller.


def test_one_port_takes_address_and_data_by_turns() -> None:
    vga = make()
    for value in (0x31, 0x2A, 0x30, 0x81):
        write(vga, 0x3C0, value)
    assert vga.overscan_color == 0x2A
    assert int(vga.attribute_mode) == 0x81
    assert read(vga, 0x3C0) == 0x30


def test_reading_input_status_1_makes_the_next_write_an_address() -> None:
    vga = make()
    write(vga, 0x3C0, 0x05)
    read(vga, 0x3DA)
    write(vga, 0x3C0, 0x06)
    write(vga, 0x3C0, 0xFF)
    assert vga.palette[5:7] == bytes([5, 0x3F])
    assert read(vga, 0x3C1) == 0x3F


def test_the_data_port_of_the_attribute_controller_is_for_reading() -> None:
    vga = make()
    write(vga, 0x3C1, 0x55)
    assert vga.guest_errors == 1
    assert vga.palette == TEXT_PALETTE


# The DAC.


def test_a_color_is_three_writes_and_changes_with_the_third() -> None:
    vga = make()
    write(vga, 0x3C8, 7)
    for value in (1, 2):
        write(vga, 0x3C9, value)
    assert vga.dac == TEXT_COLORS
    write(vga, 0x3C9, 0xFF)  # six bits
    assert vga.dac[21:24] == bytes([1, 2, 63])
    assert read(vga, 0x3C8) == 8
    assert read(vga, 0x3C7) == 0


def test_a_color_is_read_in_three_and_the_address_wraps() -> None:
    vga = make()
    write(vga, 0x3C8, 255)
    for value in (9, 8, 7):
        write(vga, 0x3C9, value)
    write(vga, 0x3C7, 255)
    assert read(vga, 0x3C7) == 3
    assert [read(vga, 0x3C9) for _ in range(6)] == [9, 8, 7, *TEXT_COLORS[:3]]


@given(st.integers(0, 255), st.lists(st.integers(0, 255), max_size=12))
def test_colors_written_in_a_row_are_read_in_a_row(first: int, values: list[int]) -> None:
    vga = make()
    write(vga, 0x3C8, first)
    for value in values:
        write(vga, 0x3C9, value)
    whole = len(values) // 3 * 3
    write(vga, 0x3C7, first)
    assert [read(vga, 0x3C9) for _ in range(whole)] == [value & 63 for value in values[:whole]]


# Time.


def at(line: int, dot: int, frame: int = 0) -> Vga:
    dots = (frame * FRAME_LINES + line) * LINE_DOTS + dot
    return make(tick_of_count(dots, DOT_CLOCK_HZ))


@pytest.mark.parametrize("frame", [0, 1, 70])
def test_input_status_1_follows_the_beam(frame: int) -> None:
    rows = [
        (0, 0, 0), (0, 639, 0), (0, 640, 1), (0, 799, 1), (1, 0, 0), (399, 639, 0), (400, 0, 1),
        (411, 799, 1), (412, 0, 9), (413, 799, 9), (414, 0, 1), (448, 799, 1),
    ]  # fmt: skip
    seen = [(line, dot, read(at(line, dot, frame), 0x3DA)) for line, dot, _ in rows]
    assert seen == rows


def test_frames_are_those_of_70_hertz() -> None:
    assert [at(448, 799, n).frames() for n in (0, 1, 99)] == [0, 1, 99]
    assert [at(0, 0, n).frames() for n in (1, 99)] == [1, 99]
    assert make(TICKS_PER_SECOND).frames() == 70


def test_no_program_of_the_timing_stops_the_beam() -> None:
    vga = make(TICKS_PER_SECOND)
    put(vga, "crtc", 0x11, 0)
    for number in range(0x19):
        put(vga, "crtc", number, 0)
    assert read(vga, 0x3DA) in (0, 1, 8, 9)
    assert vga.frames() > 70


# State.

PORT = st.one_of(st.integers(0x3B0, 0x3DF), st.sampled_from([0x3C0, 0x3C9, 0x3D4, 0x3D5, 0x3DA]))
ACCESS = st.tuples(st.booleans(), PORT, st.sampled_from([1, 1, 2, 4]), st.integers(0, 2**32 - 1))


def play(vga: Vga, program: list[tuple[bool, int, int, int]]) -> list[object]:
    seen: list[object] = []
    for reads, port, width, value in program:
        if reads:
            seen.append(read(vga, port, width))
        else:
            write(vga, port, value & (1 << 8 * width) - 1, width)
        vga.clock.set(vga.clock.now + value % 100_000)
    return [*seen, vga.state()]


@given(st.lists(ACCESS), st.lists(ACCESS))
def test_a_restored_vga_behaves_as_the_one_that_was_saved(
    before: list[tuple[bool, int, int, int]], after: list[tuple[bool, int, int, int]]
) -> None:
    vga = make()
    play(vga, before)
    assert vga.peek()
    twin = make(vga.clock.now)
    twin.restore(vga.state())
    assert play(twin, after) == play(vga, after)
    vga.reset()
    assert vga.state() == make().state()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"dac": bytes(767)}, "vga.dac must be 768 bytes up to 63, not bytes"),
        ({"dac": b"\x40" * 768}, "vga.dac must be 768 bytes up to 63, not bytes"),
        ({"palette": b""}, "vga.palette must be 16 bytes up to 63, not bytes b''"),
        ({"pel_component": 3}, "vga.pel_component must be a whole number from 0 to 2, not int 3"),
    ],
)
def test_a_state_that_no_vga_has_is_refused(change: dict[str, object], rule: str) -> None:
    vga = make()
    with pytest.raises(ValueError, match=f"^{rule}"):
        vga.restore(vga.state() | change)  # type: ignore[arg-type]
    assert vga.state() == make().state()
