"""Two preemptive programs in address spaces of their own, with all that belongs to that.

Ring 3 and ring 0, demand paging, SYSCALL and SYSRET, a timer that switches tasks,
repeated string instructions, and flags on the stack. Whatever the pauses, on
either engine, and across snapshots from one to the other: one and the same end.
"""

from __future__ import annotations

import random
import struct

import pytest

from tests.cpu.machines import (
    CODE64,
    ENGINES,
    IDT,
    KERNEL_STACK,
    PRESENT,
    TSS,
    Machine,
    U,
    difference,
)
from vectoros.cpu.bits import EFER_NXE, EFER_SCE, Flag, Gpr
from vectoros.cpu.core import Stop

NX = 1 << 63
RAM_BYTES = 8 << 20
KERNEL, VARIABLES, TCBS, ROOTS = 0x30000, 0x38000, 0x39000, 0x40000
USER, DATA, HEAP = 0x4000_0000, 0x4001_0000, 0x5000_0000
POOL = 0x30_0000  # physical pages for the heaps
TIMER = 0x40
TICKS, QUANTUM = 600_000, 2_003
SAVED = [f"r{name}" for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", *range(8, 16))]

KERNEL_TEXT = f"""
timer:
        {chr(10).join(f"push {name}" for name in SAVED)}
        mov     ebx, VARIABLES
        mov     rax, [rbx]              # the current task
        mov     [rax], rsp
        xor     rax, 64                 # the other one
        mov     [rbx], rax
        inc     qword ptr [rbx + 8]
        mov     rsp, [rax]
        mov     ecx, TSS
        mov     rdx, [rax + 16]
        mov     [rcx + 4], rdx
        mov     rdx, [rax + 8]
        mov     cr3, rdx
resume:
        {chr(10).join(f"pop {name}" for name in reversed(SAVED))}
        iretq

page_fault:
        push    rax
        push    rbx
        push    rcx
        mov     ecx, VARIABLES
        inc     qword ptr [rcx + 16]
        mov     rax, cr2
        shr     rax, 12
        and     eax, 511
        mov     rbx, [rcx + 24]         # the next free page
        add     qword ptr [rcx + 24], 4096
        or      rbx, 7
        bts     rbx, 63
        mov     rcx, [rcx]
        mov     rcx, [rcx + 24]         # the current task's heap table
        mov     [rcx + rax*8], rbx
        pop     rcx
        pop     rbx
        pop     rax
        add     rsp, 8
        iretq

system_call:
        inc     qword ptr [r15]
        add     rax, r11
        xor     rax, rcx
        .byte   0x48, 0x0f, 0x07        # sysretq
"""

USER_TEXT = """
        mov     ebx, DATA
        mov     r8d, HEAP
        mov     r9d, SEED
        mov     r15d, VARIABLES + 32
again:  imul    rax, r9, 0x41c64e6d
        add     rax, 12345
        mov     r9, rax
        pushfq
        pop     rdx
        xor     r12, rdx
        mov     rsi, rbx
        lea     rdi, [rbx + 0x1000]
        mov     ecx, WORDS
        rep     movsq
        mov     [rbx + 0x20], rax
        syscall
        test    eax, MASK
        jnz     compute
        add     r10, 4096
        and     r10d, 0xfffff
        mov     [r8 + r10], rax
        add     r13, [r8 + r10]
compute:
        mov     ecx, 20
mix:    add     r14, rcx
        rol     r14, 3
        xor     r14, r9
        bt      r14, 5
        adc     r13, 0
        nop
        dec     ecx
        jnz     mix
        jmp     again
"""


class Spaces:
    """Builds the address spaces, each with tables of its own."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.free = ROOTS

    def table(self) -> int:
        self.free += 0x1000
        return self.free - 0x1000

    def map(self, root: int, linear: int, physical: int, flags: int) -> int:
        """Map a page, or with ``flags`` 0 only make its table; return where its entry lies."""
        memory, table = self.machine.memory, root
        for shift in (39, 30, 21):
            at = table + (linear >> shift & 511) * 8
            value = int.from_bytes(memory.read(at, 8), "little")
            if not value:
                value = self.table() | PRESENT
                memory.write(at, value.to_bytes(8, "little"))
            table = value & ~0xFFF
        at = table + (linear >> 12 & 511) * 8
        memory.write(at, (physical | flags if flags else 0).to_bytes(8, "little"))
        return at

    def space(self, task: int) -> tuple[int, int]:
        """Return the root of ``task``'s space, and the physical address of its heap's table."""
        root = self.table()
        for page in range(0, 0x4_0000, 0x1000):
            self.map(root, page, page, PRESENT & ~U | (0 if page == KERNEL else NX))
        for page in range(ROOTS, 0x8_0000, 0x1000):
            self.map(root, page, page, PRESENT & ~U | NX)
        self.map(root, VARIABLES, VARIABLES, PRESENT | NX)
        self.map(root, USER, 0x10_0000 + task * 0x1_0000, PRESENT & ~2)
        for page in range(4):
            physical = 0x14_0000 + task * 0x1_0000 + page * 0x1000
            self.map(root, DATA + page * 0x1000, physical, PRESENT | NX)
        return root, self.map(root, HEAP, 0, 0) & ~0xFFF


def guest(engine: str) -> Machine:
    """Return a machine about to enter its first task."""
    machine = Machine(engine, ram=RAM_BYTES)
    machine.boot("long")
    memory, regs = machine.memory, machine.regs
    names = {"VARIABLES": VARIABLES, "TSS": TSS, "DATA": DATA, "HEAP": HEAP}
    kernel = machine.code(KERNEL_TEXT, KERNEL, **names)
    machine.gate(TIMER, kernel.symbols["timer"], dpl=0)
    machine.gate(14, kernel.symbols["page_fault"], dpl=0)
    spaces = Spaces(machine)
    for task in range(2):
        root, heap = spaces.space(task)
        options = {"SEED": task + 3, "WORDS": 7 + task * 5, "MASK": 0x7_0000 if task else 0x3_0000}
        program = machine.code(USER_TEXT, USER, **names, **options)
        memory.write(0x10_0000 + task * 0x1_0000, program.code)
        stack = KERNEL_STACK - task * 0x1000
        frame = struct.pack("<15Q5Q", *[0] * 15, USER, 0x33, 0x202, DATA + 0x2800, 0x2B)
        memory.write(stack - len(frame), frame)
        tcb = struct.pack("<4Q", stack - len(frame), root, stack, heap)
        memory.write(TCBS + task * 64, tcb)
        if task == 0:
            regs.cr3, regs.gpr[Gpr.RSP] = root, stack - len(frame)
            memory.write(TSS + 4, stack.to_bytes(8, "little"))
    memory.write(VARIABLES, struct.pack("<4Q", TCBS, 0, 0, POOL))
    regs.efer |= EFER_SCE | EFER_NXE
    regs.star, regs.lstar = 0x23 << 48 | CODE64 << 32, kernel.symbols["system_call"]
    regs.fmask = int(Flag.IF)
    regs.rip = kernel.symbols["resume"]
    regs.idtr.base = IDT
    machine.world.vector = TIMER
    machine.cpu.registers_changed()
    return machine


def play(machine: Machine, rng: random.Random | None = None, cuts: tuple[int, ...] = ()) -> Machine:
    """Run to TICKS with the timer, pausing at random, and changing the engine at ``cuts``."""
    timers = range(QUANTUM, TICKS, QUANTUM)
    engines = list(ENGINES) * len(cuts)
    for tick in sorted([*timers, *cuts, TICKS]):
        while machine.clock.now < tick:
            ticks = tick - machine.clock.now
            if rng is not None:
                ticks = min(ticks, rng.choice((1, 5, 17, 333, 2000, rng.randrange(1, 5000))))
            assert machine.run(ticks) is Stop.DEADLINE
        if tick in cuts:
            machine = machine.successor(engines.pop())
        if tick in timers:
            machine.cpu.set_intr(True)
    return machine


@pytest.fixture(scope="module")
def reference() -> Machine:
    return play(guest("fast"))


def check(reference: Machine, machine: Machine) -> None:
    found = difference(reference.view(), machine.view())
    assert not found, f"{reference.engine} and {machine.engine} differ: {found}"


def test_the_guest_does_what_it_is_meant_to(reference: Machine) -> None:
    _, switches, faults, _, calls = struct.unpack("<5Q", reference.memory.read(VARIABLES, 40))
    assert switches == TICKS // QUANTUM - (TICKS % QUANTUM == 0)
    assert faults > 20
    assert calls > 500
    assert reference.cpu.counters().traps == {14: faults}
    assert reference.cpu.counters().syscalls == calls


@pytest.mark.parametrize("seed", range(6))
def test_the_fast_engine_comes_to_the_same_end_whatever_the_pauses(
    reference: Machine, seed: int
) -> None:
    check(reference, play(guest("fast"), random.Random(seed)))


@pytest.mark.parametrize("seed", [None, 1])
def test_the_portable_engine_comes_to_the_same_end(reference: Machine, seed: int | None) -> None:
    check(reference, play(guest("portable"), None if seed is None else random.Random(seed)))


@pytest.mark.parametrize("seed", range(2))
def test_snapshots_across_engines_come_to_the_same_end(reference: Machine, seed: int) -> None:
    rng = random.Random(seed)
    cuts = tuple(sorted(rng.randrange(1, TICKS) for _ in range(6)))
    check(reference, play(guest("portable"), rng if seed else None, cuts))
