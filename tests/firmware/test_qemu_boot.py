"""The committed image under QEMU and SeaBIOS: up to the kernel, which finds no gate there."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vectoros.image.format import MAGIC, SECTOR

pytestmark = pytest.mark.qemu

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "images" / "dev.img"
LOGO = ROOT / "images" / "logo.txt"
ATTEMPTS = 10
PATIENCE_S = 20  # host seconds for any one answer; a busy host needs one or two
NO_GATE = "kernel: no kernel gate here"
FIRMWARE_MILESTONES = [
    "[boot] real mode: boot sector at 0000:7c00",
    "[boot] stage 2: read from disk",
    "[boot] memory map: by INT 15h, E820h",
    "[boot] loaded: kernel and modules, by INT 13h",
    "[boot] protected mode: 32 bits, flat segments",
]
COLOURS = {"W": "e8ecf4", "w": "8a93a5", "A": "35d0ff", "B": "1f9be0", "C": "2a63c8", "O": "ff8a3d"}
SCALE, TOP, WIDTH = 4, 48, 640


class Qemu:
    """A running QEMU, its debug console and its monitor."""

    def __init__(self, folder: Path, *options: str, image: Path = IMAGE) -> None:
        """Start it on ``image``, of which it changes nothing; files go to ``folder``."""
        self.folder = folder
        self._console = folder / "debug-console"
        self._monitor_path = folder / "monitor"
        command = [
            "qemu-system-x86_64", "-M", "pc", "-m", "64M", "-display", "none", "-no-reboot",
            "-drive", f"file={image},format=raw,if=ide,snapshot=on",
            "-debugcon", f"file:{self._console}", "-serial", "null",
            "-monitor", f"unix:{self._monitor_path},server=on,wait=off", *options,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    @property
    def milestones(self) -> list[str]:
        """Lines on the debug console so far."""
        return self._console.read_text().splitlines() if self._console.exists() else []

    def expect(self, line: str) -> None:
        """Wait for ``line`` on the debug console."""
        end = time.monotonic() + PATIENCE_S
        while line not in self.milestones:
            assert time.monotonic() < end, f"no {line!r} in {self.milestones}"
            time.sleep(0.05)

    def monitor(self, command: str) -> str:
        """Return what QEMU's monitor answers to ``command``."""
        end = time.monotonic() + PATIENCE_S
        while not self._monitor_path.exists() and time.monotonic() < end:
            time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(self._monitor_path))
            _until_prompt(connection)
            connection.sendall(command.encode() + b"\n")
            return _until_prompt(connection).partition("\n")[2]

    def pixels(self) -> tuple[int, int, bytes]:
        """Return width, height and the pixels of the screen, three bytes each."""
        path = self.folder / "screen.ppm"
        self.monitor(f"screendump {path}")
        _, size, _, data = path.read_bytes().split(b"\n", 3)
        width, height = map(int, size.split())
        return width, height, data

    def text(self) -> str:
        """Return the text screen."""
        words = re.findall(r"0x([0-9a-f]{4})\b", self.monitor("xp /2000xh 0xb8000"))
        return "".join(chr(int(word, 16) & 0xFF) for word in words)

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def _until_prompt(connection: socket.socket) -> str:
    text = b""
    while not text.endswith(b"(qemu) "):
        text += connection.recv(65536)
    return text.decode().replace("\r", "")


Start = Callable[..., Qemu]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start QEMU, with options."""
    machines: list[Qemu] = []

    def started(*options: str, image: Path = IMAGE) -> Qemu:
        folder = tmp_path / f"qemu{len(machines)}"
        folder.mkdir()
        machines.append(Qemu(folder, *options, image=image))
        return machines[-1]

    yield started
    for machine in machines:
        machine.close()


def test_it_boots_to_the_kernel_which_stops_with_a_status(start: Start) -> None:
    machine = start("-device", "isa-debug-exit,iobase=0xf4,iosize=4")
    assert machine.process.wait(PATIENCE_S) == 1 << 1 | 1  # as isa-debug-exit has it
    assert machine.milestones[: len(FIRMWARE_MILESTONES)] == FIRMWARE_MILESTONES
    assert machine.milestones[-1] == NO_GATE


def test_the_logo_is_on_the_screen(start: Start) -> None:
    machine = start()
    machine.expect(NO_GATE)
    width, height, data = machine.pixels()
    assert (width, height) == (WIDTH, 480)
    rows = LOGO.read_text(encoding="ascii").splitlines()
    left = (WIDTH - len(rows[0]) * SCALE) // 2
    for y, row in enumerate(rows):
        for x, letter in enumerate(row):
            at = ((TOP + y * SCALE + 1) * WIDTH + left + x * SCALE + 2) * 3
            assert data[at : at + 3].hex() == COLOURS.get(letter, "000000"), f"row {y}, {x}"


def test_a_processor_without_long_mode_is_told_so(start: Start) -> None:
    why = "boot: this processor has no long mode, or no no-execute pages"
    machine = start("-cpu", "qemu32")
    machine.expect(why)
    assert why in machine.text()


def test_a_disk_without_a_directory_is_told_so(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(IMAGE.read_bytes().replace(MAGIC, b"NOTHING!"))
    start(image=path).expect("boot: no VectorOS directory")


def test_a_disk_that_ends_too_soon_is_told_so(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(IMAGE.read_bytes()[: 2 * SECTOR])
    start(image=path).expect("boot: cannot read the disk")


def with_menu(start: Start) -> Qemu:
    """Return a machine that shows the boot menu.

    QEMU does not say when a key would be kept until our menu asks for one: SeaBIOS
    drops those that come before, and the boot goes on without those that come later.
    """
    for _ in range(ATTEMPTS):
        machine = start()
        end = time.monotonic() + PATIENCE_S
        while FIRMWARE_MILESTONES[2] not in machine.milestones:
            assert time.monotonic() < end
            machine.monitor("sendkey spc")  # ESC would be SeaBIOS's menu
        while NO_GATE not in machine.milestones:
            assert time.monotonic() < end, machine.text()
            if "VectorOS boot menu" in machine.text():
                return machine
        machine.close()
    pytest.fail(f"in {ATTEMPTS} boots no key came in time")


def test_a_key_calls_the_menu_and_recovery_stays_in_text_mode(start: Start) -> None:
    machine = with_menu(start)
    machine.monitor("sendkey 2")
    machine.expect(NO_GATE)
    assert "> 2  VectorOS, recovery" in machine.text()
    assert machine.pixels()[:2] == (720, 400)
