"""Exceptions, interrupts and hooked instructions of the portable engine, in Python.

Each does what its twin in the fast engine does in host code: ``native.S`` for
exceptions, ``native_instructions.S`` for the rest.
"""

from __future__ import annotations

import ctypes
from enum import Enum, auto

from vectoros.clock import Clock
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import CR4_PAE, CR4_SMEP, EFER_NXE, Flag, Gpr, Seg
from vectoros.cpu.core import Counters, Fault, Surroundings
from vectoros.cpu.cpu_bus import CpuBus
from vectoros.cpu.cpuid import cpuid
from vectoros.cpu.delivery import Event, EventKind, Outcome, deliver
from vectoros.cpu.delivery_protected import stack_mask
from vectoros.cpu.disasm import LONGEST, instruction_length
from vectoros.cpu.engine_context import ContextEngine
from vectoros.cpu.fault_log import FaultLog
from vectoros.cpu.faults import WITH_ERROR_CODE, CpuFault, Vector
from vectoros.cpu.ioperm import port_access_allowed
from vectoros.cpu.meter import NOWHERE, Meter
from vectoros.cpu.paging import Access, read_linear
from vectoros.cpu.registers import CONTEXT_BYTES
from vectoros.cpu.syscall import enter_syscall
from vectoros.cpu.sysenter import enter_sysenter
from vectoros.errors import hold
from vectoros.memory import CpuMemory, Memory
from vectoros.units import PAGE_SIZE

_MASK32, _MASK64 = (1 << 32) - 1, (1 << 64) - 1
_FRAME_BYTES = 64
"""At least the size of the largest frame that an event pushes: 48 bytes, in long mode."""


class Pause(Enum):
    """Why Unicorn was told to stop."""

    SPENT = auto()  # the deadline is reached
    REFUSED = auto()  # the next block would cross it
    WINDOW = auto()  # an interrupt can be taken
    STALE = auto()  # the host has written memory
    DUE = auto()  # an instruction's hook has found that it faults
    SHUTDOWN = auto()


class TrapEngine(ContextEngine):
    """The part of the portable engine that events enter through."""

    def __init__(self, memory: Memory, surroundings: Surroundings, clock: Clock) -> None:
        """Create the CPU, a context to copy its registers to, and the callbacks."""
        super().__init__(memory, surroundings, clock)
        self._meter = Meter()
        self._log = FaultLog()
        self._bus = CpuBus(memory, surroundings, CpuMemory(memory))
        self._pause: Pause | None = None
        self._due: tuple[bytes, Event] | None = None  # registers before it, and what it raises
        self._alert = False  # the block hook has more to look at than the time
        self._trapped = False  # an event was delivered since the CPU started
        self._intr = self._nmi = False
        self._cr2 = 0  # as the guest last saw it
        self._ahead_at = NOWHERE  # what was left when we made an interrupt shadow
        self._syscalls = 0
        self._undo = 0  # ticks of the software interrupt that is being delivered
        self._install_instruction_hooks()

    def _install_instruction_hooks(self) -> None:
        uc, x86 = api.uc, api.x86
        self.hook(uc.UC_HOOK_INTR, api.IntrHook(self.guarded(self._on_exception, None)))
        self.hook(uc.UC_HOOK_INSN_INVALID, api.InvalidHook(self.guarded(self._on_invalid, True)))
        for instruction, callback in (
            (x86.UC_X86_INS_SYSCALL, api.VoidHook(self.guarded(self._on_syscall, None))),
            (x86.UC_X86_INS_SYSENTER, api.VoidHook(self.guarded(self._on_sysenter, None))),
            (x86.UC_X86_INS_RDTSC, api.SkipHook(self.guarded(self._on_rdtsc, 1))),
            (x86.UC_X86_INS_RDTSCP, api.SkipHook(self.guarded(self._on_rdtscp, 1))),
            (x86.UC_X86_INS_CPUID, api.SkipHook(self.guarded(self._on_cpuid, 0))),
            (x86.UC_X86_INS_IN, api.InHook(self.guarded(self._on_in, 0))),
            (x86.UC_X86_INS_OUT, api.OutHook(self.guarded(self._on_out, None))),
        ):
            self.hook(uc.UC_HOOK_INSN, callback, instruction)

    def _stop(self, why: Pause) -> None:
        """Stop before the next instruction: from the block hook, or after an event."""
        self._pause = why
        self._alert = True
        api.lib.uc_emu_stop(self._handle)

    def _now(self) -> int:
        """Tick of the boundary before the instruction that called back."""
        if self._held:
            return self._meter.charged  # between two instructions
        self._pull(inside=True)
        return self._meter.now(self.regs)

    # -- exceptions ------------------------------------------------------------

    def _on_exception(self, _uc: int, vector: int, _data: int) -> None:
        if self._pause is not None:
            return  # a single step behind an instruction that will not have happened
        self._pull(inside=True)
        regs = self.regs
        kind = EventKind.FAULT
        if regs._exception_is_int:
            kind = EventKind.SOFTWARE
            self._meter.refund(regs, regs._exception_next_rip)
        elif vector == Vector.DB:
            kind = EventKind.TRAP
            self._pull()  # it comes between two blocks
        elif vector == Vector.PF and self._is_fetch():
            self._pull()
            if self._fetched_too_early():
                return
        else:
            self._meter.refund(regs, regs.rip)
        self._meter.cross_at = NOWHERE  # the handler's first block is not the landing
        code = regs._error_code if vector in WITH_ERROR_CODE and kind is EventKind.FAULT else None
        self._deliver(
            Event(vector=vector, kind=kind, error_code=code, next_rip=regs._exception_next_rip)
        )
        if self._shut:
            self._stop(Pause.SHUTDOWN)
        elif self._meter.left <= 0:
            self._stop(Pause.SPENT)

    def _on_invalid(self, uc: int, data: int) -> bool:
        self._on_exception(uc, Vector.UD, data)
        return True

    def _is_fetch(self) -> bool:
        """Whether a page fault is of an instruction fetch, which Unicorn makes when it translates.

        Only with NX or SMEP does the error code say so. Else it is one if RIP is not
        within the block charged last: then no block is running. Or if a jump back into
        that block has found an instruction of which a part is missing.
        """
        regs = self.regs
        if regs._error_code & Access.FETCH:
            return True
        tells = regs.cr4 & CR4_SMEP or (regs.efer & EFER_NXE and regs.cr4 & CR4_PAE)
        if tells or regs._error_code & Access.WRITE:
            return False
        return self._meter.done(regs, regs.rip) is None or self._reaches(regs.cr2)

    def _reaches(self, address: int) -> bool:
        """Whether the instruction at RIP goes on at ``address``, where a page begins."""
        regs = self.regs
        before = address - regs.linear_rip
        if address % PAGE_SIZE or not 0 < before < LONGEST:
            return False
        try:
            code = read_linear(regs, self.memory, regs.linear_rip, before, look=True)
        except CpuFault:
            return False
        return instruction_length(code, regs.code_bits) == 0

    def _fetched_too_early(self) -> bool:
        """Drop a fetch fault that the guest must not see yet; return whether it was one.

        Either an interrupt comes first, or the missing page is the one behind
        RIP's; see ``ahead`` in native.S.
        """
        regs = self.regs
        if self._window_open():
            self._stop(Pause.WINDOW)
        elif (
            regs.cr2 // PAGE_SIZE == regs.linear_rip // PAGE_SIZE + 1 and not regs.interrupt_shadow
        ):
            regs.interrupt_shadow = True
            self._ahead_at = self._meter.left
        else:
            return False
        regs.cr2 = self._cr2
        self._push()
        return True

    # -- delivery --------------------------------------------------------------

    def _window_open(self) -> bool:
        """Whether an NMI or an interrupt is pending and can be taken, by ``regs``."""
        regs = self.regs
        if self._nmi and not regs.nmi_blocked:
            return True
        return self._intr and bool(regs._eflags & Flag.IF) and not regs.interrupt_shadow

    def _deliver_interrupts(self) -> None:
        """Deliver what is pending at this boundary, an NMI first. The CPU stands still."""
        regs = self.regs
        if self._nmi and not regs.nmi_blocked:
            self._nmi = False
            regs.nmi_blocked = True
            self._deliver(Event(vector=Vector.NMI, kind=EventKind.EXTERNAL))
        if not self._shut and self._window_open():
            self._intr = False
            vector = self.around.acknowledge()
            self._deliver(Event(vector=vector, kind=EventKind.EXTERNAL))

    def _deliver(self, event: Event) -> None:
        """Take ``regs`` to the handler of ``event``, or to shutdown."""
        regs = self.regs
        self._trapped = True
        if event.kind is not EventKind.EXTERNAL:
            regs.interrupt_shadow = False
        held, self._held = self._held, True
        traps = self._log.traps.total()
        outcome = deliver(regs, self._bus, event, self._record)
        self._held = held
        self._undo = 0
        self._shut = outcome is Outcome.SHUTDOWN
        if not self._shut and self._log.traps.total() > traps:
            self._log.delivered()
        self._meter.size = 0
        self._push()
        if not self._shut:
            self._forget_code_under_frame()

    def _record(self, event: Event) -> None:
        """Log an attempt to deliver ``event``.

        A software interrupt has retired if that succeeds. If not, the fault that is
        delivered in its place finds the CPU before it.
        """
        meter, regs = self._meter, self.regs
        self._cr2 = regs.cr2
        if event.kind is EventKind.EXTERNAL:
            return
        meter.left += self._undo
        self._undo = 0
        if event.kind is EventKind.SOFTWARE:
            regs.rip = event.next_rip
        meter.left -= self._log.record(event, regs, meter.charged)
        if event.kind is EventKind.SOFTWARE:
            self._undo = self._int_length(event.vector, event.next_rip)
            regs.rip = event.next_rip - self._undo & _MASK64

    def _forget_code_under_frame(self) -> None:
        """Forget code translated from where the frame now is: our stores went past Unicorn.

        The search for it may raise and swallow a page fault, so the registers are
        put back once more.
        """
        regs = self.regs
        stack = regs.segs[Seg.SS]
        if regs.code_bits == 64:
            first, mask = regs.gpr[Gpr.RSP], _MASK64
        else:
            first, mask = stack.base + (regs.gpr[Gpr.RSP] & stack_mask(stack.flags)), _MASK32
        end = first + _FRAME_BYTES
        middle = min(end, (first | (PAGE_SIZE - 1)) + 1)
        for start, behind in ((first, middle), (middle, end)):
            if start < behind:
                self._uc.ctl_remove_cache(start & mask, (start & mask) + behind - start)
        self._push()

    # -- instructions ------------------------------------------------------------

    def _fault_later(self, event: Event) -> None:
        """Let the instruction whose hook this is fault: nothing can be raised from here.

        The registers before it are kept, and put back once the CPU has stopped,
        which it does behind the instruction.
        """
        self._due = bytes(self.regs), event
        self._stop(Pause.DUE)

    def _raise_due(self) -> None:
        """Deliver the fault of the instruction whose registers were kept."""
        hold(self._due is not None, "no instruction's fault is due")
        if self._due is not None:
            image, event = self._due
            self._due = None
            ctypes.memmove(ctypes.addressof(self.regs), image, CONTEXT_BYTES)
            self._meter.refund(self.regs, self.regs.rip)
            self._deliver(event)

    def _on_syscall(self, _uc: int, _data: int) -> None:
        self._pull(inside=True)
        regs = self.regs
        # It ends its block, and Unicorn adds its length to RIP when this returns.
        length = self._meter.pc + self._meter.size - regs.linear_rip
        if not enter_syscall(regs, length):
            self._fault_later(Event(Vector.UD))
            return
        self._syscalls += 1
        self._cr2 = regs.cr2
        regs.rip = regs.rip - length & _MASK64
        self._push()

    def _on_sysenter(self, _uc: int, _data: int) -> None:
        self._pull(inside=True)
        regs = self.regs
        length = self._meter.pc + self._meter.size - regs.linear_rip
        if enter_sysenter(regs):
            regs.rip = regs.rip - length & _MASK64
            self._push()
        else:
            self._fault_later(Event(Vector.GP, error_code=0))

    def _on_rdtsc(self, _uc: int, _data: int) -> int:
        now = self._now()
        self._repair_flags()
        self._write(api.x86.UC_X86_REG_RAX, now & _MASK32)
        self._write(api.x86.UC_X86_REG_RDX, now >> 32 & _MASK32)
        return 1

    def _on_rdtscp(self, uc: int, data: int) -> int:
        self._on_rdtsc(uc, data)
        self._write(api.x86.UC_X86_REG_RCX, self.regs.tsc_aux & _MASK32)
        return 1

    def _on_cpuid(self, _uc: int, _data: int) -> int:
        self._pull(inside=True)
        self._repair_flags()
        regs, x86 = self.regs, api.x86
        leaf = cpuid(regs.gpr[Gpr.RAX] & _MASK32, regs.gpr[Gpr.RCX] & _MASK32, regs.cr4)
        if leaf is None:
            return 0
        registers = (x86.UC_X86_REG_RAX, x86.UC_X86_REG_RBX, x86.UC_X86_REG_RCX, x86.UC_X86_REG_RDX)
        for register, value in zip(registers, leaf, strict=True):
            self._write(register, value)
        return 1

    def _on_in(self, _uc: int, port: int, width: int, _data: int) -> int:
        return self.around.port_read(port, width) if self._may_use(port, width) else 0

    def _on_out(self, _uc: int, port: int, width: int, value: int, _data: int) -> None:
        if self._may_use(port, width):
            self.around.port_write(port, width, value)

    def _may_use(self, port: int, width: int) -> bool:
        """Whether the program may access the port; if not, it gets #GP(0)."""
        self._pull(inside=True)
        self._repair_flags()
        if port_access_allowed(self.regs, self.memory, port, width):
            return True
        self._fault_later(Event(Vector.GP, error_code=0))
        return False

    # -- reports -------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return self._log.entries()

    def counters(self) -> Counters:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return Counters(dict(self._log.traps), self._syscalls)
