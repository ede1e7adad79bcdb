"""Faults: a message from a thread that cannot go on to who looks after it."""

from __future__ import annotations

from tests.properties.oracle.answers import label_of, message_of, rewind
from tests.properties.oracle.capability import Cap
from tests.properties.oracle.endpoints import send_as, through
from tests.properties.oracle.refusal import NotFound, outside
from tests.properties.oracle.scheduling import forget, wake
from tests.properties.oracle.things import Tcb
from tests.properties.oracle.transfer import FAULT_REGISTERS
from tests.properties.oracle.world import Record, World
from vectoros.kernel.abi import COST_FAULT, Fault, State
from vectoros.kernel.audit import Event
from vectoros.kernel.frame import USER_WRITES
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.process_layout import USER_LIMIT


def handles(cap: Cap | None) -> bool:
    """Whether faults can be sent through a capability."""
    replies = Right.GRANT | Right.GRANT_REPLY
    return bool(
        cap and cap.kind is Type.ENDPOINT and cap.rights & Right.WRITE and cap.rights & replies
    )


def raised(
    world: World, thread: Tcb, fault: Fault, words: tuple[int, ...], seen: tuple[int, int, int]
) -> None:
    """Let ``thread`` fault. ``seen`` is what Describe says: where, on what, and a code."""
    thread.fault, thread.faulting, thread.seen = fault, True, seen
    world.cost += COST_FAULT
    cap = thread.cap("timeout" if fault is Fault.TIMEOUT else "handler")
    if cap is None or not handles(cap):
        forget(world, thread)
        thread.state = State.INACTIVE
        world.note(Record(Event.STOPPED, thread.id, thread.address, fault, 0, (seen[0], seen[1])))
        return
    sending = through(cap)
    sending.fault, sending.label = words, fault
    send_as(world, thread, cap.thing, sending, True, True)


def no_capability(
    world: World, thread: Tcb, address: int, failure: NotFound, *, receiving: bool
) -> None:
    """Let a thread fault because an address leads to nothing that it can use."""
    rewind(thread)
    ip, receives = thread.registers["rip"], int(receiving)
    words = (ip, address, receives, int(failure.kind), *failure.words)
    raised(world, thread, Fault.CAP_FAULT, words, (ip, address, receives))


def no_trap(world: World, thread: Tcb) -> None:
    """Let a thread fault because its trap has no meaning."""
    number = thread.registers["rax"]
    rewind(thread)
    raised(world, thread, Fault.UNKNOWN_SYSCALL, (number,), (thread.registers["rip"], number, 0))


def exception(world: World, thread: Tcb, vector: int, error: int, address: int) -> None:
    """Let a thread fault because the processor says so."""
    ip = thread.registers["rip"]
    if vector == 14:
        fetch = int(bool(error & 0x10))
        raised(world, thread, Fault.VM_FAULT, (ip, address, fetch, error), (ip, address, error))
        return
    raised(world, thread, Fault.USER_EXCEPTION, (vector, error), (ip, vector, error))


def timed_out(world: World, thread: Tcb) -> bool:
    """Let a thread that has used its budget up tell who is to know; say whether anybody is."""
    context = thread.context
    assert context is not None
    if not handles(thread.cap("timeout")):
        return False
    words, context.consumed = (context.badge, context.consumed), 0
    raised(world, thread, Fault.TIMEOUT, words, (thread.registers["rip"], *words))
    return True


def answerable(world: World, replier: Tcb, thread: Tcb) -> None:
    """Refuse an answer that would send a thread out of the lower half."""
    given = _given(world, replier, thread)
    if any(given.get(name, 0) >= USER_LIMIT for name in ("rip", "rsp")):
        raise outside(0, USER_LIMIT - 1)


def _given(world: World, replier: Tcb, thread: Tcb) -> dict[str, int]:
    """Return the registers that an answer sets."""
    if label_of(replier):
        return {}
    words = message_of(world, replier)
    return dict(zip(FAULT_REGISTERS.get(thread.fault, ()), words, strict=False))


def answered(world: World, replier: Tcb, thread: Tcb) -> None:
    """Let a thread go on, or stop, as the answer to its fault says."""
    for name, word in _given(world, replier, thread).items():
        flags = thread.registers[name] & ~USER_WRITES | word & USER_WRITES
        thread.registers[name] = flags if name == "rflags" else word
    stops = bool(label_of(replier))
    thread.faulting = stops
    thread.state = State.INACTIVE if stops else State.RUNNING
    wake(world, thread)
