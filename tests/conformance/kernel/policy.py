"""Policies: what a thread may ask for at all."""

from __future__ import annotations

from tests.conformance.kernel.dsl import (
    CNODE,
    EP,
    NTFN,
    READ,
    REPLY,
    THREAD_TCB,
    WRITE,
    A,
    B,
    C,
    D,
    call,
    case,
    copy,
    invoke,
    load,
    nb_recv,
    nb_send,
    pause,
    poll,
    recv,
    retype,
    revoke,
    send,
    signal,
    thread,
    wait,
)
from tests.conformance.kernel.step import Step
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

T = THREAD_TCB["a"]
ALL = (1 << 64) - 1
NEW = retype(Type.POLICY, A)


def restrict(kind: int, mask: int, policy: int = A) -> Step:
    """Invoke Restrict."""
    return invoke(policy, "POLICY.Restrict", kind, mask)


def describe(kind: int, mask: int, policy: int = A) -> Step:
    """Expect what a policy allows."""
    return invoke(policy, "POLICY.Describe", kind).gives(mask)


def set_policy(policy: int = A, thread_slot: int = T) -> Step:
    """Invoke SetPolicy."""
    return invoke(thread_slot, "TCB.SetPolicy", policy)


def under(*masks: tuple[int, int]) -> tuple[Step, ...]:
    """Let thread ``a`` of the root's priority run under a policy with ``masks``."""
    made = [*thread("a", 200), NEW, *(restrict(kind, mask) for kind, mask in masks)]
    return (*made, set_policy(), pause())


END = (signal(NTFN).from_("a"), pause().from_("a").cut_off(), poll(NTFN))

CASES = (
    case("POLICY-001", "a new policy allows everything", NEW, describe(0, ALL), describe(25, ALL)),
    case("POLICY-002", "Restrict takes away, and nothing gives back",
         NEW, restrict(3, 0b1100), describe(3, 0b1100), restrict(3, ALL), describe(3, 0b1100),
         restrict(3, 0b0110), describe(3, 0b0100), describe(4, ALL)),
    case("POLICY-003", "a method that is not allowed is illegal, the others are not",
         under((Type.CNODE, ALL & ~(1 << 2))),
         invoke(CNODE, "CNODE.Delete", B, 64).from_("a").illegal(),
         invoke(CNODE, "CNODE.Revoke", B, 64).from_("a"), END),
    case("POLICY-004", "a policy is asked before arguments are looked at",
         under((Type.CNODE, 0)), invoke(CNODE, "CNODE.Delete", B, 99).from_("a").illegal(),
         invoke(CNODE, "CNODE.Delete", B, 64).cut(0).illegal().from_("a"), END),
    case("POLICY-005", "traps that are not allowed",
         under((0, ALL & ~(1 << 4))), nb_send(NTFN).from_("a").illegal(), END),
    case("POLICY-006", "sending and receiving at endpoints are told apart",
         under((Type.ENDPOINT, 1 << 2)), nb_send(EP).from_("a").illegal(),
         call(EP).from_("a").illegal(), nb_recv(EP).from_("a"), END),
    case("POLICY-007", "receiving is forbidden",
         under((Type.ENDPOINT, 1 << 1)), nb_recv(EP).from_("a").illegal(),
         recv(EP).from_("a").illegal(), nb_send(EP).from_("a"), END),
    case("POLICY-008", "signalling and waiting are told apart",
         retype(Type.NOTIFICATION, B), under((Type.NOTIFICATION, 1 << 1)),
         wait(B).from_("a").illegal(), signal(B).from_("a"), END),
    case("POLICY-009", "answering is forbidden",
         under((Type.REPLY, 0)), send(REPLY).from_("a").illegal(), END),
    case("POLICY-010", "what a restricted thread makes is restricted",
         thread("a", 200), NEW, restrict(Type.IO_PORT, 0), set_policy(), pause(),
         retype(Type.POLICY, C).from_("a"), describe(Type.IO_PORT, 0, C).from_("a"),
         retype(Type.TCB, D).from_("a"),
         set_policy(C, D).from_("a"), END),
    case("POLICY-011", "SetPolicy: no policy with Read",
         thread("a", run=False), NEW, copy(A, B, WRITE),
         *(set_policy(slot).refused(Error.INVALID_CAPABILITY, 1) for slot in (B, EP, 127)),
         set_policy().bare()),
    case("POLICY-012", "SetPolicy: a policy that allows more than the one that is there",
         thread("a", run=False), NEW, restrict(Type.CNODE, 0b0110), set_policy(),
         retype(Type.POLICY, B), set_policy(B).refused(Error.ILLEGAL_OPERATION),
         restrict(Type.CNODE, 0b1010, B), set_policy(B).refused(Error.ILLEGAL_OPERATION),
         restrict(Type.CNODE, 0b0010, B), set_policy(B)),
    case("POLICY-013", "Restrict of what a thread has holds at once",
         under(), invoke(CNODE, "CNODE.Delete", B, 64).from_("a"), pause().from_("a"),
         restrict(Type.CNODE, 0), pause(),
         invoke(CNODE, "CNODE.Delete", B, 64).from_("a").illegal(),
         END),
    case("POLICY-014", "a thread whose policy is gone may do nothing",
         under(), pause().from_("a"), revoke(A), pause(), signal(NTFN).from_("a").illegal(),
         nb_recv(EP).from_("a").illegal(), load(0).from_("a").blocks()),
    case("POLICY-020", "Restrict needs Write",
         NEW, copy(A, B, READ), restrict(3, 0, B).refused(Error.ILLEGAL_OPERATION),
         describe(3, ALL, B)),
    case("POLICY-021", "Restrict: there is no such type",
         NEW, *(restrict(kind, 0).refused(Error.RANGE_ERROR, 0, 25) for kind in (26, 1 << 63)),
         restrict(25, 0), restrict(1, 0).cut(1)),
    case("POLICY-022", "Describe needs Read",
         NEW, copy(A, B, WRITE),
         invoke(B, "POLICY.Describe", 3).refused(Error.ILLEGAL_OPERATION)),
    case("POLICY-023", "Describe: there is no such type",
         NEW, *(invoke(A, "POLICY.Describe", kind).refused(Error.RANGE_ERROR, 0, 25)
                for kind in (26, 1 << 63)), invoke(A, "POLICY.Describe", 0).cut(0)),
)  # fmt: skip
