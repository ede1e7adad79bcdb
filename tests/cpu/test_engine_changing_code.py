"""Code that changes: by the host, by itself, by mappings, by exception frames."""

from __future__ import annotations

import random

import pytest

from tests.cpu.machines import CODE, DATA, ENGINES, NX, PRESENT, A, Machine, same
from vectoros.cpu.bits import EFER_NXE, Gpr, Seg
from vectoros.cpu.core import Stop
from vectoros.cpu.repairs import repair
from vectoros.units import PAGE_SIZE

every_engine = pytest.mark.parametrize("engine", ENGINES)


def booted(engine: str, mode: str, text: str) -> Machine:
    machine = Machine(engine)
    machine.boot(mode)
    machine.code(text)
    return machine


@every_engine
def test_code_that_the_host_writes_between_slices_runs_as_written(engine: str) -> None:
    machine = booted(engine, "long", "again: inc eax\n nop\n jmp again")
    machine.run(50)
    machine.memory.write(CODE, b"\xf4")
    machine.regs.rip = CODE
    machine.cpu.registers_changed()
    assert machine.run(50) is Stop.HALT


@every_engine
def test_code_that_the_host_writes_in_a_callback_runs_as_written(engine: str) -> None:
    text = "again: inc eax\n out 0x10, al\n jmp next\nnext: nop\n jmp again"
    machine = booted(engine, "long", text)
    machine.run(40)
    calls = len(machine.world.log)
    machine.world.hooks[0x10] = lambda: machine.memory.write(CODE + 6, b"\xf4")
    assert machine.run(40) is Stop.HALT
    assert len(machine.world.log) == calls + 1


@every_engine
def test_pages_that_were_replaced_are_seen(engine: str) -> None:
    machine = booted(engine, "long", "again: inc eax\n jmp again")
    machine.run(50)
    machine.memory.ram.view[CODE : CODE + 1] = b"\xf4"
    machine.regs.rip = CODE
    machine.cpu.pages_changed([CODE // PAGE_SIZE])
    machine.cpu.registers_changed()
    assert machine.run(50) is Stop.HALT


@pytest.mark.parametrize(
    "pages", [[0, 24], [23, 24], [24, 25], [23, 24, 25, 40], [0, 1, 24], [24, 23], [24, 24]]
)
@every_engine
def test_each_of_several_pages_that_were_replaced_is_seen(engine: str, pages: list[int]) -> None:
    assert CODE // PAGE_SIZE == 24
    machine = booted(engine, "long", "again: inc eax\n jmp again")
    machine.run(50)
    machine.memory.ram.view[CODE : CODE + 1] = b"\xf4"
    machine.regs.rip = CODE
    machine.cpu.pages_changed(pages)
    machine.cpu.registers_changed()
    assert machine.run(50) is Stop.HALT


@every_engine
def test_a_changed_mapping_is_seen_after_registers_changed(engine: str) -> None:
    machine = booted(engine, "long", "mov ebx, 0x1ff000\n mov eax, [rbx]\n jmp $")
    machine.code("mov ebx, 0x1ff000\nagain: mov eax, [rbx]\n jmp again")
    machine.memory.write(DATA, b"\1\0\0\0\2\0\0\0")
    machine.map(0x1FF000, DATA)
    machine.run(30)
    assert machine.regs.gpr[Gpr.RAX] == 1
    machine.memory.write(DATA + PAGE_SIZE, b"\7\0\0\0")
    machine.map(0x1FF000, DATA + PAGE_SIZE)
    machine.cpu.registers_changed()
    machine.run(30)
    assert machine.regs.gpr[Gpr.RAX] == 7


@pytest.mark.parametrize("mode", ["real", "protected32", "long"])
def test_a_store_into_the_running_block_is_charged_once(mode: str) -> None:
    text = {
        "real": "mov byte ptr cs:[patch - {0} + 1], 7",
        "protected32": "mov byte ptr [patch + 1], 7",
        "long": "mov byte ptr [rip + patch + 1], 7",
    }[mode].format(CODE)
    machines = []
    for engine in ENGINES:
        for ticks in (1, 2, 3, 7, 1 << 40):
            program = f"nop\n nop\n {text}\n inc cx\npatch: mov al, 0\n nop\n hlt"
            machine = booted(engine, mode, program)
            start = machine.regs.rip
            while machine.run(ticks) is not Stop.HALT:
                assert machine.clock.now < 200
            assert machine.regs.gpr[Gpr.RAX] & 0xFF == 7
            assert machine.clock.now == machine.regs.rip - start
            machines.append(machine)
    same(*machines)


@pytest.mark.parametrize(
    "store",
    ["mov byte ptr [rip + patch], 0x90", "add dword ptr [rip + patch], 0x01000000", "stosb"],
)
def test_a_loop_that_rewrites_itself_keeps_exact_time(store: str) -> None:
    text = f"""
        mov     esi, 30
again:  lea     rdi, [rip + patch]
        inc     eax
        add     eax, eax
        {store}
        adc     ebx, 3
        inc     ecx
patch:  .byte   0x05, 1, 0, 0, 0        # add eax, 1
        dec     esi
        jnz     again
        hlt
"""
    rng = random.Random(store)
    machines = []
    for engine in ENGINES:
        for fixed in (1, 1 << 40, 0, 0, 0):
            machine = booted(engine, "long", text)
            while machine.run(fixed or rng.choice((1, 2, 5, 9, 40))) is not Stop.HALT:
                assert machine.clock.now < 5000
            machines.append(machine)
    same(*machines)


OVERWRITING = {
    "a call pushes on its own block": (
        f"mov esp, {CODE + 16}\n inc ebx\n call over\n hlt\n .zero 16\nover: inc ebx\n hlt",
        5 + 2 + 5 + 2 + 1,
    ),
    "a repeated store overwrites itself": (
        "lea edi, [rip + again]\n mov al, 0x90\n mov ecx, 9\nagain: rep stosb\n"
        + "nop\n" * 8
        + "hlt",
        7 + 2 + 5 + 2 + 1 + 8 + 1,
    ),
    "a repeated store overwrites what is before it": (
        "mov ebp, 2\nagain: lea edi, [rip + again]\n mov al, 0x90\n mov ecx, 3\n"
        "rep stosb\n nop\n dec ebp\n jnz again\n hlt",
        None,
    ),
    "in single-step mode, a store changes itself": (
        "pushfq\n or dword ptr [rsp], 0x100\n popfq\n"
        "self: mov byte ptr [rip + self + 6], 7\n nop\n hlt",
        None,
    ),
}


@pytest.mark.skipif(repair() is not None, reason=f"the repair: {repair()}")
@pytest.mark.parametrize("name", OVERWRITING)
def test_an_instruction_that_overwrites_the_block_that_it_ends_is_charged_once(name: str) -> None:
    text, due = OVERWRITING[name]
    machines = []
    for engine in ENGINES:
        for ticks in (1, 2, 5, 1 << 40):
            machine = booted(engine, "long", text)
            machine.handler(1, "inc edx\n iretq")
            while machine.run(ticks) is not Stop.HALT:
                assert machine.clock.now < 300
            assert due in (None, machine.clock.now)
            machines.append(machine)
    same(*machines)


@pytest.mark.skipif(repair() is not None, reason=f"the repair: {repair()}")
@pytest.mark.parametrize("at", [DATA + 0x701, DATA + PAGE_SIZE - 1])
@pytest.mark.parametrize("verb", ["add", "xor"])
def test_an_addition_that_begins_before_the_running_block_is_made_once(at: int, verb: str) -> None:
    # Unaligned, in one page or two; only its second byte is in the block that it changes.
    machines = []
    for engine in ENGINES:
        for ticks in (1, 2, 7, 1 << 40):
            text = f"data: .byte 4\n mov cl, 0\n {verb} word ptr [rip + data], 0x0101\n nop\n hlt"
            machine = booted(engine, "long", "nop")
            machine.code(text, at)
            machine.regs.rip = at + 1
            machine.cpu.registers_changed()
            while machine.run(ticks) is not Stop.HALT:
                assert machine.clock.now < 100
            assert machine.clock.now == 2 + 9 + 1 + 1
            assert machine.memory.read(at, 2) == {"add": b"\5\xb2", "xor": b"\5\xb0"}[verb]
            machines.append(machine)
    same(*machines)


def test_both_engines_run_a_program_that_unpacks_itself_alike() -> None:
    # Decodes 200 bytes behind itself, byte by byte, and runs them; then again with other bytes.
    text = """
        mov     ebp, 3
round:  lea     rsi, [rip + packed]
        lea     rdi, [rip + room]
        mov     ecx, 200
next:   mov     al, [rsi]
        xor     al, 0x90
        mov     [rdi], al
        inc     rsi
        inc     rdi
        dec     ecx
        jnz     next
        call    room
        inc     byte ptr [rip + packed + 5]
        dec     ebp
        jnz     round
        hlt
packed: .zero   199
        .byte   0x53                    # 90h ^ C3h: ret
room:   .zero   200
"""
    machines = []
    for engine in ENGINES:
        for ticks in (3, 1 << 40):
            machine = booted(engine, "long", text)
            while machine.run(ticks) is not Stop.HALT:
                assert machine.clock.now < 30_000
            machines.append(machine)
    same(*machines)


@every_engine
def test_code_that_an_exceptions_frame_overwrites_is_not_run_stale(engine: str) -> None:
    # INT n pushes FLAGS, CS and IP on a subroutine that has run. IP is 72F4h: HLT comes first.
    for ticks in (1, 1 << 40):
        machine = booted(engine, "real", "nop")
        machine.regs.segs[Seg.CS].load(0, 0, 0xFFFF, 0x9B00)
        machine.code("inc bx\n inc bx\n inc bx\n inc bx\n inc bx\n ret", 0x6FFA)
        caller = "mov sp, 0x6f00\n mov ax, 0x6ffa\n call ax\n mov sp, 0x7000\n int 0x80"
        machine.code(caller, 0x72E7)
        machine.code("mov ax, 0x6ffa\n jmp ax", 0x6E00)
        machine.memory.write(0x80 * 4, (0x6E00).to_bytes(4, "little"))
        machine.regs.rip = 0x72E7
        machine.cpu.registers_changed()
        while machine.run(ticks) is not Stop.HALT:
            assert machine.clock.now < 100
        assert machine.memory.read(0x6FFA, 2) == b"\xf4\x72"
        assert (machine.regs.gpr[Gpr.RBX], machine.regs.rip) == (5, 0x6FFB)


@pytest.mark.parametrize("flags", [PRESENT, PRESENT | NX, PRESENT & ~A])
@every_engine
def test_code_under_an_exceptions_frame_is_not_run_stale_whatever_maps_the_stack(
    engine: str, flags: int
) -> None:
    # INT n pushes its frame on a subroutine that has run. RIP ends with F4h: HLT comes first.
    stack, routine = 0x1F_0000, DATA + 0x808
    for ticks in (1, 1 << 40):
        machine = booted(engine, "long", "nop")
        machine.regs.efer |= EFER_NXE
        entry = machine.map(stack, DATA, flags)
        machine.code("inc ebx\n" * 30 + "ret", routine)
        machine.handler(0x80, f"mov eax, {routine}\n jmp rax")
        caller = f"mov eax, {routine}\n call rax\n mov esp, {stack + 0x808 + 40}\n int 0x80"
        machine.code(caller, CODE + 0xF4 - 14)
        machine.regs.rip = CODE + 0xF4 - 14
        machine.cpu.registers_changed()
        while machine.run(ticks) is not Stop.HALT:
            assert machine.clock.now < 200
        assert machine.memory.read(routine, 2) == b"\xf4\x80"
        assert (machine.regs.gpr[Gpr.RBX], machine.regs.rip) == (30, routine + 1)
        assert machine.memory.read(entry, 1)[0] & A


@pytest.mark.parametrize("flavour", ["ss", "cs"])
def test_both_engines_run_alike_on_a_stack_that_overwrites_code(flavour: str) -> None:
    # The stack grows down from the code that runs, through code that has run.
    text = "again: int 0x80\n add bx, ax\n dec cx\n jnz again\n hlt"
    machines = []
    for engine in ENGINES:
        for ticks in (1, 7, 1 << 40):
            machine = booted(engine, "real", "nop")
            machine.regs.segs[Seg.CS].load(0, 0, 0xFFFF, 0x9B00)
            machine.code(text, 0x7C00)
            handler = 0x7BF7 if flavour == "ss" else 0x6E00
            machine.code("inc ax\n nop\n nop\n nop\n nop\n iret", handler)
            machine.memory.write(0x80 * 4, handler.to_bytes(4, "little"))
            machine.regs.gpr[Gpr.RSP], machine.regs.gpr[Gpr.RCX] = 0x7C02, 9
            machine.regs.rip = 0x7C00
            machine.cpu.registers_changed()
            while machine.clock.now < 300:
                if machine.run(min(ticks, 300 - machine.clock.now)) is Stop.HALT:
                    break
            machines.append(machine)
    same(*machines)
