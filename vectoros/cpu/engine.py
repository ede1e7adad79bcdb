"""What both engines share: a Unicorn instance, wired to the memory map.

RAM is mapped as it is, ROM read-only, and every other physical address is MMIO
that asks the machine. Reads, writes and fetches have no hook: one would slow
every access. Only a store to ROM has, which says that it is lost.

A callback from Unicorn into Python must not raise: ctypes would print the
exception and go on. So each goes through :meth:`Engine.guarded`, which keeps the
first exception and ends the slice; :meth:`Engine.run` raises it again.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, TypeVarTuple

from unicorn.unicorn import Uc

from vectoros.clock import Clock
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import DESC_P, Seg
from vectoros.cpu.core import Counters, Fault, Stop, Surroundings
from vectoros.cpu.debug_helpers import repair_debug_registers
from vectoros.cpu.descriptors import TSS_BUSY, SystemType
from vectoros.cpu.faults import CpuFault
from vectoros.cpu.paging import read_linear
from vectoros.cpu.refusals import refuse
from vectoros.cpu.registers import Registers
from vectoros.cpu.repairs import repair
from vectoros.errors import hold
from vectoros.layout import INTA_PAGE, PHYSICAL_ADDRESS_BITS
from vectoros.memory import Memory, Rom, Window
from vectoros.units import PAGE_SIZE

CPU_MODEL = api.x86.UC_CPU_X86_SANDYBRIDGE
"""The newest of Unicorn's models without RDRAND, whose results come from the host."""

_INT_N = 0xCD

Arguments = TypeVarTuple("Arguments")
R = TypeVar("R")


class Engine(ABC):
    """A Unicorn instance for one machine. See :class:`vectoros.cpu.core.Cpu`."""

    name: str
    regs: Registers

    def __init__(self, memory: Memory, surroundings: Surroundings, clock: Clock) -> None:
        """Create the CPU and map ``memory``; its registers are in Unicorn's own reset state."""
        self.memory = memory
        self.around = surroundings
        self.clock = clock
        refuse()
        self._failure: BaseException | None = None
        self._shut = False  # a triple fault; only a change of the registers ends it
        self._keep: list[object] = []  # callbacks that Unicorn points to
        self._repaired = repair() is None
        repair_debug_registers()
        self._uc: Any = Uc(api.uc.UC_ARCH_X86, api.uc.UC_MODE_64)
        self._uc.ctl_set_cpu_model(CPU_MODEL)
        self._uc.ctl_exits_enabled(True)  # an `until` address would cost a page walk
        self._uc.reg_read(api.x86.UC_X86_REG_RIP)  # Unicorn makes the CPU on first use
        handle: Any = self._uc._uch
        self._handle: ctypes.c_void_p = handle
        self._map_memory()
        if not self._repaired:
            self._check_all_stores()
        memory.on_write(self._memory_written)

    # -- what an engine adds -------------------------------------------------

    @abstractmethod
    def run(self, deadline: int, pause: int | None = None) -> Stop:
        """See :class:`vectoros.cpu.core.Cpu`."""

    @abstractmethod
    def shorten(self, deadline: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""

    @abstractmethod
    def memory_changed(self, address: int, size: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""

    @abstractmethod
    def pages_changed(self, pages: Sequence[int]) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""

    @abstractmethod
    def faults(self) -> list[Fault]:
        """See :class:`vectoros.cpu.core.Cpu`."""

    @abstractmethod
    def counters(self) -> Counters:
        """See :class:`vectoros.cpu.core.Cpu`."""

    def _exact(self, callback: Any, store: bool) -> tuple[Any, int]:  # noqa: ANN401
        """Return a function for Unicorn that calls ``callback`` when RIP is exact; and its data.

        Unicorn calls it in the middle of a block, for a store or for a load. It
        keeps RIP exact by itself if instructions are counted.
        """
        return callback, 0

    @abstractmethod
    def _abandon(self) -> None:
        """End the slice as soon as may be: a callback has failed."""

    # -- callbacks -----------------------------------------------------------

    def guarded(
        self, callback: Callable[[*Arguments], R], otherwise: R
    ) -> Callable[[*Arguments], R]:
        """Return ``callback`` such that an exception is kept and ``otherwise`` returned."""

        def call(*args: *Arguments) -> R:
            try:
                return callback(*args)
            except BaseException as failure:
                return self._fail(failure, otherwise)

        return call

    def _fail(self, failure: BaseException, otherwise: R) -> R:
        """Keep the first ``failure`` of a callback, end the slice, and return ``otherwise``."""
        if self._failure is None:
            self._failure = failure
        self._abandon()
        return otherwise

    def hook(
        self,
        kind: int,
        callback: Any,  # noqa: ANN401
        *extra: int,
        data: int = 0,
        span: tuple[int, int] = (1, 0),
    ) -> int:
        """Call ``callback``, a ctypes function or a host address, on each event of ``kind``.

        ``span`` is the first and the last address; as it stands, everywhere. Returns
        Unicorn's handle of the hook.
        """
        if not isinstance(callback, int):
            self._keep.append(callback)
            callback = ctypes.cast(callback, ctypes.c_void_p).value
        handle = ctypes.c_size_t()
        error = api.lib.uc_hook_add(
            self._handle,
            ctypes.byref(handle),
            ctypes.c_int(kind),
            ctypes.c_void_p(callback),
            ctypes.c_void_p(data),
            ctypes.c_uint64(span[0]),
            ctypes.c_uint64(span[1]),
            *(ctypes.c_int(value) for value in extra),
        )
        api.check(error, f"hook {kind:#x}")
        return handle.value

    def _end(self) -> Stop:
        """Return why a slice ended that no HLT has ended."""
        return Stop.SHUTDOWN if self._shut else Stop.DEADLINE

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _start(self, count: int = 0) -> int:
        """Run until something stops the CPU, ``count`` instructions if that is not 0.

        Returns Unicorn's error number.
        """
        error: int = api.lib.uc_emu_start(
            self._handle, ctypes.c_uint64(self.regs.rip), 0, 0, ctypes.c_size_t(count)
        )
        return error

    def _int_length(self, vector: int, next_rip: int) -> int:
        """Return the length of the INT n, INT3 or INTO before ``next_rip``, without prefixes."""
        regs = self.regs
        base = 0 if regs.code_bits == 64 else regs.segs[Seg.CS].base
        try:
            code = read_linear(regs, self.memory, base + next_rip - 2, 2, look=True)
        except CpuFault:
            return 1
        return 2 if code == bytes((_INT_N, vector)) else 1

    def _check_task_register(self) -> None:
        """Leave TR as LTR does, its TSS not marked busy. Else Unicorn would abort the process."""
        task = self.regs.tr
        kind = task.flags >> 8 & 0xF & ~TSS_BUSY
        known = kind in (SystemType.TSS16_AVAILABLE, SystemType.TSS_AVAILABLE)
        hold(bool(task.flags & DESC_P) and known, "TR does not hold a present TSS")
        task.flags &= ~(TSS_BUSY << 8)

    # -- the memory map ------------------------------------------------------

    def _map_memory(self) -> None:
        for window in self.memory.windows:
            self._map_ram(window)
        for rom in self.memory.roms:
            self._map_rom(rom)
        for base, size in self._holes():
            self._map_mmio(base, size)

    def _map_ram(self, window: Window) -> None:
        error = api.lib.uc_mem_map_ptr(
            self._handle,
            ctypes.c_uint64(window.area.base),
            ctypes.c_size_t(window.area.size),
            ctypes.c_uint32(api.uc.UC_PROT_ALL),
            ctypes.c_void_p(self.memory.ram.address + window.offset),
        )
        api.check(error, f"mapping {window.area}")

    def _check_all_stores(self) -> None:
        """Let no store go past Unicorn's check for translated code, which repairs.py tells of.

        None does where a hook might want to see it. This one waits for stores that
        are not allowed, and all are; what it costs is the check.
        """
        for area in (window.area for window in self.memory.windows):
            never = api.ProtectionHook(lambda *_arguments: True)
            self.hook(api.uc.UC_HOOK_MEM_WRITE_PROT, never, span=(area.base, area.last))

    def _map_rom(self, rom: Rom) -> None:
        """Map a copy of ``rom``. The hook lets Unicorn go on behind a store, which it drops."""
        readable = api.uc.UC_PROT_READ | api.uc.UC_PROT_EXEC
        self._uc.mem_map(rom.base, len(rom.data), readable)
        self._uc.mem_write(rom.base, bytes(rom.data))
        on_store = api.ProtectionHook(lambda *_arguments: True)
        self.hook(api.uc.UC_HOOK_MEM_WRITE_PROT, on_store, span=(rom.base, rom.end - 1))

    def _holes(self) -> Iterator[tuple[int, int]]:
        """Yield what is neither RAM, nor ROM, nor the interrupt-acknowledge page."""
        taken = [(INTA_PAGE, INTA_PAGE + PAGE_SIZE)]
        taken += [(area.base, area.last + 1) for area in (w.area for w in self.memory.windows)]
        taken += [(rom.base, rom.end) for rom in self.memory.roms]
        taken.append((1 << PHYSICAL_ADDRESS_BITS, 1 << PHYSICAL_ADDRESS_BITS))
        end = 0
        for base, behind in sorted(taken):
            if base > end:
                yield end, base - end
            end = max(end, behind)

    def _map_mmio(self, base: int, size: int) -> None:
        # Guarded here, as guarded() does: a call less at every access.
        def read(_uc: int, offset: int, width: int, _data: int) -> int:
            try:
                return self.around.mmio_read(base + offset, width)
            except BaseException as failure:
                return self._fail(failure, (1 << 64) - 1)

        def write(_uc: int, offset: int, width: int, value: int, _data: int) -> None:
            try:
                self.around.mmio_write(base + offset, width, value)
            except BaseException as failure:
                self._fail(failure, None)

        on_read = api.MmioRead(read)
        on_write = api.MmioWrite(write)
        self._keep += [on_read, on_write]
        self.map_functions(base, size, self._exact(on_read, False), self._exact(on_write, True))

    def map_functions(
        self, base: int, size: int, read: tuple[Any, int], write: tuple[Any, int]
    ) -> None:
        """Let two C functions, each with its data, answer for ``size`` bytes of addresses."""
        error = api.lib.uc_mmio_map(
            self._handle,
            ctypes.c_uint64(base),
            ctypes.c_size_t(size),
            read[0],
            ctypes.c_void_p(read[1]),
            write[0],
            ctypes.c_void_p(write[1]),
        )
        api.check(error, f"mapping MMIO at {base:#x}")

    def _memory_written(self, address: int, size: int) -> None:
        if self._uc is not None:
            self.memory_changed(address, size)

    def close(self) -> None:
        """Free the Unicorn instance: its last reference goes."""
        self._uc = None
        self._keep.clear()
