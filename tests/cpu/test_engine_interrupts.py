"""The INTR and NMI pins: when an interrupt is taken, and when it has to wait."""

from __future__ import annotations

import pytest

from tests.cpu.machines import ENGINES, IDT, MODES, STUB_BYTES, STUBS, Machine, same
from vectoros.cpu.bits import Flag, Gpr
from vectoros.cpu.core import Stop

every_engine = pytest.mark.parametrize("engine", ENGINES)
every_mode = pytest.mark.parametrize("mode", MODES)
VECTOR, NMI = 0x20, 2


def stub(vector: int) -> int:
    return STUBS + vector * STUB_BYTES


def booted(engine: str, mode: str, text: str, *, interrupts: bool = False) -> Machine:
    machine = Machine(engine)
    machine.boot(mode, flags=Flag.IF if interrupts else 0)
    machine.code(text)
    return machine


def taken(machine: Machine) -> list[object]:
    """Return the ticks of the interrupt-acknowledge cycles."""
    return [entry[4] for entry in machine.world.log if entry[0] == "acknowledge"]


@every_mode
@every_engine
def test_an_interrupt_is_taken_at_the_next_boundary(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n nop\n nop\n nop\n hlt", interrupts=True)
    machine.run(2)
    machine.cpu.set_intr(True)
    assert machine.run() is Stop.HALT  # the handler's
    assert taken(machine) == [2]
    assert machine.clock.now == 3
    assert not machine.flag(Flag.IF)


@every_engine
def test_an_interrupt_waits_while_if_is_clear(engine: str) -> None:
    machine = booted(engine, "long", "nop\n nop\n nop\n hlt")
    machine.cpu.set_intr(True)
    assert machine.run() is Stop.HALT
    assert (taken(machine), machine.clock.now) == ([], 4)


@every_mode
@every_engine
def test_the_instruction_behind_sti_is_not_interrupted(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n sti\n nop\n nop\n hlt")
    machine.cpu.set_intr(True)
    machine.run(2)
    assert machine.regs.interrupt_shadow
    assert taken(machine) == []
    machine.run()
    assert taken(machine) == [3]


@every_engine
def test_sti_behind_sti_does_not_prolong_the_shadow(engine: str) -> None:
    machine = booted(engine, "long", "sti\n sti\n sti\n sti\n hlt")
    machine.cpu.set_intr(True)
    machine.run()
    assert taken(machine) == [2]


@pytest.mark.parametrize("jump", ["ret", "jmp rdx", "jmp [rsp]", "call rdx"])
@every_engine
def test_an_indirect_jump_behind_sti_is_followed_by_the_interrupt(engine: str, jump: str) -> None:
    text = f"""
            mov     ecx, 2
    again:  lea     rdx, [rip + back]
            push    rdx
            jmp     open
    back:   nop                     # the interrupt is due here
            cli
            dec     ecx
            jnz     again
            hlt
    open:   sti
            {jump}
    """
    machine = booted(engine, "long", text)
    while machine.regs.gpr[Gpr.RCX] != 1:  # every block has been met
        machine.run(1)
    machine.cpu.set_intr(True)
    machine.run()
    assert taken(machine) != []
    assert machine.regs.gpr[Gpr.RCX] == 1


@every_mode
@every_engine
def test_the_instruction_behind_mov_ss_is_not_interrupted(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "mov ax, ss\n mov ss, ax\n nop\n nop\n hlt", interrupts=True)
    sizes = {16: (2, 2), 32: (3, 3), 64: (3, 3)}[machine.regs.code_bits]
    while not machine.regs.interrupt_shadow:
        machine.run(1)
    before = machine.clock.now
    assert before >= sum(sizes) - 1
    machine.cpu.set_intr(True)
    machine.run()
    assert taken(machine) == [before + 1]


@every_mode
@every_engine
def test_popf_opens_the_window_at_once(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "pushf\n pop ax\n or ax, 0x200\n push ax\n popf\n nop\n hlt")
    if mode in {"protected32", "compatibility"}:
        machine.code("pushfd\n pop eax\n or eax, 0x200\n push eax\n popfd\n nop\n hlt")
    elif mode == "long":
        machine.code("pushfq\n pop rax\n or eax, 0x200\n push rax\n popfq\n nop\n hlt")
    machine.cpu.set_intr(True)
    opened = None
    while not taken(machine):
        machine.run(1)
        opened = opened or (machine.clock.now if machine.flag(Flag.IF) else None)
    # Taken at the boundary behind POPF, which is also where the slice ended.
    assert taken(machine) == [machine.clock.now]
    assert machine.regs.rip in {stub(VECTOR), stub(VECTOR) & 0xF}


@every_engine
def test_iret_opens_the_window_at_once(engine: str) -> None:
    machine = booted(engine, "long", "int 0x80\n nop\n hlt", interrupts=True)
    machine.handler(0x80, "nop\n iretq")
    machine.run(3)
    machine.cpu.set_intr(True)
    machine.run()
    assert taken(machine) == [2 + 1 + 2]


@every_engine
def test_a_window_that_opens_at_the_deadline_is_used_at_the_deadline(engine: str) -> None:
    machine = booted(engine, "long", "sti\n nop\n nop\n hlt")
    machine.cpu.set_intr(True)
    assert machine.run(2) is Stop.DEADLINE
    assert (taken(machine), machine.regs.rip) == ([2], stub(VECTOR))


@every_engine
def test_an_interrupt_comes_before_the_fetch_of_a_missing_page(engine: str) -> None:
    for nx in (0, 0x800):
        text = "push 0x20\n push 0x20000\n push 0x202\n push 8\n push 0x1ff000\n iretq"
        machine = booted(engine, "long", text)
        machine.regs.efer |= nx
        machine.map(0x1FF000, 0, 0)
        machine.cpu.registers_changed()
        machine.cpu.set_intr(True)
        machine.run()
        assert [fault.vector for fault in machine.cpu.faults()] == []
        assert taken(machine) == [machine.clock.now - 1]


@every_engine
def test_an_interrupt_comes_before_the_undefined_code_of_a_hole(engine: str) -> None:
    machine = booted(engine, "protected32", "push 0x202\n push 0x10\n push 0x40000000\n iretd")
    machine.cpu.set_intr(True)
    machine.run()
    assert [fault.vector for fault in machine.cpu.faults()] == []
    assert taken(machine) == [machine.clock.now - 1]


@every_engine
def test_lowering_intr_from_a_callback_prevents_the_interrupt(engine: str) -> None:
    machine = booted(engine, "long", "cli\n out 0x10, al\n sti\n nop\n nop\n hlt")
    machine.world.hooks[0x10] = lambda: machine.cpu.set_intr(False)
    machine.cpu.set_intr(True)
    machine.run()
    assert taken(machine) == []


@every_engine
def test_the_vector_is_asked_for_at_the_moment_of_delivery(engine: str) -> None:
    machine = booted(engine, "long", "cli\n out 0x10, al\n sti\n nop\n hlt")
    machine.handler(0x55, "mov bl, 7\n hlt")

    def change() -> None:
        machine.world.vector = 0x55

    machine.world.hooks[0x10] = change
    machine.cpu.set_intr(True)
    machine.run()
    assert machine.regs.gpr[Gpr.RBX] & 0xFF == 7


@every_engine
def test_hlt_behind_sti_halts_with_the_interrupt_still_to_come(engine: str) -> None:
    machine = booted(engine, "long", "sti\n hlt\n nop")
    machine.cpu.set_intr(True)
    assert machine.run() is Stop.HALT
    assert (taken(machine), machine.clock.now) == ([], 2)
    machine.run()
    assert taken(machine) == [2]


@every_mode
@every_engine
def test_an_nmi_is_taken_although_if_is_clear(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n nop\n nop\n hlt")
    machine.run(1)
    machine.cpu.nmi_pending = True
    machine.run()
    assert machine.clock.now == 2
    assert machine.regs.nmi_blocked
    assert not machine.cpu.nmi_pending


@every_mode
@every_engine
def test_a_second_nmi_waits_for_iret(engine: str, mode: str) -> None:
    machine = booted(engine, mode, "nop\n nop\n nop\n hlt")
    iret = {"real": "iret", "protected16": "iretd", "protected32": "iretd"}.get(mode, "iretq")
    machine.handler(NMI, f"inc ebx\n nop\n {iret}")
    machine.run(1)
    machine.cpu.nmi_pending = True
    machine.run(1)
    machine.cpu.nmi_pending = True
    machine.run(1)
    assert machine.cpu.nmi_pending
    assert machine.run() is Stop.HALT
    assert machine.regs.gpr[Gpr.RBX] == 2
    assert not machine.cpu.nmi_pending
    assert not machine.regs.nmi_blocked


@every_engine
def test_an_nmi_that_waits_for_iret_is_taken_at_its_boundary(engine: str) -> None:
    machine = booted(engine, "long", "nop\n" * 100 + "hlt")
    machine.handler(NMI, "inc ebx\n iretq")
    machine.cpu.nmi_pending = True
    machine.run(1)
    machine.cpu.nmi_pending = True
    machine.run(2)  # iretq, behind inc ebx: the second one is there
    assert (machine.clock.now, machine.regs.rip) == (4, stub(NMI))


@every_engine
def test_an_nmi_wakes_from_hlt(engine: str) -> None:
    machine = booted(engine, "long", "hlt\n inc ecx\n hlt")
    machine.handler(NMI, "iretq")
    assert machine.run() is Stop.HALT
    machine.cpu.nmi_pending = True
    assert machine.run() is Stop.HALT
    assert machine.regs.gpr[Gpr.RCX] == 1


@every_engine
def test_an_nmi_comes_before_an_interrupt(engine: str) -> None:
    machine = booted(engine, "long", "nop\n hlt", interrupts=True)
    machine.handler(NMI, "inc ebx\n iretq")
    machine.cpu.set_intr(True)
    machine.cpu.nmi_pending = True
    machine.run()
    assert machine.regs.gpr[Gpr.RBX] == 1
    assert taken(machine) == [4]


@every_engine
def test_an_nmi_through_a_trap_gate_is_interrupted_at_once(engine: str) -> None:
    machine = booted(engine, "long", "nop\n hlt", interrupts=True)
    machine.handler(NMI, "inc ebx\n iretq", gate=0xF)
    machine.cpu.set_intr(True)
    machine.cpu.nmi_pending = True
    machine.run()
    assert machine.regs.gpr[Gpr.RBX] == 0
    assert taken(machine) == [0]


@every_engine
def test_an_interrupt_whose_delivery_faults_is_not_taken_twice(engine: str) -> None:
    machine = booted(engine, "long", "nop\n nop\n hlt", interrupts=True)
    machine.memory.write(IDT + VECTOR * 16 + 5, b"\x6e")  # not present
    machine.cpu.set_intr(True)
    machine.run()
    assert taken(machine) == [0]
    assert [(f.vector, f.error_code, f.delivered) for f in machine.cpu.faults()] == [
        (11, VECTOR * 8 + 3, True)  # EXT: an interrupt is no INT n
    ]


@every_engine
def test_a_page_fault_in_delivery_is_not_taken_for_a_fetch(engine: str) -> None:
    # The stack is the page behind the code's, and missing; NX is off, so nothing tells.
    machine = booted(engine, "long", "nop\n nop\n hlt", interrupts=True)
    machine.map(0x1E000, 0, 0)
    machine.regs.rip = 0x1DFFD
    machine.memory.write(0x1DFFD, b"\x90\x90\xf4")
    machine.regs.gpr[Gpr.RSP] = 0x1E100
    machine.gate(14, stub(14), ist=1)
    machine.memory.write(0x3024, (0x24000).to_bytes(8, "little"))
    machine.cpu.registers_changed()
    machine.cpu.set_intr(True)
    machine.run()
    assert [(f.vector, f.cr2, f.tick) for f in machine.cpu.faults()] == [(14, 0x1E0F8, 0)]


def test_any_slicing_takes_interrupts_at_the_same_boundaries() -> None:
    text = """
again:  sti
        inc     eax
        cli
        inc     ebx
        pushfq
        or      dword ptr [rsp], 0x200
        popfq
        inc     ecx
        mov     dx, ss
        mov     ss, dx
        inc     esi
        jmp     again
    """
    machines = []
    for engine in ENGINES:
        for ticks in (1, 2, 5, 13, 1 << 40):
            machine = booted(engine, "long", text)
            machine.handler(VECTOR, "add r8, [rsp]\n ror r8, 7\n iretq")
            machine.handler(NMI, "add r9, [rsp]\n ror r9, 7\n iretq")
            for event in range(37, 3000, 53):
                while machine.clock.now < event:
                    machine.run(min(ticks, event - machine.clock.now))
                if event % 3:
                    machine.cpu.set_intr(True)
                else:
                    machine.cpu.nmi_pending = True
            machines.append(machine)
    same(*machines)
    assert len(taken(machines[0])) > 30
