"""A CPU in a world that writes everything down: what the engine tests run on.

There is no board here. A :class:`World` answers every access in a fixed way and
notes it with its tick; a :class:`Machine` puts an engine into a mode of
operation, gives it code, and shows all that a guest could tell.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vectoros.assembler import Program, assemble
from vectoros.clock import Clock
from vectoros.cpu.bits import Flag, Gpr, Seg
from vectoros.cpu.core import Cpu, Stop
from vectoros.cpu.record import Record, load, record
from vectoros.cpu.registers import Registers
from vectoros.cpu.selftest import make_cpu, reset_real_mode
from vectoros.layout import Area
from vectoros.memory import Memory, Rom
from vectoros.units import MIB

GDT, IDT, TSS = 0x1000, 0x2000, 0x3000
TABLES = 0x8000  # paging structures, top level first
STUBS, STUB_BYTES = 0x10000, 64  # where each vector leads
CODE, USER_CODE = 0x18000, 0x1C000
STACK, USER_STACK, KERNEL_STACK = 0x20000, 0x22000, 0x24000  # they grow down from there
DATA = 0x28000
RAM_BYTES = 2 * MIB
HOLE = 0x4000_0000  # a physical address that nothing decodes
LONG_MODES = ("compatibility", "long")
MODES = ("real", "protected16", "protected32", *LONG_MODES)
ENGINES = ("fast", "portable")

CODE64, CODE32, CODE16, STACK_SELECTOR = 0x08, 0x10, 0x18, 0x20
USER_DATA, USER64, USER32, TASK = 0x2B, 0x33, 0x3B, 0x40  # as SYSRET wants them
_ATTRIBUTES = {
    CODE64: 0xAF9B00,
    CODE32: 0xCF9B00,
    CODE16: 0x009B00,
    STACK_SELECTOR: 0xCF9300,
    USER_DATA: 0xCFF300,
    USER64: 0xAFFB00,
    USER32: 0xCFFB00,
}
BITS = {"real": 16, "protected16": 16, "protected32": 32, "compatibility": 32, "long": 64}
IOPL3 = 3 << 12
P, W, U, A, D, NX = 1, 2, 4, 0x20, 0x40, 1 << 63
PRESENT = P | W | U | A | D  # accessed and dirty already, so that no walk changes RAM


@dataclass
class World:
    """Surroundings that answer by rule and keep a log of (kind, where, width, value, tick)."""

    clock: Clock
    log: list[tuple[object, ...]] = field(default_factory=list)
    hooks: dict[int, Callable[[], None]] = field(default_factory=dict)  # by port or address
    vector: int = 0x20
    cpu: Cpu | None = None

    def _note(self, kind: str, where: int, width: int, value: int) -> int:
        self.log.append((kind, where, width, value, self.clock.now))
        if where in self.hooks:
            self.hooks[where]()
        return value

    def port_read(self, port: int, width: int) -> int:
        return self._note("in", port, width, _answer(port, width))

    def port_write(self, port: int, width: int, value: int) -> None:
        self._note("out", port, width, value)

    def mmio_read(self, address: int, width: int) -> int:
        return self._note("read", address, width, _answer(address, width))

    def mmio_write(self, address: int, width: int, value: int) -> None:
        self._note("write", address, width, value)

    def acknowledge(self) -> int:
        assert self.cpu is not None
        self.cpu.set_intr(False)
        return self._note("acknowledge", -1, 0, self.vector)


def _answer(where: int, width: int) -> int:
    return (where * 0x9E37_79B9_7F4A_7C15 + 0x1234) % (1 << 8 * width)


class Machine:
    """One engine with its memory and its world. Every register starts at a known value."""

    def __init__(
        self, engine: str, *roms: Rom, ram: int = RAM_BYTES, further: tuple[Area, ...] = ()
    ) -> None:
        self.engine = engine
        self.memory = Memory(ram, *further)
        for rom in roms:
            self.memory.add_rom(rom)
        self.clock = Clock()
        self.world = World(self.clock)
        self.cpu = make_cpu(engine, self.memory, self.world, self.clock)
        self.world.cpu = self.cpu
        self.tables = TABLES
        self.mode = "real"
        reset_real_mode(self.regs, CODE)
        self.regs.gpr[Gpr.RSP] = 0x7000
        self.cpu.registers_changed()

    @property
    def regs(self) -> Registers:
        return self.cpu.regs

    # -- what the guest is ------------------------------------------------------

    def code(self, text: str, at: int = CODE, bits: int | None = None, **constants: int) -> Program:
        """Assemble ``text`` for the machine's mode and put it at ``at``."""
        bits = bits or BITS[self.mode]
        program = assemble(text, origin=at, bits=bits, constants=constants)
        self.memory.write(at, program.code)
        return program

    def boot(self, mode: str, *, ring: int = 0, paging: str = "", flags: int = 0) -> None:
        """Enter ``mode`` at CODE with tables, a stack, and all vectors at stubs that halt."""
        self.mode = mode
        self._tables()
        reset_real_mode(self.regs, 0)
        regs = self.regs
        if mode == "real":
            for vector in range(256):
                stub = STUBS + vector * STUB_BYTES
                self.memory.write(vector * 4, struct.pack("<HH", stub & 0xF, stub >> 4))
            self._segment(Seg.CS, CODE >> 4, CODE, 0xFFFF, 0x9B00)
            regs.rip, regs.gpr[Gpr.RSP] = 0, 0x7000
        else:
            self._protected(mode, ring)
            self._paging("long" if mode in LONG_MODES else paging)
        regs.rflags = 2 | flags
        for vector in range(256):
            self.memory.write(STUBS + vector * STUB_BYTES, b"\xf4")  # hlt
            if mode != "real":
                self.gate(vector, STUBS + vector * STUB_BYTES)
        self.cpu.registers_changed()

    def _protected(self, mode: str, ring: int) -> None:
        regs = self.regs
        regs.cr0 = 0x11
        code = {"protected16": CODE16, "long": CODE64}.get(mode, CODE32)
        data, stack = STACK_SELECTOR, STACK
        base = CODE if mode == "protected16" else 0  # 16-bit IP reaches 64 KiB
        if ring:
            code, data, stack = {"long": USER64}.get(mode, USER32), USER_DATA, USER_STACK
        for seg in Seg:
            self._segment(seg, data, 0, 0xFFFF_FFFF, _ATTRIBUTES[data])
        limit = 0xFFFF if mode == "protected16" else 0xFFFF_FFFF
        self._segment(Seg.CS, code, base, limit, _ATTRIBUTES[code])
        regs.rip, regs.gpr[Gpr.RSP] = CODE - base, stack
        long = mode in LONG_MODES
        regs.gdtr.load(0, GDT, 0x4F, 0)
        regs.idtr.load(0, IDT, 256 * (16 if long else 8) - 1, 0)
        regs.tr.load(TASK, TSS, 0xFFF, 0x8B00)

    def _segment(self, seg: Seg, selector: int, base: int, limit: int, flags: int) -> None:
        self.regs.segs[seg].load(selector, base, limit, flags)

    def _tables(self) -> None:
        for selector, flags in _ATTRIBUTES.items():
            base = CODE if selector == CODE16 else 0
            low = 0xFFFF | base << 16 & 0xFFFF_0000
            high = flags | base >> 16 & 0xFF
            self.memory.write(GDT + (selector & ~7), struct.pack("<II", low, high))
        if self.mode in LONG_MODES:
            self.memory.write(TSS + 4, struct.pack("<Q", KERNEL_STACK))
        else:
            self.memory.write(TSS + 4, struct.pack("<II", KERNEL_STACK, STACK_SELECTOR))
        self.memory.write(TSS + 0x66, struct.pack("<H", 0x68))
        self.memory.write(TSS + 0x68, b"\xff" * 0x100)

    def handler(self, vector: int, text: str, *, dpl: int = 3, gate: int = 0xE) -> None:
        """Let ``vector`` lead to ``text``, ring-0 code of the mode's natural size."""
        at = STUBS + vector * STUB_BYTES
        wide = self.mode in LONG_MODES
        bits = 64 if wide else 16 if self.mode == "real" else 32
        self.code(text, at, bits)
        if self.mode != "real":
            self.gate(vector, at, dpl=dpl, gate=gate)

    def gate(self, vector: int, at: int, *, dpl: int = 3, gate: int = 0xE, ist: int = 0) -> None:
        """Write the IDT's gate of ``vector``; ``gate`` 14 clears IF and 15 does not."""
        wide = self.mode in LONG_MODES
        selector = CODE64 if wide else CODE32
        flags = 0x8000 | dpl << 13 | gate << 8 | ist
        data = struct.pack("<HHHHQ", at & 0xFFFF, selector, flags, at >> 16 & 0xFFFF, at >> 32)
        size = 16 if wide else 8
        self.memory.write(IDT + vector * size, data[:size])

    # -- paging -------------------------------------------------------------------

    def _paging(self, kind: str) -> None:
        regs = self.regs
        if not kind:
            return
        regs.cr3, self.tables = TABLES, TABLES + 0x1000
        regs.cr0 |= 1 << 31
        if kind == "pae":
            regs.cr4 = 1 << 5
        elif kind == "long":
            regs.cr4, regs.efer = 1 << 5, 0x500
        self.kind = kind
        for page in range(0, RAM_BYTES, 0x1000):
            self.map(page, page)

    def map(self, linear: int, physical: int, flags: int = PRESENT) -> int:
        """Map a page; return where its entry lies. ``flags`` 0 takes it away."""
        table, entry = TABLES, 0
        size, levels = {
            "long": (8, ((39, 9), (30, 9), (21, 9), (12, 9))),
            "pae": (8, ((30, 2), (21, 9), (12, 9))),
            "legacy": (4, ((22, 10), (12, 10))),
        }[self.kind]
        for shift, bits in levels:
            entry = table + (linear >> shift & (1 << bits) - 1) * size
            if shift == 12:
                break
            value = int.from_bytes(self.memory.read(entry, size), "little")
            if not value & P:
                rights = P if (self.kind, shift) == ("pae", 30) else P | W | U | A
                value = self.tables | rights
                self.tables += 0x1000
                assert self.tables <= STUBS, "no room for another paging structure"
                self.memory.write(entry, value.to_bytes(size, "little"))
            table = value & ~0xFFF
        value = physical | flags if flags else 0
        self.memory.write(entry, value.to_bytes(size, "little"))
        return entry

    # -- running --------------------------------------------------------------------

    def run(self, ticks: int = 1 << 40) -> Stop:
        """Run for ``ticks`` ticks, or to HLT or shutdown."""
        return self.cpu.run(self.clock.now + ticks)

    def boundaries(self, limit: int = 1000) -> list[tuple[int, int]]:
        """Run to HLT or shutdown a tick at a time; return each new (tick, RIP)."""
        seen: list[tuple[int, int]] = []
        for _ in range(limit):
            stop = self.run(1)
            seen.append((self.clock.now, self.regs.rip))
            if stop is not Stop.DEADLINE:
                return seen
        raise AssertionError(f"no end after {limit} boundaries: {seen[-5:]}")

    # -- what can be told of it -----------------------------------------------------

    def view(self) -> dict[str, Any]:
        """Return everything that two runs must agree on."""
        return {
            "tick": self.clock.now,
            **record(self.regs),
            "nmi_pending": self.cpu.nmi_pending,
            "log": list(self.world.log),
            "ram": self.memory.ram.digest().hex(),
        }

    def history(self) -> dict[str, Any]:
        """Return what is reported of the run so far, which a snapshot does not carry."""
        return {"faults": self.cpu.faults(), "counters": self.cpu.counters()}

    def record(self) -> Record:
        return record(self.regs)

    def successor(self, engine: str) -> Machine:
        """Return a machine on ``engine`` that goes on from here, as from a snapshot."""
        memory = self.memory
        further = tuple(window.area for window in memory.windows[1:])
        other = Machine(engine, *memory.roms, ram=memory.size, further=further)
        other.memory.ram.view[:] = self.memory.ram.view
        other.clock.set(self.clock.now)
        other.world.log = list(self.world.log)
        other.world.vector = self.world.vector
        load(other.regs, self.record())
        other.cpu.registers_changed()
        other.cpu.nmi_pending = self.cpu.nmi_pending
        other.mode = self.mode
        return other

    def flag(self, flag: Flag) -> bool:
        return bool(self.regs.rflags & flag)


def difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Return the first field that differs, or nothing."""
    for name, value in one.items():
        if value == other[name]:
            continue
        if isinstance(value, list):
            for index, (left, right) in enumerate(zip(value, other[name], strict=False)):
                if left != right:
                    return f"{name}[{index}]: {_show(left)} and {_show(right)}"
            return f"{name}: {len(value)} and {len(other[name])} entries"
        return f"{name}: {_show(value)} and {_show(other[name])}"
    return ""


def _show(value: object) -> str:
    return hex(value) if type(value) is int else str(value)


def same(*machines: Machine) -> None:
    """Fail unless all ``machines`` look alike and have the same history."""
    first = machines[0]
    for other in machines[1:]:
        found = difference(first.view(), other.view())
        found = found or difference(first.history(), other.history())
        assert not found, f"{first.engine} and {other.engine} differ: {found}"
