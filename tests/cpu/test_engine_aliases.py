"""Code that is changed through a second mapping of the memory in which it lies."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cpu.aliases import ALIAS, FUNCTION, OTHER, booted, views
from tests.cpu.machines import ENGINES, PRESENT, RAM_BYTES, Machine, U, same
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Stop
from vectoros.layout import FRAMEBUFFER, VIDEO_MEMORY
from vectoros.units import PAGE_SIZE

FAR = 1 << 40
PAUSES = (1, 7, FAR)

every_engine = pytest.mark.parametrize("engine", ENGINES)


def to_the_end(machine: Machine, ticks: int, most: int = 5000) -> Machine:
    while machine.run(ticks) is not Stop.HALT:
        assert machine.clock.now < most
    return machine


def in_all_ways(text: str, mode: str, *, function: str, ring: int = 0) -> list[int]:
    """Run ``text`` on both engines, with pauses and without; return RAX, RBX, RCX and RDX."""
    machines = []
    for engine in ENGINES:
        for ticks in PAUSES:
            machine = booted(engine, mode, ring)
            machine.code(function, FUNCTION)
            if ring:
                machine.handler(0x80, text + "\n hlt")
                machine.code("int 0x80")
            else:
                machine.code(text + "\n hlt")
            machines.append(to_the_end(machine, ticks))
    same(*machines)
    return machines[0].regs.gpr[:4]


MAPPINGS = [(mode, view) for mode in ("long", "pae", "legacy") for view in views(mode)]


@pytest.mark.parametrize(("mode", "view"), MAPPINGS)
def test_a_store_through_another_mapping_that_was_used_before_is_noticed(
    mode: str, view: str
) -> None:
    # The first store makes the mapping's translation one that no longer looks for code.
    alias = views(mode)[view]
    found = in_all_ways(
        f"""
        mov     esi, {FUNCTION}
        mov     edi, {alias}
        mov     byte ptr [edi + 0x800], 1
        mov     byte ptr [edi + 0x800], 2
        call    rsi
        mov     ecx, eax
        mov     byte ptr [edi + 1], 2
        call    rsi
        mov     edx, eax
        mov     byte ptr [edi + 1], 3
        call    rsi
""".replace("rsi", "rsi" if mode == "long" else "esi"),
        mode,
        function="mov eax, 1\n ret",
    )
    assert (found[Gpr.RCX], found[Gpr.RDX], found[Gpr.RAX]) == (1, 2, 3)


@pytest.mark.parametrize(("mode", "view"), MAPPINGS)
def test_every_store_through_another_mapping_is_noticed_and_not_the_first_alone(
    mode: str, view: str
) -> None:
    alias = views(mode)[view]
    found = in_all_ways(
        f"""
        mov     esi, {FUNCTION}
        mov     edi, {alias}
        call    rsi
        mov     ecx, eax
        mov     byte ptr [edi + 0x800], 1
        mov     byte ptr [edi + 1], 2
        mov     byte ptr [edi + 0x801], 1
        mov     byte ptr [edi + 1], 4
        call    rsi
        mov     edx, eax
        mov     dword ptr [edi + 0x802], 1
        mov     dword ptr [edi + 1], 3
        call    rsi
""".replace("rsi", "rsi" if mode == "long" else "esi"),
        mode,
        function="mov eax, 1\n ret",
    )
    assert (found[Gpr.RCX], found[Gpr.RDX], found[Gpr.RAX]) == (1, 4, 3)


STORES = {
    "a byte of a string": "mov al, 7\n stosb",
    "a repeated string": "mov al, 7\n mov ecx, 1\n rep stosb",
    "a locked exchange": "mov al, 7\n lock xchg [rdi], al",
    "a locked compare and exchange": "mov al, 1\n mov cl, 7\n lock cmpxchg [rdi], cl",
    "an increment that is not aligned": "add dword ptr [rdi], 6",
    "a push": "mov rax, 0xc300000007b8\n lea esp, [edi + 7]\n push rax\n mov esp, ebp",
    "a vector": "mov rax, 0xc300000007b8\n movq xmm0, rax\n movups [rdi - 1], xmm0",
    "the state of the FPU": "fninit\n mov esp, edi\n and esp, -16\n sub esp, 0x1f0\n"
    " fxsave [rsp]\n mov esp, ebp\n mov byte ptr [rdi], 7",
}


@pytest.mark.parametrize("view", views("long"))
@pytest.mark.parametrize("store", STORES)
def test_all_kinds_of_stores_through_another_mapping_are_noticed(view: str, store: str) -> None:
    alias = views("long")[view]
    found = in_all_ways(
        f"""
        mov     esi, {FUNCTION + 0x200}
        mov     edi, {alias + 0x201}
        mov     ebp, esp
        mov     byte ptr [rdi + 0x700], 1
        call    rsi
        mov     ebx, eax
        {STORES[store]}
        call    rsi
""",
        "long",
        function=".zero 0x200\n mov eax, 1\n ret",
    )
    assert (found[Gpr.RBX], found[Gpr.RAX]) == (1, 7)


@pytest.mark.parametrize("view", views("long"))
def test_a_store_in_ring_3_through_its_own_mapping_changes_the_code_of_ring_0(view: str) -> None:
    alias = views("long")[view]
    machines = []
    for engine in ENGINES:
        for ticks in PAUSES:
            machine = booted(engine, "long", ring=3)
            machine.map(FUNCTION, FUNCTION, PRESENT & ~U)
            machine.cpu.registers_changed()
            machine.code("mov eax, 1\n ret", FUNCTION)
            machine.handler(
                0x80, f"mov esi, {FUNCTION}\n call rsi\n shl ebx, 4\n or ebx, eax\n iretq"
            )
            machine.handler(0x81, "hlt")
            stores = "".join(
                f"mov byte ptr [edi + 1], {value}\n int 0x80\n" for value in (2, 3, 4, 5)
            )
            machine.code(
                f"mov edi, {alias}\n mov byte ptr [edi + 9], 1\n int 0x80\n {stores} int 0x81"
            )
            machines.append(to_the_end(machine, ticks))
    same(*machines)
    assert machines[0].regs.gpr[Gpr.RBX] == 0x12345


@pytest.mark.parametrize("view", views("long"))
def test_a_block_that_changes_itself_through_another_mapping_runs_as_changed(view: str) -> None:
    alias = views("long")[view] - FUNCTION
    text = f"""
        mov     ebx, {alias}
        mov     ecx, 3
again:  inc     byte ptr [rbx + patch + 1]
        nop
patch:  mov     al, 5
        shl     edx, 4
        or      dl, al
        dec     ecx
        jnz     again
        hlt
"""
    machines = []
    for engine in ENGINES:
        for ticks in (1, 2, 3, 5, 13, FAR):
            machine = booted(engine, "long")
            start = machine.code(text, FUNCTION + 0x700)
            machine.regs.rip = FUNCTION + 0x700
            machine.cpu.registers_changed()
            to_the_end(machine, ticks)
            assert machine.regs.gpr[Gpr.RDX] == 0x678
            assert machine.clock.now == 10 + 3 * (len(start.code) - 11) + 1
            machines.append(machine)
    same(*machines)


@every_engine
def test_code_in_video_memory_is_changed_through_another_mapping(engine: str) -> None:
    # In Unicorn's own numbering of memory, this piece begins where the first ends.
    machine = Machine(engine, ram=RAM_BYTES + 3 * PAGE_SIZE, further=(VIDEO_MEMORY,))
    machine.boot("long")
    machine.map(OTHER, FRAMEBUFFER + 5 * PAGE_SIZE)
    machine.map(ALIAS, FRAMEBUFFER + 5 * PAGE_SIZE, PRESENT)
    machine.cpu.registers_changed()
    stores = "".join(f"mov byte ptr [rdi + 1], {n}\n call rsi\n" for n in (2, 3, 4))
    machine.code(
        f"mov esi, {OTHER}\n mov edi, {ALIAS}\n mov byte ptr [rdi + 9], 1\n call rsi\n"
        + stores
        + "hlt"
    )
    machine.memory.write(FRAMEBUFFER + 5 * PAGE_SIZE, bytes.fromhex("b0 01 c1e304 08c3 c3"))
    machine.run()  # mov al, 1; shl ebx, 4; or bl, al; ret
    assert machine.regs.gpr[Gpr.RBX] == 0x1234


UNREPAIRED = """
import sys
import pytest
import tests.cpu.machines
import vectoros.cpu.engine
tests.cpu.machines.ENGINES = ("portable",)
vectoros.cpu.engine.repair = lambda: "not here"
options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-k", "not unrepaired"]
sys.exit(pytest.main([*options, sys.argv[1]]))
"""


def test_the_portable_engine_notices_all_of_this_on_unrepaired_unicorn_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", UNREPAIRED, __file__], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
