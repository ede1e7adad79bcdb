"""Scheduling contexts: who has one, and how much time it is worth."""

from __future__ import annotations

from tests.conformance.kernel.dsl import (
    CONTEXT,
    EP,
    NTFN,
    SCHED,
    TCB,
    THREAD_CONTEXT,
    THREAD_TCB,
    A,
    B,
    C,
    case,
    delete,
    invoke,
    load,
    pause,
    poll,
    retype,
    signal,
    spin,
    thread,
    wait,
)
from tests.conformance.kernel.step import Step, between
from tests.conformance.kernel.tcb import RUNNING, describe
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type

LEAST, GREATEST = 400_000, (1 << 56) - 1
"""Ticks: 100 microseconds, and the longest period."""

NEW = retype(Type.SCHED_CONTEXT, A)
T, SCHED_A = THREAD_TCB["a"], THREAD_CONTEXT["a"]


def configure(budget: int, period: int, extra: int = 0, badge: int = 0, flags: int = 0,
              context: int = A) -> Step:  # fmt: skip
    """Invoke Configure."""
    return invoke(SCHED, "SCHED_CONTROL.Configure", budget, period, extra, badge, flags, context)


def bind(to: int, context: int = A) -> Step:
    """Invoke Bind."""
    return invoke(context, "SCHED_CONTEXT.Bind", to)


def unbind_from(what: int, context: int = A) -> Step:
    """Invoke UnbindObject."""
    return invoke(context, "SCHED_CONTEXT.UnbindObject", what)


CASES = (
    case("SC-001", "a thread runs once it is given a context",
         thread("a", context=False), NEW, configure(LEAST, LEAST), bind(T), wait(NTFN),
         signal(NTFN).from_("a").cut_off()),
    case("SC-002", "a context that is not configured gives no time",
         thread("a", context=False), NEW, bind(T), wait(NTFN).blocks()),
    case("SC-003", "Unbind takes the time away",
         thread("a"), invoke(SCHED_A, "SCHED_CONTEXT.Unbind"), describe(RUNNING),
         wait(NTFN).blocks()),
    case("SC-004", "Delete of the context takes the time away",
         thread("a"), delete(SCHED_A), wait(NTFN).blocks()),
    case("SC-005", "round robin: threads of one priority have turns",
         configure(4 * LEAST, 4 * LEAST, context=CONTEXT),
         thread("a", 200, slice_ticks=4 * LEAST), spin(6 * LEAST), signal(NTFN).from_("a"),
         spin(20 * LEAST).from_("a").cut_off(), poll(NTFN)),
    case("SC-006", "a budget is had once in a period",
         thread("a", 200), configure(LEAST, 20 * LEAST, context=SCHED_A), pause(),
         spin(10 * LEAST).from_("a").cut_off(),
         invoke(SCHED_A, "SCHED_CONTEXT.Consumed").gives(between(LEAST, LEAST + 100_000)),
         spin(15 * LEAST),
         invoke(SCHED_A, "SCHED_CONTEXT.Consumed").gives(0)),
    case("SC-007", "after a period the budget is there again",
         invoke(TCB, "TCB.SetPriority", 150, TCB), retype(Type.NOTIFICATION, B),
         thread("a", 200, run=False), configure(4 * LEAST, 20 * LEAST, context=SCHED_A),
         invoke(T, "TCB.Resume"), spin(6 * LEAST).from_("a"), spin(30 * LEAST),
         signal(NTFN).from_("a"), wait(B).from_("a").blocks(), poll(NTFN)),
    case("SC-010", "Bind: neither a thread nor a notification",
         NEW, *(bind(slot).refused(Error.INVALID_CAPABILITY, 1) for slot in (EP, 127, A))),
    case("SC-011", "Bind: one of the two is bound",
         thread("a", run=False), NEW, bind(T).refused(Error.ILLEGAL_OPERATION),
         thread("b", run=False, context=False),
         bind(THREAD_TCB["b"], SCHED_A).refused(Error.ILLEGAL_OPERATION),
         bind(NTFN), retype(Type.SCHED_CONTEXT, B), bind(NTFN, B).refused(
             Error.ILLEGAL_OPERATION), retype(Type.NOTIFICATION, C),
         bind(C).refused(Error.ILLEGAL_OPERATION), bind(C).bare()),
    case("SC-012", "Unbind: the caller has it",
         invoke(CONTEXT, "SCHED_CONTEXT.Unbind").refused(Error.ILLEGAL_OPERATION)),
    case("SC-013", "Unbind of what nobody has is fine", NEW,
         invoke(A, "SCHED_CONTEXT.Unbind")),
    case("SC-014", "UnbindObject: neither a thread nor a notification",
         NEW, *(unbind_from(slot).refused(Error.INVALID_CAPABILITY, 1) for slot in (EP, 127))),
    case("SC-015", "UnbindObject: it is not bound to that, or that is the caller",
         NEW, unbind_from(TCB, CONTEXT).refused(Error.ILLEGAL_OPERATION),
         unbind_from(TCB).refused(Error.ILLEGAL_OPERATION),
         unbind_from(NTFN).refused(Error.ILLEGAL_OPERATION), bind(NTFN), unbind_from(NTFN),
         unbind_from(NTFN).refused(Error.ILLEGAL_OPERATION), unbind_from(NTFN).bare()),
    case("SC-016", "Consumed tells the ticks since it was last asked",
         invoke(CONTEXT, "SCHED_CONTEXT.Consumed").gives(between(0, 1 << 32)), spin(1_000_000),
         invoke(CONTEXT, "SCHED_CONTEXT.Consumed").gives(between(1_000_000, 1_050_000))),
    case("SC-017", "YieldTo lets a thread of the same priority run first",
         thread("a", 200), thread("b", 200),
         invoke(THREAD_CONTEXT["b"], "SCHED_CONTEXT.YieldTo").gives(0),
         signal(NTFN).from_("b"), load(0).from_("b").blocks(), poll(NTFN)),
    case("SC-018", "YieldTo: no thread has it, or the caller does",
         NEW, *(invoke(slot, "SCHED_CONTEXT.YieldTo").refused(
             Error.ILLEGAL_OPERATION, because="no thread") for slot in (A, CONTEXT))),
    case("SC-019", "YieldTo: the thread's priority is above the caller's maximum",
         thread("a", 100), invoke(TCB, "TCB.SetMCPriority", 99, TCB),
         invoke(SCHED_A, "SCHED_CONTEXT.YieldTo").refused(
             Error.ILLEGAL_OPERATION, because="the thread's")),
    case("SC-020", "a notification lends its context to who waits for it",
         retype(Type.NOTIFICATION, B), NEW, configure(LEAST, LEAST), thread("a", 200), pause(),
         wait(B).from_("a").gets(), invoke(SCHED_A, "SCHED_CONTEXT.Unbind"), bind(B),
         signal(B), pause(), signal(NTFN).from_("a"), wait(B).from_("a").blocks(), poll(NTFN),
         unbind_from(T).refused(Error.ILLEGAL_OPERATION)),
    case("SC-030", "Configure: no scheduling context",
         *(configure(LEAST, LEAST, context=slot).refused(Error.INVALID_CAPABILITY, 1)
           for slot in (EP, 127))),
    case("SC-031", "Configure: the period",
         NEW, *(configure(LEAST, period).refused(
             Error.RANGE_ERROR, LEAST, GREATEST, because="period")
             for period in (0, LEAST - 1, GREATEST + 1))),
    case("SC-032", "Configure: the budget",
         NEW, *(configure(budget, 2 * LEAST).refused(
             Error.RANGE_ERROR, LEAST, 2 * LEAST, because="budget")
             for budget in (0, LEAST - 1, 2 * LEAST + 1)),
         configure(2 * LEAST, 2 * LEAST)),
    case("SC-033", "Configure: refills that it has no room for",
         NEW, configure(LEAST, 2 * LEAST, 9).refused(
             Error.RANGE_ERROR, 0, 8, because="extra_refills"),
         configure(LEAST, 2 * LEAST, 8)),
    case("SC-034", "Configure: flags", NEW, configure(LEAST, LEAST, flags=1).refused(
        Error.INVALID_ARGUMENT, 4)),
    case("SC-035", "Configure: a message that is too short",
         NEW, configure(LEAST, LEAST).cut(4), configure(LEAST, LEAST).bare()),
)  # fmt: skip
