"""Exceptions and interrupts of the portable engine, in Python.

They do what their twin in the fast engine, ``native.S``, does in host code.
"""

from __future__ import annotations

import ctypes

from vectoros.clock import Clock
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import CR4_PAE, CR4_SMEP, EFER_NXE, Flag, Gpr, Seg
from vectoros.cpu.breakpoints import Cause, pending, set_pending
from vectoros.cpu.core import Counters, Fault, Surroundings
from vectoros.cpu.cpu_bus import CpuBus
from vectoros.cpu.debug_portable import PortableDebug
from vectoros.cpu.delivery import Event, EventKind, Outcome, deliver
from vectoros.cpu.delivery_protected import stack_mask
from vectoros.cpu.disasm import LONGEST, instruction_length
from vectoros.cpu.engine_context import ContextEngine
from vectoros.cpu.fault_log import FaultLog
from vectoros.cpu.faults import WITH_ERROR_CODE, CpuFault, Vector
from vectoros.cpu.meter import NOWHERE, Meter, Pause
from vectoros.cpu.paging import Access, read_linear
from vectoros.cpu.registers import CONTEXT_BYTES
from vectoros.cpu.translated import Translated, exported
from vectoros.cpu.undefined import attempt
from vectoros.errors import hold
from vectoros.memory import CpuMemory, Memory
from vectoros.units import PAGE_SIZE

_MASK32, _MASK64 = (1 << 32) - 1, (1 << 64) - 1
_FRAME_BYTES = 64
"""At least the size of the largest frame that an event pushes: 48 bytes, in long mode."""


class TrapEngine(ContextEngine):
    """The part of the portable engine that events enter through."""

    def __init__(self, memory: Memory, surroundings: Surroundings, clock: Clock) -> None:
        """Create the CPU, a context to copy its registers to, and the callbacks."""
        super().__init__(memory, surroundings, clock)
        self._meter = Meter()
        self._debug = PortableDebug(self.regs, memory, self._meter)
        self._log = FaultLog()
        self._translated = self._known_code()
        self._bus = CpuBus(memory, surroundings, CpuMemory(memory, self._stored))
        self._pause: Pause | None = None
        self._due: tuple[bytes, Event] | None = None  # registers before it, and what it raises
        self._alert = False  # the block hook has more to look at than the time
        self._trapped = False  # an event was delivered since the CPU started
        self._intr = self._nmi = False
        self._steps = 0  # instructions of the landing under way; 0 if none is
        self._left_before = 0  # what was left when the CPU was started
        self._cr2 = 0  # as the guest last saw it
        self._ahead_at = NOWHERE  # what was left when we made an interrupt shadow
        self._syscalls = 0
        self._undo = 0  # ticks of the software interrupt that is being delivered
        uc = api.uc
        self.hook(uc.UC_HOOK_INTR, api.IntrHook(self.guarded(self._on_exception, None)))
        self.hook(uc.UC_HOOK_INSN_INVALID, api.InvalidHook(self.guarded(self._on_invalid, True)))

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
        elif vector == Vector.DB and regs._error_code == Cause.DETECT:
            self._meter.refund(regs, regs.rip)
        elif vector == Vector.DB:
            kind = EventKind.TRAP
            self._pull()  # it comes between two blocks
        elif vector == Vector.PF and self._is_fetch():
            self._pull()
            if self._fetched_too_early():
                return
        else:
            self._meter.refund(regs, regs.rip)
        code = regs._error_code if vector in WITH_ERROR_CODE and kind is EventKind.FAULT else None
        self._raise(
            Event(vector=vector, kind=kind, error_code=code, next_rip=regs._exception_next_rip)
        )

    def _raise(self, event: Event) -> None:
        """Deliver ``event``, which came up while the CPU runs; it goes on behind that."""
        self._meter.cross_at = NOWHERE  # the handler's first block is not the landing
        if event.vector == Vector.DB and event.kind is not EventKind.SOFTWARE:
            self._debug.settle()
        self._deliver(event)
        if self._shut:
            self._stop(Pause.SHUTDOWN)
        elif self._meter.left <= 0:
            self._stop(Pause.SPENT)
        elif self._steps:
            self._stop(Pause.STEPPED)  # the handler's first instruction is another step

    def _on_invalid(self, uc: int, data: int) -> bool:
        """Do an instruction that Unicorn does not know, or raise what is due."""
        if self._pause is not None:
            return True
        self._pull(inside=True)
        regs, meter = self.regs, self._meter
        if regs._exception_is_int:  # INT 6
            self._on_exception(uc, Vector.UD, data)
            return True
        counted = meter.pc + meter.size - regs.linear_rip
        vector, more = attempt(regs, self._bus, self.memory, counted)
        meter.left -= more
        meter.size += more
        if vector is None:
            meter.cross_at = NOWHERE
            self._push()
        elif vector == Vector.DB:
            self._raise(Event(vector, EventKind.TRAP))
        else:
            meter.refund(regs, regs.rip)
            code = regs._error_code if vector in WITH_ERROR_CODE else None
            self._raise(Event(vector, error_code=code))
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

    def _is_behind_step(self) -> bool:
        """Whether a breakpoint is set, and the one instruction that was to run has run."""
        return self._debug.is_armed and self._meter.left < self._left_before

    def _fetched_too_early(self) -> bool:
        """Drop a fetch fault that the guest must not see yet; return whether it was one.

        Either an interrupt comes first, or a breakpoint may, or the missing page is the one behind
        RIP's; see ``ahead`` in native.S.
        """
        regs = self.regs
        if self._is_behind_step():
            self._stop(Pause.STEPPED)
        elif self._window_open():
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
        if pending(regs):
            return False
        if self._nmi and not regs.nmi_blocked:
            return True
        return self._intr and bool(regs._eflags & Flag.IF) and not regs.interrupt_shadow

    def _deliver_interrupts(self) -> None:
        """Deliver what is pending at this boundary, an NMI first. The CPU stands still."""
        regs = self.regs
        if pending(regs):
            return
        if self._nmi and not regs.nmi_blocked:
            self._nmi = False
            regs.nmi_blocked = True
            self._deliver(Event(vector=Vector.NMI, kind=EventKind.EXTERNAL))
        if not self._shut and self._window_open():
            self._intr = False
            vector = self.around.acknowledge()
            self._debug.mark_repetition()
            self._deliver(Event(vector=vector, kind=EventKind.EXTERNAL))

    def _deliver(self, event: Event) -> None:
        """Take ``regs`` to the handler of ``event``, or to shutdown."""
        regs = self.regs
        self._trapped = True
        if event.kind is not EventKind.EXTERNAL:
            regs.interrupt_shadow = False
        if event.kind is EventKind.FAULT:
            set_pending(regs, 0)
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

    def _known_code(self) -> Translated | None:
        """Return what can forget code by where it lies, or None if this build exports nothing."""
        return Translated(self._handle.value or 0, self.memory) if exported() else None

    def _stored(self, address: int, size: int) -> None:
        """Forget code translated from where we have just stored for the CPU, past Unicorn."""
        if self._translated is not None:
            self._translated.forget(address, size)

    def _deliver_breakpoint(self) -> None:
        """Deliver the debug exception that comes before the instruction at RIP."""
        self.regs._error_code = Cause.BREAKPOINT
        self._debug.settle()
        self._deliver(Event(Vector.DB, EventKind.TRAP))

    def _forget_code_under_frame(self) -> None:
        """Do that for the frame alone, through the mapping of the stack, if there is no other way.

        The search for it may raise and swallow a page fault, so the registers are
        put back once more. In pages that may not be executed it finds nothing.
        """
        if self._translated is not None:
            return
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

    # -- reports -------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return self._log.entries()

    def counters(self) -> Counters:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return Counters(dict(self._log.traps), self._syscalls)
