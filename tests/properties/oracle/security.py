"""Policies, and what they forbid."""

from __future__ import annotations

from tests.properties.oracle.methods import Done, Invocation, method
from tests.properties.oracle.refusal import ANY, illegal, within
from tests.properties.oracle.things import Policy, Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.audit import CAPACITY
from vectoros.kernel.objects import Right, Type

GREATEST = max(Type)


def _policy(call: Invocation, right: Right) -> Policy:
    assert isinstance(call.cap.thing, Policy)
    if not call.cap.rights & right:
        raise illegal()
    return call.cap.thing


@method(Type.POLICY, "Restrict")
def _restrict(world: World, call: Invocation) -> Done:
    policy = _policy(call, Right.WRITE)
    within(call["type"], 0, GREATEST)
    policy.masks[call["type"]] &= call["mask"]
    return ()


@method(Type.POLICY, "Describe")
def _describe(world: World, call: Invocation) -> Done:
    policy = _policy(call, Right.READ)
    within(call["type"], 0, GREATEST)
    return (policy.masks[call["type"]],)


def allows(thread: Tcb, kind: int, number: int) -> bool:
    """Whether the thread's policy lets it use a method of a type, or (type 0) a trap."""
    cap = thread.cap("policy")
    if cap is None:
        return True
    assert isinstance(cap.thing, Policy)
    return number > 63 or bool(cap.thing.masks[kind] >> number & 1)


@method(Type.AUDIT_LOG, "Describe")
def _describe_log(world: World, call: Invocation) -> Done:
    if not call.cap.rights & Right.READ:
        raise illegal()
    return len(world.audit), CAPACITY


@method(Type.AUDIT_LOG, "Read")
def _read_log(world: World, call: Invocation) -> Done:
    if not call.cap.rights & Right.READ:
        raise illegal()
    count = len(world.audit)
    within(call["index"], max(0, count - CAPACITY), max(count, 1) - 1)
    record = world.audit[call["index"]]
    return (
        ANY, record.event, record.subject, record.object, record.label, record.status,
        *record.words,
    )  # fmt: skip
