"""INT 11h, 12h, 15h and 1Ah, as a guest sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vectoros.boot.frame import Frame
from vectoros.boot.system_service import RAM, memory_map
from vectoros.boot.time_service import POST
from vectoros.units import MIB

Run = Callable[..., Any]


def first(run: Run, source: str, **options: Any) -> str:  # noqa: ANN401
    return str(run(source + "\n call dump", **options).lines[0])


def test_equipment_and_base_memory(run: Run) -> None:
    assert first(run, "int 0x11").startswith("0222")
    assert first(run, "int 0x12").startswith("027f"), "639 KiB: the last one is the EBDA"


E820 = """mov di, 0x600
        xor ebx, ebx
each:   mov eax, 0xe820
        mov edx, 0x534d4150
        mov ecx, 24
        int 0x15
        jc over
        mov ax, bx
        call hex
        add di, 24
        test ebx, ebx
        jnz each
over:"""


@pytest.mark.parametrize("memory", ["2M", "64M", "3072M"])
def test_e820_tells_the_whole_map_entry_by_entry(run: Run, memory: str) -> None:
    guest = run(E820, memory=memory)
    assert guest.said == "0001 0002 0003 0004 0005 0000 "
    raw = [guest.machine.memory.read(0x600 + 24 * n, 24) for n in range(6)]
    found = [
        (int.from_bytes(row[:8], "little"), int.from_bytes(row[8:16], "little"), row[16])
        for row in raw
    ]
    assert found == list(memory_map(int(memory[:-1]) * MIB))
    assert sum(size for _, size, kind in found if kind == RAM) == (
        int(memory[:-1]) * MIB - MIB + 639 * 1024
    )
    assert all(row[20:] == b"\1\0\0\0" for row in raw)


def test_a_megabyte_has_no_memory_above_it(run: Run) -> None:
    assert run(E820, memory="1M").said == "0001 0002 0003 0004 0000 "
    assert first(run, "mov ah, 0x88\n int 0x15", memory="1M").startswith("0000")


@pytest.mark.parametrize(
    "spoil", ["mov edx, 0x534d4151", "mov ecx, 19", "mov ebx, 6", "mov ebx, 0xffffffff"]
)
def test_e820_refuses_what_makes_no_sense(run: Run, spoil: str) -> None:
    ask = "xor ebx, ebx\n mov eax, 0xe820\n mov edx, 0x534d4150\n mov ecx, 24\n"
    assert "c" in first(run, f"{ask}{spoil}\n int 0x15").split()[-1]


def test_the_older_calls_agree_on_the_size(run: Run) -> None:
    assert first(run, "mov ah, 0x88\n int 0x15", memory="64M").startswith("fc00")
    said = first(run, "mov ax, 0xe801\n int 0x15", memory="64M")
    assert said.split()[:4] == ["3c00", "0300", "3c00", "0300"]
    said = first(run, "mov ax, 0xe801\n int 0x15", memory="8M")
    assert said.split()[:2] == ["1c00", "0000"]


MOVE = """jmp go
table:  .quad 0, 0
        .word 0xffff, {source}
        .byte 0, 0x93, 0, 0
        .word 0xffff, 0
        .byte {high}, 0x93, 0, {top}
        .quad 0, 0
go:     mov dword ptr [0x600], 0x64636261
        mov si, table
        mov cx, {words}
        mov ah, 0x87
        int 0x15"""


def test_a_block_moves_above_1_mib(run: Run) -> None:
    guest = run(MOVE.format(source=0x600, high=0x12, top=0, words=2) + "\n call dump")
    assert guest.machine.memory.read(0x120000, 5) == b"abcd\0"
    assert guest.lines[0].startswith("00")
    assert guest.lines[0].endswith("z")


def test_a_block_that_moves_nowhere_does_no_harm(run: Run) -> None:
    assert run(MOVE.format(source=0x600, high=0, top=0xF0, words=0x8000) + "\n call dump").lines
    said = first(run, MOVE.format(source=0x600, high=0x12, top=0, words=0x8001))
    assert said.startswith("02")
    assert "c" in said.split()[-1]


def test_a20_is_open_and_can_be_asked_for(run: Run) -> None:
    assert first(run, "mov ax, 0x2403\n int 0x15").split()[:2] == ["0003", "0003"]
    assert "c" not in first(run, "mov ax, 0x2401\n int 0x15").split()[-1]
    assert first(run, "mov ax, 0x2401\n int 0x15\n mov ax, 0x2402\n int 0x15").startswith("0001")


def test_waiting_takes_as_long_as_was_asked(run: Run) -> None:
    ends = []
    for micros in (0, 1000, 20_000):
        guest = run(f"mov cx, {micros >> 16}\n mov dx, {micros & 0xFFFF}\n mov ah, 0x86\n int 0x15")
        ends.append(guest.machine.clock.now)
    assert 4_000_000 <= ends[1] - ends[0] < 4_020_000
    assert 80_000_000 <= ends[2] - ends[0] < 80_100_000


def test_configuration_and_extended_data_are_where_they_say(run: Run) -> None:
    guest = run("mov ah, 0xc0\n int 0x15\n call dump\n mov ax, es\n call hex")
    segment = int(guest.lines[1], 16)
    offset = int(guest.lines[0].split()[1], 16)
    table = guest.machine.memory.read(segment * 16 + offset, 10)
    assert table[:3] == b"\x08\x00\xfc"
    assert run("mov ah, 0xc1\n int 0x15\n mov ax, es\n call hex").said == "9fc0 "


def test_what_there_is_not_fails(run: Run) -> None:
    said = first(run, "mov ax, 0x5301\n int 0x15")
    assert said.startswith("86")
    assert "c" in said.split()[-1]
    said = first(run, "mov ax, 0xb101\n xor edx, edx\n int 0x1a")
    assert said.startswith("81")
    assert "c" in said.split()[-1]


def test_the_tick_count_can_be_set_and_goes_on(run: Run) -> None:
    wait = "sti\n hlt\n hlt\n mov ah, 0\n int 0x1a"
    said = first(run, f"mov cx, 1\n mov dx, 0x5000\n mov ah, 1\n int 0x1a\n{wait}")
    assert said.split()[2:4] == ["0001", "5002"]


def test_midnight_is_told_once(run: Run) -> None:
    source = """mov cx, 0x18
        mov dx, 0x00af
        mov ah, 1
        int 0x1a
        hlt
        mov ah, 0
        int 0x1a
        call dump
        mov ah, 0
        int 0x1a"""
    guest = run(source + "\n call dump")
    assert guest.lines[0].split()[2:4] == ["0000", "0000"]
    assert [line[2:4] for line in guest.lines] == ["01", "00"]


def test_a_program_may_hook_the_tick(run: Run) -> None:
    source = """mov word ptr [0x1c * 4], hook
        mov word ptr [0x1c * 4 + 2], 0
        hlt
        hlt
        mov ax, [0x600]
        call hex
        jmp end
hook:   inc word ptr cs:[0x600]
        iret"""
    assert run(source).said == "0002 "


def clock(desk: Any, values: list[int], **registers: int) -> Frame:  # noqa: ANN401
    """Serve a frame of INT 1Ah, whose reads of the clock give ``values``."""
    frame = desk.frame(0x1A, **registers)
    desk.serve(frame)
    second = Frame(desk.memory, 0x7000)
    for number, value in enumerate(values):
        second.data[20 + 8 * number] = value
    desk.serve(second)
    return second


def test_time_and_date_come_from_the_clock(desk: Any) -> None:  # noqa: ANN401
    frame = clock(desk, [0x26, 0x23, 0x59, 0x58, 0x03], ax=0x0200)
    assert (frame.ch, frame.cl, frame.dh, frame.dl) == (0x23, 0x59, 0x58, 1)
    frame = clock(desk, [0x26, 0x20, 0x26, 0x11, 0x21], ax=0x0400)
    assert (frame.cx, frame.dx, frame.carry) == (0x2026, 0x1121, False)


def test_without_a_clock_the_carry_flag_says_so(desk: Any) -> None:  # noqa: ANN401
    for function in (0x0200, 0x0300, 0x0400, 0x0500):
        assert clock(desk, [0xFF] * 6, ax=function).carry


def test_a_clock_that_is_counting_is_asked_again(desk: Any) -> None:  # noqa: ANN401
    assert clock(desk, [0xA6, 0, 0, 0, 0], ax=0x0200).action == 1


def test_setting_the_time_holds_the_clock_meanwhile(desk: Any) -> None:  # noqa: ANN401
    frame = clock(desk, [0x26, 0x02], ax=0x0300, cx=0x1234, dx=0x5600)
    ops = [frame.data[16 + 8 * n : 24 + 8 * n] for n in range(frame.count)]
    assert [(op[1], op[4]) for op in ops] == [
        (0x0B, 0x82), (4, 0x12), (2, 0x34), (0, 0x56), (0x0B, 0x02),
    ]  # fmt: skip


def test_the_tick_count_at_power_on_is_the_clocks_time(desk: Any) -> None:  # noqa: ANN401
    for status, hours in ((0x02, 0x12), (0x06, 12)):
        frame = desk.frame(POST)
        desk.serve(frame)
        second = Frame(desk.memory, 0x7000)
        for number, value in enumerate([0x26, hours, 0, 0, status]):
            second.data[20 + 8 * number] = value
        desk.serve(second)
        assert desk.host.area.ticks == 0xC0059  # noon
