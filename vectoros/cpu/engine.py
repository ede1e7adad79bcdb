"""What both engines share: a Unicorn instance, wired to the memory map.

RAM is mapped as it is, ROM read-only, and every other physical address is MMIO
that asks the machine. There is no memory hook: one would slow every access.

A callback from Unicorn into Python must not raise: ctypes would print the
exception and go on. So each goes through :meth:`Engine.guarded`, which keeps the
first exception and ends the slice; :meth:`Engine.run` raises it again.
"""

from __future__ import annotations

import ctypes
import mmap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ParamSpec, TypeVar

from unicorn.unicorn import Uc

from vectoros.clock import Clock
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Counters, Fault, Stop, Surroundings
from vectoros.cpu.cpuid import cpuid
from vectoros.cpu.registers import Registers
from vectoros.layout import INTA_PAGE, PHYSICAL_ADDRESS_BITS
from vectoros.memory import Memory, Rom
from vectoros.units import PAGE_SIZE

CPU_MODEL = api.x86.UC_CPU_X86_SANDYBRIDGE
"""The newest of Unicorn's models without RDRAND, whose results come from the host."""

P = ParamSpec("P")
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
        self._failure: BaseException | None = None
        self._rom_buffers: dict[Rom, mmap.mmap] = {}
        self._keep: list[object] = []  # callbacks and buffers that Unicorn points to
        self._uc: Any = Uc(api.uc.UC_ARCH_X86, api.uc.UC_MODE_64)
        self._uc.ctl_set_cpu_model(CPU_MODEL)
        self._uc.ctl_exits_enabled(True)  # an `until` address would cost a page walk
        self._uc.reg_read(api.x86.UC_X86_REG_RIP)  # Unicorn makes the CPU on first use
        self._handle: ctypes.c_void_p = self._uc._uch
        self._map_memory()
        memory.on_write(self.memory_changed)

    # -- what an engine adds -------------------------------------------------

    @abstractmethod
    def run(self, deadline: int) -> Stop:
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

    @abstractmethod
    def _before_mmio(self) -> None:
        """Make RIP exact: the CPU is in the middle of a memory access."""

    @abstractmethod
    def _abandon(self) -> None:
        """End the slice as soon as may be: a callback has failed."""

    # -- callbacks -----------------------------------------------------------

    def guarded(self, callback: Callable[P, R], otherwise: R) -> Callable[P, R]:
        """Return ``callback`` such that an exception is kept and ``otherwise`` returned."""

        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return callback(*args, **kwargs)
            except BaseException as failure:
                if self._failure is None:
                    self._failure = failure
                self._abandon()
                return otherwise

        return call

    def hook(self, kind: int, callback: Any, *extra: int, data: int = 0) -> None:  # noqa: ANN401
        """Call ``callback``, a ctypes function or a host address, on each event of ``kind``."""
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
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),
            *(ctypes.c_int(value) for value in extra),
        )
        api.check(error, f"hook {kind:#x}")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _start(self) -> int:
        """Run the CPU until something stops it; return Unicorn's error number."""
        error: int = api.lib.uc_emu_start(
            self._handle, ctypes.c_uint64(self.regs.rip), 0, 0, ctypes.c_size_t(self._count)
        )
        self._raise_failure()
        return error

    _count = 0  # instructions after which Unicorn stops by itself; 0: never

    def _answer_cpuid(self) -> int:
        """Put our own answer in the registers; return whether there is one."""
        regs = self.regs
        leaf = cpuid(regs.gpr[Gpr.RAX] & 0xFFFF_FFFF, regs.gpr[Gpr.RCX] & 0xFFFF_FFFF, regs.cr4)
        if leaf is None:
            return 0
        for register, value in zip((Gpr.RAX, Gpr.RBX, Gpr.RCX, Gpr.RDX), leaf, strict=True):
            regs.gpr[register] = value
        return 1

    # -- the memory map ------------------------------------------------------

    def _map_memory(self) -> None:
        ram = self.memory.ram
        self._map_host(0, ram.size, ram.address, api.uc.UC_PROT_ALL)
        for rom in self.memory.roms:
            self._map_rom(rom)
        for base, size in self._holes():
            self._map_mmio(base, size)

    def _map_host(self, base: int, size: int, address: int, protection: int) -> None:
        error = api.lib.uc_mem_map_ptr(
            self._handle,
            ctypes.c_uint64(base),
            ctypes.c_size_t(size),
            ctypes.c_uint32(protection),
            ctypes.c_void_p(address),
        )
        api.check(error, f"mapping {base:#x}")

    def _map_rom(self, rom: Rom) -> None:
        buffer = mmap.mmap(-1, len(rom.data))
        buffer[:] = rom.data
        self._keep.append(buffer)
        address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        self._map_host(rom.base, len(rom.data), address, api.uc.UC_PROT_READ | api.uc.UC_PROT_EXEC)
        self._rom_buffers[rom] = buffer

    def _holes(self) -> Iterator[tuple[int, int]]:
        """Yield what is neither RAM, nor ROM, nor the interrupt-acknowledge page."""
        taken = [(0, self.memory.ram.size), (INTA_PAGE, INTA_PAGE + PAGE_SIZE)]
        taken += [(rom.base, rom.end) for rom in self.memory.roms]
        taken.append((1 << PHYSICAL_ADDRESS_BITS, 1 << PHYSICAL_ADDRESS_BITS))
        end = 0
        for base, behind in sorted(taken):
            if base > end:
                yield end, base - end
            end = max(end, behind)

    def _map_mmio(self, base: int, size: int) -> None:
        def read(_uc: int, offset: int, width: int, _data: int) -> int:
            self._before_mmio()
            return self.around.mmio_read(base + offset, width)

        def write(_uc: int, offset: int, width: int, value: int, _data: int) -> None:
            self._before_mmio()
            self.around.mmio_write(base + offset, width, value)

        self.map_callbacks(base, size, read, write)

    def _protect_roms(self, protection: int) -> None:
        for rom in self._rom_buffers:
            self._uc.mem_protect(rom.base, len(rom.data), protection)

    def map_callbacks(
        self, base: int, size: int, read: Callable[..., int], write: Callable[..., None]
    ) -> None:
        """Let ``read`` and ``write`` answer for ``size`` bytes of physical addresses."""
        on_read = api.MmioRead(self.guarded(read, (1 << 64) - 1))
        on_write = api.MmioWrite(self.guarded(write, None))
        self._keep += [on_read, on_write]
        error = api.lib.uc_mmio_map(
            self._handle,
            ctypes.c_uint64(base),
            ctypes.c_size_t(size),
            on_read,
            ctypes.c_void_p(0),
            on_write,
            ctypes.c_void_p(0),
        )
        api.check(error, f"mapping MMIO at {base:#x}")

    def close(self) -> None:
        """Free the Unicorn instance: its last reference goes."""
        self._uc = None
        self._keep.clear()
