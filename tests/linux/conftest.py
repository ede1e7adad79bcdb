"""An unmodified Debian kernel and a busybox shell, as the tests here find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.image.initramfs import PROMPT, busybox_initramfs
from vectoros.snapshot import Snapshot

APPEND = "console=ttyS0"
"""All that the kernel is told: everything else it finds out."""

Boot = Callable[..., Machine]


@pytest.fixture(scope="session")
def kernel() -> Path:
    """The newest of Debian's cloud kernels."""
    return max(Path("/boot").glob("vmlinuz-*-cloud-amd64"))


@pytest.fixture(scope="session")
def initramfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initramfs whose /init starts a shell on the console."""
    path = tmp_path_factory.mktemp("linux") / "shell.cpio"
    path.write_bytes(busybox_initramfs(Path("/bin/busybox").read_bytes()))
    return path


@pytest.fixture(scope="session")
def boot(kernel: Path, initramfs: Path) -> Boot:
    """A function that makes a machine about to start the kernel, with further choices."""

    def make(**choices: str | bool) -> Machine:
        chosen = {"append": APPEND, **choices}
        return Machine.from_kernel(kernel, initrd=initramfs, **chosen)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def booted(boot: Boot) -> Iterator[tuple[Machine, Snapshot]]:
    """A machine that has come to its first prompt, and its snapshot there."""
    with boot() as machine:
        machine.serial.expect(PROMPT, timeout="10s")
        machine.run(for_="10ms")  # until the shell waits for a key
        yield machine, machine.snapshot()


@pytest.fixture
def linux(booted: tuple[Machine, Snapshot]) -> Machine:
    """A machine whose shell waits for a command."""
    machine, prompt = booted
    machine.restore(prompt)
    return machine
