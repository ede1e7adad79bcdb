"""The instructions that the portable engine does itself, in Python.

Each does what its twin in the fast engine, ``native_instructions.S``, does in host code.
"""

from __future__ import annotations

from vectoros.clock import Clock
from vectoros.cpu import unicorn_api as api
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Surroundings
from vectoros.cpu.cpuid import cpuid
from vectoros.cpu.delivery import Event
from vectoros.cpu.engine_traps import TrapEngine
from vectoros.cpu.faults import Vector
from vectoros.cpu.ioperm import port_access_allowed
from vectoros.cpu.syscall import enter_syscall
from vectoros.cpu.sysenter import enter_sysenter
from vectoros.memory import Memory

_MASK32, _MASK64 = (1 << 32) - 1, (1 << 64) - 1


class InstructionEngine(TrapEngine):
    """The part of the portable engine that Unicorn asks about single instructions."""

    def __init__(self, memory: Memory, surroundings: Surroundings, clock: Clock) -> None:
        """Create the CPU and the callbacks."""
        super().__init__(memory, surroundings, clock)
        x86 = api.x86
        for instruction, callback in (
            (x86.UC_X86_INS_SYSCALL, api.VoidHook(self.guarded(self._on_syscall, None))),
            (x86.UC_X86_INS_SYSENTER, api.VoidHook(self.guarded(self._on_sysenter, None))),
            (x86.UC_X86_INS_RDTSC, api.SkipHook(self.guarded(self._on_rdtsc, 1))),
            (x86.UC_X86_INS_RDTSCP, api.SkipHook(self.guarded(self._on_rdtscp, 1))),
            (x86.UC_X86_INS_CPUID, api.SkipHook(self.guarded(self._on_cpuid, 0))),
            (x86.UC_X86_INS_IN, api.InHook(self.guarded(self._on_in, 0))),
            (x86.UC_X86_INS_OUT, api.OutHook(self.guarded(self._on_out, None))),
        ):
            self.hook(api.uc.UC_HOOK_INSN, callback, instruction)

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
