"""The portable engine: the same machine through Unicorn's public interface.

It runs wherever Unicorn's wheel does, needs no executable memory and no private
symbol, and is the fast engine's differential oracle. The registers are a copy
in a Unicorn context, fetched before they are looked at and put back after they
are changed. Exceptions are delivered in Python (``delivery.py``).

How a slice ends on the exact instruction: an instruction limit is always set
(Unicorn ignores it on blocks that were translated without one), the block hook
refuses the block that would cross, and single steps do the rest.
"""

from __future__ import annotations

import ctypes
from collections import Counter, deque
from dataclasses import replace

from vectoros.clock import Clock
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import Flag, Gpr, Seg
from vectoros.cpu.core import Counters, Fault, Stop, Surroundings
from vectoros.cpu.cpuid import cpuid
from vectoros.cpu.delivery import Event, EventKind, Outcome, deliver
from vectoros.cpu.disasm import whole_instructions
from vectoros.cpu.engine_context import ContextEngine
from vectoros.cpu.faults import WITH_ERROR_CODE, CpuFault, Vector
from vectoros.cpu.ioperm import port_access_allowed
from vectoros.cpu.paging import Access, read_linear
from vectoros.cpu.registers import CONTEXT_BYTES
from vectoros.cpu.syscall import SYSCALL_LENGTH, enter_syscall
from vectoros.errors import InvariantError, hold
from vectoros.memory import CpuMemory, Memory
from vectoros.units import PAGE_SIZE

_NO_LIMIT = 1 << 60
_LOG_ENTRIES = 64
_HLT = b"\xf4"
_MASK64 = (1 << 64) - 1


class PortableEngine(ContextEngine):
    """See the module."""

    name = "portable"

    def __init__(self, memory: Memory, surroundings: Surroundings, clock: Clock) -> None:
        """Create the CPU, a context to copy its registers to, and the callbacks."""
        super().__init__(memory, surroundings, clock)
        self._deadline = self._budget = 0
        self._last_pc = self._last_size = 0
        self._passing = False  # let one block cross the deadline
        self._crossing = False  # a block was refused because it would cross
        self._stopped = self._shutdown = False
        self._denied: bytes | None = None  # the registers when a port access was refused
        self._exit: int | None = None  # stop there: the code behind it is not mapped
        self._intr = False
        self.nmi_pending = False
        self._cr2 = 0
        self._log: deque[Fault] = deque(maxlen=_LOG_ENTRIES)
        self._traps: Counter[int] = Counter()
        self._syscalls = 0
        self._cpu_memory = CpuMemory(memory)
        self._install_callbacks()

    def _install_callbacks(self) -> None:
        uc, x86 = api.uc, api.x86
        self.hook(uc.UC_HOOK_BLOCK, api.BlockHook(self.guarded(self._on_block, None)))
        self.hook(uc.UC_HOOK_INTR, api.IntrHook(self.guarded(self._on_exception, None)))
        self.hook(uc.UC_HOOK_INSN_INVALID, api.InvalidHook(self.guarded(self._on_invalid, True)))
        for instruction, callback in (
            (x86.UC_X86_INS_SYSCALL, api.VoidHook(self.guarded(self._on_syscall, None))),
            (x86.UC_X86_INS_RDTSC, api.SkipHook(self.guarded(self._on_rdtsc, 1))),
            (x86.UC_X86_INS_RDTSCP, api.SkipHook(self.guarded(self._on_rdtscp, 1))),
            (x86.UC_X86_INS_CPUID, api.SkipHook(self.guarded(self._on_cpuid, 0))),
            (x86.UC_X86_INS_IN, api.InHook(self.guarded(self._on_in, 0))),
            (x86.UC_X86_INS_OUT, api.OutHook(self.guarded(self._on_out, None))),
        ):
            self.hook(uc.UC_HOOK_INSN, callback, instruction)

    # -- running -------------------------------------------------------------

    def run(self, deadline: int) -> Stop:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._deadline = deadline
        self._budget = deadline - self.clock.now
        self._cr2 = self.regs.cr2
        self._flush_stale()
        self.clock.follow(self._now)
        try:
            while self._budget > 0:
                stop = self._run_once()
                if stop is not None:
                    return stop
            return Stop.DEADLINE
        finally:
            self.clock.set(self._deadline - self._budget)

    def _run_once(self) -> Stop | None:
        """Run until something stops the CPU; return None if the slice should go on."""
        self._last_size = 0
        self._deliver_interrupts()
        if self._shutdown:
            return self._shut_down()
        landing, self._crossing = self._crossing, False
        self._stopped = False
        self._passing = landing
        self._count = 1 if landing else _NO_LIMIT
        halting = self._address_behind_hlt() if landing else None
        error = self._start()
        self._pull()
        if self._shutdown:
            return self._shut_down()
        if self._denied is not None:
            self._deny_port()
        elif error == api.uc.UC_ERR_WRITE_PROT:
            self._store_to_rom()
        elif error == api.uc.UC_ERR_FETCH_PROT:
            self._refund_rest()
            self._deliver(Event(vector=Vector.UD, kind=EventKind.FAULT))
        elif error != api.uc.UC_ERR_OK:
            raise InvariantError(f"unicorn stopped at {self.regs.rip:#x} with error {error}")
        elif self._exit is not None and self.regs.linear_rip == self._exit:
            self._set_exit(None)
            self._refund_rest()
        elif landing and self.regs.rip != halting:
            self._refund_rest()
        elif not self._stopped:
            return Stop.HALT
        return self._shut_down()

    def _shut_down(self) -> Stop | None:
        """Say whether a triple fault has ended the slice, and forget it."""
        shutdown, self._shutdown = self._shutdown, False
        return Stop.SHUTDOWN if shutdown else None

    def _address_behind_hlt(self) -> int | None:
        """Return the RIP that HLT would leave, if the next instruction is HLT.

        A single step ends the same way whether or not it halted the CPU.
        """
        regs = self.regs
        try:
            code = read_linear(regs, self.memory, regs.linear_rip, 1, look=True)
        except CpuFault:
            return None
        return regs.rip + 1 if code == _HLT else None

    def shorten(self, deadline: int) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        if deadline < self._deadline:
            self._budget -= self._deadline - deadline
            self._deadline = deadline

    def _abandon(self) -> None:
        self.shorten(0)

    def _now(self) -> int:
        """Tick of the boundary before the instruction that called back."""
        self._pull()
        unretired = self._last_pc + self._last_size - self.regs.linear_rip
        if not 0 <= unretired <= self._last_size:
            unretired = 0
        return self._deadline - self._budget - unretired

    def _refund_rest(self) -> None:
        """Take back the charge for the part of the last block that has not run."""
        self._refund(self.regs.linear_rip)

    def _refund(self, boundary: int) -> bool:
        """Charge the last block up to ``boundary`` only; return whether it lies within."""
        done = boundary - self._last_pc
        if not 0 <= done < self._last_size:
            return False
        self._budget += self._last_size - done
        self._last_size = done
        return True

    # -- callbacks -----------------------------------------------------------

    def _on_block(self, _uc: int, address: int, size: int, _data: int) -> None:
        if self._budget <= 0 or (size > self._budget and not self._passing):
            self._crossing = self._budget > 0
            self._stop()
        elif (self._intr or self.nmi_pending) and self._window_open():
            self._stop()
        else:
            self._passing = False
            self._budget -= size
            self._last_pc = address
            self._last_size = size

    def _stop(self) -> None:
        """Stop between two instructions: from the block hook, or after a delivery."""
        self._stopped = True
        api.lib.uc_emu_stop(self._handle)

    def _on_exception(self, _uc: int, vector: int, _data: int) -> None:
        self._passing = False
        self._pull()
        regs = self.regs
        if regs._exception_is_int:
            base = regs.linear_rip - regs.rip
            self._refund(regs._exception_next_rip + base)
            kind = EventKind.SOFTWARE
        elif vector == Vector.DB:
            kind = EventKind.TRAP
        else:
            kind = EventKind.FAULT
            fetch = vector == Vector.PF and regs._error_code & Access.FETCH
            if fetch or (not self._refund(regs.linear_rip) and vector == Vector.PF):
                if self._look_ahead():
                    return
        code = regs._error_code if vector in WITH_ERROR_CODE and kind is EventKind.FAULT else None
        self._deliver(
            Event(vector=vector, kind=kind, error_code=code, next_rip=regs._exception_next_rip)
        )
        if self._shutdown:
            self._stop()

    def _on_invalid(self, uc: int, data: int) -> bool:
        self._pull()
        self.regs._exception_is_int = 0
        self.regs._error_code = 0
        self._on_exception(uc, Vector.UD, data)
        return True

    def _on_syscall(self, uc: int, data: int) -> None:
        self._pull()
        if not enter_syscall(self.regs):
            self._on_invalid(uc, data)
        else:
            self._syscalls += 1
        # Unicorn adds the instruction's length when this returns.
        self.regs.rip = self.regs.rip - SYSCALL_LENGTH & _MASK64
        self._push()

    def _on_rdtsc(self, _uc: int, _data: int) -> int:
        now = self._now()
        self._write(api.x86.UC_X86_REG_RAX, now & 0xFFFF_FFFF)
        self._write(api.x86.UC_X86_REG_RDX, now >> 32 & 0xFFFF_FFFF)
        return 1

    def _on_rdtscp(self, uc: int, data: int) -> int:
        self._on_rdtsc(uc, data)
        self._write(api.x86.UC_X86_REG_RCX, self.regs.tsc_aux & 0xFFFF_FFFF)
        return 1

    def _on_cpuid(self, _uc: int, _data: int) -> int:
        self._pull()
        regs = self.regs
        leaf = cpuid(regs.gpr[Gpr.RAX] & 0xFFFF_FFFF, regs.gpr[Gpr.RCX] & 0xFFFF_FFFF, regs.cr4)
        if leaf is None:
            return 0
        x86 = api.x86
        registers = (x86.UC_X86_REG_RAX, x86.UC_X86_REG_RBX, x86.UC_X86_REG_RCX, x86.UC_X86_REG_RDX)
        for register, value in zip(registers, leaf, strict=True):
            self._write(register, value)
        return 1

    def _on_in(self, _uc: int, port: int, width: int, _data: int) -> int:
        if not self._port_allowed(port, width):
            return 0
        return self.around.port_read(port, width)

    def _on_out(self, _uc: int, port: int, width: int, value: int, _data: int) -> None:
        if self._port_allowed(port, width):
            self.around.port_write(port, width, value)

    def _port_allowed(self, port: int, width: int) -> bool:
        """Check the privilege to use a port; if there is none, stop behind the instruction.

        Nothing can be raised from here. So the registers before the instruction
        are kept, and put back once the CPU has stopped.
        """
        self._pull()
        if port_access_allowed(self.regs, self.memory, port, width):
            return True
        self._denied = bytes(self.regs)
        self._stop()
        return False

    def _deny_port(self) -> None:
        """Raise #GP(0) at the port instruction whose registers were kept."""
        hold(self._denied is not None, "no port access was denied")
        ctypes.memmove(ctypes.addressof(self.regs), self._denied or b"", CONTEXT_BYTES)
        self._denied = None
        self._refund_rest()
        self._deliver(Event(vector=Vector.GP, kind=EventKind.FAULT, error_code=0))

    # -- interrupts and exceptions --------------------------------------------

    def _window_open(self) -> bool:
        self._pull()
        regs = self.regs
        if self.nmi_pending and not regs.nmi_blocked:
            return True
        return self._intr and bool(regs.rflags & Flag.IF) and not regs.interrupt_shadow

    def _deliver_interrupts(self) -> None:
        """Deliver what is pending at this boundary, an NMI first."""
        regs = self.regs
        if self.nmi_pending and not regs.nmi_blocked:
            self.nmi_pending = False
            regs.nmi_blocked = True
            self._deliver(Event(vector=Vector.NMI, kind=EventKind.EXTERNAL))
        if self._intr and regs.rflags & Flag.IF and not regs.interrupt_shadow:
            self._intr = False
            vector = self.around.acknowledge()
            self._deliver(Event(vector=vector, kind=EventKind.EXTERNAL))

    def _deliver(self, event: Event) -> None:
        """Take ``regs`` to the handler of ``event``, or to shutdown."""
        self.regs.interrupt_shadow = False
        outcome = deliver(self.regs, self._cpu_memory, event, self._record)
        self._shutdown = outcome is Outcome.SHUTDOWN
        if self._log and not self._shutdown:
            self._log[-1] = replace(self._log[-1], delivered=True)
        self._cr2 = self.regs.cr2
        self._last_size = 0
        self._push()

    def _look_ahead(self) -> bool:
        """Decide about a fetch fault on the page behind RIP's; return whether it was dropped.

        Unicorn translates straight-line code as one block and meets the missing
        page when it translates, not when the guest gets there. If whole
        instructions come first, they run up to an exit behind the last of them.
        """
        regs = self.regs
        linear = regs.linear_rip
        if regs.cr2 // PAGE_SIZE != linear // PAGE_SIZE + 1:
            return False
        left = PAGE_SIZE - linear % PAGE_SIZE
        code = read_linear(regs, self.memory, linear, left, look=True)
        length = sum(whole_instructions(code, regs.code_bits))
        if length == 0:
            return False
        regs.cr2 = self._cr2
        self._push()
        self._set_exit(linear + length)
        self._stop()
        return True

    def _set_exit(self, address: int | None) -> None:
        self._exit = address
        self._uc.ctl_set_exits([] if address is None else [address])

    def _before_mmio(self) -> None:
        """Do nothing: with an instruction limit set, Unicorn keeps RIP exact."""

    def _store_to_rom(self) -> None:
        """Let the instruction at RIP store to ROM, and put the bytes back: nothing happened."""
        self._refund_rest()
        self._protect_roms(api.uc.UC_PROT_ALL)
        spare, self._budget = self._budget - 1, 1
        self._passing, self._count, self._last_size = True, 1, 0
        self._start()
        self._pull()
        self._refund_rest()
        self._budget += spare
        for rom, buffer in self._rom_buffers.items():
            buffer[:] = rom.data
        self._protect_roms(api.uc.UC_PROT_READ | api.uc.UC_PROT_EXEC)

    def set_intr(self, level: bool) -> None:
        """See :class:`vectoros.cpu.core.Cpu`."""
        self._intr = level

    # -- reports -------------------------------------------------------------

    def _record(self, event: Event) -> None:
        """Log an attempt to deliver ``event``."""
        regs = self.regs
        self._traps[event.vector] += event.kind is not EventKind.EXTERNAL
        if event.kind is not EventKind.EXTERNAL:
            self._log.append(
                Fault(
                    tick=self._deadline - self._budget,
                    vector=event.vector,
                    error_code=event.error_code or 0,
                    software=event.kind is EventKind.SOFTWARE,
                    cs=regs.segs[Seg.CS].selector,
                    rip=regs.rip,
                    rsp=regs.gpr[Gpr.RSP],
                    cpl=regs.cpl,
                    cr2=regs.cr2,
                    delivered=False,
                )
            )

    def faults(self) -> list[Fault]:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return list(self._log)

    def counters(self) -> Counters:
        """See :class:`vectoros.cpu.core.Cpu`."""
        return Counters(dict(self._traps), self._syscalls)
