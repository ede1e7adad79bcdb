"""INT 11h, 12h and 15h: what the machine has, memory maps, moves, A20, waits.

Source: Ralf Brown's Interrupt List, INT 11, 12 and 15; ACPI 6.5, "System Address
Map Interfaces" for E820h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vectoros.boot.bda import CONFIGURATION, EBDA
from vectoros.boot.frame import SPIN_TICKS, Frame, Op, linear
from vectoros.boot.service import Host, Service
from vectoros.layout import ACPI_TABLES, FRAMEBUFFER, FRAMEBUFFER_SIZE, LOW_MEMORY_END
from vectoros.units import KIB, MIB, TICKS_PER_SECOND

SMAP = int.from_bytes(b"PAMS", "little")
RAM, RESERVED = 1, 2
ENTRY = struct.Struct("<QQII")
ENTRY_SIZE_1 = 20
"""Bytes of an entry before ACPI 3.0 added its attributes."""

ENABLED = 1
"""Attribute of an entry that counts (ACPI 3.0)."""

DEVICES = 0xFE00_0000
UNSUPPORTED = 0x86
MAX_MOVE_WORDS = 0x8000
MOVE_SOURCE, MOVE_TARGET = 0x10, 0x18
"""Offsets of the two descriptors that function 87h uses."""

PORT_A20 = 0x92
"""System control port A: bit 1 opens address line 20, bit 0 would reset the machine."""

TICKS_A_MICROSECOND = TICKS_PER_SECOND // 1_000_000
MOST_SPINS = 0xFFFF_FFFF


def memory_map(ram_size: int) -> Iterator[tuple[int, int, int]]:
    """Yield base, length and type of every piece of the address map, in order."""
    yield 0, EBDA, RAM
    yield EBDA, LOW_MEMORY_END - EBDA, RESERVED
    yield ACPI_TABLES.base, MIB - ACPI_TABLES.base, RESERVED  # to the end of the BIOS
    if ram_size > MIB:
        yield MIB, ram_size - MIB, RAM
    yield FRAMEBUFFER, FRAMEBUFFER_SIZE, RESERVED
    yield DEVICES, (1 << 32) - DEVICES, RESERVED


def equipment(host: Host, frame: Frame) -> None:
    """INT 11h: the equipment word in AX."""
    frame.ax = host.area.equipment


def base_memory(host: Host, frame: Frame) -> None:
    """INT 12h: KiB below the extended BIOS data area in AX."""
    frame.ax = host.area.base_kib


def _fail(frame: Frame, status: int = UNSUPPORTED) -> None:
    frame.ah = status
    frame.carry = True


def address_map(host: Host, frame: Frame) -> None:
    """AX=E820h: entry EBX of the map to ES:DI; the next one's number in EBX, 0 at the end."""
    entries = list(memory_map(host.ram_size))
    number = frame.ebx
    if frame.edx != SMAP or frame.ecx < ENTRY_SIZE_1 or number >= len(entries):
        _fail(frame)
        return
    size = min(frame.ecx, ENTRY.size)
    entry = ENTRY.pack(*entries[number], ENABLED)
    host.memory.write(linear(frame.es, frame.di), entry[:size])
    frame.eax, frame.ecx = SMAP, size
    frame.ebx = (number + 1) % len(entries)
    frame.carry = False


def extended_memory(host: Host, frame: Frame) -> None:
    """AX=E801h: KiB from 1 to 16 MiB in AX and CX, 64 KiB blocks above in BX and DX."""
    frame.ax = frame.cx = max(0, min(host.ram_size, 16 * MIB) - MIB) // KIB
    frame.bx = frame.dx = max(0, host.ram_size - 16 * MIB) // (64 * KIB)
    frame.carry = False


def extended_memory_kib(host: Host, frame: Frame) -> None:
    """AH=88h: KiB above 1 MiB in AX, 64 MiB at most."""
    frame.ax = min(max(0, host.ram_size - MIB) // KIB, 0xFC00)
    frame.carry = False


def move_block(host: Host, frame: Frame) -> None:
    """AH=87h: copy CX words as the descriptor table at ES:SI says."""
    if frame.cx > MAX_MOVE_WORDS:
        _fail(frame, 0x02)
        return
    table = host.memory.read(linear(frame.es, frame.si), MOVE_TARGET + 8)
    source, target = (_base(table[at : at + 8]) for at in (MOVE_SOURCE, MOVE_TARGET))
    host.memory.write(target, host.memory.read(source, 2 * frame.cx))
    frame.ah = 0
    frame.carry = False
    frame.zero = True


def _base(descriptor: bytes) -> int:
    """Return the base address in a segment descriptor."""
    return int.from_bytes(descriptor[2:5], "little") | descriptor[7] << 24


def a20_switch(host: Host, frame: Frame) -> None:
    """AX=2400h closes A20, 2401h opens it: the bit is kept, and the line is always open."""
    if frame.step == 0:
        frame.operate(Op.IN8, PORT_A20)
        frame.again(1)
        return
    if frame.step == 1:
        value = frame.result(0) & ~3 | (frame.al & 1) << 1
        frame.operate(Op.OUT8, PORT_A20, value)
    frame.ah = 0
    frame.carry = False


def a20_status(host: Host, frame: Frame) -> None:
    """AX=2402h: what was last asked for in AL: 1 if A20 is open."""
    if frame.step == 0:
        frame.operate(Op.IN8, PORT_A20)
        frame.again(1)
        return
    frame.ax = frame.result(0) >> 1 & 1
    frame.carry = False


def a20_support(host: Host, frame: Frame) -> None:
    """AX=2403h: port 92h can do it; the keyboard controller can, too."""
    frame.bx, frame.ah = 3, 0
    frame.carry = False


def wait(host: Host, frame: Frame) -> None:
    """AH=86h: wait CX:DX microseconds, with interrupts on."""
    if frame.step == 0:
        micros = frame.cx << 16 | frame.dx
        frame.scratch = -(-micros * TICKS_A_MICROSECOND // SPIN_TICKS)
    if frame.scratch:
        spins = min(frame.scratch, MOST_SPINS)
        frame.scratch -= spins
        frame.operate(Op.SPIN, value=spins)
        frame.again(1)
    frame.carry = False


def configuration(host: Host, frame: Frame) -> None:
    """AH=C0h: the address of the configuration table in ES:BX."""
    frame.es, frame.bx = EBDA >> 4, CONFIGURATION - EBDA
    frame.ah = 0
    frame.carry = False


def extended_data(host: Host, frame: Frame) -> None:
    """AH=C1h: the segment of the extended BIOS data area in ES."""
    frame.es = host.area.ebda_segment
    frame.carry = False


def intercept(host: Host, frame: Frame) -> None:
    """AH=4Fh: leave the scan code in AL as it is."""
    frame.carry = True


def unknown(host: Host, frame: Frame) -> None:
    """Any other function fails."""
    _fail(frame)


SERVICES = (
    Service(0x11, None, "get the equipment word", equipment),
    Service(0x12, None, "get the size of base memory", base_memory),
    Service(0x15, 0x2400, "A20: close the gate", a20_switch),
    Service(0x15, 0x2401, "A20: open the gate", a20_switch),
    Service(0x15, 0x2402, "A20: get the gate's state", a20_status),
    Service(0x15, 0x2403, "A20: what is supported?", a20_support),
    Service(0x15, 0x4F, "keyboard intercept: a hook for programs", intercept),
    Service(0x15, 0x86, "wait microseconds", wait),
    Service(0x15, 0x87, "move a block of memory", move_block),
    Service(0x15, 0x88, "get the size of extended memory", extended_memory_kib),
    Service(0x15, 0xC0, "get the configuration table", configuration),
    Service(0x15, 0xC1, "get the extended BIOS data area", extended_data),
    Service(0x15, 0xE801, "get the size of extended memory, in two parts", extended_memory),
    Service(0x15, 0xE820, "get the address map, entry by entry", address_map),
    Service(0x15, None, "any other function fails with status 86h", unknown),
)
