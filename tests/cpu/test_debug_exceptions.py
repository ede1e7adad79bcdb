"""Debug exceptions: what raises vector 1, when, and what DR6 and the frame then show."""

from __future__ import annotations

import struct

import pytest

from tests.cpu.debug_log import BD, BS, RESUME, booted, events, execute, logged, watch
from tests.cpu.machines import CODE, DATA, ENGINES, MODES, STUBS, same
from vectoros.cpu.bits import CR4_DE, EFER_SCE, Flag, Gpr
from vectoros.cpu.faults import Vector

every_engine = pytest.mark.parametrize("engine", ENGINES)
every_mode = pytest.mark.parametrize("mode", MODES)


@every_engine
def test_an_instruction_breakpoint_is_a_fault_before_its_instruction(engine: str) -> None:
    machine = booted(
        engine,
        "long",
        "nop\n inc ebx\n nop\n hlt",
        dr7=execute(0),
        dr=(CODE + 1,),
        extra=RESUME[64],
    )
    assert logged(machine) == [(1, 1, False)]
    assert machine.regs.gpr[Gpr.RBX] == 1


DATA_CASES = {
    # name: (code with rsi at DATA, DR7, DR0-3, events)
    "a store": ("nop\n mov [rsi], eax\n nop\n hlt", watch(0, length=4), (DATA,), [(1, 3)]),
    "a load of what is watched for stores": (
        "mov eax, [rsi]\n hlt",
        watch(0, length=4),
        (DATA,),
        [],
    ),
    "a load": ("mov eax, [rsi]\n hlt", watch(0, length=4, kind=3), (DATA,), [(1, 2)]),
    "its last byte": ("mov [rsi + 3], al\n hlt", watch(0, length=4), (DATA,), [(1, 3)]),
    "the byte behind": ("mov [rsi + 4], al\n hlt", watch(0, length=4), (DATA,), []),
    "the byte before": ("mov [rsi - 1], al\n hlt", watch(0, length=4), (DATA,), []),
    "a load not aligned, beside": (
        "mov eax, [rsi + 2]\n hlt",
        watch(0, length=2, kind=3),
        (DATA,),
        [],
    ),
    "a load not aligned, of a part": (
        "mov eax, [rsi + 1]\n hlt",
        watch(0, length=2, kind=3),
        (DATA,),
        [(1, 3)],
    ),
    "a load over two pages": (
        "mov rax, [rsi + 0xffe]\n hlt",
        watch(0, length=1, kind=3),
        (DATA + 0x1005,),
        [(1, 7)],
    ),
    "a store over two pages": (
        "mov [rsi + 0xffe], rax\n hlt",
        watch(0, length=1),
        (DATA + 0x1005,),
        [(1, 7)],
    ),
    "eight bytes": ("mov [rsi + 7], al\n hlt", watch(0, length=8), (DATA,), [(1, 3)]),
    "the address is rounded down": (
        "mov [rsi + 1], al\n hlt",
        watch(0, length=4),
        (DATA + 3,),
        [(1, 3)],
    ),
    "two at once": (
        "mov [rsi], rax\n hlt",
        watch(0, length=1) | watch(3, length=2),
        (DATA + 1, 0, 0, DATA + 6),
        [(9, 3)],
    ),
    "read and written": ("add [rsi], eax\n hlt", watch(2, length=4), (0, 0, DATA), [(4, 2)]),
    "PUSH": ("mov rsp, rsi\n push rax\n hlt", watch(0, length=8), (DATA - 8,), [(1, 4)]),
    "POP": ("mov rsp, rsi\n pop rax\n hlt", watch(0, length=8, kind=3), (DATA,), [(1, 4)]),
    "CALL": (
        "mov rsp, rsi\n call behind\n behind: hlt",
        watch(0, length=8),
        (DATA - 8,),
        [(1, 8)],
    ),
    "MOVS": ("lea rdi, [rsi + 8]\n movsb\n hlt", watch(0, length=1), (DATA + 8,), [(1, 5)]),
    "REP STOS, each time": (
        "mov rdi, rsi\n mov ecx, 3\n rep stosd\n hlt",
        watch(0, length=4) | watch(1, length=4),
        (DATA, DATA + 8),
        [(1, 8), (2, 10)],
    ),
    "a first access that faults": (
        "mov esi, 0x1ff000\n mov [rsi], eax\n hlt",
        watch(0, length=4),
        (0x1FF000,),
        [],
    ),
}


@pytest.mark.parametrize("name", DATA_CASES)
@every_engine
def test_a_data_breakpoint_is_a_trap_behind_what_accesses_it(engine: str, name: str) -> None:
    text, dr7, dr, expected = DATA_CASES[name]
    machine = booted(engine, "long", text, dr7=dr7, dr=dr)
    machine.map(0x1FF000, 0, 0)
    machine.handler(14, "hlt")
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    assert [(dr6, at) for dr6, at, _ in logged(machine)] == expected


@every_engine
def test_a_repeated_string_instruction_is_interrupted_with_rf_but_behind_the_last(
    engine: str,
) -> None:
    text = "mov rdi, rsi\n mov ecx, 2\n rep stosd\n hlt"
    machine = booted(engine, "long", text, dr7=watch(0, length=8), dr=(DATA,))
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    assert logged(machine) == [(1, 8, True), (1, 10, False)]


@every_engine
def test_an_instruction_breakpoint_at_a_repeated_string_instruction_is_met_once(
    engine: str,
) -> None:
    text = "mov rdi, rsi\n mov ecx, 4\n rep stosd\n hlt"
    machine = booted(engine, "long", text, dr7=execute(0), dr=(CODE + 8,), extra=RESUME[64])
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    assert logged(machine) == [(1, 8, False)]
    assert machine.memory.read(DATA, 16) == b"\0" * 16


@every_engine
def test_an_instruction_that_jumps_to_itself_meets_its_breakpoint_each_time(engine: str) -> None:
    machine = booted(
        engine,
        "long",
        "mov ecx, 3\n again: loop again\n hlt",
        dr7=execute(0),
        dr=(CODE + 5,),
        extra=RESUME[64],
    )
    assert logged(machine) == [(1, 5, False)] * 3


@every_engine
def test_single_step_and_a_data_breakpoint_make_one_exception(engine: str) -> None:
    text = "nop\n mov [rsi], eax\n hlt"
    machine = booted(engine, "long", text, dr7=watch(0, length=4), dr=(DATA,), flags=int(Flag.TF))
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    assert logged(machine) == [(BS, 1, False), (BS | 1, 3, False)]


@every_engine
def test_a_step_comes_before_the_breakpoint_at_the_next_instruction(engine: str) -> None:
    machine = booted(
        engine, "long", "nop\n nop\n hlt", dr7=execute(0), dr=(CODE + 1,), flags=int(Flag.TF)
    )
    machine.run(400)
    assert events(machine)[:3] == [(BS, 1, False), (1, 1, False), (1, 1, False)]


SHADOWS = {
    "mov ss, [rsi]": ("mov ss, [rsi]\n nop\n nop\n hlt", watch(0, length=1, kind=3), 3),
    "and what comes next": (
        "mov ss, [rsi]\n mov ecx, [rsi]\n nop\n hlt",
        watch(0, length=1, kind=3),
        4,
    ),
    "a breakpoint behind it": ("mov ss, [rsi]\n nop\n nop\n hlt", 0, None),
}


@pytest.mark.parametrize("name", SHADOWS)
@every_engine
def test_mov_ss_holds_debug_exceptions_back(engine: str, name: str) -> None:
    text, dr7, at = SHADOWS[name]
    dr = (DATA, CODE + 2)
    machine = booted(engine, "long", text, dr7=dr7 or execute(1), dr=dr)
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.memory.write(DATA, b"\x20\0")
    machine.cpu.registers_changed()
    assert logged(machine) == ([] if at is None else [(1, at, False)])


@every_engine
def test_a_breakpoint_behind_sti_is_met(engine: str) -> None:
    machine = booted(
        engine, "long", "sti\n nop\n hlt", dr7=execute(0), dr=(CODE + 1,), extra=RESUME[64]
    )
    assert logged(machine) == [(1, 1, False)]


PORTS = {
    "in al, 0x60": (watch(0, length=1, kind=2), 0x60, [(1, 2)]),
    "out 0x60, eax": (watch(0, length=1, kind=2), 0x63, [(1, 2)]),
    "in al, 0x61": (watch(0, length=1, kind=2), 0x60, []),
    "in al, 0x61 ": (watch(0, length=4, kind=2), 0x60, [(1, 2)]),
}


@pytest.mark.parametrize("text", PORTS)
@every_engine
def test_an_io_breakpoint_is_a_trap_if_cr4_de_is_set(engine: str, text: str) -> None:
    dr7, port, expected = PORTS[text]
    for extensions in (CR4_DE, 0):
        machine = booted(engine, "long", f"{text}\n hlt", dr7=dr7, dr=(port,))
        machine.regs.cr4 |= extensions
        machine.cpu.registers_changed()
        assert [(dr6, at) for dr6, at, _ in logged(machine)] == (expected if extensions else [])


@pytest.mark.parametrize(("access", "at"), [("mov dr0, rax", 1), ("mov rax, dr7", 1)])
@every_engine
def test_general_detect_is_a_fault_and_is_disarmed(engine: str, access: str, at: int) -> None:
    machine = booted(engine, "long", f"nop\n {access}\n nop\n hlt", dr7=1 << 13)
    assert logged(machine) == [(BD, at, True)]
    assert machine.regs.dr[7] == 0x400
    assert machine.cpu.faults()[0].tick == 1


@every_mode
@every_engine
def test_int1_is_a_trap_that_no_gate_refuses_and_leaves_dr6(engine: str, mode: str) -> None:
    ring = 3 if mode in ("protected32", "compatibility", "long") else 0
    machine = booted(engine, mode, "nop\n .byte 0xf1\n nop\n nop\n", ring=ring, dr7=0)
    machine.handler(1, "hlt", dpl=0)
    machine.run(5)
    (fault,) = machine.cpu.faults()
    at = machine.regs.dr[6]
    assert (fault.vector, fault.software, fault.tick) == (Vector.DB, False, 2)
    assert (fault.rip & 0xFFF, at) == (2, 0xFFFF_0FF0)


@every_engine
def test_mov_to_dr7_takes_effect_at_the_next_instruction(engine: str) -> None:
    text = f"mov eax, {watch(0, length=4)}\n nop\n mov dr7, rax\n mov [rsi], ecx\n nop\n hlt"
    machine = booted(engine, "long", text, dr=(DATA,))
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.cpu.registers_changed()
    assert logged(machine) == [(1, 11, False)]


@every_engine
def test_breakpoints_that_the_handler_takes_away_are_gone(engine: str) -> None:
    machine = booted(
        engine,
        "long",
        "nop\n nop\n mov ecx, 9\n l: loop l\n hlt",
        dr7=execute(0),
        dr=(CODE + 1,),
        extra="xor eax, eax\n mov dr7, rax",
    )
    assert logged(machine) == [(1, 1, False)]
    assert machine.regs.dr[7] == 0x400


@every_engine
def test_a_trap_comes_before_an_interrupt_at_the_same_boundary(engine: str) -> None:
    text = "mov rsp, rsi\n popfq\n nop\n nop\n hlt"
    machine = booted(engine, "long", text, dr7=watch(0, length=8, kind=3), dr=(DATA,))
    machine.memory.write(DATA, struct.pack("<Q", Flag.IF | 2))
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.handler(0x20, "hlt")
    machine.cpu.registers_changed()
    machine.cpu.set_intr(True)
    assert logged(machine) == [(1, 4, False)]
    assert machine.regs.rip == STUBS + 0x20 * 64 + 1
    (kept,) = struct.unpack("<Q", machine.memory.read(machine.regs.gpr[Gpr.RSP], 8))
    assert kept == CODE + 4


@every_engine
def test_syscall_clears_tf_by_its_mask_and_int_n_by_its_gate(engine: str) -> None:
    for text in ("syscall", "int 0x80"):
        machine = booted(engine, "long", f"nop\n {text}\n hlt", flags=int(Flag.TF))
        machine.regs.efer |= EFER_SCE
        machine.regs.star, machine.regs.lstar = 0x08 << 32, STUBS + 0x90 * 64
        machine.regs.fmask = int(Flag.TF)
        machine.handler(0x80, "nop\n hlt")
        machine.handler(0x90, "nop\n hlt")
        machine.cpu.registers_changed()
        assert logged(machine) == [(BS, 1, False)]


@every_engine
def test_a_data_breakpoint_is_met_by_a_store_into_its_own_block(engine: str) -> None:
    text = "mov byte ptr [rip + patch + 1], 7\n patch: mov al, 0\n hlt"
    machine = booted(engine, "long", text, dr7=watch(0, length=1), dr=(CODE + 8,))
    assert logged(machine) == [(1, 7, False)]
    assert machine.clock.now
    assert machine.regs.gpr[Gpr.RAX] & 0xFF == 7


@every_mode
def test_the_engines_agree_on_breakpoints_in_every_mode(mode: str) -> None:
    machines = []
    wide = {"real": "bx", "protected16": "bx", "long": "rbx"}.get(mode, "ebx")
    for engine in ENGINES:
        machine = booted(
            engine,
            mode,
            f"mov {wide}, 0x6800\n mov [{wide}], ax\n push {wide}\n pop {wide}\n nop\n hlt",
            dr7=watch(0, length=2) | execute(1),
            dr=(0x6800, 0x18000 + 5),
        )
        machine.run(3000)
        machines.append(machine)
    same(*machines)
    assert events(machines[0])


def test_an_interrupt_waits_for_a_trap_that_mov_ss_holds_back_across_a_snapshot() -> None:
    machines = []
    for engine in ENGINES:
        for resumed in (*ENGINES, ""):
            text = "mov ss, [rsi]\n nop\n nop\n hlt"
            flags = int(Flag.IF)
            watched = watch(0, length=1, kind=3)
            machine = booted(engine, "long", text, dr7=watched, dr=(DATA,), flags=flags)
            machine.regs.gpr[Gpr.RSI] = DATA
            machine.memory.write(DATA, b"\x20\0")
            machine.handler(0x20, "iretq")
            machine.cpu.registers_changed()
            machine.run(2)
            assert machine.record()["breakpoints_due"] == 1
            if resumed:
                machine = machine.successor(resumed)
            machine.cpu.set_intr(True)
            assert logged(machine) == [(1, 3, False)]
            assert [kind for kind, *_ in machine.world.log] == ["acknowledge"]
            machines.append(machine)
    views = [machine.view() for machine in machines]
    assert all(view == views[0] for view in views)


@pytest.mark.parametrize("text", ["int 0x80", "syscall", "int3"])
@every_engine
def test_a_trap_that_mov_ss_holds_back_finds_the_kernel_it_has_entered(
    engine: str, text: str
) -> None:
    entry = STUBS + 0x90 * 64
    code = f"mov ss, [rsi]\n {text}\n hlt"
    machine = booted(engine, "long", code, dr7=watch(0, length=1, kind=3), dr=(DATA,))
    machine.regs.gpr[Gpr.RSI] = DATA
    machine.memory.write(DATA, b"\x20\0")
    machine.regs.efer |= EFER_SCE
    machine.regs.star, machine.regs.lstar = 0x08 << 32, entry
    machine.handler(0x90, "hlt")
    machine.gate(0x80, entry)
    machine.gate(3, entry)
    machine.cpu.registers_changed()
    assert logged(machine) == [(1, (entry - CODE) % (1 << 64), False)]
