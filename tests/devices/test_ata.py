"""The disk, driven as a BIOS or a driver drives it: by offset, polling."""

from __future__ import annotations

import pytest

from vectoros.clock import Clock
from vectoros.devices.ata import Ata, AtaControl
from vectoros.devices.ata_identify import Geometry, identify
from vectoros.devices.ata_registers import Command, DeviceControl, DeviceHead, Error, Status
from vectoros.devices.state import State
from vectoros.irq import Line

DATA, ERROR, COUNT, LOW, MID, HIGH, DEVICE, STATUS = range(8)
FEATURES, COMMAND = ERROR, STATUS
READY = Status(0).replace(DRDY=1, DSC=1)
DRQ = READY.replace(DRQ=1)
FAILED = READY.replace(ERR=1)
IDNF, ABRT = Error.IDNF.mask, Error.ABRT.mask
NIEN, SRST = DeviceControl.NIEN.mask, DeviceControl.SRST.mask


class Image:
    """A disk whose sectors say their own number."""

    def __init__(self, sectors: int = 4000) -> None:
        self.sectors = sectors

    def read(self, lba: int, count: int) -> bytes:
        assert 0 <= lba <= lba + count <= self.sectors
        return b"".join(n.to_bytes(4, "little") * 128 for n in range(lba, lba + count))


class Rig:
    def __init__(self, image: Image | None) -> None:
        clock = Clock()
        self.line = Line()
        self.ata = Ata(clock, irq=self.line, disk=image)
        self.control = AtaControl(clock, ata=self.ata)

    def read(self, offset: int) -> int:
        return self.ata.read(offset, 1)

    def write(self, offset: int, value: int) -> None:
        self.ata.write(offset, 1, value)

    def start(self, command: int, lba: int = 0, count: int = 1) -> None:
        self.write(DEVICE, DeviceHead(0xA0).replace(LBA=1, HEAD=lba >> 24))
        for offset, byte in ((COUNT, count), (LOW, lba), (MID, lba >> 8), (HIGH, lba >> 16)):
            self.write(offset, byte & 0xFF)
        self.write(COMMAND, command)

    def start_chs(
        self, command: int, cylinder: int, head: int, sector: int, count: int = 1
    ) -> None:
        self.write(DEVICE, DeviceHead(0xA0).replace(HEAD=head))
        for offset, byte in ((COUNT, count), (LOW, sector), (MID, cylinder), (HIGH, cylinder >> 8)):
            self.write(offset, byte & 0xFF)
        self.write(COMMAND, command)

    def take(self, width: int = 2) -> bytes:
        words = (self.ata.read(DATA, width) for _ in range(512 // width))
        return b"".join(word.to_bytes(width, "little") for word in words)

    def give(self, sector: bytes, width: int = 2) -> None:
        for at in range(0, 512, width):
            self.ata.write(DATA, width, int.from_bytes(sector[at : at + width], "little"))

    def address(self) -> int:
        low, mid, high, device = map(self.read, (LOW, MID, HIGH, DEVICE))
        return low | mid << 8 | high << 16 | (device & 0xF) << 24


@pytest.fixture
def rig() -> Rig:
    return Rig(Image())


def test_power_on_shows_the_signature(rig: Rig) -> None:
    assert [rig.read(offset) for offset in range(1, 8)] == [1, 1, 1, 0, 0, 0, READY]
    assert rig.control.read(0, 1) == READY
    assert not rig.line.level


@pytest.mark.parametrize("width", [2, 4])
def test_sectors_are_read_one_after_the_other(rig: Rig, width: int) -> None:
    rig.start(Command.READ_SECTORS, lba=0x123, count=3)
    for lba in (0x123, 0x124, 0x125):
        assert rig.read(STATUS) == DRQ
        assert rig.take(width) == lba.to_bytes(4, "little") * 128
    assert rig.read(STATUS) == READY
    assert rig.read(COUNT) == 0
    assert rig.address() == 0x125


def test_a_count_of_zero_means_256_sectors(rig: Rig) -> None:
    rig.start(Command.READ_SECTORS_NO_RETRY, lba=0, count=0)
    for _ in range(256):
        rig.take(4)
    assert rig.read(STATUS) == READY
    assert rig.address() == 255


def test_a_high_lba_uses_the_head_bits() -> None:
    rig = Rig(Image(0x0800_0000))
    rig.start(Command.READ_SECTORS, lba=0x0765_4321)
    assert rig.take()[:4] == bytes.fromhex("21436507")


def test_the_address_carries_from_register_to_register() -> None:
    rig = Rig(Image(0x0800_0000))
    for lba in (0xFF, 0xFFFF, 0xFF_FFFF):
        rig.start(Command.READ_SECTORS, lba=lba, count=2)
        rig.take()
        assert rig.address() == lba + 1


def test_a_chs_address_carries_to_the_next_track_and_cylinder(rig: Rig) -> None:
    rig.start_chs(Command.READ_SECTORS, cylinder=1, head=15, sector=63, count=2)
    rig.take()
    assert rig.take()[:4] == (2 * 16 * 63).to_bytes(4, "little")
    assert [rig.read(offset) for offset in (LOW, MID, HIGH)] == [1, 2, 0]
    assert rig.read(DEVICE) & 0x0F == 0


def test_chs_addresses_follow_the_geometry_that_identify_promises(rig: Rig) -> None:
    rig.start_chs(Command.READ_SECTORS, cylinder=2, head=3, sector=5)
    lba = (2 * 16 + 3) * 63 + 4
    assert rig.take()[:4] == lba.to_bytes(4, "little")


def test_written_sectors_read_back_and_the_image_stays_as_it_was(rig: Rig) -> None:
    sector = bytes(range(256)) * 2
    rig.start(Command.WRITE_SECTORS, lba=7, count=2)
    assert rig.read(STATUS) == DRQ
    rig.give(sector)
    assert rig.read(STATUS) == DRQ
    rig.give(sector[::-1], width=4)
    assert rig.read(STATUS) == READY
    rig.start(Command.READ_SECTORS, lba=7, count=3)
    assert [rig.take(), rig.take()] == [sector, sector[::-1]]
    assert rig.take()[:4] == bytes([9, 0, 0, 0])
    overlay = rig.ata.state()["overlay"]
    assert overlay == {"7": sector, "8": sector[::-1]}


def test_an_unfinished_sector_is_not_written(rig: Rig) -> None:
    rig.start(Command.WRITE_SECTORS, lba=7)
    rig.ata.write(DATA, 2, 0xFFFF)
    rig.start(Command.READ_SECTORS, lba=7)
    assert rig.take()[:4] == bytes([7, 0, 0, 0])


def test_a_new_command_abandons_the_transfer(rig: Rig) -> None:
    rig.start(Command.WRITE_SECTORS, lba=7)
    rig.ata.write(DATA, 2, 0xFFFF)
    rig.start(Command.WRITE_SECTORS, lba=7)
    rig.give(b"\x55" * 512)
    assert rig.ata.state()["overlay"] == {"7": b"\x55" * 512}
    rig.start(Command.READ_SECTORS, lba=7)
    rig.start(Command.FLUSH_CACHE)
    assert rig.read(STATUS) == READY
    assert rig.ata.read(DATA, 2) == 0xFFFF


@pytest.mark.parametrize("command", [Command.READ_SECTORS, Command.WRITE_SECTORS])
def test_a_sector_past_the_end_is_an_error_in_the_status(rig: Rig, command: Command) -> None:
    rig.start(command, lba=4000)
    assert rig.line.level
    assert rig.read(STATUS) == FAILED
    assert rig.read(ERROR) == IDNF
    assert rig.ata.read(DATA, 2) == 0xFFFF


def test_a_transfer_that_runs_past_the_end_stops_there(rig: Rig) -> None:
    rig.start(Command.READ_SECTORS, lba=3999, count=2)
    rig.take()
    assert rig.line.level
    assert rig.read(STATUS) == FAILED
    assert rig.read(ERROR) == IDNF
    assert rig.address() == 4000
    assert rig.ata.read(DATA, 2) == 0xFFFF


@pytest.mark.parametrize("chs", [(0, 0, 0), (0, 0, 64), (3, 0, 1), (0xFFFF, 15, 63)])
def test_a_chs_address_outside_the_geometry_is_an_error(
    rig: Rig, chs: tuple[int, int, int]
) -> None:
    rig.start_chs(Command.READ_SECTORS, *chs)
    assert rig.read(STATUS) == FAILED
    assert rig.read(ERROR) == IDNF


@pytest.mark.parametrize("command", [0x00, 0xA1, 0xC8, 0xFF])
def test_an_unknown_command_is_aborted(rig: Rig, command: int) -> None:
    rig.start(command)
    assert rig.read(STATUS) == FAILED
    assert rig.read(ERROR) == ABRT


@pytest.mark.parametrize("command", [Command.SET_FEATURES, Command.FLUSH_CACHE])
def test_commands_with_nothing_to_do_succeed(rig: Rig, command: Command) -> None:
    rig.start(command)
    assert rig.read(STATUS) == READY
    assert rig.read(ERROR) == 0


def test_identify_tells_size_geometry_and_name(rig: Rig) -> None:
    rig.start(Command.IDENTIFY_DEVICE)
    data = rig.take()
    assert rig.read(STATUS) == READY
    words = [int.from_bytes(data[at : at + 2], "little") for at in range(0, 512, 2)]
    assert words[60] | words[61] << 16 == 4000
    assert (words[1], words[3], words[6]) == (3, 16, 63)
    assert words[57] | words[58] << 16 == 3 * 16 * 63
    assert words[49] & 0x200
    name = b"".join(data[at : at + 2][::-1] for at in range(54, 94, 2))
    assert name.decode().rstrip() == "VectorOS virtual disk"


def test_geometry_of_tiny_and_huge_disks() -> None:
    assert Geometry(1).cylinders == 1
    assert Geometry(1 << 30).cylinders == 16_383
    assert Geometry(1 << 30).addressable == (1 << 28) - 1
    assert len(identify(Geometry(1 << 30))) == 512
    for lba in (0, 62, 63, 1007, 1008, 123_456):
        assert Geometry(1 << 20).lba(*Geometry(1 << 20).chs(lba)) == lba


def test_each_sector_read_interrupts_and_a_read_of_status_acknowledges(rig: Rig) -> None:
    rig.start(Command.READ_SECTORS, count=2)
    for _ in range(2):
        assert rig.line.level
        assert rig.control.read(0, 1) == DRQ
        assert rig.line.level, "the alternate status does not acknowledge"
        rig.read(STATUS)
        assert not rig.line.level
        rig.take()
    assert not rig.line.level


def test_each_sector_written_interrupts_but_not_the_request_for_the_first(rig: Rig) -> None:
    rig.start(Command.WRITE_SECTORS, count=2)
    assert not rig.line.level
    for _ in range(2):
        rig.give(bytes(512))
        assert rig.line.level
        rig.read(STATUS)


def test_writing_a_command_clears_the_interrupt_of_the_one_before(rig: Rig) -> None:
    rig.start(Command.FLUSH_CACHE)
    assert rig.line.level
    rig.write(COMMAND, Command.WRITE_SECTORS)
    assert not rig.line.level


def test_interrupts_can_be_disabled_without_being_lost(rig: Rig) -> None:
    rig.control.write(0, 1, NIEN)
    rig.start(Command.FLUSH_CACHE)
    assert not rig.line.level
    rig.control.write(0, 1, 0)
    assert rig.line.level
    rig.write(DEVICE, DeviceHead.DEV.mask)
    assert not rig.line.level, "only the selected device drives the line"


def test_software_reset_is_busy_while_held_and_then_shows_the_signature(rig: Rig) -> None:
    rig.start(Command.READ_SECTORS, lba=0x0504, count=3)
    rig.control.write(0, 1, NIEN)
    assert rig.control.read(0, 1) == DRQ, "without SRST the transfer is left alone"
    rig.control.write(0, 1, SRST)
    assert not rig.line.level
    assert rig.read(STATUS) == Status.BSY.mask
    rig.write(COMMAND, Command.READ_SECTORS)
    assert rig.read(STATUS) == Status.BSY.mask, "commands are ignored"
    rig.control.write(0, 1, 0)
    assert rig.read(STATUS) == READY
    assert [rig.read(offset) for offset in (ERROR, COUNT, LOW, MID, HIGH)] == [1, 1, 1, 0, 0]
    assert rig.read(DEVICE) == 0
    assert rig.ata.read(DATA, 2) == 0xFFFF
    assert not rig.line.level


def test_a_diagnostic_passes(rig: Rig) -> None:
    rig.start(Command.EXECUTE_DEVICE_DIAGNOSTIC, lba=0x1234)
    assert rig.line.level
    assert [rig.read(offset) for offset in (STATUS, ERROR, COUNT, LOW)] == [READY, 1, 1, 1]


def test_the_absent_second_device_reads_status_zero_and_takes_no_command(rig: Rig) -> None:
    rig.write(DEVICE, DeviceHead.DEV.mask)
    rig.write(COMMAND, Command.IDENTIFY_DEVICE)
    assert (rig.read(STATUS), rig.control.read(0, 1)) == (0, 0)
    rig.write(DEVICE, 0)
    assert rig.read(STATUS) == READY


def test_a_machine_without_a_disk_has_an_empty_channel() -> None:
    rig = Rig(None)
    rig.start(Command.READ_SECTORS)
    assert rig.read(STATUS) == 0
    assert not rig.line.level


def test_words_that_nobody_asked_for_are_counted(rig: Rig) -> None:
    assert rig.ata.read(DATA, 2) == 0xFFFF
    rig.ata.write(DATA, 2, 0)
    assert rig.ata.guest_errors == 2
    assert rig.ata.read(DATA, 1) == 0xFF, "the data port has no bytes"


def test_power_on_ends_a_transfer_and_keeps_what_was_written(rig: Rig) -> None:
    rig.start(Command.WRITE_SECTORS, lba=7)
    rig.give(b"\xaa" * 512)
    rig.start(Command.READ_SECTORS, lba=8)
    assert rig.line.level
    rig.ata.reset()
    assert not rig.line.level
    assert rig.read(STATUS) == READY
    rig.start(Command.READ_SECTORS, lba=7)
    assert rig.take() == b"\xaa" * 512


def test_a_restored_disk_goes_on_with_its_transfer_and_its_interrupt(rig: Rig) -> None:
    rig.start(Command.READ_SECTORS, lba=5)
    half = b"".join(rig.ata.read(DATA, 2).to_bytes(2, "little") for _ in range(128))
    other = Rig(Image())
    other.ata.restore(rig.ata.state())
    other.control.restore(rig.control.state())
    assert other.line.level
    assert half + other.take()[:256] == Image().read(5, 1)


CONTRADICTION = r"ata\.phase '{}' contradicts its lba, left or buffer"


@pytest.mark.parametrize(
    ("phase", "change"),
    [
        ("reading", {"left": 0}),
        ("reading", {"buffer": b""}),
        ("reading", {"buffer": b"123"}),
        ("reading", {"lba": 4000}),
        ("idle", {"left": 1, "buffer": b""}),
        ("idle", {"left": 0}),
        ("writing", {"buffer": bytes(512)}),
        ("writing", {"buffer": b"", "left": 0}),
        ("writing", {"buffer": b"", "lba": 4000, "left": 1}),
    ],
)
def test_a_transfer_that_cannot_be_is_refused(
    rig: Rig, phase: str, change: dict[str, State]
) -> None:
    rig.start(Command.READ_SECTORS, lba=5, count=3)
    before = rig.ata.state()
    with pytest.raises(ValueError, match=CONTRADICTION.format(phase)):
        rig.ata.restore(before | {"phase": phase} | change)
    assert rig.ata.state() == before


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"4000": bytes(512)}, r"ata\.overlay\.4000 is not a sector below 4000"),
        ({"07": bytes(512)}, r"ata\.overlay\.07 is not a sector below 4000"),
        ({"7": bytes(511)}, r"ata\.overlay\.7 must be 512 bytes"),
        ([], r"ata\.overlay must be a table, not list"),
    ],
)
def test_an_overlay_that_cannot_be_is_refused(rig: Rig, overlay: State, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rig.ata.restore(rig.ata.state() | {"overlay": overlay})
