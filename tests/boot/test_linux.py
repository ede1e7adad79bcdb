"""A Linux kernel is started as the boot protocol says, and told what it says."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.boot.kernels import (
    LOAD_ADDRESS,
    PARAMETERS,
    RESET,
    SAY,
    bzimage,
    code,
)
from vectoros import Machine
from vectoros.board import Reason
from vectoros.boot import long_mode
from vectoros.boot.system_service import memory_map
from vectoros.config import Config
from vectoros.cpu.bits import Gpr, Seg
from vectoros.cpu.paging import Access, translate
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.errors import UsageError, UserError
from vectoros.files import HostFile
from vectoros.layout import HANDOVER
from vectoros.units import MIB

ENGINES = ("fast", "portable") if fast_engine_checks()[-1].ok else ("portable",)
every_engine = pytest.mark.parametrize("engine", ENGINES)

Save = Callable[[bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """A function that makes a kernel file of bytes."""

    def make(data: bytes) -> Path:
        path = tmp_path / "kernel"
        path.write_bytes(data)
        return path

    return make


def parameter(machine: Machine, form: str, offset: int) -> int:
    size = struct.calcsize(form)
    (value,) = struct.unpack("<" + form, machine.memory.read(PARAMETERS + offset, size))
    return int(value)


@every_engine
def test_a_kernel_runs_and_finds_its_command_line(engine: str, save: Save) -> None:
    with Machine.from_kernel(
        save(bzimage()), memory="4M", engine=engine, append="console=ttyS0 quiet"
    ) as made:
        stop = made.run(for_="1ms")
        assert (stop.reason, stop.code) == (Reason.EXIT, 7)
        assert made.serial.text == "console=ttyS0 quiet"


def test_the_cpu_is_in_the_state_of_the_64_bit_boot_protocol(save: Save) -> None:
    with Machine.from_kernel(save(bzimage()), memory="4M") as made:
        cpu = made.cpu
        assert (cpu.mode, cpu.cpl, cpu.rip) == ("64-bit", 0, LOAD_ADDRESS + 0x200)
        assert cpu.rflags == 2
        assert cpu.gpr[Gpr.RSI] == PARAMETERS
        assert [cpu.segs[seg].selector for seg in (Seg.CS, Seg.DS, Seg.ES, Seg.SS)] == [
            0x10, 0x18, 0x18, 0x18
        ]  # fmt: skip
        table = struct.unpack("<4Q", made.memory.read(cpu.gdtr.base, cpu.gdtr.limit + 1))
        assert table == (0, 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF)


def test_addresses_below_4_gib_are_mapped_to_themselves(save: Save) -> None:
    with Machine.from_kernel(save(bzimage()), memory="4M") as made:
        for address in (0, LOAD_ADDRESS, 0xFEB0_0000, 0xFFFF_FFFF):
            assert translate(made.cpu, made.memory, address, Access(0), look=True) == address


def test_the_boot_parameters_have_the_header_the_map_and_where_all_is(save: Save) -> None:
    with Machine.from_kernel(save(bzimage()), memory="4M", append="a b") as made:
        assert parameter(made, "I", 0x202) == int.from_bytes(b"HdrS", "little")
        assert parameter(made, "B", 0x210) == 0xFF
        assert parameter(made, "H", 0x1FA) == 0xFFFF
        assert parameter(made, "B", 0x1EF) == 0  # the sentinel: the rest is filled in
        assert made.memory.read(parameter(made, "I", 0x228), 4) == b"a b\0"
        assert (parameter(made, "I", 0x218), parameter(made, "I", 0x21C)) == (0, 0)
        areas = [
            tuple(
                parameter(made, form, 0x2D0 + 20 * n + at)
                for form, at in (("Q", 0), ("Q", 8), ("I", 16))
            )
            for n in range(parameter(made, "B", 0x1E8))
        ]
        assert areas == list(memory_map(4 * MIB))


def test_the_kernel_is_told_of_the_screen_that_there_is(save: Save) -> None:
    with Machine.from_kernel(save(bzimage()), memory="4M") as made:
        columns, lines = parameter(made, "B", 0x07), parameter(made, "B", 0x0E)
        dots = parameter(made, "H", 0x10)
        assert made.screen.text_screen().characters.shape == (lines, columns) == (25, 80)
        assert made.screen.size[1] == lines * dots
        assert (parameter(made, "B", 0x06), parameter(made, "B", 0x0F)) == (3, 1)


@pytest.mark.parametrize(("most", "end"), [(0x7FFF_FFFF, 4 * MIB), (3 * MIB - 1, 3 * MIB)])
def test_the_initrd_is_in_the_last_pages_that_it_may_be_in(
    most: int, end: int, save: Save, tmp_path: Path
) -> None:
    (tmp_path / "initrd").write_bytes(b"x" * 5000)
    with Machine.from_kernel(
        save(bzimage(initrd_addr_max=most)), initrd=tmp_path / "initrd", memory="4M"
    ) as made:
        start, size = parameter(made, "I", 0x218), parameter(made, "I", 0x21C)
        assert (start, size) == (end - 8192, 5000)
        assert made.memory.read(start, size) == b"x" * 5000


def test_a_reset_starts_the_same_kernel_again_with_its_parameters_renewed(save: Save) -> None:
    spoil = """
        mov     rbx, rsi
        mov     esi, [rbx + 0x228]
        mov     dword ptr [rbx + 0x228], 0
        mov     ebx, 0x600
        inc     byte ptr [rbx]
        cmp     byte ptr [rbx], 3
        je      done
    """
    source = spoil + SAY + "done: mov dx, PORT_EXIT\n out dx, al\n hlt\n"
    kernel = code(source, LOAD_ADDRESS + 0x200, **RESET)
    with Machine.from_kernel(save(bzimage(kernel)), memory="4M", append="again ") as made:
        assert made.run(for_="1ms").reason is Reason.EXIT
        assert made.serial.text == "again again "
        assert made.pc.board.resets == 2


def test_a_disk_is_only_a_disk(save: Save, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(b"no boot sector")
    with Machine.from_kernel(save(bzimage()), disk=tmp_path / "disk", memory="4M") as made:
        assert made.pc.ata.sector(0) == b"no boot sector".ljust(512, b"\0")
        assert made.run(for_="1ms").reason is Reason.EXIT


def test_a_machine_too_small_for_the_kernel_says_how_much_it_needs(
    save: Save, tmp_path: Path
) -> None:
    path = save(bzimage(init_size=3 * MIB))
    sentence = (
        f"--memory: {path} is loaded at 2 MiB and takes 3145728 bytes: "
        "it needs 5M or more, and has 4M"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        Machine.from_kernel(path, memory="4M")
    (tmp_path / "initrd").write_bytes(b"x" * 5000)
    with pytest.raises(UsageError, match="and an initrd of 5000 bytes: it needs 6M or more"):
        Machine.from_kernel(path, initrd=tmp_path / "initrd", memory="5M")


def test_a_command_line_longer_than_the_kernel_takes_is_refused(save: Save) -> None:
    path = save(bzimage())
    sentence = f"--append takes at most 255 characters for {path}, not 256"
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        Machine.from_kernel(path, memory="4M", append="x" * 256)


def test_the_hand_over_area_has_room_for_all_that_lies_there() -> None:
    assert HANDOVER.last + 1 == long_mode.DIRECTORIES + 4 * 4096


@settings(max_examples=40)
@given(st.dictionaries(st.integers(0x1F0, 0x270), st.integers(0, 255), max_size=4), st.booleans())
def test_a_kernel_with_its_header_changed_runs_or_is_refused(
    changes: dict[int, int], initrd: bool
) -> None:
    data = bytearray(bzimage())
    for offset, value in changes.items():
        data[offset] = value
    try:
        config = Config(
            memory=4 * MIB,
            kernel=HostFile("k", bytes(data)),
            initrd=HostFile("i", b"x" * 5000) if initrd else None,
            firmware=False,
        )
        made = Machine(config)
    except UserError:
        return
    with made:
        made.run(for_="1us")
