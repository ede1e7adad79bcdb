"""Where bytes of any kind run as code, in any mode and ring, for as long as there are some.

A block of code has many *entries*: a table of offsets, and of registers to start
with. Whatever ends the run from one entry, an exception or the NMI that comes every
:data:`TURN_TICKS` ticks, leads to the next. Behind the last one the CPU halts.

In ring 3 with paging the program has three pages of data and one of code, and next to
them a page that is missing, a page that it may only read, ROM and a device. All else
belongs to the supervisor, and must not change.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import numpy as np

from tests.cpu.machines import (
    CODE,
    CODE64,
    GDT,
    HOLE,
    IDT,
    KERNEL_STACK,
    LONG_MODES,
    NX,
    PRESENT,
    RAM_BYTES,
    STACK,
    STUBS,
    TABLES,
    Machine,
    U,
    W,
)
from tests.cpu.rings import (
    BEHIND_SOUP,
    COMMON,
    DEVICE,
    ENTRIES,
    LAST,
    MISSING,
    NEXT,
    READ_ONLY,
    ROM,
    SET_COUNT,
    SETS,
    SOUP,
    SOUP16_0,
    SOUP16_3,
    SOUP_BYTES,
    USER,
    USER_BYTES,
    Ring,
    handler,
)
from vectoros.cpu.bits import CR0_WP, CR4_OSFXSR, EFER_NXE, EFER_SCE, Flag
from vectoros.cpu.core import Stop
from vectoros.cpu.record import Record, load
from vectoros.memory import Rom
from vectoros.units import PAGE_SIZE, PhysAddr

TURN_TICKS = 512
"""An NMI ends what an entry leads to after at most so long."""

CR4_OSXSAVE = 1 << 18
PRIVATE = (NEXT, KERNEL_STACK - PAGE_SIZE, STACK - PAGE_SIZE)
"""Supervisor pages that the handlers write."""
_LANDMARKS = (MISSING, READ_ONLY, ROM, DEVICE, SOUP, IDT, TABLES, CODE)
_EDGES = (1 << 31, (1 << 31) - 1, 0xFFFF_FFFF, 1 << 63, 0x8000, 0x7FFF, 0xFF, 1 << 47)


class Arena:
    """A machine whose handlers go through the entries of one block of code after another."""

    def __init__(self, engine: str, ring: Ring) -> None:
        self.ring = ring
        self.machine = machine = Machine(engine, Rom("rom", PhysAddr(ROM), bytes(range(256)) * 16))
        machine.boot(ring.mode, paging=ring.paging)
        self._map()
        self._vectors()
        self._registers()
        self._fill()
        machine.cpu.registers_changed()
        self.start: Record = machine.record()
        self.image = np.frombuffer(bytes(machine.memory.ram.view), dtype=np.uint8)

    # -- what the program finds ----------------------------------------------------

    def _map(self) -> None:
        machine, ring = self.machine, self.ring
        if ring.mode != "real" and not ring.paging and ring.mode not in LONG_MODES:
            return
        if ring.mode == "real":
            return
        nx = NX if ring.mode in LONG_MODES else 0
        kernel = PRESENT & ~U if ring.confined else PRESENT
        for page in range(0, RAM_BYTES, PAGE_SIZE):
            machine.map(page, page, kernel)
        for page in range(USER, USER + USER_BYTES, PAGE_SIZE):
            machine.map(page, page, PRESENT | nx)
        machine.map(SOUP, SOUP, PRESENT & ~W if ring.confined else PRESENT)
        machine.map(BEHIND_SOUP, 0, 0)
        machine.map(MISSING, 0, 0)
        machine.map(READ_ONLY, READ_ONLY, PRESENT & ~W | nx)
        machine.map(ROM, ROM)
        if not ring.vm86:  # RET far from a stack in a device: see the reference
            machine.map(DEVICE, HOLE)

    def _vectors(self) -> None:
        machine, memory = self.machine, self.machine.memory
        memory.write(STUBS, b"\xf4" * (COMMON - STUBS))
        memory.write(COMMON, handler(self.ring))
        for number in range(256):
            if self.ring.mode == "real":
                memory.write(number * 4, struct.pack("<HH", 0, COMMON >> 4))
            else:
                machine.gate(number, COMMON)
        for selector, dpl in ((SOUP16_0, 0), (SOUP16_3, 3)):
            high = 0x9B00 | dpl << 13 | SOUP >> 16
            memory.write(
                GDT + (selector & ~7), struct.pack("<II", 0xFFFF | SOUP << 16 & 0xFFFF_FFFF, high)
            )

    def _registers(self) -> None:
        machine, ring = self.machine, self.ring
        regs = machine.regs
        regs.cr4 |= CR4_OSFXSR | CR4_OSXSAVE
        if ring.mode != "real":
            regs.cr0 |= CR0_WP
            regs.gdtr.limit = 0x5F
            regs.ldtr.load(0, 0, 0, 0)
        if ring.mode in LONG_MODES:
            regs.efer |= EFER_SCE | EFER_NXE
            regs.star, regs.fmask = 0x23 << 48 | 0x08 << 32, int(Flag.DF | Flag.TF)
            regs.lstar = COMMON
            regs.sysenter_cs, regs.sysenter_eip = CODE64, COMMON
            regs.sysenter_esp = KERNEL_STACK
        regs.rflags = 2

    def _fill(self) -> None:
        """Let every page that holds nothing yet be full of HLT: zeros are code, too, and slow."""
        memory = self.machine.memory
        for page in range(0, RAM_BYTES, PAGE_SIZE):
            if not any(memory.read(page, PAGE_SIZE)):
                memory.write(page, b"\xf4" * PAGE_SIZE)

    # -- running -----------------------------------------------------------------------

    def place(self, block: Block) -> None:
        """Put everything back as it was at first, and ``block`` in its place."""
        machine = self.machine
        memory = machine.memory
        wanted = self.image.copy()
        for at, data in block.layout(self.ring):
            wanted[at : at + len(data)] = np.frombuffer(data, dtype=np.uint8)
        present = np.frombuffer(memory.ram.view, dtype=np.uint8)
        pages = (present != wanted).reshape(-1, PAGE_SIZE).any(axis=1).nonzero()[0]
        del present
        for page in pages.tolist():
            at = page * PAGE_SIZE
            memory.write(at, wanted[at : at + PAGE_SIZE].tobytes())
        self.before = wanted
        load(machine.regs, self.start)
        machine.cpu.nmi_pending = True  # the first entry begins as all others do
        machine.cpu.set_intr(False)
        machine.cpu.registers_changed()
        machine.clock.set(0)
        machine.world.log.clear()

    def turn(self) -> Stop:
        """Run to the next NMI or HLT, and set the NMI."""
        machine = self.machine
        stop = machine.run(TURN_TICKS)
        machine.world.log.clear()
        if stop is Stop.HALT and self.finished():
            return Stop.HALT
        machine.cpu.nmi_pending = True
        return stop if stop is Stop.SHUTDOWN else Stop.DEADLINE

    def finished(self) -> bool:
        """Whether the handler has found no further entry."""
        word = self.machine.memory.read(NEXT, 8)
        number, last = struct.unpack("<II", word[:4] + self.machine.memory.read(LAST, 4))
        return bool(number >= last)

    def escaped(self) -> str:
        """Return what of the supervisor's memory has changed, or nothing."""
        if not self.ring.confined:
            return ""
        present = np.frombuffer(self.machine.memory.ram.view, dtype=np.uint8)
        pages = (present != self.before).reshape(-1, PAGE_SIZE).any(axis=1).nonzero()[0]
        open_pages = {page // PAGE_SIZE for page in range(USER, USER + USER_BYTES, PAGE_SIZE)}
        open_pages |= {page // PAGE_SIZE for page in PRIVATE}
        changed = [page for page in pages.tolist() if page not in open_pages]
        return f"pages {[hex(page * PAGE_SIZE) for page in changed]}" if changed else ""


@dataclass(frozen=True)
class Block:
    """Code, where its runs begin, and what the registers hold then."""

    code: bytes
    entries: tuple[int, ...]
    seed: int

    def layout(self, ring: Ring) -> list[tuple[int, bytes]]:
        """Return what lies where in memory."""
        rng = random.Random(self.seed)
        base = 0 if ring.bits == 16 else SOUP
        offsets = (np.array(self.entries, dtype="<u4") + base).astype("<u4").tobytes()
        sets = b"".join(_registers(rng, ring) for _ in range(SET_COUNT))
        return [
            (SOUP, self.code[:SOUP_BYTES].ljust(SOUP_BYTES, b"\xf4")),
            (ENTRIES, offsets),
            (SETS, sets),
            (NEXT, struct.pack("<Q", 0)),
            (LAST, struct.pack("<Q", len(self.entries))),
            (USER, rng.randbytes(USER_BYTES)),
            (READ_ONLY, rng.randbytes(PAGE_SIZE)),
        ]


def _registers(rng: random.Random, ring: Ring) -> bytes:
    """Return what registers hold at first: mostly addresses; flags, and a stack behind them."""
    bits = ring.handler_bits
    near = 0x1000 if ring.bits == 16 else USER

    def value() -> int:
        found = rng.choice(
            (
                near + rng.randrange(0x2800),
                near + rng.randrange(0x2800) & ~0xF,
                near + rng.randrange(0x2800) & ~0xF,
                near + PAGE_SIZE - rng.randrange(1, 20),
                rng.choice(_LANDMARKS) + rng.randrange(-16, 64),
                rng.choice(_EDGES),
                rng.randrange(-2, 40),
                rng.getrandbits(bits),
            )
        )
        return found & (1 << bits) - 1

    top = 0x2F00 if ring.bits == 16 else USER + USER_BYTES - 0x100
    words = [value() for _ in range(17)]
    words[4] = _flags(rng, ring)
    if rng.random() < 0.8 or not ring.confined:
        words[16] = top  # of the stack
    return b"".join(word.to_bytes(8, "little") for word in words).ljust(256, b"\0")


def _flags(rng: random.Random, ring: Ring) -> int:
    flags = rng.getrandbits(12) & 0xED5 | 2  # TF is rare: it ends an entry at once
    if rng.random() < 0.1:
        flags |= rng.choice((Flag.TF, Flag.NT, Flag.AC, Flag.ID, Flag.RF))
    if ring.mode != "real":
        flags |= rng.choice((0, 0, 3)) << 12
    return flags | (Flag.VM if ring.vm86 else 0)
