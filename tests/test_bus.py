from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.bus import ELSEWHERE, MAX_HOLES, Bus
from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.errors import ConfigError
from vectoros.layout import Area

Access = tuple[str, int, int] | tuple[str, int, int, int]


class Cells(Device):
    """Plain bytes that note every access."""

    def __init__(self, name: str, size: int, log: list[Access]) -> None:
        super().__init__(Clock())
        self.name = name
        self.data = bytearray(size)
        self.log = log

    def read(self, offset: int, width: int) -> int:
        self.log.append((self.name, offset, width))
        return int.from_bytes(self.data[offset : offset + width], "little")

    def write(self, offset: int, width: int, value: int) -> None:
        self.log.append((self.name, offset, width, value))
        self.data[offset : offset + width] = value.to_bytes(width, "little")

    def next_event(self) -> int | None:
        return None  # at present


class Rig:
    """A bus, the devices on it, and what happened."""

    def __init__(self, *areas: tuple[str, int, int], size: int = 1 << 16) -> None:
        self.log: list[Access] = []
        self.touched: list[str] = []
        self.bus = Bus("port", size, lambda device: self.touched.append(device.name))
        for name, base, length in areas:
            self.attach(name, base, length)

    def attach(self, name: str, base: int, length: int) -> None:
        self.bus.attach(Area(name, base, length, ""), Cells(name, max(0, length), self.log))


def test_a_device_sees_offsets_and_the_whole_access() -> None:
    rig = Rig(("uart", 0x3F8, 8))
    rig.bus.write(0x3FC, 4, 0x44332211)
    assert rig.bus.read(0x3FD, 2) == 0x3322
    assert rig.log == [("uart", 4, 4, 0x44332211), ("uart", 5, 2)]
    assert rig.touched == ["uart", "uart"]
    assert rig.bus.accesses == {"uart": 2}
    assert rig.bus.holes == {}


def test_a_device_that_never_has_a_deadline_is_not_asked_for_one() -> None:
    class Timeless(Cells):
        next_event = Device.next_event

    rig = Rig(("clock", 0, 1))
    rig.bus.attach(Area("lamp", 1, 1, ""), Timeless("lamp", 1, rig.log))
    rig.bus.write(1, 1, 7)
    assert (rig.bus.read(1, 1), rig.bus.read(0, 1)) == (7, 0)
    assert rig.touched == ["clock"]
    assert rig.bus.accesses == {"lamp": 2, "clock": 1}


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_where_nothing_answers_reads_are_ones_and_writes_are_lost(width: int) -> None:
    rig = Rig(("pit", 0x40, 4))
    assert rig.bus.read(0x44, width) == (1 << 8 * width) - 1
    rig.bus.write(0x44, width, 0)
    rig.bus.write(0x30, width, 0)
    assert (rig.log, rig.touched) == ([], [])
    assert rig.bus.holes == {0x44: 2, 0x30: 1}


def test_an_access_that_leaves_a_device_is_split_and_every_device_hears_of_its_part() -> None:
    rig = Rig(("low", 0x10, 2), ("high", 0x13, 2))
    rig.bus.write(0x11, 4, 0x44332211)
    assert rig.log == [("low", 1, 1, 0x11), ("high", 0, 1, 0x33), ("high", 1, 1, 0x44)]
    assert rig.touched == ["low", "high", "high"]
    assert rig.bus.holes == {0x12: 1}
    assert rig.bus.read(0x0F, 4) == 0xFF_11_00_FF
    assert rig.bus.holes == {0x0F: 1, 0x12: 2}


def test_an_access_at_the_very_end_of_the_bus_falls_off_it() -> None:
    rig = Rig(("last", 0xFFFF, 1))
    rig.bus.write(0xFFFF, 2, 0x2211)
    assert rig.bus.read(0xFFFF, 2) == 0xFF11


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=8),
    st.lists(st.tuples(st.integers(0, 66), st.sampled_from([1, 2, 4, 8]), st.binary()), max_size=9),
)
def test_a_bus_is_a_space_of_bytes_with_holes(
    spans: list[tuple[int, int]], accesses: list[tuple[int, int, bytes]]
) -> None:
    rig = Rig()
    owner: dict[int, str] = {}
    for number, (base, size) in enumerate(spans):
        span = range(base, base + size)
        if any(address in owner for address in span):
            with pytest.raises(ConfigError, match="overlaps"):
                rig.attach(f"d{number}", base, size)
        else:
            rig.attach(f"d{number}", base, size)
            owner |= dict.fromkeys(span, f"d{number}")
    space = dict.fromkeys(owner, 0)
    for address, width, data in accesses:
        raw = data[:width].ljust(width, b"\x5a")
        rig.touched.clear()
        rig.bus.write(address, width, int.from_bytes(raw, "little"))
        space |= {at: raw[at - address] for at in range(address, address + width) if at in space}
        expected = bytes(space.get(at, 0xFF) for at in range(address, address + width))
        assert rig.bus.read(address, width).to_bytes(width, "little") == expected
        here = {owner[at] for at in range(address, address + width) if at in owner}
        assert set(rig.touched) == here


def test_devices_may_touch_but_not_overlap_and_both_are_named() -> None:
    rig = Rig(("pic1", 0x20, 2), ("pit", 0x40, 4))
    rig.attach("between", 0x22, 0x1E)
    for base, size in ((0x21, 1), (0x1F, 2), (0x1F, 4), (0x20, 2)):
        sentence = f"new at {base:#x}..{base + size - 1:#x} overlaps pic1 at 0x20..0x21"
        with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
            rig.attach("new", base, size)
    assert [mapping.area.name for mapping in rig.bus.mappings] == ["pic1", "between", "pit"]


@pytest.mark.parametrize(("base", "size"), [(0xFFFF, 2), (-1, 1), (0x10000, 1), (5, 0)])
def test_an_area_outside_the_bus_is_refused(base: int, size: int) -> None:
    area = f"new at {base:#x}..{base + size - 1:#x}"
    sentence = f"{area} is outside the port bus, 0x0..0xffff"
    with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
        Rig().attach("new", base, size)


def test_a_guest_that_touches_every_hole_does_not_fill_the_hosts_memory() -> None:
    rig = Rig(size=1 << 40)
    for address in range(MAX_HOLES + 10):
        rig.bus.read(address, 1)
    rig.bus.read(0, 1)
    assert len(rig.bus.holes) == MAX_HOLES + 1
    assert rig.bus.holes[ELSEWHERE] == 10
    assert rig.bus.holes[0] == 2
    assert rig.bus.holes.total() == MAX_HOLES + 11
