"""Registers as a copy: an engine that uses Unicorn's public context calls only.

The copy is fetched before it is looked at and put back after it is changed. In
the middle of a block it must not be put back: the translated code keeps track
of the arithmetic flags in its own way there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from vectoros.clock import Clock
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import ARITHMETIC_FLAGS, CC_OP_EFLAGS
from vectoros.cpu.core import Surroundings
from vectoros.cpu.engine import Engine
from vectoros.cpu.registers import CONTEXT_BYTES, Registers
from vectoros.memory import Memory


class ContextEngine(Engine):
    """A Unicorn instance whose registers are reached through a context."""

    def __init__(self, memory: Memory, surroundings: Surroundings, clock: Clock) -> None:
        """Create the CPU and a context to copy its registers to."""
        super().__init__(memory, surroundings, clock)
        self._context = ctypes.c_void_p()
        error = api.lib.uc_context_alloc(self._handle, ctypes.byref(self._context))
        api.check(error, "allocating a context")
        header = api.lib.uc_context_size(self._handle) - CONTEXT_BYTES
        self.regs = Registers.from_address((self._context.value or 0) + header)
        self._stale = False  # the host has written memory: translated code may be wrong
        self._held = True  # ``regs`` is what counts; else the CPU's own registers are
        self._pull()

    def _pull(self, *, inside: bool = False) -> None:
        """Copy the CPU's registers to ``regs``, with the lazy flags computed.

        ``inside``: an instruction has called back or faulted. To find RIP, Unicorn
        has then restored the way in which the flags were lazy before it; but with
        an instruction limit set, every instruction begins by computing them. So
        they stand computed, and what Unicorn says of them is wrong.
        """
        api.check(api.lib.uc_context_save(self._handle, self._context), "saving the context")
        regs = self.regs
        if inside:
            regs._cc_src &= ARITHMETIC_FLAGS
        elif regs._cc_op != CC_OP_EFLAGS:
            regs._cc_src = self._read(api.x86.UC_X86_REG_EFLAGS) & ARITHMETIC_FLAGS
        regs._cc_op = CC_OP_EFLAGS

    def _repair_flags(self) -> None:
        """Undo in the CPU what ``_pull(inside=True)`` tells of: the block goes on."""
        self._write(api.x86.UC_X86_REG_EFLAGS, self.regs.rflags)

    def _push(self) -> None:
        """Copy ``regs`` to the CPU. Only between blocks: inside one the flags are not there."""
        self.regs._old_exception = -1
        self.regs._eflags = self.regs.rflags  # where Unicorn takes all flags from when it starts
        error = api.lib.uc_context_restore(self._handle, self._context)
        api.check(error, "restoring the context")

    def _read(self, register: int) -> int:
        value = ctypes.c_uint64()
        api.lib.uc_reg_read(self._handle, ctypes.c_int(register), ctypes.byref(value))
        return value.value

    def _write(self, register: int, value: int) -> None:
        cell = ctypes.c_uint64(value)
        api.lib.uc_reg_write(self._handle, ctypes.c_int(register), ctypes.byref(cell))

    def registers_changed(self) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._check_task_register()
        self.regs.update_hidden()
        self._push()
        self._write(api.x86.UC_X86_REG_FPCW, self.regs.fpu_control)
        self._write(api.x86.UC_X86_REG_MXCSR, self.regs.mxcsr)
        self._pull()  # the copy must have the rounding that they stand for
        self._uc.ctl(api.uc.UC_CTL_TLB_FLUSH, api.uc.UC_CTL_IO_WRITE)

    def memory_changed(self, address: int, size: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._stale = True

    def pages_changed(self, pages: Sequence[int]) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._stale = True
        self._uc.ctl(api.uc.UC_CTL_TLB_FLUSH, api.uc.UC_CTL_IO_WRITE)

    def _flush_stale(self) -> None:
        """Forget all translated code if the host has written memory since."""
        if self._stale:
            self._uc.ctl_flush_tb()
            self._stale = False

    def close(self) -> None:
        """Free the context and the Unicorn instance."""
        if self._context.value is not None:
            api.check(api.lib.uc_context_free(self._context), "freeing the context")
            self._context = ctypes.c_void_p()
        super().close()
