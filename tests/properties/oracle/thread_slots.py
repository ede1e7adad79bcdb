"""What a thread runs with: its roots, IPC buffer, handlers and policy."""

from __future__ import annotations

from tests.properties.oracle.capability import Cap
from tests.properties.oracle.deletion import delete
from tests.properties.oracle.deriving import derive, guardable
from tests.properties.oracle.faults import handles
from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.refusal import MASK, Refused, capability, illegal
from tests.properties.oracle.things import Policy, Table, Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import READ_WRITE, Right, Type


def _tcb(call: Invocation) -> Tcb:
    assert isinstance(call.cap.thing, Tcb)
    return call.cap.thing


def install(
    world: World, thread: Tcb, name: str, cap: Cap | None, guard: int | None = None
) -> None:
    """Let a copy of ``cap``, or nothing, take the place of what is in a thread's slot."""
    old = thread.own[name]
    spare = type(old)(0)
    made = derive(cap, spare, badge=guard) if cap else None
    delete(world, old)
    if made is not None and made.slot is spare:
        old.cap, made.slot = made, old


def _roots(call: Invocation) -> None:
    cspace, vspace = call.given("cspace"), call.given("vspace")
    if cspace is None or cspace.kind is not Type.CNODE or cspace.dying:
        raise illegal()
    if call["cspace_data"]:
        guardable(cspace, call["cspace_data"])
    space = vspace.thing if vspace else None
    if not isinstance(space, Table) or space.kind is not Type.PML4 or space.asid is None:
        raise illegal()


def _install_roots(world: World, thread: Tcb, call: Invocation) -> None:
    install(world, thread, "cspace", call.given("cspace"), call["cspace_data"] or None)
    install(world, thread, "vspace", call.given("vspace"))


def _buffer(call: Invocation, name: str) -> None:
    cap = call.given(name)
    if cap is not None:
        good = cap.kind is Type.FRAME and cap.bits == 12 and not cap.device
        if not good or cap.rights != READ_WRITE:
            raise illegal()
    if call["buffer"] % 4096:
        raise Refused(Error.ALIGNMENT_ERROR)


@method(Type.TCB, "Configure")
def _configure(world: World, call: Invocation) -> Done:
    _roots(call)
    _buffer(call, "buffer_frame")
    _install_roots(world, _tcb(call), call)
    install(world, _tcb(call), "buffer", call.given("buffer_frame"))
    return ()


@method(Type.TCB, "SetSpace")
def _set_space(world: World, call: Invocation) -> Done:
    handler = call.given("fault_ep")
    if handler is not None and not handles(handler):
        raise capability(1)
    _roots(call)
    install(world, _tcb(call), "handler", handler)
    _install_roots(world, _tcb(call), call)
    return ()


@method(Type.TCB, "SetIPCBuffer")
def _set_buffer(world: World, call: Invocation) -> Done:
    _buffer(call, "frame")
    install(world, _tcb(call), "buffer", call.given("frame"))
    return ()


@method(Type.TCB, "SetTimeoutEndpoint")
def _set_timeout(world: World, call: Invocation) -> Done:
    cap = call.given("timeout_ep")
    if cap is not None and not handles(cap):
        raise capability(1)
    install(world, _tcb(call), "timeout", cap)
    return ()


@method(Type.TCB, "SetPolicy")
def _set_policy(world: World, call: Invocation) -> Done:
    thread, cap = _tcb(call), call.given("policy")
    if cap is None or not isinstance(cap.thing, Policy) or not cap.rights & Right.READ:
        raise capability(1)
    old = thread.cap("policy")
    if old is not None:
        assert isinstance(old.thing, Policy)
        pairs = zip(cap.thing.masks, old.thing.masks, strict=True)
        if any(new & ~allowed & MASK for new, allowed in pairs):
            raise illegal()
    install(world, thread, "policy", cap)
    return ()
