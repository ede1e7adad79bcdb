"""A quick trial of exactness: one small guest, run in several ways, must end in one state.

The guest programs the timer and the interrupt controller and then counts, with
an interrupt every few microseconds. It runs in one piece, and again in uneven
pieces, on each engine. ``vectoros doctor`` shows the outcome.
"""

from __future__ import annotations

from vectoros.api import Machine
from vectoros.assembler import assemble
from vectoros.config import Config
from vectoros.cpu.selftest import reset_real_mode
from vectoros.layout import BOOT_SECTOR, port_area
from vectoros.units import MIB

TICKS = 1_000_000
"""Length of the trial: a quarter of a millisecond of virtual time."""

PAUSES = range(1, TICKS, 30_011)
"""Ticks at which the second run is interrupted; the step is prime."""

PROGRAM = """
        mov     word ptr [VECTOR * 4], interrupt
        mov     al, 0x11                # ICW1 to ICW4, then a mask: only the timer
        out     PIC_COMMAND, al
        mov     al, VECTOR
        out     PIC_DATA, al
        mov     al, 4
        out     PIC_DATA, al
        mov     al, 1
        out     PIC_DATA, al
        mov     al, 0xfe
        out     PIC_DATA, al
        mov     al, 0x34                # counter 0, both bytes, rate generator
        out     PIT_CONTROL, al
        mov     al, 20                  # every 17 us
        out     PIT_COUNTER, al
        mov     al, 0
        out     PIT_COUNTER, al
        sti
count:  inc     cx
        test    cx, 0x7ff
        jnz     count
        hlt
        jmp     count
interrupt:
        inc     bx
        push    ax
        mov     al, 0x20                # end of interrupt
        out     PIC_COMMAND, al
        pop     ax
        iret
"""

CONSTANTS = {
    "VECTOR": 0x20,
    "PIC_COMMAND": port_area("pic1").base,
    "PIC_DATA": port_area("pic1").base + 1,
    "PIT_COUNTER": port_area("pit").base,
    "PIT_CONTROL": port_area("pit").base + 3,
}


def exactness(engine: str) -> str | None:
    """Return what is inexact about ``engine``, or None if the trial went well."""
    whole, pieces = _hash(engine, pauses=False), _hash(engine, pauses=True)
    if whole != pieces:
        return f"the {engine} engine gives {whole:.16} in one run and {pieces:.16} with pauses"
    if engine != "portable" and whole != (other := _hash("portable", pauses=False)):
        return f"the {engine} engine gives {whole:.16} and the portable one {other:.16}"
    return None


def _hash(engine: str, *, pauses: bool) -> str:
    code = assemble(PROGRAM, origin=BOOT_SECTOR, constants=CONSTANTS, bits=16).code
    with Machine(Config(memory=MIB, engine=engine)) as machine:
        machine.memory.write(BOOT_SECTOR, code)
        reset_real_mode(machine.cpu, BOOT_SECTOR)
        machine.pc.cpu.registers_changed()
        for tick in (*(PAUSES if pauses else ()), TICKS):
            machine.run(until_tick=tick)
        return machine.state_hash()
