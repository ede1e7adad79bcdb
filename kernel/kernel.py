"""The kernel: one function over guest memory.

:meth:`Kernel.trap` is the only entry. It reads what the stub put into the gate block
and the thread's frame, decodes, performs, chooses who runs next, and returns. All
state is in memory: two kernels over equal bytes do the same (docs/explanation/kernel.md).
"""

from __future__ import annotations

from vectoros.kernel import boot, dispatch, fault, fpu, gate, irq, syscalls
from vectoros.kernel.gate import Reason
from vectoros.kernel.memory import Memory, Ram
from vectoros.kernel.trap import Trap

(_REASON,) = gate.GateBlock.indices("reason")
_BOOT, _SYSCALL, _INTERRUPT = int(Reason.BOOT), int(Reason.SYSCALL), int(Reason.INTERRUPT)
PAGE_FAULT = 14


class Kernel:
    """The microkernel over one memory."""

    def __init__(self, memory: Memory) -> None:
        """Run on ``memory``: the kernel remembers nothing else."""
        self._ram = Ram(memory)

    def trap(self, block: int) -> None:
        """Serve the trap whose gate block is at physical address ``block``."""
        ram = self._ram
        reason = ram.words[(block >> 3) + _REASON]
        if reason == _BOOT:
            boot.boot(ram, block)
            return
        trap = Trap(ram, block)
        if reason == _SYSCALL:
            syscalls.system_call(trap)
        elif reason == _INTERRUPT:
            irq.interrupt(trap, trap.request.vector)
        else:
            _exception(trap)
        dispatch.finish(trap)


def _exception(trap: Trap) -> None:
    request = trap.request
    if request.vector == PAGE_FAULT:
        fault.page_fault(trap, request.cr2, request.error)
    elif request.vector == fpu.VECTOR and trap.processor.fpu_closed:
        fpu.give(trap)
    else:
        fault.exception(trap, request.vector, request.error)
