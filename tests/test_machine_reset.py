"""A guest that resets the machine: what it finds, on each engine, whoever looks on.

tests/board/test_reset.py has the rules of the run loop; here are the real parts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.assembler import assemble
from vectoros.board import Reason, StopRequest
from vectoros.boot.boot_sector import BIOS_DISK
from vectoros.config import Config
from vectoros.cpu.bits import Gpr
from vectoros.cpu.record import record
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.disk import DiskImage
from vectoros.layout import BOOT_SECTOR
from vectoros.units import MIB

Sector = Callable[[str], Path]
ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)
every_engine = pytest.mark.parametrize("engine", ENGINES)

PORTS = {"reset control": (0xCF9, 0x06), "system control": (0x92, 0x01)}

PROTECTED = """
        cli
        inc     byte ptr [0x600]
        mov     al, 0x12                # leave traces in devices: PIC, PIT, UART, RTC
        out     0x20, al
        mov     al, 0x36
        out     0x43, al
        out     0x40, al
        out     0x40, al
        mov     dx, 0x3fb
        mov     al, 0x83
        out     dx, al
        mov     al, 0x0b
        out     0x70, al
        mov     al, 0x7a
        out     0x71, al
        lgdt    [gdt]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        mov     ecx, 0xc0000082         # LSTAR
        mov     eax, 0x1234
        wrmsr
        mov     dx, PORT
        mov     al, VALUE
        out     dx, al
wait:   jmp     wait
gdt:    .byte   0xff, 0, 0, 8, 0, 0
"""


def machine(engine: str, port: str = "reset control") -> Machine:
    """Return a machine without a disk, whose guest goes to protected mode and resets it."""
    made = Machine(Config(memory=MIB, engine=engine, firmware=False))
    at, value = PORTS[port]
    constants = {"PORT": at, "VALUE": value}
    code = assemble(PROTECTED, origin=BOOT_SECTOR, bits=16, constants=constants).code
    made.memory.write(BOOT_SECTOR, code)
    return made


def first_reset(made: Machine) -> int:
    """Run until a reset is on its way; return its tick."""
    while (pending := made.pc.board.guest_stop) is None:
        made.run(until_tick=made.clock.now + 50)
    assert pending.reason is Reason.RESET
    return pending.tick


@every_engine
@pytest.mark.parametrize("port", PORTS)
def test_the_cpu_and_every_device_start_anew_and_ram_and_clock_go_on(
    engine: str, port: str
) -> None:
    with machine(engine, port) as made, machine(engine) as fresh:
        fresh_cpu = record(fresh.cpu)
        tick = first_reset(made)
        assert made.cpu.mode == "16-bit protected"
        assert made.run(until_tick=tick).reason is Reason.TICK
        assert made.clock.now >= tick
        assert made.pc.board.resets == 1
        assert record(made.cpu) == fresh_cpu
        for device, other in zip(made.pc.devices, fresh.pc.devices, strict=True):
            if device.name != "rtc":
                assert device.state() == other.state(), device.name
        assert made.memory.read(0x600, 1) == b"\1"
        made.run(until_tick=first_reset(made))
        assert made.memory.read(0x600, 1) == b"\2"
        assert made.clock.now > 2 * tick - 100


@every_engine
def test_the_real_time_clock_goes_on_with_its_interrupts_off(engine: str) -> None:
    with machine(engine) as made:
        made.run(until_tick=first_reset(made))
        state = made.pc.devices[[d.name for d in made.pc.devices].index("rtc")].state()
        assert state["register_b"] == 0x02
        assert state["seen"] == made.clock.now


@every_engine
def test_a_disk_is_booted_again_from_its_first_sector(engine: str, sector: Sector) -> None:
    with Machine.from_image(sector("reset"), memory="1M", engine=engine, firmware=False) as made:
        assert made.cpu.gpr[Gpr.RDX] == BIOS_DISK
        stop = made.run(for_="1s")
        assert (stop.reason, made.serial.text) == (Reason.POWER_OFF, "1\n2\n3\n")
        assert made.report(stop)["resets"] == 2


@every_engine
def test_the_sector_is_read_anew_even_if_the_guest_has_spoilt_it(
    engine: str, sector: Sector
) -> None:
    with Machine.from_image(sector("reset"), memory="1M", engine=engine, firmware=False) as made:
        made.run(until_tick=first_reset(made) - 1)
        made.memory.write(BOOT_SECTOR, b"\xf4" * 512)
        assert made.run(for_="1s").reason is Reason.POWER_OFF


def test_a_sector_that_the_guest_wrote_to_the_disk_is_what_boots_next(sector: Sector) -> None:
    spin, hello = (sector(name).read_bytes() for name in ("spin", "hello"))
    with Machine.from_image(sector("spin"), memory="1M", firmware=False) as made:
        for offset, value in enumerate((0, 1, 0, 0, 0, 0xE0, 0x30)):  # WRITE SECTORS, LBA 0
            made.pc.ata.write(offset + 1, 1, value)
        for at in range(0, 512, 2):
            made.pc.ata.write(0, 2, int.from_bytes(hello[at : at + 2], "little"))
        assert (made.pc.ata.sector(0), made.pc.ata.sector(1)) == (hello, None)
        made.pc.request_reset()
        assert made.run(for_="1ms").reason is Reason.POWER_OFF
        assert made.serial.text == "hello\n"
    assert sector("spin").read_bytes() == spin


@every_engine
def test_without_reboot_it_is_a_stop_and_every_later_run_the_same(
    engine: str, sector: Sector
) -> None:
    with Machine.from_image(
        sector("reset"), memory="1M", engine=engine, reboot=False, firmware=False
    ) as made:
        stop = made.run(for_="1s")
        assert stop.reason is Reason.RESET
        assert made.run(for_="1s") == stop
        assert made.serial.text == "1\n"
        assert made.report(stop)["stop_reason"] == "reset"
        assert made.crash(stop) is None


@every_engine
def test_a_callback_may_ask_for_a_reset(engine: str, sector: Sector) -> None:
    with Machine.from_image(sector("spin"), memory="1M", engine=engine, firmware=False) as made:
        made.run(until_tick=10_000)
        made.pc.request_reset()
        made.run(until_tick=20_000)
        assert (made.pc.board.resets, made.serial.text) == (1, "!\n!\n")


def test_what_is_typed_and_not_read_survives_a_reset(sector: Sector) -> None:
    with Machine.from_image(sector("echo"), memory="1M", firmware=False) as made:
        made.run(until_tick=2)
        made.serial.send("ab")
        made.pc.request_reset()
        made.serial.expect("61 62 ", timeout="1ms")


def test_a_disk_without_a_boot_sector_leaves_ram_alone(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"data" * 200)
    with Machine(Config(memory=MIB, firmware=False), DiskImage(tmp_path / "data")) as made:
        made.memory.write(BOOT_SECTOR, b"\xeb\xfe")
        made.pc.request_reset()
        made.run(until_tick=100)
        assert made.memory.read(BOOT_SECTOR, 2) == b"\xeb\xfe"
        assert made.cpu.gpr[Gpr.RDX] == 0


End = tuple[StopRequest, str, str]


def end(made: Machine, stop: StopRequest) -> End:
    return stop, made.state_hash(), made.serial.text


def unpaused(path: Path) -> End:
    with Machine.from_image(path, memory="1M", firmware=False) as made:
        return end(made, made.run(for_="1s"))


@every_engine
def test_pauses_change_no_hash(engine: str, sector: Sector) -> None:
    path, choose = sector("reset"), random.Random(6)
    with Machine.from_image(path, memory="1M", engine=engine, firmware=False) as made:
        stop = made.run(until_tick=1)
        while stop.reason is Reason.TICK:
            stop = made.run(until_tick=made.clock.now + choose.randrange(1, 60))
        assert end(made, stop) == unpaused(path)


@every_engine
def test_a_snapshot_with_a_reset_on_its_way_goes_on_from_a_file(
    engine: str, sector: Sector, tmp_path: Path
) -> None:
    path = sector("reset")
    other = ENGINES[-1] if engine == ENGINES[0] else ENGINES[0]
    with Machine.from_image(path, memory="1M", engine=engine, firmware=False) as made:
        tick = first_reset(made)
        state = made.state_hash()
        made.save(tmp_path / "saved.vxs")
    with Machine.from_snapshot(tmp_path / "saved.vxs", engine=other) as made:
        assert made.pc.board.guest_stop == StopRequest(tick, Reason.RESET)
        assert made.state_hash() == state
        assert end(made, made.run(for_="1s")) == unpaused(path)
    with Machine.from_snapshot(tmp_path / "saved.vxs", engine=other, reboot=False) as made:
        assert made.run(for_="1s").reason is Reason.RESET


@every_engine
def test_the_clock_of_the_machine_tells_what_it_was_given(engine: str, sector: Sector) -> None:
    with Machine.from_image(
        sector("rtc"), memory="1M", engine=engine, rtc="2030-05-01T12:59:59", firmware=False
    ) as made:
        stop = made.run(for_="2s")
        assert (stop.reason, stop.tick // 4_000_000_000) == (Reason.POWER_OFF, 1)
        assert made.serial.text == "20300501125959\n20300501130000\n"
        assert made.pc.board.interrupts == 1
