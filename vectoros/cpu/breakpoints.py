"""The debug registers: which breakpoints are set, what meets them, and what DR6 then says.

One promise: given the registers before an instruction, the same breakpoints are
met on both engines, because both ask here. Source: Intel SDM Vol. 3B, "Debug
Registers" and "Debug Exceptions". Where the SDM leaves a choice:

* DR6.B0-B3 are replaced by each debug exception but that of INT1; they tell of
  enabled breakpoints only. DR6.BD, BS and BT are set and never cleared.
* A data breakpoint watches what an instruction reads and writes by its operands
  and on the stack. What the processor reads and writes on its own (descriptors, the
  frames of events, page tables) meets none.
* A breakpoint that an instruction meets which then faults is forgotten.

What is *pending* is a data or I/O breakpoint whose trap is due, at the next
boundary; or one later, behind MOV SS and POP SS. It is kept where DR4 would be,
which has no cell of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from vectoros.cpu.accesses import Access, accesses, repeats
from vectoros.cpu.bits import CR4_DE, Flag
from vectoros.cpu.disasm import port_access
from vectoros.cpu.faults import CpuFault
from vectoros.cpu.paging import PhysicalMemory, read_code, read_linear
from vectoros.cpu.registers import Registers

DR6, DR7, PENDING_CELL = 6, 7, 4
B_BITS = 0xF
DR6_BD, DR6_BS = 1 << 13, 1 << 14
DR7_GD = 1 << 13
DR7_ENABLES = 0xFF

CHANGED = 1 << 8
"""Set beside the pending bits by a MOV to a debug register that may matter."""

_STI = 0xFB


class Cause(IntEnum):
    """What raises vector 1, as an error code that no frame shows: Unicorn's own has 0."""

    STEP = 0  # TF
    BREAKPOINT = 1  # an instruction breakpoint, or a data or I/O breakpoint that is pending
    DETECT = 2  # DR7.GD, and a MOV to or from a debug register
    INT1 = 3  # the instruction, which leaves DR6 and what is pending


class Kind(IntEnum):
    """DR7's R/W fields."""

    EXECUTE = 0
    WRITE = 1
    IO = 2
    READ_WRITE = 3


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """One that is enabled, and the addresses (or ports) that it covers."""

    bit: int  # of DR6
    kind: Kind
    first: int
    last: int

    def overlaps(self, address: int, size: int) -> bool:
        """Whether any of ``size`` bytes at ``address`` is covered."""
        return address <= self.last and self.first < address + size


def enabled(regs: Registers) -> list[Breakpoint]:
    """Return the breakpoints that DR7 enables. DR0-3 are rounded down to LEN."""
    if not regs.dr[DR7] & DR7_ENABLES:
        return []
    return _enabled(regs.dr[DR7], tuple(regs.dr[:4]), bool(regs.cr4 & CR4_DE))


@functools.lru_cache(maxsize=16)
def _enabled(dr7: int, addresses: tuple[int, ...], extensions: bool) -> list[Breakpoint]:
    return list(_parsed(dr7, addresses, extensions))


def _parsed(dr7: int, addresses: tuple[int, ...], extensions: bool) -> Iterator[Breakpoint]:
    for number in range(4):
        if not dr7 >> 2 * number & 3:
            continue
        kind = Kind(dr7 >> 16 + 4 * number & 3)
        if kind is Kind.IO and not extensions:
            continue  # undefined without debugging extensions
        length = (1, 2, 8, 4)[dr7 >> 18 + 4 * number & 3]
        if kind is Kind.EXECUTE:
            length = 1
        first = addresses[number] & -length
        yield Breakpoint(1 << number, kind, first, first + length - 1)


def pending(regs: Registers) -> int:
    """Return the bits of DR6 whose trap is due."""
    return regs.dr[PENDING_CELL] & B_BITS


def set_pending(regs: Registers, bits: int) -> None:
    """Make ``bits`` those whose trap is due."""
    regs.dr[PENDING_CELL] = regs.dr[PENDING_CELL] & ~B_BITS | bits


def met(points: list[Breakpoint], regs: Registers, memory: PhysicalMemory) -> int:
    """Return the data and I/O breakpoints that the instruction at RIP meets, if it completes."""
    if all(point.kind is Kind.EXECUTE for point in points):
        return 0
    code = read_code(regs, memory)
    bits = 0
    port = port_access(code, regs.code_bits)
    for point in points:
        if point.kind is Kind.IO and port is not None:
            number = regs.gpr[2] & 0xFFFF if port.port is None else port.port
            idle = port.is_string and repeats(code, regs) == 0
            bits |= point.bit if point.overlaps(number, port.width) and not idle else 0
    watches = [point for point in points if point.kind in (Kind.WRITE, Kind.READ_WRITE)]
    if watches:
        for access in accesses(code, regs):
            bits |= _seen(watches, access)
    return bits


def _seen(watches: list[Breakpoint], access: Access) -> int:
    return sum(
        point.bit
        for point in watches
        if point.overlaps(access.linear, access.size)
        and (access.write or point.kind is Kind.READ_WRITE)
    )


def due(points: list[Breakpoint], regs: Registers, memory: PhysicalMemory, last: int) -> bool:
    """Whether a debug exception comes before the instruction at RIP.

    ``last`` is the linear address of the instruction that was begun last.
    """
    if pending(regs):
        return not _held(regs, memory) and not _finishing(regs, memory, last)
    return bool(_fault_bits(points, regs, memory, last))


def _fault_bits(
    points: list[Breakpoint], regs: Registers, memory: PhysicalMemory, last: int
) -> int:
    """Return the instruction breakpoints at RIP, unless something holds them back."""
    rip = regs.linear_rip
    bits = sum(p.bit for p in points if p.kind is Kind.EXECUTE and p.first == rip)
    if not bits or regs._eflags & Flag.RF or _held(regs, memory):
        return 0
    return 0 if in_repetition(regs, memory, last) else bits


def settle(regs: Registers, memory: PhysicalMemory, last: int) -> bool:
    """Make DR6, DR7 and RF what the debug exception that is due must show.

    ``_error_code`` tells its cause, and is cleared. Returns whether it is a fault
    *inside* a block: the instruction at RIP was begun.
    """
    cause, regs._error_code = Cause(regs._error_code), 0
    regs.dr[DR7] &= ~DR7_GD
    if cause is Cause.INT1:
        return False
    dr6 = regs.dr[DR6] & ~B_BITS
    bits = pending(regs)
    trap = cause is Cause.STEP or bits != 0
    if cause is Cause.STEP:
        dr6 |= DR6_BS
    elif cause is Cause.DETECT:
        dr6 |= DR6_BD
        regs._eflags |= Flag.RF
    elif not bits:
        bits = _fault_bits(enabled(regs), regs, memory, last)
    if trap and in_repetition(regs, memory, last):
        regs._eflags |= Flag.RF
    regs.dr[DR6] = dr6 | bits
    set_pending(regs, 0)
    return cause is Cause.DETECT


def in_repetition(regs: Registers, memory: PhysicalMemory, last: int) -> bool:
    """Whether RIP is at a repeated string instruction that has begun.

    What interrupts it then pushes RF as 1, so that it is not met again.
    """
    if last != regs.linear_rip:
        return False
    return repeats(read_code(regs, memory), regs) is not None


def _finishing(regs: Registers, memory: PhysicalMemory, last: int) -> bool:
    """Whether RIP is at a repeated string instruction that is over but for its last test."""
    begun = last == regs.linear_rip or regs._eflags & Flag.RF
    return bool(begun) and repeats(read_code(regs, memory), regs) == 0


def _held(regs: Registers, memory: PhysicalMemory) -> bool:
    """Whether the instruction before was MOV SS or POP SS. STI casts its shadow otherwise."""
    if not regs.interrupt_shadow:
        return False
    try:
        before = read_linear(regs, memory, regs.linear_rip - 1, 1, look=True)
    except CpuFault:
        return True
    return before[0] != _STI
