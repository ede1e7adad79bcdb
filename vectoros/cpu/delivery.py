"""Delivery of exceptions and interrupts: from an event to its handler's first instruction.

One promise: for every architectural register and every byte of memory,
:func:`deliver` does what Unicorn 2.1.4's native delivery does, in the same
order, so that the two engines give one state hash. ``test_delivery_twin.py``
compares the two. It mends three things, and so does the fast engine: a fault sets
RF in the RFLAGS image that it pushes; an error code that names an IDT entry is
vector * 8 + 2 in long mode, too; and the error code of a fault met on the way has
the EXT bit, unless a software interrupt was being delivered.

Source: Intel SDM Vol. 3A, "Interrupt and Exception Handling". Where the native
code departs from it, so do we:

* A 16-bit gate's offset has 32 bits.
* Stack-segment limits are not checked, and a non-canonical stack raises #GP(0),
  not #SS(0).
* A stack segment from the TSS that is not present raises #TS, not #SS.
* From virtual-8086 mode, handlers at levels 1 and 2 are let in.
* Descriptors are not marked accessed when they are loaded.
* A non-canonical handler address faults in the handler, not before it.
* A TR that holds no TSS raises #TS; hardware never lets TR be so.
* The interrupt shadow is left to the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from vectoros.cpu.bits import CR0_PE, EFER_LMA, Flag
from vectoros.cpu.delivery_long import enter_long
from vectoros.cpu.delivery_protected import enter_protected
from vectoros.cpu.delivery_real import enter_real
from vectoros.cpu.faults import (
    CONTRIBUTORY,
    EXT_BIT,
    NAMES_A_SELECTOR,
    CpuFault,
    Event,
    EventKind,
    PageFault,
    Vector,
)
from vectoros.cpu.paging import PhysicalMemory
from vectoros.cpu.registers import Registers
from vectoros.cpu.tss import require_task

__all__ = ["Event", "EventKind", "Log", "Outcome", "deliver"]

Log = Callable[[Event], None]
"""Called before each attempt, the registers as the event found them."""


class Outcome(Enum):
    """How a delivery ended."""

    DELIVERED = auto()
    SHUTDOWN = auto()  # a fault while #DF was being delivered: a triple fault


def deliver(
    regs: Registers, memory: PhysicalMemory, event: Event, log: Log | None = None
) -> Outcome:
    """Take ``regs`` to the handler of ``event``, or of the fault met on the way there.

    The arithmetic flags must be computed (:attr:`Registers.rflags` readable).
    After :attr:`Outcome.SHUTDOWN` the registers show the state in which the last
    attempt failed.
    """
    pending = event.vector if event.kind is EventKind.FAULT and _escalates(event.vector) else None
    while True:
        if log is not None:
            log(event)
        require_task(regs)
        if event.sets_rf:
            regs.rflags |= Flag.RF
        try:
            _enter(regs, memory, event)
        except CpuFault as fault:
            if isinstance(fault, PageFault):
                regs.cr2 = fault.linear
            if pending == Vector.DF:
                return Outcome.SHUTDOWN
            pending, event = _escalate(pending, event, fault)
        else:
            regs._old_exception = -1  # Unicorn's own memory of what was pending
            regs._exception_is_int = 0
            return Outcome.DELIVERED


def _enter(regs: Registers, memory: PhysicalMemory, event: Event) -> None:
    """Make one attempt, in the present mode."""
    if not regs.cr0 & CR0_PE:
        enter_real(regs, memory, event)
    elif regs.efer & EFER_LMA:
        enter_long(regs, memory, event)
    else:
        enter_protected(regs, memory, event)


def _escalate(pending: int | None, event: Event, fault: CpuFault) -> tuple[int, Event]:
    """Return what is pending now, and what to deliver: ``fault``, or #DF in its place.

    ``event`` is what was being delivered.
    """
    contributory = fault.vector in CONTRIBUTORY
    doubles = (pending in CONTRIBUTORY and contributory) or (
        pending == Vector.PF and (contributory or fault.vector == Vector.PF)
    )
    if doubles:
        return Vector.DF, Event(Vector.DF, error_code=0)
    external = fault.vector in NAMES_A_SELECTOR and event.kind is not EventKind.SOFTWARE
    error_code = fault.error_code | (EXT_BIT if external else 0)
    return fault.vector, Event(fault.vector, error_code=error_code)


def _escalates(vector: int) -> bool:
    """Whether a fault while ``vector`` is delivered may become a double fault."""
    return vector in CONTRIBUTORY or vector in (Vector.PF, Vector.DF)
