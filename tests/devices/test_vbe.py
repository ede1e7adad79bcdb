from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vectoros.clock import Clock
from vectoros.devices.vbe import Mode, Vbe
from vectoros.units import MIB

MEMORY = 8 * MIB
ID, XRES, YRES, BPP, ENABLE, BANK, VIRT_WIDTH, VIRT_HEIGHT, X_OFFSET, Y_OFFSET, SIZE = range(11)
ENABLED, GETCAPS, LFB, NOCLEARMEM = 0x01, 0x02, 0x40, 0x80


@dataclass
class Rig:
    cleared: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vbe = Vbe(Clock(), memory=MEMORY, clear=self.cleared.append)

    def __getitem__(self, number: int) -> int:
        self.vbe.write(0, 2, number)
        return self.vbe.read(2, 2)

    def __setitem__(self, number: int, value: int) -> None:
        self.vbe.write(0, 2, number)
        self.vbe.write(1, 2, value)

    def set_mode(self, width: int, height: int, bpp: int, flags: int = LFB) -> None:
        self[ENABLE] = 0
        self[XRES], self[YRES], self[BPP] = width, height, bpp
        self[ENABLE] = ENABLED | flags


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_guest_finds_the_newest_version_and_may_want_an_older_one(rig: Rig) -> None:
    assert rig[ID] == 0xB0C5
    for value in (0xB0C0, 0xB0C4, 0xB0C5):
        rig[ID] = value
        assert rig[ID] == value
    for value in (0xB0C6, 0xB0BF, 0):
        rig[ID] = value
        assert rig[ID] == 0xB0C5


def test_at_power_on_no_mode_is_set(rig: Rig) -> None:
    assert rig.vbe.mode is None
    assert [rig[n] for n in range(1, 11)] == [0] * 9 + [MEMORY // 65536]


def test_both_data_ports_are_one(rig: Rig) -> None:
    rig.vbe.write(0, 2, XRES)
    rig.vbe.write(2, 2, 640)
    assert rig.vbe.read(1, 2) == rig.vbe.read(2, 2) == 640
    assert rig.vbe.read(0, 2) == XRES


def test_setting_a_mode_clears_what_it_shows(rig: Rig) -> None:
    rig.set_mode(1024, 768, 32)
    assert rig.vbe.mode == Mode(1024, 768, 32, 1024, 0, 0)
    assert rig.cleared == [1024 * 768 * 4]
    assert rig[ENABLE] == ENABLED | LFB
    assert [rig[VIRT_WIDTH], rig[VIRT_HEIGHT]] == [1024, 2048]


def test_noclearmem_keeps_what_is_there(rig: Rig) -> None:
    rig.set_mode(640, 480, 32, LFB | NOCLEARMEM)
    assert rig.vbe.mode is not None
    assert rig.cleared == []
    rig[ENABLE] = ENABLED  # it is set already
    assert rig.cleared == []


@pytest.mark.parametrize(("bpp", "pixel"), [(8, 1), (15, 2), (16, 2), (24, 3), (32, 4)])
def test_pixels_have_as_many_bytes_as_their_bits_need(rig: Rig, bpp: int, pixel: int) -> None:
    rig.set_mode(320, 200, bpp)
    assert rig.vbe.mode is not None
    assert rig.vbe.mode.pitch == 320 * pixel
    assert rig.cleared == [320 * 200 * pixel]


@pytest.mark.parametrize(
    ("width", "height", "bpp"),
    [
        (0, 480, 32), (640, 0, 32), (640, 480, 4), (640, 480, 0), (640, 480, 33),
        (1921, 1, 8), (1, 1201, 8), (1920, 1093, 32),
    ],
)  # fmt: skip
def test_a_mode_that_does_not_fit_is_not_set(rig: Rig, width: int, height: int, bpp: int) -> None:
    rig.set_mode(width, height, bpp)
    assert rig[ENABLE] == LFB
    assert rig.vbe.mode is None
    assert rig.cleared == []
    assert rig.vbe.guest_errors == 1


@pytest.mark.parametrize(("width", "height"), [(1920, 1092), (1, 1), (1920, 1080), (1600, 1200)])
def test_the_largest_and_the_smallest_modes_fit(rig: Rig, width: int, height: int) -> None:
    rig.set_mode(width, height, 32)
    assert rig.vbe.mode == Mode(width, height, 32, width, 0, 0)


def test_the_size_is_fixed_while_a_mode_is_set(rig: Rig) -> None:
    rig.set_mode(640, 480, 16)
    rig[XRES], rig[YRES], rig[BPP] = 1, 2, 8
    assert [rig[XRES], rig[YRES], rig[BPP]] == [640, 480, 16]
    assert rig.vbe.guest_errors == 3


def test_getcaps_shows_the_largest_values_and_changes_nothing(rig: Rig) -> None:
    rig.set_mode(640, 480, 16)
    rig[ENABLE] = ENABLED | GETCAPS
    assert [rig[XRES], rig[YRES], rig[BPP]] == [1920, 1200, 32]
    rig[ENABLE] = ENABLED
    assert [rig[XRES], rig[YRES], rig[BPP]] == [640, 480, 16]


def test_a_longer_line_makes_room_for_panning(rig: Rig) -> None:
    rig.set_mode(800, 600, 32)
    rig[VIRT_WIDTH] = 1000
    rig[X_OFFSET], rig[Y_OFFSET] = 150, 70
    mode = rig.vbe.mode
    assert mode == Mode(800, 600, 32, 1000, 150, 70)
    assert mode.start == 70 * 4000 + 150 * 4
    assert rig[VIRT_HEIGHT] == MEMORY // 4000


def test_values_that_do_not_fit_are_cut_down(rig: Rig) -> None:
    rig.set_mode(800, 600, 32)
    rig[VIRT_WIDTH] = 65535
    assert rig[VIRT_WIDTH] == MEMORY // 4 // 600
    rig[X_OFFSET] = rig[Y_OFFSET] = 65535
    assert [rig[X_OFFSET], rig[Y_OFFSET]] == [rig[VIRT_WIDTH] - 800, rig[VIRT_HEIGHT] - 600]
    rig[VIRT_WIDTH] = 1
    assert [rig[VIRT_WIDTH], rig[X_OFFSET]] == [800, 0]


def test_a_new_mode_begins_at_the_start_of_memory(rig: Rig) -> None:
    rig.set_mode(800, 600, 32)
    rig[VIRT_WIDTH] = 900
    rig[X_OFFSET] = rig[Y_OFFSET] = 5
    rig.set_mode(320, 200, 8)
    assert rig.vbe.mode == Mode(320, 200, 8, 320, 0, 0)


def test_bank_and_size_cannot_be_written_nor_bytes_read(rig: Rig) -> None:
    rig[BANK] = 3
    rig[SIZE] = 3
    assert (rig[BANK], rig[SIZE]) == (0, 128)
    rig.vbe.write(0, 2, 11)
    assert rig.vbe.read(1, 2) == 0xFFFF
    assert rig.vbe.read(1, 1) == 0xFF
    assert rig.vbe.guest_errors == 4  # an access counts once


@pytest.mark.parametrize(
    "change", [{"xres": 2000}, {"yres": 0}, {"bpp": 7}, {"virt_width": 100}, {"y_offset": 5000}]
)
def test_a_state_whose_mode_does_not_fit_is_refused(rig: Rig, change: dict[str, int]) -> None:
    rig.set_mode(640, 480, 32)
    before = rig.vbe.state()
    rule = "vbe.enable must be clear: the mode does not fit into memory"
    with pytest.raises(ValueError, match=f"^{rule}$"):
        rig.vbe.restore(before | change)
    assert rig.vbe.state() == before
    rig.vbe.restore(before | change | {"enable": 0})


class Programs(RuleBasedStateMachine):
    """Whatever a guest writes, what is shown fits into memory."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig()

    numbers = st.integers(0, 12)
    values = st.one_of(
        st.sampled_from([0, 1, 0x41, 0xC1, 8, 15, 16, 24, 32, 320, 640, 1024, 1920, 4000, 65535]),
        st.integers(0, 65535),
    )

    @rule(number=numbers, value=values)
    def write(self, number: int, value: int) -> None:
        self.rig[number] = value

    @rule(width=values, height=values, bpp=st.sampled_from([8, 16, 24, 32]))
    def set_mode(self, width: int, height: int, bpp: int) -> None:
        self.rig.set_mode(width, height, bpp)

    @invariant()
    def what_is_shown_fits(self) -> None:
        mode = self.rig.vbe.mode
        if mode is not None:
            last = mode.start + (mode.height - 1) * mode.pitch + mode.width * mode.pixel_bytes
            assert last <= MEMORY
            assert mode.x_offset + mode.width <= mode.virt_width
        assert all(0 < size <= MEMORY for size in self.rig.cleared)

    @invariant()
    def a_twin_is_the_same(self) -> None:
        twin = Rig()
        twin.vbe.restore(self.rig.vbe.state())
        assert twin.vbe.state() == self.rig.vbe.state()
        assert [twin[n] for n in range(12)] == [self.rig[n] for n in range(12)]


TestPrograms = Programs.TestCase
TestPrograms.settings = settings(max_examples=40, stateful_step_count=25)
