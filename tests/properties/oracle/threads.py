"""The methods of threads."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap
from tests.properties.oracle.deletion import ends
from tests.properties.oracle.endpoints import WAITING, stop
from tests.properties.oracle.faults import handles
from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.notifications import enqueue
from tests.properties.oracle.refusal import (
    ANY,
    Refused,
    argument,
    capability,
    illegal,
    outside,
    within,
)
from tests.properties.oracle.scheduling import ask, donate, forget, unbind, wake
from tests.properties.oracle.things import Notification, SchedContext, Tcb
from tests.properties.oracle.thread_slots import install
from tests.properties.oracle.world import World
from vectoros.kernel.abi import State
from vectoros.kernel.errors import Error
from vectoros.kernel.frame import USER_WRITES
from vectoros.kernel.methods.threads import REGISTERS
from vectoros.kernel.objects import Right, Type
from vectoros.kernel.process_layout import USER_LIMIT

POINTERS = ("rip", "rsp", "fs_base", "gs_base")


def _tcb(call: Invocation) -> Tcb:
    assert isinstance(call.cap.thing, Tcb)
    return call.cap.thing


def resume(world: World, thread: Tcb) -> None:
    """Let a thread run; a trap that it waits in is made again."""
    if thread.state is not State.RUNNING:
        stop(world, thread)
        thread.faulting = False
        thread.state = State.RUNNING
        wake(world, thread)


@method(Type.TCB, "Suspend")
def _suspend(world: World, call: Invocation) -> Done:
    stop(world, _tcb(call))
    return ()


@method(Type.TCB, "Resume")
def _resume(world: World, call: Invocation) -> Done:
    resume(world, _tcb(call))
    return ()


def _authority(call: Invocation) -> Tcb:
    cap = call.given("authority")
    if cap is None or not isinstance(cap.thing, Tcb) or cap.dying:
        raise capability(1)
    return cap.thing


def set_priority(world: World, thread: Tcb, priority: int) -> None:
    """Set the priority, and move the thread in whatever queue it is in."""
    forget(world, thread)
    thread.priority = priority
    if thread.state in WAITING:
        assert thread.at is not None
        thread.at.queue.remove(thread)
        enqueue(thread.at.queue, thread)
    wake(world, thread)


@method(Type.TCB, "SetPriority")
def _set_priority(world: World, call: Invocation) -> Done:
    within(call["priority"], 0, _authority(call).max_priority)
    set_priority(world, _tcb(call), call["priority"])
    return ()


@method(Type.TCB, "SetMCPriority")
def _set_maximum(world: World, call: Invocation) -> Done:
    within(call["mcp"], 0, _authority(call).max_priority)
    _tcb(call).max_priority = call["mcp"]
    return ()


@method(Type.TCB, "SetSchedParams")
def _set_params(world: World, call: Invocation) -> Done:
    thread, authority = _tcb(call), _authority(call)
    within(call["mcp"], 0, authority.max_priority)
    within(call["priority"], 0, authority.max_priority)
    given, handler = call.given("sched_context"), call.given("fault_ep")
    context = given.thing if given else None
    if given and not isinstance(context, SchedContext):
        raise capability(2)
    if isinstance(context, SchedContext):
        if context.tcb not in (None, thread):
            raise illegal()
    elif thread is call.thread:
        raise illegal()
    if handler and not handles(handler):
        raise capability(3)
    thread.max_priority = call["mcp"]
    set_priority(world, thread, call["priority"])
    if thread.context is not None and thread.context is not context:
        unbind(world, thread.context)
    if isinstance(context, SchedContext) and thread.context is None:
        donate(world, context, thread)
        wake(world, thread)
    install(world, thread, "handler", handler)
    return ()


def _stopped(call: Invocation, thread: Tcb) -> None:
    faulting = thread.faulting and thread.state is not State.RUNNING
    if thread is call.thread or not (thread.state is State.INACTIVE or faulting):
        raise illegal()


@method(Type.TCB, "WriteRegisters")
def _write(world: World, call: Invocation) -> Done:
    thread = _tcb(call)
    _stopped(call, thread)
    count = call["count"]
    within(count, 1, len(REGISTERS))
    words = call.message[2:]
    if len(words) < count:
        raise Refused(Error.TRUNCATED_MESSAGE)
    values = dict(zip(REGISTERS, words[:count], strict=False))
    if any(values.get(name, 0) >= USER_LIMIT for name in POINTERS):
        raise outside(0, USER_LIMIT - 1)
    _set_registers(thread, values)
    if call["flags"] & 1:
        resume(world, thread)
    return ()


def _set_registers(thread: Tcb, values: dict[str, int]) -> None:
    old = thread.registers["rflags"]
    thread.registers.update(values)
    if "rflags" in values:
        thread.registers["rflags"] = old & ~USER_WRITES | values["rflags"] & USER_WRITES


@method(Type.TCB, "ReadRegisters")
def _read(world: World, call: Invocation) -> Done:
    thread = _tcb(call)
    if thread is call.thread:
        raise illegal()
    within(call["count"], 1, len(REGISTERS))
    if call["flags"] & 1:
        stop(world, thread)
    return tuple(thread.registers[name] for name in REGISTERS[: call["count"]])


FRAME = ("rip", "rsp", "rflags")
INTEGER = tuple(name for name in REGISTERS if name not in (*FRAME, "fs_base", "gs_base"))


@method(Type.TCB, "CopyRegisters")
def _copy(world: World, call: Invocation) -> Done:
    thread, cap, flags = _tcb(call), call.given("source"), call["flags"]
    if cap is None or not isinstance(cap.thing, Tcb) or cap.dying:
        raise capability(1)
    source = cap.thing
    if source is call.thread:
        raise illegal()
    _stopped(call, thread)
    if flags & 1:
        stop(world, source)
    names = (*(FRAME if flags & 4 else ()), *(INTEGER if flags & 8 else ()))
    _set_registers(thread, {name: source.registers[name] for name in names})
    if flags & 2:
        resume(world, thread)
    return ()


@method(Type.TCB, "Describe")
def _describe(world: World, call: Invocation) -> Done:
    thread = _tcb(call)
    if thread is call.thread:
        ask(world, thread.context)
    return (
        thread.state, thread.priority, thread.consumed, thread.fault, *thread.seen,
        thread.max_priority, ANY, thread.registers["rip"],
    )  # fmt: skip


@method(Type.TCB, "BindNotification")
def _bind(world: World, call: Invocation) -> Done:
    thread, cap = _tcb(call), call.given("notification")
    if thread.bound is not None:
        raise illegal()
    if cap is None or not isinstance(cap.thing, Notification) or not cap.rights & Right.READ:
        raise capability(1)
    if cap.thing.bound is not None or cap.thing.queue:
        raise illegal()
    thread.bound, cap.thing.bound = cap.thing, thread
    return ()


@method(Type.TCB, "UnbindNotification")
def _unbind(world: World, call: Invocation) -> Done:
    thread = _tcb(call)
    if thread.bound is None:
        raise illegal()
    thread.bound.bound, thread.bound = None, None
    return ()


@method(Type.TCB, "SetTLSBase")
def _set_tls(world: World, call: Invocation) -> Done:
    if call["address"] >= USER_LIMIT:
        raise argument(0)
    _tcb(call).registers["fs_base"] = call["address"]
    return ()


@method(Type.TCB, "SetFlags")
def _set_flags(world: World, call: Invocation) -> Done:
    thread = _tcb(call)
    thread.flags = (thread.flags & ~call["clear"] | call["set"]) & 1
    return (thread.flags,)


@method(Type.TCB, "SetName")
def _set_name(world: World, call: Invocation) -> Done:
    thread = _tcb(call)
    thread.name = call["name0"], call["name1"]
    thread.generation += 1
    return ()


@ends(Type.TCB)
def _end(world: World, cap: Cap, final: bool) -> None:
    thread = cap.thing
    assert isinstance(thread, Tcb)
    if not final:
        return
    stop(world, thread)
    if thread.bound is not None:
        thread.bound.bound, thread.bound = None, None
    if thread.context is not None:
        unbind(world, thread.context)
