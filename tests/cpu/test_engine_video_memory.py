"""RAM that does not begin at address 0: video memory, on both engines."""

from __future__ import annotations

import random

import pytest

from tests.cpu.machines import CODE, ENGINES, RAM_BYTES, Machine, same
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Stop
from vectoros.layout import FRAMEBUFFER, FRAMEBUFFER_SIZE, VIDEO_MEMORY
from vectoros.units import PAGE_SIZE

every_engine = pytest.mark.parametrize("engine", ENGINES)
LAST = FRAMEBUFFER + FRAMEBUFFER_SIZE - 4
ODD_RAM = RAM_BYTES + 3 * PAGE_SIZE
"""Not a round number: the second piece begins anywhere in Unicorn's own numbering."""


def booted(engine: str, text: str, ram: int = RAM_BYTES) -> Machine:
    machine = Machine(engine, ram=ram, further=(VIDEO_MEMORY,))
    machine.boot("protected32")
    machine.code(text)
    return machine


@every_engine
def test_a_guest_stores_and_loads_from_the_first_byte_to_the_last(engine: str) -> None:
    text = f"mov ebx, {FRAMEBUFFER}\n mov dword ptr [ebx], 0x11223344\n mov al, [ebx+1]\n"
    text += f"mov ebx, {LAST}\n mov dword ptr [ebx], 0x55667788\n mov ecx, [ebx]\n hlt"
    machine = booted(engine, text)
    machine.run()
    assert machine.world.log == []
    assert machine.memory.read(FRAMEBUFFER, 4) == bytes.fromhex("44332211")
    assert machine.memory.read(LAST, 8) == bytes.fromhex("88776655ffffffff")
    assert machine.regs.gpr[Gpr.RAX] & 0xFF == 0x33
    assert machine.regs.gpr[Gpr.RCX] == 0x5566_7788


@every_engine
def test_a_guest_sees_what_the_host_writes(engine: str) -> None:
    text = f"mov ebx, {FRAMEBUFFER + 8}\nagain: mov eax, [ebx]\n jmp again"
    machine = booted(engine, text)
    for value in (7, 0xABCDEF):
        machine.memory.write(FRAMEBUFFER + 8, value.to_bytes(4, "little"))
        machine.run(40)
        assert machine.regs.gpr[Gpr.RAX] == value


@pytest.mark.parametrize("address", [FRAMEBUFFER - 4, LAST + 4])
@every_engine
def test_right_before_and_behind_it_is_nothing(engine: str, address: int) -> None:
    machine = booted(engine, f"mov ebx, {address}\n mov eax, [ebx]\n mov [ebx], eax\n hlt")
    machine.run()
    seen = [entry[:3] for entry in machine.world.log]
    assert seen == [("read", address, 4), ("write", address, 4)]
    assert machine.memory.read(address, 4) == b"\xff" * 4


@pytest.mark.parametrize("ram", [RAM_BYTES, ODD_RAM])
@every_engine
def test_code_runs_there_and_is_run_as_the_host_last_wrote_it(engine: str, ram: int) -> None:
    machine = booted(engine, f"mov ebx, {FRAMEBUFFER + 0x5000}\nagain: call ebx\n jmp again", ram)
    machine.memory.write(FRAMEBUFFER + 0x5000, bytes.fromhex("40 c3"))  # inc eax; ret
    machine.run(60)
    assert machine.regs.gpr[Gpr.RAX] > 2
    machine.memory.write(FRAMEBUFFER + 0x5000, b"\xf4")
    assert machine.run(60) is Stop.HALT


@pytest.mark.parametrize("ram", [RAM_BYTES, ODD_RAM])
@every_engine
def test_code_there_whose_page_was_replaced_is_not_run_stale(engine: str, ram: int) -> None:
    machine = booted(engine, f"mov ebx, {FRAMEBUFFER + 0x5000}\nagain: call ebx\n jmp again", ram)
    machine.memory.write(FRAMEBUFFER + 0x5000, bytes.fromhex("40 c3"))
    machine.run(60)
    at = ram + 0x5000
    machine.memory.ram.view[at : at + 1] = b"\xf4"
    machine.cpu.pages_changed(machine.memory.physical_pages([at // PAGE_SIZE]))
    assert machine.run(60) is Stop.HALT


@every_engine
def test_code_there_that_the_guest_rewrites_runs_as_written(engine: str) -> None:
    text = f"mov ebx, {FRAMEBUFFER + 0x5000}\n mov ecx, 3\nagain: call ebx\n"
    text += "mov byte ptr [ebx], 0x42\n dec ecx\n jnz again\n hlt"  # inc edx, from then on
    machine = booted(engine, text)
    machine.memory.write(FRAMEBUFFER + 0x5000, bytes.fromhex("40 c3"))
    machine.run()
    assert (machine.regs.gpr[Gpr.RAX], machine.regs.gpr[Gpr.RDX]) == (1, 2)


@every_engine
def test_an_exceptions_frame_may_lie_there(engine: str) -> None:
    machine = booted(engine, "int 0x80")
    machine.regs.gpr[Gpr.RSP] = FRAMEBUFFER + PAGE_SIZE
    machine.cpu.registers_changed()
    machine.run()
    frame = machine.memory.read(FRAMEBUFFER + PAGE_SIZE - 12, 4)
    assert int.from_bytes(frame, "little") == CODE + 2
    assert machine.world.log == []


def test_engines_and_pauses_agree_on_a_guest_that_draws() -> None:
    text = f"""
        mov     edi, {FRAMEBUFFER + 100}
        mov     ecx, 500
again:  imul    eax, eax, 0x10dcd
        add     eax, 0x3039
        stosd
        add     edi, 4091
        dec     ecx
        jnz     again
        hlt
"""
    rng = random.Random(3)
    machines = []
    for engine in ENGINES:
        for fixed in (1 << 40, 0, 0):
            machine = booted(engine, text)
            while machine.run(fixed or rng.choice((1, 5, 40, 3000))) is not Stop.HALT:
                assert machine.clock.now < 50_000
            machines.append(machine)
    same(*machines)
