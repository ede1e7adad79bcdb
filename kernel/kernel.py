"""The kernel: one function over guest memory.

:meth:`Kernel.trap` is the only entry. It reads what the stub put into the gate block
and the thread's frame, decodes, performs, chooses who runs next, and returns. All
state is in memory: two kernels over equal bytes do the same (docs/explanation/kernel.md).
"""

from __future__ import annotations

from vectoros.kernel import boot, dispatch, fault, gate, irq, syscalls
from vectoros.kernel.abi import TCB_FPU, Fault
from vectoros.kernel.gate import Flag, Reason
from vectoros.kernel.memory import Memory, Ram
from vectoros.kernel.tcb import NO_FPU
from vectoros.kernel.trap import Trap

(_REASON,) = gate.GateBlock.indices("reason")
_BOOT, _SYSCALL, _INTERRUPT = int(Reason.BOOT), int(Reason.SYSCALL), int(Reason.INTERRUPT)
_NO_DEVICE, _PAGE_FAULT = 7, 14
"""#NM and #PF (Intel SDM Vol. 3A, "Exception and Interrupt Vectors")."""


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
    if request.vector == _PAGE_FAULT:
        fault.stop(trap, Fault.VM_FAULT, request.cr2, request.error)
    elif request.vector != _NO_DEVICE or not _give_fpu(trap, request):
        fault.stop(trap, Fault.USER_EXCEPTION, request.vector, request.error)


def _give_fpu(trap: Trap, block: gate.GateBlock) -> bool:
    """Give the FPU to the caller, if that is what #NM asks for; say whether it was.

    The FPU follows its user only when another thread needs it. A thread that does not own
    it runs with CR0.TS set, so its first FPU instruction raises #NM. Then, and only then,
    the registers of the owner are saved and those of the thread loaded. TS is clear after
    it, unless another thread is next.

    Source: Intel SDM Vol. 3A, "Using the TS Flag to Control the Saving of the x87 FPU and
    SSE State".
    """
    processor = trap.processor
    owner = processor.fpu_owner
    if not processor.fpu_closed or trap.thread.flags & NO_FPU:
        return False
    processor.fpu_closed = 0
    trap.flags |= Flag.CLEAR_TS
    if owner:
        block.fpu_save = owner + TCB_FPU
    block.fpu_load = trap.caller + TCB_FPU
    processor.fpu_owner = trap.caller
    return True
