"""Debian's own initrd: compressed, with udev and modules, as an installation boots it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.linux.conftest import APPEND
from vectoros import Machine

pytestmark = pytest.mark.linux

PROMPT = re.escape("(initramfs) ")


@pytest.fixture(scope="module")
def initrd(kernel: Path) -> Path:
    """The initrd that belongs to the kernel, if initramfs-tools has made it."""
    path = kernel.with_name(kernel.name.replace("vmlinuz", "initrd.img"))
    if not path.exists():
        pytest.skip(f"no {path}; install the Debian package initramfs-tools")
    return path


def test_it_comes_to_its_emergency_shell_and_loads_a_module(kernel: Path, initrd: Path) -> None:
    with Machine.from_kernel(kernel, initrd=initrd, memory="512M", append=APPEND) as machine:
        machine.serial.expect("Starting systemd-udevd", timeout="10s")
        machine.serial.expect(PROMPT, timeout="10s")
        machine.run(for_="10ms")
        machine.serial.send("modprobe crc32c_intel; lsmod; echo $?\n")
        machine.serial.expect(r"crc32c_intel +\d+ +\d+", timeout="5s")
        machine.serial.expect(r"^0\r?$", timeout="5s")
