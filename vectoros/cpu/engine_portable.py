"""The portable engine: the same machine through Unicorn's public interface.

It runs wherever Unicorn's wheel does, needs no executable memory and no private
symbol, and is the fast engine's differential oracle. The registers are a copy
in a Unicorn context (:mod:`vectoros.cpu.engine_context`); exceptions are delivered
(:mod:`vectoros.cpu.engine_traps`) and some instructions done
(:mod:`vectoros.cpu.engine_instructions`) in Python.

How a slice ends on the exact instruction: an instruction limit is always set
(Unicorn ignores it on blocks that were translated without one), the block hook
refuses the block that would cross, and single steps do the rest.

One thing it cannot see where Unicorn is not repaired, because it looks like a loop:
a CALL or a repeated string instruction that overwrites the block it is in. It is
charged twice, a slice that ends before it may never get past it, and what it leaves
in the arithmetic flags is not defined.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence

from vectoros.clock import Clock
from vectoros.cpu import native
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import Flag
from vectoros.cpu.breakpoints import pending
from vectoros.cpu.core import Stop, Surroundings
from vectoros.cpu.delivery import Event
from vectoros.cpu.disasm import BAD, disassemble
from vectoros.cpu.engine_instructions import InstructionEngine
from vectoros.cpu.faults import CpuFault, Vector
from vectoros.cpu.meter import NOWHERE, Pause
from vectoros.cpu.paging import read_linear
from vectoros.errors import InvariantError
from vectoros.layout import INTA_PAGE
from vectoros.memory import Memory
from vectoros.units import PAGE_SIZE

_NO_LIMIT = 1 << 60
_RF = int(Flag.RF)
_LONGEST = 15  # bytes of an instruction
_HLT = 0xF4
_PREFIXES = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf2\xf3")
_REX = range(0x40, 0x50)


class PortableEngine(InstructionEngine):
    """See the module."""

    name = "portable"

    def __init__(self, memory: Memory, surroundings: Surroundings, clock: Clock) -> None:
        """Create the CPU, a context to copy its registers to, and the callbacks."""
        super().__init__(memory, surroundings, clock)
        self._map_mmio(INTA_PAGE, PAGE_SIZE)  # acknowledging is a call here, not a cycle
        self._dropped = native.invalidations(self._handle.value or 0) if self._repaired else None
        self._restarts = 0  # by that count, as last seen
        self._resumed = False  # the block charged last took RF away
        self._eflags = ctypes.c_uint64()
        self._read_eflags = functools.partial(
            api.quick.uc_reg_read,
            self._handle,
            ctypes.c_int(api.x86.UC_X86_REG_EFLAGS),
            ctypes.byref(self._eflags),
        )
        self.hook(api.uc.UC_HOOK_BLOCK, api.BlockHook(self.guarded(self._on_block, None)))

    # -- running -------------------------------------------------------------

    def run(self, deadline: int, pause: int | None = None) -> Stop:
        """See :class:`vectoros.cpu.core.Cpu`."""
        if pause is not None:
            deadline = min(deadline, pause)  # to be exact is no dearer here
        if self._shut:
            return Stop.SHUTDOWN
        meter = self._meter
        meter.open(deadline, self.clock.now)
        meter.size = self._steps = 0
        self._cr2 = self.regs.cr2
        self._ahead_at = NOWHERE
        self._flush_stale()
        self.clock.follow(self._now)
        try:
            if meter.left > 0:
                self._deliver_pending()
            while meter.left > 0 and not self._shut:
                careful = self._debug.is_armed
                if (self._run_carefully() if careful else self._run_once()) is Stop.HALT:
                    return Stop.HALT
            if self._debug.mark_repetition():
                self._push()
            return self._end()
        finally:
            self.clock.set(meter.charged)

    def _run_carefully(self) -> Stop | None:
        """Run one instruction, or raise the debug exception that comes before it."""
        if self._debug.due():
            self._deliver_breakpoint()
            self._deliver_interrupts()
            return None
        self._debug.examine()
        self._steps = self._steps or 1
        return self._run_once()

    def _run_once(self) -> Stop | None:
        """Run until something stops the CPU; see what, and prepare to go on."""
        meter, regs = self._meter, self.regs
        meter.size = 0
        meter.cross_at = meter.left if self._steps else NOWHERE
        self._pause, self._trapped, self._resumed = None, False, False
        self._alert = self._intr or self._nmi
        before, left = regs.rip, meter.left
        self._left_before = left
        if self._dropped is not None:
            self._restarts = self._dropped.value >> native.RESTARTS_SHIFT
        error = self._start(self._steps or _NO_LIMIT)
        self._raise_failure()
        changed = self._debug.changed()
        if changed:
            self._push()
        if self._pause is not None:
            self._steps = 0
            self._paused()
        elif error == api.uc.UC_ERR_FETCH_PROT:
            if not self._is_behind_step():
                self._fetch_from_hole()
        elif error != api.uc.UC_ERR_OK:
            raise InvariantError(f"unicorn stopped at {regs.rip:#x} with error {error}")
        elif not changed and (not self._steps or self._was_hlt(before)):
            return Stop.HALT
        else:
            meter.refund(regs, regs.rip)
            if self._resumed and not meter.size and not self._trapped:
                regs._eflags |= Flag.RF  # the step ended before that block
                self._push()
            # No time has passed: the instruction modified the block that it was in,
            # so Unicorn left the block, and that counted as a step.
            stands = meter.left == left and not self._trapped
            self._steps = 2 if stands and self._steps else 0
        if self._debug.met(retired=meter.left < left and not self._trapped):
            self._push()
        meter.size = 0
        self._flush_stale()
        self._deliver_pending()
        return None

    def _deliver_pending(self) -> None:
        """Deliver what comes before the next instruction. The CPU stands still."""
        if pending(self.regs) and self._meter.left > 0 and self._debug.due():
            self._deliver_breakpoint()
        self._deliver_interrupts()

    def _start(self, count: int = 0) -> int:
        self._held = False
        error = super()._start(count)
        self._pull()
        self._held = True
        return error

    def _paused(self) -> None:
        """Act on the stop that a callback has asked for."""
        if self._pause is Pause.DUE:
            self._raise_due()
        elif self._pause is Pause.REFUSED:
            self._steps = 1
        if self._ahead_at == self._meter.left:  # nothing has run since we made a shadow
            self.regs.interrupt_shadow = False
            self._push()

    def _was_hlt(self, before: int) -> bool:
        """Whether the step from ``before`` was HLT: it ends like any other."""
        regs = self.regs
        length = regs.rip - before
        if self._trapped or not 1 <= length <= _LONGEST:
            return False
        try:
            code = read_linear(regs, self.memory, regs.linear_rip - length, length, look=True)
        except CpuFault:
            return False
        rex = _REX if regs.code_bits == 64 else ()
        return code[-1] == _HLT and all(byte in _PREFIXES or byte in rex for byte in code[:-1])

    def _fetch_from_hole(self) -> None:
        """Raise #UD at RIP: where nothing answers, code reads as FF FF, which is undefined.

        Unless the hole is only ahead; see ``ahead`` in native.S.
        """
        if self._meter.left <= 0 or self._window_open():
            return
        if not self.regs.interrupt_shadow:
            self.regs.interrupt_shadow = True
            self._ahead_at = self._meter.left
            self._push()
            return
        self._steps = 0
        self._deliver(Event(Vector.UD))

    def shorten(self, deadline: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._meter.shorten(deadline)

    def _abandon(self) -> None:
        self.shorten(0)

    # -- the block hook --------------------------------------------------------

    def _on_block(self, _uc: int, address: int, size: int, _data: int) -> None:
        """Charge the block, or refuse it when it would cross the deadline."""
        if self._alert and self._attend():
            return
        meter = self._meter
        rest = meter.pc + meter.size - address
        if size <= rest <= meter.size and self._is_restart(address, size, size < rest):
            meter.left += rest
            meter.size -= rest
            if self._steps:
                meter.cross_at = meter.left
        left = meter.left - size
        if left < 0 and not self._may_cross():
            return
        self._read_eflags()
        self._resumed = bool(self._eflags.value & _RF)
        if self._resumed:  # RF lasts for one instruction; here, to the next block
            self._write(api.x86.UC_X86_REG_EFLAGS, self._eflags.value & ~_RF)
        meter.left = left
        meter.pc = address
        meter.size = size

    def _attend(self) -> bool:
        """Look at what is not time; return whether the block must not run."""
        if self._pause is not None:
            return True
        if self._stale:
            self._stop(Pause.STALE)
        elif self._intr or self._nmi:
            self._pull()
            if self._window_open():
                self._stop(Pause.WINDOW)
        return self._pause is not None

    def _may_cross(self) -> bool:
        """Whether this block may cross the deadline: the one instruction of a landing may."""
        meter = self._meter
        if meter.left == meter.cross_at:
            meter.cross_at = NOWHERE
            return True
        self._stop(Pause.REFUSED if meter.left > 0 else Pause.SPENT)
        return False

    def _is_restart(self, address: int, size: int, shorter: bool) -> bool:
        """Whether the block charged last was left because its own store changed it.

        Then the store has not happened yet, and Unicorn runs it again as a block of
        one instruction. Repaired, it says so. Else, a jump back into a block leads to a
        longer one, as far as the same end; unless it is in single-step mode or in an
        interrupt shadow, or leads into the middle of an instruction. ``shorter``: this
        block ends before the one charged last.
        """
        if self._dropped is not None:
            restarts = self._dropped.value >> native.RESTARTS_SHIFT
            if restarts == self._restarts:
                return False
            self._restarts = restarts
            self._pull(inside=True)
        else:
            if not shorter or not self._is_instruction(address, size):
                return False
            self._pull(inside=True)
            if self.regs.interrupt_shadow or self.regs._eflags & Flag.TF:
                return False
        self._repair_flags()
        return True

    def _is_instruction(self, address: int, size: int) -> bool:
        """Whether the block charged last has an instruction of this size at this address.

        Where it has what no disassembler knows, it may.
        """
        self._pull(inside=True)
        self._repair_flags()
        pc, regs = self._meter.pc, self.regs
        try:
            code = read_linear(regs, self.memory, pc, address + size - pc, look=True)
        except CpuFault:
            return False
        for one in disassemble(code + bytes(_LONGEST), pc, regs.code_bits):
            if one.address >= address:
                return one.mnemonic == BAD or (one.address, one.size) == (address, size)
        return False

    # -- pins and changes from outside ----------------------------------------

    def set_intr(self, level: bool) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._intr = level

    @property
    def nmi_pending(self) -> bool:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return self._nmi

    @nmi_pending.setter
    def nmi_pending(self, pending: bool) -> None:
        self._nmi = pending
        self._alert |= pending

    def registers_changed(self) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        super().registers_changed()
        self._shut = False

    def memory_changed(self, address: int, size: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        super().memory_changed(address, size)
        self._alert = True

    def pages_changed(self, pages: Sequence[int]) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        super().pages_changed(pages)
        self._alert = True
