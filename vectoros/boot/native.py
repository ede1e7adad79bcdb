"""Our own kernel: how it comes to stand behind the gate.

The machine knows no kernel and the kernel no machine. Here they meet: the gate's
doorbell calls ``Kernel.trap``, and all that the kernel has of the machine is RAM.
"""

from __future__ import annotations

from dataclasses import dataclass

from vectoros.memory import Memory
from vectoros.pc import Pc


@dataclass(frozen=True, slots=True)
class KernelMemory:
    """A machine's RAM as the kernel wants it (kernel/memory.py)."""

    memory: Memory

    @property
    def view(self) -> memoryview:
        """All of RAM, for what holds no code; not video memory, which the store has behind it."""
        return self.memory.ram.view[: self.memory.size]

    def write(self, address: int, data: bytes) -> None:
        """Store ``data`` where a program's code may be: the CPU is told."""
        self.memory.write(address, data)


def attach(pc: Pc) -> None:
    """Let the kernel answer at the gate of ``pc``."""

    def first(block: int) -> None:
        # Loaded here: a machine that boots something else never needs it.
        from vectoros.kernel.kernel import Kernel

        trap = Kernel(KernelMemory(pc.memory)).trap
        pc.gate.connect(trap)
        trap(block)

    pc.gate.connect(first)
