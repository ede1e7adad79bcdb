"""The watcher: finds what a booting guest does for the first time.

It looks at the machine between slices that are so short that little can hide in
one, and stands between the CPU and the board for what reaches devices. It only
looks: the state hash is the same with and without it.

What it finds it calls by *keys* such as ``mode 64-bit`` or ``port pit``;
:mod:`vectoros.explain.notes` has a sentence for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vectoros.cpu.bits import (
    CR0_PE,
    CR0_PG,
    CR0_TS,
    CR0_WP,
    CR4_PAE,
    CR4_SMAP,
    CR4_SMEP,
    EFER_NXE,
    EFER_SCE,
)
from vectoros.cpu.core import Fault
from vectoros.cpu.registers import Registers
from vectoros.devices.kernel_gate import DOORBELL
from vectoros.layout import KERNEL_GATE
from vectoros.pc import Milestone, Pc
from vectoros.symbol_map import SYSTEM_PROGRAMS, Symbol, SymbolMap

STEP_TICKS, LONGEST_STEP_TICKS = 6, 192
"""Bytes of code between two looks: one or two instructions, and more within a loop."""

LOOP_BYTES = 64
"""Code that has moved on by no more than this is taken for a loop."""

_ROM_ALIAS = 0xFFFF_0000
_ROM_SHADOW = 0x000F_0000
"""The BIOS starts in its ROM below 4 GiB and goes on in the copy below 1 MiB."""

_CONDITIONS: dict[str, Callable[[Registers], bool]] = {
    "gdtr": lambda regs: bool(regs.gdtr.base),
    "idtr": lambda regs: bool(regs.cr0 & CR0_PE and regs.idtr.base),
    "cr4 pae": lambda regs: bool(regs.cr4 & CR4_PAE),
    "efer nxe": lambda regs: bool(regs.efer & EFER_NXE),
    "efer sce": lambda regs: bool(regs.efer & EFER_SCE),
    "cr0 pg": lambda regs: bool(regs.cr0 & CR0_PG),
    "cr0 wp": lambda regs: bool(regs.cr0 & CR0_WP),
    "cr4 smep": lambda regs: bool(regs.cr4 & CR4_SMEP),
    "cr4 smap": lambda regs: bool(regs.cr4 & CR4_SMAP),
    "cr0 ts": lambda regs: bool(regs.cr0 & CR0_TS),
    "tr": lambda regs: bool(regs.tr.selector),
    "ring 3": lambda regs: regs.cpl == 3,
}
"""What a look at the registers finds, by key."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened for the first time."""

    tick: int
    key: str
    detail: str = ""
    """What the key leaves open: an address, a line that the guest printed."""
    place: Symbol | None = None
    """The label under which the code stands that did it, if that is known."""


class Watcher:
    """Sees a machine boot. Call :meth:`poll` between slices."""

    def __init__(self, pc: Pc, symbols: SymbolMap, tell: Callable[[Event], None]) -> None:
        """Call ``tell`` with each event of ``pc`` from now on; look places up in ``symbols``."""
        self._pc = pc
        self._symbols = symbols
        self._tell = tell
        self._around = pc.cpu.around
        self._seen: set[str] = set()
        self._pending = dict(_CONDITIONS)
        self._traps: set[int] = set()
        self._space = 0  # CR3 of the first program in ring 3
        self._rip = pc.cpu.regs.linear_rip  # at the last look
        pc.cpu.around = self
        pc.on_milestone(self._milestone)
        pc.board.watch_ticks = STEP_TICKS
        self._remember()
        self._event(f"mode {pc.cpu.regs.mode}", tick=pc.clock.now, place=self._before)

    # -- looks between slices --------------------------------------------------

    def poll(self, until: int) -> None:
        """Look at the machine, which is about to skip to tick ``until`` or not to skip."""
        regs, now = self._pc.cpu.regs, self._pc.clock.now
        for key in [key for key, holds in self._pending.items() if holds(regs)]:
            del self._pending[key]
            self._event(key, tick=now, place=self._before)
        self._event(f"mode {regs.mode}", tick=now, place=self._before)
        self._look_at_traps(now)
        self._look_at_spaces(regs, now)
        if until > now:
            self._event("halt", tick=now, place=self._here())
        board, rip = self._pc.board, regs.linear_rip
        looping = abs(rip - self._rip) <= LOOP_BYTES
        board.watch_ticks = (
            min(2 * board.watch_ticks, LONGEST_STEP_TICKS) if looping else STEP_TICKS
        )
        self._rip = rip
        self._remember()

    def _look_at_traps(self, now: int) -> None:
        counters = self._pc.cpu.counters()
        if counters.syscalls:
            self._event("syscall", tick=now, place=self._before)
        for vector in sorted(set(counters.traps) - self._traps):
            self._traps.add(vector)
            fault = next((f for f in self._pc.cpu.faults() if f.vector == vector), None)
            if fault is None:
                continue
            kind = "int" if fault.software else "exception"
            detail = f"{fault.cr2:#x}"
            self._event(f"{kind} {vector}", detail, tick=fault.tick, place=self._place_of(fault))

    def _look_at_spaces(self, regs: Registers, now: int) -> None:
        if "ring 3" not in self._seen or regs.cpl == 0:
            return
        self._space = self._space or regs.cr3
        if regs.cr3 != self._space:
            self._event("address space", f"{regs.cr3:#x}", tick=now, place=None)

    def _remember(self) -> None:
        self._before = self._here()

    def _here(self) -> Symbol | None:
        """Return the label that RIP stands under."""
        regs = self._pc.cpu.regs
        return self._find(regs.linear_rip, regs.cpl)

    def _place_of(self, fault: Fault) -> Symbol | None:
        """Return the label under which the code stands that raised ``fault``."""
        protected = self._pc.cpu.regs.cr0 & CR0_PE  # and all segments are flat, in our own code
        return self._find(fault.rip if protected else (fault.cs << 4) + fault.rip, fault.cpl)

    def _find(self, address: int, ring: int) -> Symbol | None:
        """Return the label before ``address``. Programs in ring 3 share addresses: none there."""
        regs = self._pc.cpu.regs
        if ring:
            return None
        if address >= _ROM_ALIAS and not regs.cr0 & CR0_PE:
            address = address - _ROM_ALIAS + _ROM_SHADOW
        return self._symbols.find(address, SYSTEM_PROGRAMS)

    # -- the CPU's surroundings --------------------------------------------------

    def port_read(self, port: int, width: int) -> int:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._port(port)
        return self._around.port_read(port, width)

    def port_write(self, port: int, width: int, value: int) -> None:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._port(port)
        self._around.port_write(port, width, value)

    def mmio_read(self, address: int, width: int) -> int:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._memory(address)
        return self._around.mmio_read(address, width)

    def mmio_write(self, address: int, width: int, value: int) -> None:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._memory(address)
        if address == KERNEL_GATE + DOORBELL:
            self._device("doorbell", f"{address:#x}")
        self._around.mmio_write(address, width, value)

    def acknowledge(self) -> int:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        vector = self._around.acknowledge()
        self._event("interrupt", f"{vector:#x}", tick=self._pc.clock.now, place=None)
        return vector

    def _port(self, port: int) -> None:
        mapping = self._pc.board.ports.find(port)
        if mapping is None:
            self._device("port nothing", f"{port:#x}")
        else:
            self._device(f"port {mapping.area.name}", f"{port:#x}")

    def _memory(self, address: int) -> None:
        mapping = self._pc.board.mmio.find(address)
        if mapping is None:
            self._device("memory nothing", f"{address:#x}")
        else:
            self._device(f"memory {mapping.area.name}", f"{address:#x}")

    def _device(self, key: str, where: str) -> None:
        if key not in self._seen:
            self._event(key, where, tick=self._pc.clock.now, place=self._here())

    # -- events --------------------------------------------------------------------

    def _milestone(self, milestone: Milestone) -> None:
        self._tell(Event(milestone.tick, "milestone", milestone.text, self._here()))

    def _event(self, key: str, detail: str = "", *, tick: int, place: Symbol | None) -> None:
        if key not in self._seen:
            self._seen.add(key)
            self._tell(Event(tick, key, detail, place))
