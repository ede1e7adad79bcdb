"""The FPU follows its user only when another thread needs it.

A thread that does not own the FPU runs with CR0.TS set, so its first FPU instruction
raises #NM. Then, and only then, the registers of the owner are saved and those of
the thread loaded.

Source: Intel SDM Vol. 3A, "Using the TS Flag to Control the Saving of the x87 FPU
and SSE State".
"""

from __future__ import annotations

from vectoros.kernel.abi import TCB_FPU
from vectoros.kernel.gate import Flag
from vectoros.kernel.trap import Trap

VECTOR = 7
"""#NM, device not available."""


def give(trap: Trap) -> None:
    """Give the FPU to the caller. TS is clear after it, unless another thread is next."""
    processor, block = trap.processor, trap.request
    owner = processor.fpu_owner
    processor.fpu_closed = 0
    trap.flags |= Flag.CLEAR_TS
    if owner:
        block.fpu_save = owner + TCB_FPU
    block.fpu_load = trap.caller + TCB_FPU
    processor.fpu_owner = trap.caller
