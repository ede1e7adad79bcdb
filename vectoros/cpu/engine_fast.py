"""The fast engine: exact time at native speed, on Unicorn's Linux x86-64 wheel.

The registers are Unicorn's own, in place. The block hook, exception delivery, SYSCALL, RDTSC
and the check of ports are host code (``native*.S``); Python runs only for devices and deadlines.
What this relies on is Unicorn's own business; :mod:`vectoros.cpu.selftest` proves it first.

How a slice ends on the exact instruction: the block hook refuses the block that would cross the
deadline. Then the next block gets as many instructions as surely fit, in the end one, which may
cross, and so on until the budget is spent. (Not for a mere pause.)
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from vectoros.clock import Clock
from vectoros.cpu import native, native_log
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Counters, Fault, Stop, Surroundings
from vectoros.cpu.cpu_bus import CpuBus
from vectoros.cpu.cpuid import cpuid
from vectoros.cpu.debug_fast import FastDebug
from vectoros.cpu.delivery import Event, EventKind, Outcome, deliver
from vectoros.cpu.engine import Engine
from vectoros.cpu.faults import Vector
from vectoros.cpu.ioperm import port_access_allowed
from vectoros.cpu.registers import Registers
from vectoros.cpu.sysenter import enter_sysenter
from vectoros.cpu.translated import Translated
from vectoros.cpu.tss import require_task
from vectoros.cpu.undefined import attempt
from vectoros.errors import InvariantError, hold
from vectoros.layout import INTA_PAGE
from vectoros.memory import Memory
from vectoros.units import PAGE_SIZE

_NO_EXCEPTION = -1
_MASK64 = (1 << 64) - 1


class FastEngine(Engine):
    """See the module."""

    name = "fast"

    def __init__(self, memory: Memory, surroundings: Surroundings, clock: Clock) -> None:
        """Create the CPU, lay our structures over it, and install the callbacks."""
        self._state = native.State()
        super().__init__(memory, surroundings, clock)
        self._cpu = ctypes.c_uint64.from_address(self._address + native.UC_CPU).value
        env = ctypes.c_uint64.from_address(self._cpu + native.CPU_ENV).value
        self.regs = Registers.from_address(env)
        self._next_tb = ctypes.c_uint32.from_address(self._cpu + native.CPU_CFLAGS_NEXT_TB)
        self._requests = ctypes.c_uint32.from_address(self._cpu + native.CPU_INTERRUPT_REQUEST)
        self._io_pc = ctypes.c_uint64.from_address(self._cpu + native.CPU_MEM_IO_PC)
        native.set_up(self._state, self._address, env)
        self._translated = Translated(self._address, memory)
        self._bus = CpuBus(memory, surroundings, memory)
        cells = self._requests, self._next_tb
        self._debug = FastDebug(self._state, self.regs, memory, cells, self._flush)
        self.regs._old_exception = _NO_EXCEPTION
        self.regs._vm_vmcb = INTA_PAGE - native.VMCB_VECTOR
        self._leave_out_exit_checks()
        self._bind_functions()
        self._install_callbacks()

    @property
    def _address(self) -> int:
        value = self._handle.value
        hold(value is not None, "the engine is closed")
        return value or 0

    def _leave_out_exit_checks(self) -> None:
        """Spare generated code a check at every access: only the block hook ever stops it."""
        done = ctypes.c_uint8.from_address(self._address + native.UC_INIT_DONE)
        hold(done.value == 1, f"uc_struct.init_done is not at {native.UC_INIT_DONE:#x}")
        ctypes.c_uint8.from_address(self._address + native.UC_NO_EXIT_REQUEST).value = 1

    def _bind_functions(self) -> None:
        self._restore_state = api.lib.cpu_restore_state_x86_64
        self._restore_state.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_bool)
        self._flush_tlb = api.lib.tlb_flush_x86_64
        self._flush_tlb.argtypes = (ctypes.c_void_p,)

    def _install_callbacks(self) -> None:
        code = native.routines()
        state = ctypes.addressof(self._state)
        uc, x86 = api.uc, api.x86
        self._block_hook = self.hook(uc.UC_HOOK_BLOCK, code["block"], data=state)
        self.hook(uc.UC_HOOK_INTR, code["intr"], data=state)
        self.hook(uc.UC_HOOK_INSN_INVALID, code["invalid"], data=state)
        self.hook(uc.UC_HOOK_INSN, code["syscall_enter"], x86.UC_X86_INS_SYSCALL, data=state)
        self.hook(uc.UC_HOOK_INSN, code["sysenter"], x86.UC_X86_INS_SYSENTER, data=state)
        self.hook(uc.UC_HOOK_INSN, code["rdtsc"], x86.UC_X86_INS_RDTSC, data=state)
        self.hook(uc.UC_HOOK_INSN, code["rdtscp"], x86.UC_X86_INS_RDTSCP, data=state)
        self.hook(uc.UC_HOOK_INSN, code["port_in"], x86.UC_X86_INS_IN, data=state)
        self.hook(uc.UC_HOOK_INSN, code["port_out"], x86.UC_X86_INS_OUT, data=state)
        on_cpuid = api.SkipHook(self.guarded(self._on_cpuid, 0))
        self.hook(uc.UC_HOOK_INSN, on_cpuid, x86.UC_X86_INS_CPUID)
        self._state.port_in = self._pointer(api.InHook(self._port_in))
        self._state.port_out = self._pointer(api.OutHook(self._port_out))
        check = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32, ctypes.c_uint32)
        self._state.port_check = self._pointer(check(self.guarded(self._port_allowed, 0)))
        self._state.sysenter = self._pointer(api.VoidHook(self.guarded(self._sysenter, None)))
        call = ctypes.CFUNCTYPE(None)
        self._state.undo_int = self._pointer(call(self.guarded(self._undo_int, None)))
        self._state.examine = self._pointer(call(self.guarded(self._debug.examine, None)))
        ask = ctypes.CFUNCTYPE(ctypes.c_int)
        self._state.verdict = self._pointer(ask(self.guarded(self._debug.verdict, 0)))
        self._state.debug_event = self._pointer(ask(self.guarded(self._debug.settle, 0)))
        self._state.undefined = self._pointer(ask(self.guarded(self._undefined, int(Vector.UD))))
        on_load = api.MmioRead(self.guarded(self._acknowledge, 0))
        on_store = api.MmioWrite(self.guarded(self._store_beside, None))
        self._keep += [on_load, on_store]
        self.map_functions(INTA_PAGE, PAGE_SIZE, (on_load, 0), self._exact(on_store, True))

    def _pointer(self, callback: object) -> int:
        """Return the host address of a ctypes callback and keep it alive."""
        self._keep.append(callback)
        return ctypes.cast(callback, ctypes.c_void_p).value or 0  # type: ignore[arg-type]

    # -- running -------------------------------------------------------------

    def run(self, deadline: int, pause: int | None = None) -> Stop:
        """See :class:`vectoros.cpu.core.Cpu`."""
        if self._shut:
            return Stop.SHUTDOWN
        state = self._state
        state.deadline = deadline if pause is None else min(deadline, pause)
        state.budget = state.deadline - self.clock.now
        self._pause_below = state.budget if state.deadline < deadline else native.NOWHERE
        state.cr2 = self.regs.cr2
        state.cross_at = state.ahead_at = state.delivering_at = native.NOWHERE
        state.now = self.clock.now
        self.clock.follow(self._now)
        try:
            if state.budget > 0:
                self._begin()
            stop = None
            while stop is None and state.budget > 0 and not self._shut:
                stop = self._run_once()
            self._debug.mark_repetition()
            return stop or self._end()
        finally:
            self.clock.set(state.deadline - state.budget)

    def _run_once(self) -> Stop | None:
        """Run until a block is refused, and prepare to land; or see what else stopped."""
        state = self._state
        state.last_size = state.refused = 0
        error = self._start()
        self.regs.settle_flags()
        self._raise_failure()
        changed = self._debug.changed()
        if state.refused:
            if state.budget > 0:
                if state.budget < self._pause_below and state.budget != state.ahead_at:
                    return Stop.DEADLINE  # any boundary will do, and this one has no secrets
                state.cross_at = state.budget  # for a block of one instruction
                self._next_tb.value = self._debug.landing_block(state.budget // native.LONGEST)
        elif error == api.uc.UC_ERR_FETCH_PROT:
            self._fetch_from_hole()
        elif error != api.uc.UC_ERR_OK:
            raise InvariantError(f"unicorn stopped at {self.regs.rip:#x} with error {error}")
        elif not changed:
            self._shut = self.regs._old_exception == Vector.DF
            return None if self._shut else Stop.HALT
        return None

    def _begin(self) -> None:
        """Deliver what comes before the first instruction. The CPU stands still."""
        if self._debug.trap_is_due():
            self._deliver(Event(Vector.DB, EventKind.TRAP))
        # Unicorn would not look at INTR before the next branch.
        if self.nmi_pending and not self.regs.nmi_blocked and not self._state.withheld:
            self.nmi_pending = False
            self.regs.nmi_blocked = True
            self._deliver(Event(Vector.NMI, EventKind.EXTERNAL))

    def shorten(self, deadline: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        if (sooner := self._state.deadline - deadline) > 0:
            self._state.budget -= sooner
            self._state.deadline = deadline
            self._pause_below = native.NOWHERE

    def _abandon(self) -> None:
        self.shorten(0)

    def _now(self) -> int:
        """Tick of the boundary before the instruction that called back."""
        return self._state.now

    # -- what the CPU meets --------------------------------------------------

    def _exact(self, callback: Any, store: bool) -> tuple[Any, int]:  # noqa: ANN401
        target = native.Target(ctypes.addressof(self._state), self._pointer(callback))
        self._keep.append(target)
        kind, name = (api.MmioWrite, "device_store") if store else (api.MmioRead, "device_load")
        return kind(native.routines()[name]), ctypes.addressof(target)

    def _acknowledge(self, _uc: int, offset: int, width: int, _data: int) -> int:
        """Answer the CPU, which is at a boundary: all that is charged has run.

        Only its cycle comes without the address of a block's code.
        """
        state, regs = self._state, self.regs
        state.now = state.deadline - state.budget
        if self._io_pc.value or not self._requests.value & native.INTERRUPT_VIRQ:
            self._restore_rip()
            return self.around.mmio_read(INTA_PAGE + offset, width)  # no cycle, but a program
        self.set_intr(False)
        self._debug.mark_repetition()
        require_task(regs)
        state.last_size = 0
        state.cr2 = regs.cr2
        state.delivering_at, state.delivering_rip = state.budget, regs.rip
        return self.around.acknowledge()

    def _store_beside(self, _uc: int, offset: int, width: int, value: int, _data: int) -> None:
        """Make a program's store to the acknowledge page, where nothing is decoded for it."""
        self.around.mmio_write(INTA_PAGE + offset, width, value)

    def _restore_rip(self) -> None:
        """Do for a load beside the cycle what ``device_load`` in native.S does for the others."""
        if self._io_pc.value:
            self._restore_state(self._cpu, self._io_pc.value, False)
            self._io_pc.value = 0
        state = self._state
        unretired = state.last_pc + state.last_size - self.regs.linear_rip
        state.now -= unretired if 0 <= unretired <= state.last_size else 0

    def _on_cpuid(self, _uc: int, _data: int) -> int:
        """Put our own answer in the registers; return whether there is one."""
        regs = self.regs
        leaf = cpuid(regs.gpr[Gpr.RAX] & 0xFFFF_FFFF, regs.gpr[Gpr.RCX] & 0xFFFF_FFFF, regs.cr4)
        if leaf is None:
            return 0
        for register, value in zip((Gpr.RAX, Gpr.RBX, Gpr.RCX, Gpr.RDX), leaf, strict=True):
            regs.gpr[register] = value
        return 1

    def _port_in(self, _uc: int, port: int, width: int, _data: int) -> int:
        try:  # guarded here: a call less at every access
            if self._debug.watches_ports:
                self._debug.examine()
            return self.around.port_read(port, width)
        except BaseException as failure:
            return self._fail(failure, 0)

    def _port_out(self, _uc: int, port: int, width: int, value: int, _data: int) -> None:
        try:
            if self._debug.watches_ports:
                self._debug.examine()
            self.around.port_write(port, width, value)
        except BaseException as failure:
            self._fail(failure, None)

    def _port_allowed(self, port: int, width: int) -> int:
        return int(port_access_allowed(self.regs, self.memory, port, width))

    def _sysenter(self, _uc: int, _data: int) -> None:
        """Enter; Unicorn adds the instruction's length to RIP when this returns."""
        state, regs = self._state, self.regs
        length = state.last_pc + state.last_size - regs.linear_rip  # it ends its block
        enter_sysenter(regs)
        regs.rip = regs.rip - length & _MASK64

    def _undo_int(self) -> None:
        """Go back to before the INT n whose delivery has met a fault."""
        state, regs = self._state, self.regs
        attempt = state.log[(state.log_count - 1) % native.LOG_ENTRIES]
        length = self._int_length(attempt.vector, attempt.rip)
        regs.rip = attempt.rip - length & _MASK64
        state.budget += length
        state.last_size -= length

    def _undefined(self) -> int:
        """Do an instruction that Unicorn does not know; return the vector due, or DONE."""
        state, regs = self._state, self.regs
        counted = state.last_pc + state.last_size - regs.linear_rip
        vector, more = attempt(regs, self._bus, self.memory, counted)
        state.budget -= more
        state.last_size += more
        return native.DONE if vector is None else vector

    def _fetch_from_hole(self) -> None:
        """Raise #UD at RIP: where nothing answers, code reads as FF FF, which is undefined.

        Unless the hole is only ahead; see ``ahead`` in native.S.
        """
        state, regs = self._state, self.regs
        if state.budget <= 0:
            return
        if self._debug.fault_is_due():
            self._deliver(Event(Vector.DB, EventKind.TRAP))
        elif regs.interrupt_shadow:
            self._deliver(Event(Vector.UD))
        else:
            regs.interrupt_shadow = True
            state.ahead_at = state.budget

    def _deliver(self, event: Event) -> None:
        """Take the CPU, which stands still, to the handler of ``event``, or to shutdown."""
        state, regs = self._state, self.regs
        if event.kind is EventKind.FAULT:
            regs.interrupt_shadow = False
        before = state.log_count
        outcome = deliver(regs, self._bus, event, self._record)
        regs._eflags = regs.rflags  # where Unicorn takes all flags from when it starts
        self._shut = outcome is Outcome.SHUTDOWN
        if state.log_count > before and not self._shut:
            state.log[(state.log_count - 1) % native.LOG_ENTRIES].delivered = 1

    def _record(self, event: Event) -> None:
        """Log an attempt to deliver ``event``, as ``native.S`` does."""
        if event.kind is not EventKind.EXTERNAL:
            native_log.note(self._state, self.regs, event.vector, event.error_code or 0)

    # -- pins and changes from outside ----------------------------------------

    def set_intr(self, level: bool) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._debug.request(native.INTERRUPT_VIRQ, level)

    @property
    def nmi_pending(self) -> bool:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return self._debug.requested(native.INTERRUPT_NMI)

    @nmi_pending.setter
    def nmi_pending(self, pending: bool) -> None:
        self._debug.request(native.INTERRUPT_NMI, pending)

    def registers_changed(self) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        regs = self.regs
        self._check_task_register()
        regs._old_exception = _NO_EXCEPTION
        regs._vm_vmcb = INTA_PAGE - native.VMCB_VECTOR
        regs._eflags = regs.rflags
        regs.update_hidden()
        self._uc.reg_write(api.x86.UC_X86_REG_FPCW, regs.fpu_control)
        self._uc.reg_write(api.x86.UC_X86_REG_MXCSR, regs.mxcsr)
        self._flush_tlb(self._cpu)
        self._debug.arm()
        self._shut = False

    def memory_changed(self, address: int, size: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._translated.forget(address, size)

    def pages_changed(self, pages: Sequence[int]) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        first = behind = 0  # a run of pages: one call for all of it
        for page in (*pages, -1):
            if page != behind:
                if first != behind:
                    self.memory_changed(first * PAGE_SIZE, (behind - first) * PAGE_SIZE)
                first = page
            behind = page + 1
        self._flush_tlb(self._cpu)

    def _flush(self, code: bool) -> None:
        """Forget all address translations, and all translated code if ``code``."""
        if code:
            self._uc.ctl_flush_tb()
        self._flush_tlb(self._cpu)

    # -- reports -------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return native_log.faults(self._state)

    def counters(self) -> Counters:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return native_log.counters(self._state)
