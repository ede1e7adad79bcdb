"""The fast engine: exact time at native speed, on Unicorn's Linux x86-64 wheel.

The registers are Unicorn's own, in place. The block hook, exception delivery,
SYSCALL and RDTSC are host code (``native.S``); Python runs only for devices and
deadlines. What this relies on is Unicorn's private business and is proven by
:mod:`vectoros.cpu.selftest` before the engine is used.

How a slice ends on the exact instruction: the block hook refuses the block that
would cross the deadline. Then Unicorn is told to translate the next block with
one instruction only, that one may cross, and so on until the budget is spent.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from vectoros.clock import Clock
from vectoros.cpu import native
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import CC_OP_EFLAGS, Gpr, Seg
from vectoros.cpu.core import Counters, Fault, Stop, Surroundings
from vectoros.cpu.delivery import Event, Outcome, deliver
from vectoros.cpu.disasm import whole_instructions
from vectoros.cpu.engine import Engine
from vectoros.cpu.faults import Vector
from vectoros.cpu.ioperm import port_access_allowed
from vectoros.cpu.paging import read_linear
from vectoros.cpu.registers import Registers
from vectoros.errors import InvariantError, hold
from vectoros.layout import INTA_PAGE
from vectoros.memory import Memory
from vectoros.units import PAGE_SIZE

_DOUBLE_FAULT = 8
_NO_EXCEPTION = -1


class FastEngine(Engine):
    """See the module."""

    name = "fast"

    def __init__(self, memory: Memory, surroundings: Surroundings, clock: Clock) -> None:
        """Create the CPU, lay our structures over it, and install the callbacks."""
        super().__init__(memory, surroundings, clock)
        self._cpu = ctypes.c_uint64.from_address(self._address + native.UC_CPU).value
        env = ctypes.c_uint64.from_address(self._cpu + native.CPU_ENV).value
        self.regs = Registers.from_address(env)
        self._next_tb = ctypes.c_uint32.from_address(self._cpu + native.CPU_CFLAGS_NEXT_TB)
        self._requests = ctypes.c_uint32.from_address(self._cpu + native.CPU_INTERRUPT_REQUEST)
        self._io_pc = ctypes.c_uint64.from_address(self._cpu + native.CPU_MEM_IO_PC)
        self._state = native.new_state()
        self.regs._old_exception = _NO_EXCEPTION
        self.regs._vm_vmcb = INTA_PAGE - native.VMCB_VECTOR
        self._bind_functions()
        self._install_callbacks()

    @property
    def _address(self) -> int:
        value = self._handle.value
        hold(value is not None, "the engine is closed")
        return value or 0

    def _bind_functions(self) -> None:
        restore = api.lib.cpu_restore_state_x86_64
        restore.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_bool)
        invalidate = api.lib.tb_invalidate_phys_range_x86_64
        invalidate.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
        flush = api.lib.tlb_flush_x86_64
        flush.argtypes = (ctypes.c_void_p,)
        compute = api.lib.cpu_cc_compute_all_x86_64
        compute.argtypes = (ctypes.c_void_p, ctypes.c_int)
        compute.restype = ctypes.c_uint32
        self._restore_state = restore
        self._invalidate = invalidate
        self._flush_tlb = flush
        self._compute_flags = compute

    def _install_callbacks(self) -> None:
        code = native.routines()
        state = ctypes.addressof(self._state)
        uc, x86 = api.uc, api.x86
        self.hook(uc.UC_HOOK_BLOCK, code["block"], data=state)
        self.hook(uc.UC_HOOK_INTR, code["intr"], data=state)
        self.hook(uc.UC_HOOK_INSN_INVALID, code["invalid"], data=state)
        self.hook(uc.UC_HOOK_INSN, code["syscall_enter"], x86.UC_X86_INS_SYSCALL, data=state)
        self.hook(uc.UC_HOOK_INSN, code["rdtsc"], x86.UC_X86_INS_RDTSC, data=state)
        self.hook(uc.UC_HOOK_INSN, code["rdtscp"], x86.UC_X86_INS_RDTSCP, data=state)
        self.hook(uc.UC_HOOK_INSN, code["port_in"], x86.UC_X86_INS_IN, data=state)
        self.hook(uc.UC_HOOK_INSN, code["port_out"], x86.UC_X86_INS_OUT, data=state)
        on_cpuid = api.SkipHook(self.guarded(lambda _uc, _data: self._answer_cpuid(), 0))
        self.hook(uc.UC_HOOK_INSN, on_cpuid, x86.UC_X86_INS_CPUID)
        self._state.port_in = self._pointer(api.InHook(self.guarded(self._port_in, 0)))
        self._state.port_out = self._pointer(api.OutHook(self.guarded(self._port_out, None)))
        check = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32, ctypes.c_uint32)
        self._state.port_check = self._pointer(check(self.guarded(self._port_allowed, 0)))
        ahead = ctypes.CFUNCTYPE(ctypes.c_int)
        self._state.look_ahead = self._pointer(ahead(self.guarded(self._look_ahead, 0)))
        self.map_callbacks(INTA_PAGE, PAGE_SIZE, self._acknowledge, self._ignore)

    def _pointer(self, callback: object) -> int:
        """Return the host address of a ctypes callback and keep it alive."""
        self._keep.append(callback)
        return ctypes.cast(callback, ctypes.c_void_p).value or 0  # type: ignore[arg-type]

    # -- running -------------------------------------------------------------

    def run(self, deadline: int) -> Stop:
        """See :class:`vectoros.cpu.core.Cpu`."""
        state = self._state
        state.deadline = deadline
        state.budget = deadline - self.clock.now
        state.cr2 = self.regs.cr2
        self.clock.follow(self._now)
        try:
            while state.budget > 0:
                stop = self._run_once()
                if stop is not None:
                    return stop
            return Stop.DEADLINE
        finally:
            self.clock.set(state.deadline - state.budget)
            self._settle_flags()

    def _run_once(self) -> Stop | None:
        """Run until a block is refused, and prepare to land; or say what else stopped."""
        state = self._state
        state.last_size = 0
        state.refused = 0
        error = self._start()
        if state.refused:
            if state.budget > 0:
                state.passing = 1
                self._next_tb.value = 1
            return None
        if error == api.uc.UC_ERR_WRITE_PROT:
            self._store_to_rom()
            return None
        if error == api.uc.UC_ERR_FETCH_PROT:
            return self._undefined()
        if error != api.uc.UC_ERR_OK:
            raise InvariantError(f"unicorn stopped at {self.regs.rip:#x} with error {error}")
        return Stop.SHUTDOWN if self.regs._old_exception == _DOUBLE_FAULT else Stop.HALT

    def shorten(self, deadline: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        state = self._state
        if deadline < state.deadline:
            state.budget -= state.deadline - deadline
            state.deadline = deadline

    def _abandon(self) -> None:
        self.shorten(0)

    def _now(self) -> int:
        """Tick of the boundary before the instruction that called back."""
        state = self._state
        unretired = state.last_pc + state.last_size - self.regs.linear_rip
        if not 0 <= unretired <= state.last_size:
            unretired = 0
        return state.deadline - state.budget - unretired

    def _settle_flags(self) -> None:
        """Compute Unicorn's lazy arithmetic flags."""
        regs = self.regs
        if regs._cc_op != CC_OP_EFLAGS:
            regs._cc_src = self._compute_flags(ctypes.addressof(regs), regs._cc_op)
            regs._cc_op = CC_OP_EFLAGS

    # -- what the CPU meets --------------------------------------------------

    def _before_mmio(self) -> None:
        if self._io_pc.value:
            self._restore_state(self._cpu, self._io_pc.value, False)

    def _acknowledge(self, _uc: int, _offset: int, _width: int, _data: int) -> int:
        self._state.last_size = 0  # the cycle is at a boundary: all that is charged has run
        return self.around.acknowledge()

    def _ignore(self, _uc: int, _offset: int, _width: int, _value: int, _data: int) -> None:
        """Lose a program's store to the acknowledge page: nothing is decoded there."""

    def _port_in(self, _uc: int, port: int, width: int, _data: int) -> int:
        return self.around.port_read(port, width)

    def _port_out(self, _uc: int, port: int, width: int, value: int, _data: int) -> None:
        self.around.port_write(port, width, value)

    def _port_allowed(self, port: int, width: int) -> int:
        return int(port_access_allowed(self.regs, self.memory, port, width))

    def _look_ahead(self) -> int:
        """Decide about a fetch fault on the page behind RIP's; return 1 to drop it.

        Unicorn translates straight-line code as one block and meets the missing
        page when it translates, not when the guest gets there. If whole
        instructions come first, they are run as a block of their own.
        """
        regs = self.regs
        linear = regs.linear_rip
        left = PAGE_SIZE - linear % PAGE_SIZE
        code = read_linear(regs, self.memory, linear, left, look=True)
        count = len(whole_instructions(code, regs.code_bits))
        if count == 0:
            return 0
        regs.cr2 = self._state.cr2
        regs._old_exception = _NO_EXCEPTION
        self._next_tb.value = count
        return 1

    def _store_to_rom(self) -> None:
        """Let the instruction at RIP store to ROM, and put the bytes back: nothing happened."""
        self._refund_rest()
        self._protect_roms(api.uc.UC_PROT_ALL)
        self._land()
        for rom, buffer in self._rom_buffers.items():
            buffer[:] = rom.data
        self._protect_roms(api.uc.UC_PROT_READ | api.uc.UC_PROT_EXEC)

    def _land(self) -> None:
        """Run one instruction, whatever the budget."""
        state = self._state
        spare = state.budget - 1
        state.budget = 1
        state.passing = 1
        state.last_size = 0
        self._next_tb.value = 1
        self._start()
        state.budget += spare

    def _undefined(self) -> Stop | None:
        """Raise #UD at RIP: code where nothing answers reads as FF FF, which is undefined."""
        self._refund_rest()
        self._settle_flags()
        outcome = deliver(self.regs, self.memory, Event(Vector.UD), self._record)
        if outcome is Outcome.SHUTDOWN:
            return Stop.SHUTDOWN
        self._state.log[(self._state.log_count - 1) % native.LOG_ENTRIES].delivered = 1
        return None

    def _record(self, event: Event) -> None:
        """Log an attempt to deliver ``event``, as ``native.S`` does."""
        state, regs = self._state, self.regs
        entry = state.log[state.log_count % native.LOG_ENTRIES]
        state.log_count += 1
        state.vectors[event.vector] += 1
        entry.tick = state.deadline - state.budget
        entry.rip, entry.rsp, entry.cr2 = regs.rip, regs.gpr[Gpr.RSP], regs.cr2
        entry.vector, entry.error_code = event.vector, event.error_code or 0
        entry.cs, entry.cpl = regs.segs[Seg.CS].selector, regs.cpl
        entry.software = entry.delivered = 0

    def _refund_rest(self) -> None:
        """Take back the charge for the part of the last block that has not run."""
        state = self._state
        unretired = state.last_pc + state.last_size - self.regs.linear_rip
        if 0 < unretired <= state.last_size:
            state.budget += unretired
        state.last_size = 0

    # -- pins and changes from outside ----------------------------------------

    def set_intr(self, level: bool) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        if level:
            self._requests.value |= native.INTERRUPT_VIRQ
        else:
            self._requests.value &= ~native.INTERRUPT_VIRQ

    @property
    def nmi_pending(self) -> bool:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return bool(self._requests.value & native.INTERRUPT_NMI)

    @nmi_pending.setter
    def nmi_pending(self, pending: bool) -> None:
        if pending:
            self._requests.value |= native.INTERRUPT_NMI
        else:
            self._requests.value &= ~native.INTERRUPT_NMI

    def registers_changed(self) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self.regs._old_exception = _NO_EXCEPTION
        self.regs._vm_vmcb = INTA_PAGE - native.VMCB_VECTOR
        self.regs.update_hidden()
        self._uc.reg_write(api.x86.UC_X86_REG_FPCW, self.regs.fpu_control)
        self._uc.reg_write(api.x86.UC_X86_REG_MXCSR, self.regs.mxcsr)
        self._flush_tlb(self._cpu)

    def memory_changed(self, address: int, size: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._invalidate(self._address, address, address + size)

    def pages_changed(self, pages: Sequence[int]) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        for page in pages:
            self._invalidate(self._address, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
        self._flush_tlb(self._cpu)

    # -- reports -------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """See :class:`vectoros.cpu.core.Cpu`."""
        count = self._state.log_count
        numbers = range(max(0, count - native.LOG_ENTRIES), count)
        return [_fault(self._state.log[number % native.LOG_ENTRIES]) for number in numbers]

    def counters(self) -> Counters:
        """See :class:`vectoros.cpu.core.Cpu`."""
        traps = {vector: count for vector, count in enumerate(self._state.vectors) if count}
        return Counters(traps, self._state.syscalls)


def _fault(entry: native.LogEntry) -> Fault:
    return Fault(
        tick=entry.tick,
        vector=entry.vector,
        error_code=entry.error_code,
        software=bool(entry.software),
        cs=entry.cs,
        rip=entry.rip,
        rsp=entry.rsp,
        cpl=entry.cpl,
        cr2=entry.cr2,
        delivered=bool(entry.delivered),
    )
