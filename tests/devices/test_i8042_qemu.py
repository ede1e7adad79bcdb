"""Our keyboard controller and QEMU's answer one long script alike, byte and status."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.assembler import assemble
from vectoros.board import Reason
from vectoros.layout import BOOT_SECTOR

pytestmark = pytest.mark.qemu

SOURCE = Path(__file__).parents[1] / "guest" / "sectors" / "controller.S"
PATIENCE_S = 60  # host seconds; a busy host needs three
IMAGE_BYTES = 1 << 20

Script = list[tuple[int, int]]


def control(command: int, *parameters: int) -> Script:
    return [(0x64, command), *((0x60, byte) for byte in parameters)]


def keyboard(*data: int) -> Script:
    return [(0x60, byte) for byte in data]


def mouse(*data: int) -> Script:
    return [step for byte in data for step in control(0xD4, byte)]


# Left out is where QEMU goes its own way: its status shows the self-test and not the
# configuration's SYS, so both are set first; it acknowledges 00h to the keyboard, and
# has no answer at all for some unknown commands of the mouse.
CONTROLLER = [
    *control(0xAA),
    *control(0x60, 0x34),
    *[step for code in (0x20, 0xAB, 0xA9, 0xC0, 0xD0) for step in control(code)],
    *[step for code in (0xA8, 0x20, 0xAE, 0x20, 0xA7, 0x20, 0xAD, 0x20) for step in control(code)],
    *control(0xD2, 0x5A),
    *control(0xD3, 0xA5),
    *control(0x60, 0x04),
]
KEYBOARD = [
    *keyboard(0xFF, 0xF5, 0xEE, 0xF2, 0xF0, 0, 0xF0, 3, 0xF0, 0, 0xF0, 1, 0xF0, 0, 0xF0, 2),
    *keyboard(0xED, 7, 0xF3, 0, 0xF4, 0xF6, 0xEF, 0xFE),
    *control(0x60, 0x44),
    *keyboard(0xF2, 0xF0, 0, 0xFF),
]
MOUSE = [
    *mouse(0xFF, 0xF2, 0xE9, 0xF4, 0xE9, 0xF5, 0xE7, 0xE8, 3, 0xE9, 0xE6),
    *mouse(0xF0, 0xEB, 0xE9, 0xEA, 0xEE, 0x12, 0xF4, 0xEC),
    *mouse(0xF3, 200, 0xF3, 100, 0xF3, 80, 0xF2, 0xEB, 0xF6, 0xF2, 0xFF, 0xF2),
]


def image_of(script: Script, folder: Path) -> Path:
    """Return a disk image that plays ``script``."""
    steps = "".join(f"\n        .byte   {port}, {byte}" for port, byte in script)
    text = SOURCE.read_text(encoding="utf-8") + steps + "\n        .byte   0\n"
    code = assemble(text, origin=BOOT_SECTOR, name=SOURCE.name, bits=16).code
    assert len(code) <= 510
    image = folder / "controller.img"
    image.write_bytes((code.ljust(510, b"\0") + b"\x55\xaa").ljust(IMAGE_BYTES, b"\0"))
    return image


def answers_of_qemu(image: Path) -> list[str]:
    command = [
        "qemu-system-x86_64", "-M", "pc", "-display", "none", "-no-reboot",
        "-drive", f"file={image},format=raw,if=ide,snapshot=on",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
        "-serial", "stdio", "-monitor", "none",
    ]  # fmt: skip
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False
    )
    return done.stdout.decode("ascii").splitlines()


@pytest.mark.parametrize(
    "script", [CONTROLLER, control(0xAA) + control(0x60, 4) + KEYBOARD + MOUSE]
)
def test_a_script_of_commands_is_answered_as_by_qemu(script: Script, tmp_path: Path) -> None:
    image = image_of(script, tmp_path)
    with Machine.from_image(image, firmware=False) as machine:
        stop = machine.run(for_="1s")
        assert stop.reason is Reason.POWER_OFF
        ours = machine.serial.text.splitlines()
    theirs = answers_of_qemu(image)
    assert [line[:4] for line in ours[1:]] == [f"{port:02x}{byte:02x}" for port, byte in script]
    assert ours[1:] == theirs[1:], "the first line is what QEMU's BIOS left"
