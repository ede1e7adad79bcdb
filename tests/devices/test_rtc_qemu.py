"""Our real-time clock and QEMU's make the same of one second, in every coding."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.assembler import assemble
from vectoros.layout import BOOT_SECTOR

pytestmark = pytest.mark.qemu

SOURCE = Path(__file__).parents[1] / "guest" / "sectors" / "seconds.S"
PATIENCE_S = 60  # host seconds; a busy host needs ten
IMAGE_BYTES = 1 << 20
DM, H24 = 4, 2
ANY = 0xC0
ALL = (ANY, ANY, ANY)

# Left out is where QEMU goes its own way: of twelve hours, it takes an alarm's AM and PM
# from the present hour.
CASES = [
    (H24, datetime(2026, 1, 1, 12, 34, 56), (0x12, 0x34, 0x57)),
    (H24, datetime(2024, 2, 28, 23, 59, 59), (0, 0, 0)),
    (H24, datetime(2023, 2, 28, 23, 59, 59), (0, 0, 1)),
    (H24 | DM, datetime(1999, 12, 31, 23, 59, 59), ALL),
    (0, datetime(2026, 5, 17, 11, 59, 59), (ANY, 0, 0)),
    (0, datetime(2026, 5, 17, 12, 59, 59), (0x81, 0, ANY)),
    (0, datetime(2026, 5, 17, 23, 59, 59), (ANY, ANY, 0)),
    (DM, datetime(2026, 5, 17, 0, 59, 59), (1, 0, 0)),
    (DM, datetime(2026, 9, 30, 23, 59, 59), (ANY, 0, 0)),
    (DM, datetime(2026, 9, 30, 12, 0, 8), (0x80 | 12, 0, 10)),
]


def row(mode: int, time: datetime, alarm: tuple[int, int, int]) -> list[int]:
    """Return a row of the table in seconds.S."""

    def coded(number: int) -> int:
        return number if mode & DM else int(str(number), 16)

    hour = coded(time.hour if mode & H24 else time.hour % 12 or 12)
    hour |= 0x80 if time.hour >= 12 and not mode & H24 else 0
    numbers = (time.minute, time.second, time.isoweekday() % 7 + 1, time.day, time.month)
    rest = [*numbers, time.year // 100, time.year % 100]
    return [mode, hour, *map(coded, rest), *alarm]


def image_of(folder: Path) -> Path:
    """Return a disk image that plays the cases."""
    table = "".join(f"\n        .byte   {', '.join(map(str, row(*case)))}" for case in CASES)
    text = SOURCE.read_text(encoding="utf-8") + table + "\n        .byte   255\n"
    code = assemble(text, origin=BOOT_SECTOR, name=SOURCE.name, bits=16).code
    assert len(code) <= 510
    image = folder / "seconds.img"
    image.write_bytes((code.ljust(510, b"\0") + b"\x55\xaa").ljust(IMAGE_BYTES, b"\0"))
    return image


def answers_of_qemu(image: Path) -> bytes:
    command = [
        "qemu-system-x86_64", "-M", "pc", "-display", "none", "-no-reboot",
        "-drive", f"file={image},format=raw,if=ide,snapshot=on",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
        "-icount", "shift=7,sleep=off", "-rtc", "clock=vm",  # its seconds pass without waiting
        "-serial", "stdio", "-monitor", "none",
    ]  # fmt: skip
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False
    )
    return done.stdout


def rows(answer: bytes) -> list[str]:
    return [answer[at : at + 9].hex(" ") for at in range(0, len(answer), 9)]


def test_a_second_is_answered_as_by_qemu(tmp_path: Path) -> None:
    image = image_of(tmp_path)
    with Machine.from_image(image, memory="1M", firmware=False) as machine:
        machine.run(for_="20s")
        ours = rows(bytes(machine.pc.serial.output))
    assert len(ours) == len(CASES)
    assert ours == rows(answers_of_qemu(image))
