"""Puts a random program (programs.py) into a machine, with handlers that send it on."""

from __future__ import annotations

from tests.cpu.machines import CODE, HOLE, IOPL3, LONG_MODES, STUB_BYTES, STUBS, Machine
from tests.cpu.programs import LABELS, MISSING, VECTORS, Flavour
from vectoros.assembler import Program, assemble
from vectoros.cpu.bits import CR4_OSFXSR, EFER_SCE, Flag
from vectoros.cpu.faults import WITH_ERROR_CODE


def install(machine: Machine, flavour: Flavour, source: str, *, iopl3: bool) -> Program:
    """Boot ``machine`` to the start of ``source``, with handlers for whatever may come."""
    regs = machine.regs
    flags = IOPL3 if iopl3 and flavour.mode != "real" else 0
    machine.boot(flavour.mode, ring=flavour.ring, flags=flags)
    program = assemble(source, origin=flavour.code, bits=flavour.bits)
    machine.memory.write(flavour.code or CODE, program.code)
    regs.rip = flavour.code
    handler_bits = 16 if flavour.mode == "real" else 64 if flavour.mode in LONG_MODES else 32
    for label in range(LABELS):
        at = flavour.counter + 8 + label * handler_bits // 8
        address = program.symbols[f"at{label}"]
        machine.memory.write(at, address.to_bytes(handler_bits // 8, "little"))
    for vector in range(32):
        machine.handler(vector, _handler(flavour, handler_bits, vector))
    for vector in VECTORS:
        machine.handler(vector, _handler(flavour, handler_bits, vector))
    if flavour.mode in LONG_MODES:
        machine.map(HOLE, HOLE)
        machine.map(MISSING, 0, 0)
        _syscalls(machine)
    regs.cr4 |= CR4_OSFXSR
    machine.cpu.registers_changed()
    return program


def _handler(flavour: Flavour, bits: int, vector: int) -> str:
    """Return a handler: of a fault, back to the next label; of another event, back."""
    if vector in {1, 2, 3, 4, *VECTORS}:
        return {16: "iret", 32: "iretd", 64: "iretq"}[bits]
    text = {16: _RECOVER16, 32: _RECOVER32, 64: _RECOVER64}[bits]
    drop = "" if bits == 16 or vector not in WITH_ERROR_CODE else _DROP[bits]
    return drop + text.format(counter=flavour.counter, table=flavour.counter + 8, mask=LABELS - 1)


_DROP = {32: "add esp, 4\n", 64: "add rsp, 8\n"}
_RECOVER16 = """
        push    bp
        mov     bp, sp
        push    ax
        push    si
        push    ds
        xor     ax, ax
        mov     ds, ax
        inc     word ptr [{counter}]
        mov     si, [{counter}]
        and     si, {mask}
        add     si, si
        mov     ax, [si + {table}]
        mov     [bp + 2], ax
        pop     ds
        pop     si
        pop     ax
        pop     bp
        iret
"""
_RECOVER32 = """
        push    eax
        inc     dword ptr [{counter}]
        mov     eax, [{counter}]
        and     eax, {mask}
        mov     eax, [eax*4 + {table}]
        mov     [esp + 4], eax
        pop     eax
        iretd
"""
_RECOVER64 = """
        push    rax
        push    rcx
        mov     ecx, {counter}
        inc     dword ptr [rcx]
        mov     eax, [rcx]
        and     eax, {mask}
        mov     rax, [rcx + rax*8 + 8]
        mov     [rsp + 16], rax
        pop     rcx
        pop     rax
        iretq
"""


def _syscalls(machine: Machine) -> None:
    regs = machine.regs
    regs.efer |= EFER_SCE
    regs.star = 0x23 << 48 | 0x08 << 32
    regs.lstar, regs.fmask = STUBS + 0x90 * STUB_BYTES, int(Flag.DF | Flag.TF)
    machine.code("xor r10, rcx\n add r13, r11\n .byte 0x48, 0x0f, 0x07", regs.lstar, 64)
