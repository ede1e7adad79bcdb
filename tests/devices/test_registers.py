"""The register language: what a declaration makes of a guest's accesses."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.device import Device, constants
from vectoros.devices.fields import Bit, Bits, Fields
from vectoros.devices.registers import Access, Register


class Control(Fields):
    GO = Bit(0, "start")
    MODE = Bits(5, 4, "how", {2: "fast"})


class Sample(Device):
    """One of each kind of register."""

    control = Register(0, Access.RW, Control, "control", reset=0x20)
    events = Register(1, Access.W1C, int, "events", reset=0xF0)
    tally = Register(2, Access.RC, int, "tally", reset=7)
    level = Register(3, Access.R, int, "level", reset=3)
    word = Register(4, Access.RW, int, "word", width=2, reset=0x1234)
    pop = Register(6, Access.R, int, "pop")
    push = Register(6, Access.W, int, "push")
    port = Register(8, Access.RW, int, "data port", width=2, stream=True)
    behind = Register(9, Access.RW, int, "behind the data port", reset=0x99)

    def __init__(self) -> None:
        self.stack: list[int] = []
        self.words: list[int] = []
        super().__init__(Clock())

    @pop.read_by
    def _top(self) -> int:
        return self.stack[-1] if self.stack else 0

    @pop.after_read
    def _drop(self) -> None:
        del self.stack[-1:]

    @push.written_by
    def _push(self, value: int) -> None:
        self.stack.append(value)

    @port.read_by
    def _next_word(self) -> int:
        return self.words[0] if self.words else 0xFFFF

    @port.after_read
    def _word_was_read(self) -> None:
        del self.words[:1]

    @port.written_by
    def _take_word(self, value: int) -> None:
        self.words.append(value)


@pytest.fixture
def device() -> Sample:
    return Sample()


def test_a_register_starts_at_its_reset_value_and_holds_what_is_written(device: Sample) -> None:
    assert device.read(0, 1) == 0x20
    device.write(0, 1, 0x31)
    assert device.control.MODE == 3
    assert device.read(0, 1) == 0x31


def test_reserved_bits_read_as_zero_and_are_not_written(device: Sample) -> None:
    device.write(0, 1, 0xFF)
    assert device.read(0, 1) == Control.mask == 0x31


def test_write_one_to_clear(device: Sample) -> None:
    device.write(1, 1, 0x30)
    assert device.read(1, 1) == 0xC0


def test_read_to_clear(device: Sample) -> None:
    assert [device.read(2, 1), device.read(2, 1)] == [7, 0]


def test_one_offset_may_be_two_registers_by_direction(device: Sample) -> None:
    device.write(6, 1, 0x41)
    device.write(6, 1, 0x42)
    assert device.guest_errors == 0
    assert [device.read(6, 1), device.read(6, 1)] == [0x42, 0x41]


def test_a_write_to_a_read_only_register_is_dropped_and_counted(device: Sample) -> None:
    device.write(3, 1, 0xFF)
    assert device.read(3, 1) == 3
    assert device.guest_errors == 1


def test_a_hole_reads_as_ones_and_is_counted_once_an_access(device: Sample) -> None:
    assert device.read(0x20, 4) == 0xFFFF_FFFF
    device.write(0x20, 4, 0)
    assert device.guest_errors == 2


def test_a_wide_write_goes_on_behind_a_hole(device: Sample) -> None:
    device.write(2, 4, 0x4321_0000)  # tally and level cannot be written, word can
    assert device.word == 0x4321
    assert device.guest_errors == 1


def test_a_wide_access_is_split_the_lowest_part_first(device: Sample) -> None:
    assert device.read(0, 4) == 0x0307F020
    device.write(0, 2, 0x8011)
    assert (device.read(0, 1), device.read(1, 1)) == (0x11, 0x70)


def test_an_access_across_a_wider_register_takes_it_whole(device: Sample) -> None:
    assert device.read(3, 4) & 0xFFFFFF == 0x123403
    assert device.read(4, 2) == 0x1234


def test_a_part_of_a_wider_register_is_a_hole(device: Sample) -> None:
    assert device.read(4, 1) == 0xFF
    assert device.read(5, 1) == 0xFF
    assert device.guest_errors == 2


def test_a_wide_access_to_a_data_port_moves_several_words(device: Sample) -> None:
    device.write(8, 4, 0x2222_1111)
    assert device.words == [0x1111, 0x2222]
    assert device.read(8, 4) == 0x2222_1111
    assert device.read(9, 1) == 0x99


def test_looking_changes_nothing(device: Sample) -> None:
    device.write(6, 1, 0x41)
    views = {view.name: str(view) for view in device.peek()}
    assert views["POP"] == "POP = 0x41"
    assert views["CONTROL"] == "CONTROL = 0x20 MODE=2 (fast) GO=0"
    assert views["WORD"] == "WORD = 0x1234"
    assert "PUSH" not in views
    assert device.stack == [0x41]
    assert device.tally == 7


def test_constants_for_the_assembler_come_from_the_declarations() -> None:
    found = constants(Sample, 0x300)
    assert found["SAMPLE_WORD"] == 0x304
    assert found["SAMPLE_CONTROL_GO"] == 0x01
    assert found["SAMPLE_CONTROL_MODE"] == 0x30
    assert found["SAMPLE_CONTROL_MODE_SHIFT"] == 4
    assert constants(Sample, 0, "other")["OTHER_LEVEL"] == 3


def test_a_device_is_called_by_its_class_until_the_board_names_it(device: Sample) -> None:
    assert device.name == "sample"


def test_a_register_without_a_value_says_so() -> None:
    with pytest.raises(AttributeError, match=r"Sample\.pop holds no value"):
        _ = Sample().pop


def test_two_registers_at_one_offset_and_direction_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Bad\.a and \.b both claim offset 0x4"):

        class Bad(Device):
            a = Register(4, Access.R, int, "", reset=0)
            b = Register(4, Access.RW, int, "", reset=0)


def test_registers_whose_bytes_overlap_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Bad\.a and \.b both claim offset 0x5"):

        class Bad(Device):
            a = Register(4, Access.RW, int, "", width=2, reset=0)
            b = Register(5, Access.W, int, "", reset=0)


def test_registers_may_be_declared_in_any_order() -> None:
    class Good(Device):
        b = Register(4, Access.RW, int, "", width=4, reset=0)
        a = Register(2, Access.RW, int, "", width=2, reset=0x1234)

    assert Good(Clock()).read(2, 4) == 0x1234 | 0xFFFF << 16


def test_registers_of_one_bank_are_refused_and_of_two_are_not() -> None:
    class Good(Device):
        a = Register(0, Access.RW, int, "", reset=1, bank="A")
        b = Register(0, Access.RW, int, "", reset=2, bank="B")
        which = "A"

        def bank(self, offset: int, value: int | None) -> str:
            return self.which

    good = Good(Clock())
    assert good.read(0, 1) == 1
    good.which = "B"
    assert good.read(0, 1) == 2
    with pytest.raises(TypeError, match=r"Bad\.b and \.c both claim offset 0x0"):

        class Bad(Good):
            c = Register(0, Access.R, int, "", reset=0, bank="B")


def test_a_register_without_a_bank_clashes_with_every_bank() -> None:
    with pytest.raises(TypeError, match=r"Bad\.a and \.b both claim offset 0x0"):

        class Bad(Device):
            a = Register(0, Access.R, int, "", reset=0, bank="A")
            b = Register(0, Access.R, int, "", reset=0)


def test_banks_need_somebody_who_chooses() -> None:
    with pytest.raises(TypeError, match=r"Bad declares banks but no bank\(\)"):

        class Bad(Device):
            a = Register(0, Access.R, int, "", reset=0, bank="A")


@pytest.mark.parametrize(
    ("register", "fault"),
    [
        (Register(0, Access.R, int, ""), "no reset value and no handler for a read"),
        (Register(0, Access.W, int, ""), "no reset value and no handler for a write"),
        (Register(0, Access.RW, Control, "", reset=2), "a reset value 0x2 with reserved bits set"),
        (Register(0, Access.RW, int, "", width=3, reset=0), "offset 0 and width 3"),
        (Register(-1, Access.RW, int, "", reset=0), "offset -1 and width 1"),
    ],
)
def test_a_declaration_that_cannot_be_served_is_refused(
    register: Register[int], fault: str
) -> None:
    with pytest.raises(TypeError, match=rf"^Bad\.a has {fault}"):
        type("Bad", (Device,), {"a": _named(register)})


def _named(register: Register[int]) -> Register[int]:
    register.name = "a"
    return register


def test_fields_beyond_the_register_are_refused() -> None:
    class Wide(Fields):
        TOP = Bit(8, "")

    with pytest.raises(TypeError, match=r"Bad\.a has fields beyond its 8 bits"):

        class Bad(Device):
            a = Register(0, Access.RW, Wide, "", reset=0)
