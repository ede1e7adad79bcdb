"""A handler of vector 1 that writes down what it sees, for the tests of debug exceptions.

It writes a line of a log: DR6 and its frame; then it clears DR6.
"""

from __future__ import annotations

import struct

from tests.cpu.machines import CODE, Machine
from vectoros.cpu.bits import Flag
from vectoros.cpu.core import Stop

LOG = 0x6000
"""Where the handler's log lies: its length in bytes, then the lines."""

HANDLERS = {
    64: """
        push    rax
        push    rbx
        mov     ebx, {log}
        add     ebx, [rbx]
        mov     rax, dr6
        mov     [rbx + 8], rax
        mov     rax, [rsp + 16]
        mov     [rbx + 16], rax
        mov     rax, [rsp + 32]
        mov     [rbx + 24], rax
        mov     ebx, {log}
        add     dword ptr [rbx], 24
        mov     eax, 0xffff0ff0
        mov     dr6, rax
        {extra}
        pop     rbx
        pop     rax
        iretq
""",
    32: """
        push    eax
        push    ebx
        mov     ebx, {log}
        add     ebx, [ebx]
        mov     eax, dr6
        mov     [ebx + 8], eax
        mov     eax, [esp + 8]
        mov     [ebx + 16], eax
        mov     eax, [esp + 16]
        mov     [ebx + 24], eax
        mov     ebx, {log}
        add     dword ptr [ebx], 24
        mov     eax, 0xffff0ff0
        mov     dr6, eax
        {extra}
        pop     ebx
        pop     eax
        iretd
""",
    16: """
        push    bp
        mov     bp, sp
        push    eax
        push    bx
        mov     bx, {log}
        add     bx, cs:[bx]
        .byte   0x0f, 0x21, 0xf0
        mov     cs:[bx + 8], eax
        movzx   eax, word ptr [bp + 2]
        mov     cs:[bx + 16], eax
        movzx   eax, word ptr [bp + 6]
        mov     cs:[bx + 24], eax
        mov     bx, {log}
        add     word ptr cs:[bx], 24
        mov     eax, 0xffff0ff0
        .byte   0x0f, 0x23, 0xf0
        {extra}
        pop     bx
        pop     eax
        pop     bp
        iret
""",
}
BS, BD = 0x4000, 0x2000
RESUME = {64: "or dword ptr [rsp + 34], 1", 32: "or dword ptr [esp + 18], 1"}
"""In the handler: set RF in the frame."""


def booted(
    engine: str,
    mode: str,
    text: str,
    *,
    dr7: int = 0,
    dr: tuple[int, ...] = (),
    extra: str = "",
    ring: int = 0,
    flags: int = 0,
) -> Machine:
    """Return a machine at ``text``, with the debug registers set."""
    machine = Machine(engine)
    machine.boot(mode, ring=ring, flags=flags)
    install(machine, extra)
    machine.code(text)
    for number, value in enumerate(dr):
        machine.regs.dr[number] = value
    machine.regs.dr[7] = dr7 | 0x400
    machine.cpu.registers_changed()
    return machine


def install(machine: Machine, extra: str = "") -> None:
    bits = {"real": 16, "compatibility": 64, "long": 64}.get(machine.mode, 32)
    at = 0x5000 if machine.mode == "real" else 0x14000
    machine.code(HANDLERS[bits].format(log=LOG, extra=extra), at, bits)
    if machine.mode == "real":
        machine.memory.write(4, struct.pack("<HH", at, 0))
    else:
        machine.gate(1, at)


def events(machine: Machine) -> list[tuple[int, int, bool]]:
    """Return (DR6 less its fixed bits, RIP from CODE, RF) of each debug exception."""
    size = struct.unpack("<Q", machine.memory.read(LOG, 8))[0]
    base = 0 if machine.mode in ("real", "protected16") else CODE
    lines = struct.iter_unpack("<3Q", machine.memory.read(LOG + 8, size))
    return [
        (dr6 & 0xF00F, (rip - base) % (1 << 64), bool(flags & Flag.RF)) for dr6, rip, flags in lines
    ]


def execute(number: int) -> int:
    return 2 << 2 * number


def watch(number: int, *, length: int, kind: int = 1) -> int:
    size = {1: 0, 2: 1, 8: 2, 4: 3}[length]
    return 2 << 2 * number | kind << 16 + 4 * number | size << 18 + 4 * number


def logged(machine: Machine) -> list[tuple[int, int, bool]]:
    """Run to HLT, or whatever ends it; return the events."""
    assert machine.run(20_000) is Stop.HALT, hex(machine.regs.rip)
    return events(machine)
