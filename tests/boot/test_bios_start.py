"""From the reset vector to somebody else's boot sector."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.board import Reason
from vectoros.boot import bios, reference, rom
from vectoros.config import Config
from vectoros.cpu.bits import Seg
from vectoros.layout import BIOS_ROM, BIOS_SHADOW

THIRD_PARTY = """
        bits 16
        org 0x7c00
        mov si, first
        call print
        mov ax, 0x0201          ; one sector
        mov bx, 0x7e00
        mov cx, 0x0002          ; cylinder 0, sector 2
        xor dh, dh              ; head 0, and dl is what the BIOS gave us
        int 0x13
        jc failed
        jmp 0x0000:0x7e00
failed: mov si, error
        call print
        jmp $
print:  lodsb
        test al, al
        jz .end
        mov ah, 0x0e
        int 0x10
        jmp print
.end:   ret
first:  db "first sector", 13, 10, 0
error:  db "cannot read", 13, 10, 0
        times 510 - ($ - $$) db 0
        dw 0xaa55
second: mov si, text
        call print
        xor ah, ah
        int 0x16                ; wait for a key, and print it
        mov ah, 0x0e
        int 0x10
        mov al, 7
        out 0xf4, al
        jmp $
text:   db "second sector", 13, 10, 0
        times 1024 - ($ - $$) db 0
"""


@pytest.mark.nasm
def test_a_third_partys_boot_sector_loads_its_second_sector(tmp_path: Path, engine: str) -> None:
    source, image = tmp_path / "mbr.asm", tmp_path / "mbr.img"
    source.write_text(THIRD_PARTY, encoding="ascii")
    subprocess.run(["nasm", "-f", "bin", source, "-o", image], check=True)
    with Machine.from_image(image, engine=engine, memory="1M") as machine:
        machine.serial.expect("first sector\r\nsecond sector\r\n", timeout="10ms")
        machine.serial.send("!")
        stop = machine.run(for_="200ms")
        assert (stop.reason, stop.code) == (Reason.EXIT, 7)
        assert machine.serial.text.endswith("second sector\r\n!")


def test_the_cpu_starts_at_the_reset_vector(sector: object, tmp_path: Path) -> None:
    image = tmp_path / "empty.img"
    image.write_bytes(bytes(510) + b"\x55\xaa")
    with Machine.from_image(image) as machine:
        cs = machine.cpu.segs[Seg.CS]
        assert (cs.selector, cs.base, machine.cpu.rip) == (0xF000, BIOS_ROM, 0xFFF0)
        assert machine.memory.read(BIOS_ROM + 0xFFF0, 5)[0] == 0xEA, "a far jump"


def test_the_rom_is_built_from_its_sources_and_no_other_way() -> None:
    assert bios.rom() == rom.build(), "run: vectoros image bios -o firmware/bios.bin"


def test_the_board_copies_the_rom_to_where_it_can_run() -> None:
    with Machine(Config(memory=1 << 20)) as machine:
        assert machine.memory.read(BIOS_SHADOW, rom.ROM_SIZE) == bios.rom()
        assert machine.memory.read(BIOS_ROM, rom.ROM_SIZE) == bios.rom()


def test_without_a_disk_the_bios_says_so_and_sleeps(engine: str) -> None:
    with Machine(Config(memory=1 << 20, engine=engine)) as machine:
        machine.serial.expect("BIOS: no bootable disk\r\n", timeout="10ms")
        assert machine.run(for_="100ms").reason is Reason.TICK


def test_vectors_and_data_areas_are_those_of_a_pc(tmp_path: Path) -> None:
    image = tmp_path / "halt.img"
    image.write_bytes(b"\xf4".ljust(510, b"\0") + b"\x55\xaa")
    with Machine.from_image(image) as machine:
        machine.run(for_="1ms")
        vectors = machine.memory.read(0, 1024)
        segments = {int.from_bytes(vectors[at + 2 : at + 4], "little") for at in range(0, 1024, 4)}
        assert segments == {0xF000}
        data = machine.memory.read(0x400, 0x100)
        assert data[0x00:0x02] == b"\xf8\x03", "COM1"
        assert data[0x0E:0x10] == b"\xc0\x9f", "segment of the extended area"
        assert data[0x13:0x15] == b"\x7f\x02", "639 KiB"
        assert data[0x1A:0x1E] == b"\x1e\x00\x1e\x00", "an empty keyboard ring"
        assert (data[0x49], data[0x4A], data[0x75], data[0x84]) == (3, 80, 1, 24)
        assert machine.cpu.gpr[2] == 0x80
        assert machine.cpu.rflags & 0x200, "interrupts are on, as under every BIOS"


def test_both_engines_come_to_one_state(tmp_path: Path) -> None:
    image = tmp_path / "halt.img"
    image.write_bytes(b"\xf4\xeb\xfd".ljust(510, b"\0") + b"\x55\xaa")
    hashes = set()
    for name in ("auto", "portable"):
        with Machine.from_image(image, engine=name, memory="1M") as machine:
            machine.run(for_="200ms")
            hashes.add(machine.state_hash())
    assert len(hashes) == 1


def test_the_reference_page_is_made_from_the_table_of_services() -> None:
    committed = Path(__file__).parents[2] / "docs" / "reference" / "bios.md"
    assert committed.read_text(encoding="utf-8") == reference.page()
