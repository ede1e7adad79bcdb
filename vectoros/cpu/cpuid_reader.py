"""Ask an engine what its guests see: CPUID, executed."""

from __future__ import annotations

from vectoros.clock import Clock
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Stop
from vectoros.cpu.cpuid import Leaf
from vectoros.cpu.selftest import make_cpu, reset_real_mode
from vectoros.cpu.selftest_programs import Witness
from vectoros.errors import hold
from vectoros.memory import Memory
from vectoros.units import MIB

_START = 0x1000
_CPUID_HLT = bytes.fromhex("0fa2 f4")


class CpuidReader:
    """A CPU of its own that does nothing else."""

    def __init__(self, engine: str) -> None:
        """Make it with the engine called ``engine``."""
        clock, memory = Clock(), Memory(MIB)
        memory.write(_START, _CPUID_HLT)
        self._clock = clock
        self._cpu = make_cpu(engine, memory, Witness(clock), clock)

    def __call__(self, leaf: int, subleaf: int) -> Leaf:
        """Return EAX, EBX, ECX and EDX."""
        cpu = self._cpu
        reset_real_mode(cpu.regs, _START)
        cpu.regs.gpr[Gpr.RAX], cpu.regs.gpr[Gpr.RCX] = leaf, subleaf
        cpu.registers_changed()
        stop = cpu.run(self._clock.now + len(_CPUID_HLT))
        hold(stop is Stop.HALT, f"CPUID did not end: {stop}")
        eax, ebx, ecx, edx = (
            cpu.regs.gpr[number] for number in (Gpr.RAX, Gpr.RBX, Gpr.RCX, Gpr.RDX)
        )
        return eax, ebx, ecx, edx

    def close(self) -> None:
        """Free the CPU."""
        self._cpu.close()
