"""Which kernel files there are, and the machine that saves and restores with one."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from tests.boot.kernels import bzimage, executable
from tests.boot.test_multiboot import kernel as multiboot
from vectoros import Machine
from vectoros.board import Reason
from vectoros.boot.elf_image import ElfImage
from vectoros.boot.kernel_file import kernel_firmware
from vectoros.boot.linux import Linux
from vectoros.boot.multiboot import INFO, INFO_FIELDS, MODULE, Multiboot
from vectoros.boot.multiboot_header import MAGIC
from vectoros.config import Config
from vectoros.cpu.bits import Gpr
from vectoros.errors import BadFileError, UsageError
from vectoros.files import HostFile
from vectoros.snapshot import SnapshotError


def test_the_format_is_known_by_its_magic_number() -> None:
    assert isinstance(kernel_firmware(HostFile("k", bzimage()), "", None), Linux)
    assert isinstance(kernel_firmware(HostFile("k", executable()), "", None), ElfImage)
    assert isinstance(kernel_firmware(HostFile("k", multiboot()), "", None), Multiboot)


def test_an_executable_with_a_multiboot_header_starts_by_that() -> None:
    header = struct.pack("<III", MAGIC, 0, -MAGIC % (1 << 32))
    data = executable()
    both = HostFile("k", data.ljust(-(-len(data) // 4) * 4, b"\0") + header)
    assert isinstance(kernel_firmware(both, "", None), Multiboot)


def test_a_multiboot_kernels_initrd_is_its_module(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(multiboot())
    (tmp_path / "module").write_bytes(b"text of the module")
    with Machine.from_kernel(
        tmp_path / "kernel", initrd=tmp_path / "module", memory="16M"
    ) as machine:
        info_at = machine.cpu.gpr[Gpr.RBX]
        values = INFO.unpack(machine.memory.read(info_at, INFO.size))
        info = dict(zip(INFO_FIELDS, values, strict=True))
        assert info["mods_count"] == 1
        start, end, _, _ = MODULE.unpack(machine.memory.read(info["mods_addr"], MODULE.size))
        assert machine.memory.read(start, end - start) == b"text of the module"


@pytest.mark.parametrize("data", [b"", b"text", bytes(4096)])
def test_a_file_that_is_no_kernel_is_refused(data: bytes) -> None:
    sentence = (
        "k: is no kernel: neither a Linux bzImage (HdrS at 0x202), nor a multiboot kernel, "
        "nor an ELF executable"
    )
    with pytest.raises(BadFileError, match=f"^{re.escape(sentence)}$"):
        kernel_firmware(HostFile("k", data), "", None)


def test_a_kernel_file_has_no_bios_and_an_initrd_needs_one() -> None:
    kernel = HostFile("k", executable())
    with pytest.raises(UsageError, match=r"^a machine with a kernel file has no BIOS$"):
        Config(kernel=kernel)
    with pytest.raises(UsageError, match=r"^--initrd needs --kernel: nobody else would look"):
        Config(initrd=kernel)


def test_its_command_line_may_be_long() -> None:
    kernel = HostFile("k", executable())
    assert Config(kernel=kernel, firmware=False, append="x" * 2047).append == "x" * 2047
    with pytest.raises(UsageError, match=r"^--append takes at most 2047 characters, not 2048$"):
        Config(kernel=kernel, firmware=False, append="x" * 2048)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A kernel file, an initrd, and a snapshot of a machine with them that has run a little."""
    kernel, initrd, saved = (tmp_path / name for name in ("kernel", "initrd", "saved.vxs"))
    kernel.write_bytes(bzimage())
    initrd.write_bytes(b"initrd")
    with Machine.from_kernel(kernel, initrd=initrd, memory="4M", append="word") as made:
        made.run(until_tick=20)
        made.save(saved)
    return kernel, initrd, saved


def test_a_saved_machine_goes_on_and_starts_the_same_kernel_at_a_reset(
    files: tuple[Path, Path, Path],
) -> None:
    with Machine.from_snapshot(files[2]) as made:
        made.run(until_tick=60)
        made.pc.request_reset()
        assert made.run(for_="1ms").reason is Reason.EXIT
        assert made.serial.text.endswith("word")
        assert made.pc.board.resets == 1


def test_its_files_may_have_moved_but_not_changed(
    files: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    kernel, initrd, saved = files
    moved = kernel.rename(tmp_path / "moved")
    with pytest.raises(BadFileError, match="kernel: cannot be read"):
        Machine.from_snapshot(saved)
    with Machine.from_snapshot(saved, kernel=moved) as made:
        assert made.run(for_="1ms").reason is Reason.EXIT
    initrd.write_bytes(b"another")
    with pytest.raises(SnapshotError, match=r"needs the initrd with SHA-256 [0-9a-f]{16}..., and "):
        Machine.from_snapshot(saved, kernel=moved)


def test_a_machine_without_a_kernel_file_takes_none(tmp_path: Path) -> None:
    with Machine(Config(firmware=False)) as made:
        made.save(tmp_path / "m.vxs")
    with pytest.raises(SnapshotError, match=r"was saved without a kernel, so it takes none$"):
        Machine.from_snapshot(tmp_path / "m.vxs", kernel=tmp_path)
    with pytest.raises(SnapshotError, match=r"was saved without an initrd, so it takes none$"):
        Machine.from_snapshot(tmp_path / "m.vxs", initrd=tmp_path)


def test_a_snapshot_of_another_kernel_is_refused(files: tuple[Path, Path, Path]) -> None:
    kernel, initrd, _ = files
    with Machine.from_kernel(kernel, memory="4M") as one:
        saved = one.snapshot()
    with (
        Machine.from_kernel(kernel, initrd=initrd, memory="4M") as other,
        pytest.raises(SnapshotError, match="is of another machine: its initrd is None"),
    ):
        other.restore(saved)


def test_a_kernel_larger_than_any_ram_is_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadFileError, match="has 1099511627776 bytes, and at most 3221225472 could"):
        Machine.from_kernel(huge)
