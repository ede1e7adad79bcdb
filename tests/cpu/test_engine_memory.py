"""What is not plain RAM: devices, holes and ROM."""

from __future__ import annotations

import pytest

from tests.cpu.machines import (
    CODE,
    ENGINES,
    HOLE,
    RAM_BYTES,
    Machine,
)
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector
from vectoros.layout import INTA_PAGE
from vectoros.memory import Rom
from vectoros.units import PAGE_SIZE, PhysAddr

every_engine = pytest.mark.parametrize("engine", ENGINES)
ROM_BASE = 0x20_0000
PATTERN = bytes(range(256)) * 32


def booted(engine: str, mode: str, text: str, *roms: Rom) -> Machine:
    machine = Machine(engine, *roms)
    machine.boot(mode)
    machine.code(text)
    return machine


# -- devices and holes -------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["protected16", "protected32", "compatibility", "long"])
@every_engine
def test_loads_and_stores_show_address_width_value_and_the_tick_before_them(
    engine: str, mode: str
) -> None:
    machine = booted(
        engine,
        mode,
        "mov ebx, 0x40000010\n mov al, [ebx]\n mov ax, [ebx+2]\n mov eax, [ebx+4]\n"
        "mov [ebx+9], al\n mov [ebx+10], ax\n mov [ebx+12], eax\n add dword ptr [ebx], 1\n hlt",
    )
    if mode in {"compatibility", "long"}:
        machine.map(HOLE, HOLE)
    machine.run()
    seen = [entry[:3] for entry in machine.world.log]
    base = HOLE + 0x10
    assert seen == [
        ("read", base, 1),
        ("read", base + 2, 2),
        ("read", base + 4, 4),
        ("write", base + 9, 1),
        ("write", base + 10, 2),
        ("write", base + 12, 4),
        ("read", base, 4),
        ("write", base, 4),
    ]
    ticks = [entry[4] for entry in machine.world.log]
    reference = booted(engine, mode, "nop")
    reference.memory.write(CODE, machine.memory.read(CODE, 64))
    if mode in {"compatibility", "long"}:
        reference.map(HOLE, HOLE)
    boundaries = [0, *(tick for tick, _ in reference.boundaries())]
    assert ticks == [*boundaries[1:8], boundaries[7]]
    assert machine.regs.gpr[Gpr.RAX] == machine.world.log[2][3]


@every_engine
def test_eight_bytes_are_two_accesses_of_one_instruction(engine: str) -> None:
    text = "mov ebx, 0x40000000\n mov rax, [rbx]\n mov [rbx+8], rax\n hlt"
    machine = booted(engine, "long", text)
    machine.map(HOLE, HOLE)
    machine.run()
    seen = [(kind, where, width, tick) for kind, where, width, _, tick in machine.world.log]
    assert seen == [
        ("read", HOLE, 4, 5),
        ("read", HOLE + 4, 4, 5),
        ("write", HOLE + 8, 4, 8),
        ("write", HOLE + 12, 4, 8),
    ]
    low, high = (entry[3] for entry in machine.world.log[:2])
    assert machine.regs.gpr[Gpr.RAX] == low | high << 32  # type: ignore[operator]


@pytest.mark.parametrize("physical", [RAM_BYTES, 0xFEC0_0000, 1 << 32, (1 << 40) - PAGE_SIZE])
@every_engine
def test_holes_answer_up_to_the_last_physical_address(engine: str, physical: int) -> None:
    machine = booted(engine, "long", "mov ebx, 0x1ff000\n mov eax, [rbx]\n mov [rbx+4], eax\n hlt")
    machine.map(0x1FF000, physical)
    machine.run()
    assert [entry[:2] for entry in machine.world.log] == [
        ("read", physical),
        ("write", physical + 4),
    ]


@every_engine
def test_the_acknowledge_page_is_a_hole_to_programs(engine: str) -> None:
    machine = booted(engine, "long", "mov ebx, 0x1ff000\n mov eax, [rbx]\n mov [rbx], eax\n hlt")
    machine.map(0x1FF000, INTA_PAGE)
    machine.cpu.set_intr(True)
    machine.run()
    assert [entry[:3] for entry in machine.world.log] == [
        ("read", INTA_PAGE, 4),
        ("write", INTA_PAGE, 4),
    ]
    assert [entry[4] for entry in machine.world.log] == [5, 7]


@every_engine
def test_a_walk_of_page_tables_in_a_hole_does_not_disturb_rip(engine: str) -> None:
    # The load makes Unicorn remember where in a block it was; the walk comes without that.
    text = "mov ebx, 0x40000000\n mov eax, [rbx]\n inc ecx\n"
    text += "mov edx, 0x80000000\n mov eax, [rdx]\n hlt"
    machine = booted(engine, "long", text)
    machine.map(HOLE, HOLE)
    entry = machine.map(0x8000_0000, 0)
    table = entry & ~0xFFF
    directory = next(
        at
        for at in range(0x8000, 0x10000, 8)
        if int.from_bytes(machine.memory.read(at, 8), "little") & ~0xFFF == table
    )
    machine.memory.write(directory, (0x5000_0000 | 7).to_bytes(8, "little"))
    machine.cpu.registers_changed()
    machine.run()
    assert machine.regs.gpr[Gpr.RCX] == 1
    assert machine.cpu.faults() == [] or machine.cpu.faults()[0].rip == CODE + 5 + 2 + 2 + 5


@every_engine
def test_code_in_a_hole_is_undefined(engine: str) -> None:
    machine = booted(engine, "protected32", "mov eax, 0x40000000\n jmp eax")
    machine.run()
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.rip, fault.tick) == (Vector.UD, HOLE, 7)


@every_engine
def test_code_that_runs_off_the_end_of_ram_runs_to_its_end(engine: str) -> None:
    for ticks in (1, 3, 1 << 40):
        machine = booted(engine, "protected32", "nop")
        machine.memory.write(RAM_BYTES - 20, b"\x40" * 16 + b"\x83\xc0\x10\x90")
        machine.regs.rip = RAM_BYTES - 20
        machine.cpu.registers_changed()
        while machine.run(ticks) is not Stop.HALT:
            pass
        (fault,) = machine.cpu.faults()
        assert (fault.vector, fault.rip, fault.tick) == (Vector.UD, RAM_BYTES, 20)
        assert machine.regs.gpr[Gpr.RAX] == 0x20


@every_engine
def test_an_instruction_that_reaches_into_a_hole_is_undefined(engine: str) -> None:
    machine = booted(engine, "protected32", "nop")
    machine.memory.write(RAM_BYTES - 3, b"\x40\xb8\x11")  # inc eax; mov eax, ...
    machine.regs.rip = RAM_BYTES - 3
    machine.cpu.registers_changed()
    machine.run()
    (fault,) = machine.cpu.faults()
    assert (fault.vector, fault.rip, fault.tick) == (Vector.UD, RAM_BYTES - 2, 1)


# -- ROM -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ticks", [1, 4, 1 << 40])
@pytest.mark.parametrize(
    "text",
    [
        "mov [ebx], eax",
        "add [ebx], eax",
        "xchg [ebx], eax",
        "lock xadd [ebx], eax",
        "push eax\n pop ecx",
        "call next\nnext: pop ecx",
        "mov edi, ebx\n mov ecx, 9\n rep stosb",
        "mov [ebx-2], eax",
    ],
)
@pytest.mark.parametrize("mode", ["protected32", "compatibility", "long"])
@every_engine
def test_a_store_to_rom_is_lost(engine: str, mode: str, text: str, ticks: int) -> None:
    rom = Rom("rom", PhysAddr(ROM_BASE), PATTERN)
    if mode == "long":
        for name in ("eax", "ecx"):
            text = text.replace(f"push {name}", f"push r{name[1:]}").replace(
                f"pop {name}", f"pop r{name[1:]}"
            )
    machine = booted(engine, mode, f"inc esi\n inc esi\n {text}\n inc edx\n hlt", rom)
    regs = machine.regs
    if mode in {"compatibility", "long"}:
        machine.map(ROM_BASE, ROM_BASE)
    regs.gpr[Gpr.RAX], regs.gpr[Gpr.RBX] = 0x1234, ROM_BASE + 0x40
    regs.gpr[Gpr.RSP] = ROM_BASE + 0x80
    machine.cpu.registers_changed()
    while machine.run(ticks) is not Stop.HALT:
        assert machine.clock.now < 100
    assert machine.cpu.faults() == []
    assert (regs.gpr[Gpr.RSI], regs.gpr[Gpr.RDX]) == (2, 1)
    code = machine.memory.read(CODE, 0x40)
    size = regs.rip - CODE
    repeats = 9 if b"\xf3\xaa" in code else 0
    assert machine.clock.now == size + 2 * repeats
    check = booted(engine, mode, "mov eax, [ebx]\n hlt", rom)
    if mode in {"compatibility", "long"}:
        check.map(ROM_BASE, ROM_BASE)
    assert machine.memory.read(ROM_BASE, len(PATTERN)) == PATTERN


@every_engine
def test_rom_reads_as_it_was_after_stores(engine: str) -> None:
    rom = Rom("rom", PhysAddr(ROM_BASE), PATTERN)
    text = "mov ebx, 0x200000\n mov dword ptr [ebx], 0\n add dword ptr [ebx+4], 1\n"
    machine = booted(engine, "protected32", text + "mov eax, [ebx]\n mov ecx, [ebx+4]\n hlt", rom)
    machine.run()
    assert machine.regs.gpr[Gpr.RAX] == 0x0302_0100
    assert machine.regs.gpr[Gpr.RCX] == 0x0706_0504
    assert machine.world.log == []


@every_engine
def test_code_runs_from_rom(engine: str) -> None:
    code = bytes.fromhex("40 89 05 00002000 40 f4")  # inc eax; mov [200000h], eax; inc eax; hlt
    rom = Rom("rom", PhysAddr(ROM_BASE), code.ljust(PAGE_SIZE, b"\0"))
    machine = booted(engine, "protected32", "mov ebx, 0x200000\n jmp ebx", rom)
    machine.run()
    assert machine.regs.gpr[Gpr.RAX] == 2
    assert machine.clock.now == 5 + 2 + 9


@every_engine
def test_a_frame_pushed_on_rom_is_lost(engine: str) -> None:
    rom = Rom("rom", PhysAddr(ROM_BASE), PATTERN)
    machine = booted(engine, "protected32", "int 0x80", rom)
    machine.regs.gpr[Gpr.RSP] = ROM_BASE + 0x100
    machine.cpu.registers_changed()
    machine.run()
    assert machine.regs.gpr[Gpr.RSP] == ROM_BASE + 0x100 - 12
    assert machine.world.log == []
