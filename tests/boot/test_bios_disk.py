"""INT 13h, as a guest sees it: what works, then each error with its status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vectoros.boot.disk_service import geometry

Run = Callable[..., Any]

SECTORS = b"".join(bytes([number]) * 512 for number in range(1, 200))
READ = "mov bx, 0x600\n int 0x13\n call dump\n mov ax, [0x600]\n call hex"


def lines(run: Run, source: str) -> list[str]:
    """Run ``source``; return what it says, without ZF, which INT 13h does not use."""
    return [line.removesuffix("z").strip() for line in run(source, further=SECTORS).lines]


def test_chs_reads_the_second_sector(run: Run) -> None:
    said = lines(run, f"mov ax, 0x0201\n mov cx, 2\n mov dx, 0x80\n {READ}")
    assert said == ["0001 0600 0002 0080", "0101"]


def test_chs_counts_sectors_then_heads(run: Run) -> None:
    # Head 1, sector 2 is block 63 + 1, which holds the number 64.
    said = lines(run, f"mov ax, 0x0202\n mov cx, 2\n mov dx, 0x180\n {READ}")
    assert said[1] == "4040"


@pytest.mark.parametrize(
    ("registers", "answer"),
    [
        ("mov ax, 0x0200\n mov cx, 1\n mov dx, 0x80", "0100 0600 0001 0080 c"),
        ("mov ax, 0x0201\n mov cx, 1\n mov dx, 0x81", "0101 0600 0001 0081 c"),
        ("mov ax, 0x0201\n mov cx, 1\n mov dx, 0x00", "0101 0600 0001 0000 c"),
        ("mov ax, 0x0201\n mov cx, 0\n mov dx, 0x80", "0400 0600 0000 0080 c"),
        ("mov ax, 0x0201\n mov cx, 0xff01\n mov dx, 0x80", "0400 0600 ff01 0080 c"),
        ("mov ax, 0x0280\n mov cx, 1\n mov dx, 0x80", "0900 0600 0001 0080 c"),
        ("mov ax, 0x7701\n mov cx, 1\n mov dx, 0x80", "0101 0600 0001 0080 c"),
    ],
)
def test_a_bad_request_has_its_status(run: Run, registers: str, answer: str) -> None:
    said = lines(run, f"{registers}\n {READ}\n mov ah, 1\n int 0x13\n call dump")
    assert said[0] == answer
    assert said[1].split()[1][:2] == answer[:2], "AH=01h tells it again"


def test_what_is_written_is_read_back_and_the_image_is_as_it_was(run: Run) -> None:
    guest = run(
        """mov word ptr [0x800], 0x1234
        mov ax, 0x0301
        mov bx, 0x800
        mov cx, 3
        mov dx, 0x80
        int 0x13
        call dump
        mov ax, 0x0201
        mov cx, 3
        mov bx, 0x600
        int 0x13
        mov ax, [0x600]
        call hex""",
        further=SECTORS,
    )
    assert guest.lines[1] == "1234"
    assert guest.machine.pc.disk.read(2, 1) == b"\x02" * 512


def test_the_geometry_has_room_for_every_sector(run: Run) -> None:
    said = lines(run, "mov ah, 8\n mov dx, 0x80\n int 0x13\n call dump")
    assert said == ["0000 0000 003f 0f01"]
    for sectors in (1, 1008, 16_000_000, 1 << 40):
        cylinders, heads, per_track = geometry(sectors)
        assert cylinders <= 1024
        assert cylinders * heads * per_track >= min(sectors, 1024 * 255 * 63)


def test_the_type_is_a_hard_disk_with_its_size(run: Run) -> None:
    said = lines(run, "mov ah, 0x15\n mov dx, 0x80\n int 0x13\n call dump")
    assert said == ["0300 0000 0000 00c8"]  # 200 sectors
    said = lines(run, "mov ah, 0x15\n mov dx, 0x81\n int 0x13\n call dump")
    assert said[0].startswith("0000")


PACKET = """jmp go
packet: .byte {size}, 0
        .word {count}, 0x600, 0
        .quad {block}
go:     mov si, packet
        mov ah, {function}
        mov dx, 0x80
        {call}
        mov ax, [0x600]
        call hex"""


def edd(run: Run, function: int = 0x42, size: int = 16, count: int = 1, block: int = 5) -> str:
    call = "int 0x13\n call dump"
    source = PACKET.format(size=size, count=count, block=block, function=function, call=call)
    return str(lines(run, source))


def test_extensions_are_there_and_read_by_block(run: Run) -> None:
    said = lines(run, "mov ah, 0x41\n mov bx, 0x55aa\n mov dx, 0x80\n int 0x13\n call dump")
    assert said == ["2100 aa55 0005 0080"]
    assert edd(run) == "['0000 0000 0000 0080', '0505']"
    assert edd(run, count=48) == "['0000 0000 0000 0080', '0505']"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"size": 15}, "01"),
        ({"count": 0}, "01"),
        ({"count": 128}, "01"),
        ({"block": 200}, "04"),
        ({"block": 199, "count": 2}, "04"),
        ({"block": 1 << 63}, "04"),
    ],
)
def test_a_bad_packet_has_its_status(run: Run, change: dict[str, int], status: str) -> None:
    assert edd(run, **change).startswith(f"['{status}00 0000 0000 0080 c")


def test_disk_parameters_need_room(run: Run) -> None:
    source = """mov word ptr [0x600], {size}
        mov si, 0x600
        mov ah, 0x48
        mov dx, 0x80
        int 0x13
        call dump
        mov ax, [0x610]
        call hex
        mov ax, [0x618]
        call hex"""
    assert lines(run, source.format(size=26))[1] == "00c8 0200"
    assert lines(run, source.format(size=25))[0].startswith("0100")
