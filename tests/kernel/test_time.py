"""Threads, contexts and domains, changed at random: what is true of time stays true."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.invoking import invoke, make
from tests.kernel.system import Spec, System, boot, share
from vectoros.kernel.abi import COST_UNIT, Trap
from vectoros.kernel.gate import Reason
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.refills import MIN_BUDGET
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import invariants
from vectoros.kernel_image.invariants.facts import Facts
from vectoros.kernel_image.invariants.time import TIME

PROGRAMS = (
    Spec("shell", 200, Grant.INSPECT), Spec("one", 100), Spec("two", 100), Spec("three", 50),
)  # fmt: skip
FIRST = 200
"""Slots in which the shell has everybody's contexts: four that are bound, two that are not."""

THREADS = st.integers(0, 3).map(lambda n: Init.PROCESSES + n)
CONTEXTS = st.integers(FIRST, FIRST + 5)
TICKS = st.integers(0, 12).map(lambda n: n * MIN_BUDGET)
CALLS = st.one_of(
    st.tuples(st.just(Type.TCB), st.sampled_from(["Suspend", "Resume"]), THREADS, st.just(()),
              st.just(())),
    st.tuples(st.just(Type.TCB), st.just("SetPriority"), THREADS,
              st.tuples(st.integers(0, 200)), st.just((Init.TCB,))),
    st.tuples(st.just(Type.TCB), st.just("SetSchedParams"), THREADS,
              st.tuples(st.just(200), st.integers(0, 200)),
              st.tuples(st.just(Init.TCB), CONTEXTS, st.just(99))),
    st.tuples(st.just(Type.SCHED_CONTEXT), st.sampled_from(["Bind", "UnbindObject"]), CONTEXTS,
              st.just(()), st.tuples(THREADS)),
    st.tuples(st.just(Type.SCHED_CONTEXT), st.sampled_from(["Consumed", "Unbind", "YieldTo"]),
              CONTEXTS, st.just(()), st.just(())),
    st.tuples(st.just(Type.SCHED_CONTROL), st.just("Configure"), st.just(int(Init.SCHED_CONTROL)),
              st.tuples(TICKS, TICKS, st.integers(0, 8), st.just(0), st.just(0)),
              st.tuples(CONTEXTS)),
    st.tuples(st.just(Type.DOMAIN), st.just("Set"), st.just(int(Init.DOMAIN)),
              st.tuples(st.integers(0, 1)), st.tuples(THREADS)),
    st.tuples(st.just(Type.DOMAIN), st.just("ScheduleConfigure"), st.just(int(Init.DOMAIN)),
              st.tuples(st.integers(0, 2), st.integers(0, 1), TICKS), st.just(())),
    st.tuples(st.just(Type.DOMAIN), st.just("ScheduleSetStart"), st.just(int(Init.DOMAIN)),
              st.tuples(st.integers(0, 2)), st.just(())),
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.sampled_from(["call", "yield", "wait", "tick"]), CALLS, TICKS), max_size=20
)


def started() -> System:
    system = boot(PROGRAMS)
    shell, *others = system.processes(system.running, 4)
    for number, owner in enumerate((shell, *others)):
        share(system, owner, Init.SCHED_CONTEXT, shell, FIRST + number)
    for number in (4, 5):
        make(system, shell, Type.SCHED_CONTEXT, FIRST + number)
    return system


STARTED = bytes(started().data)


def check(system: System) -> None:
    """I27 to I34, and that who should run does, until there is something to decide."""
    root, facts = system.root, Facts.collect(system.root)
    for invariant in TIME:
        invariant(facts)
    processor, current = root.processor, root.processor.current
    assert current == system.block.next
    if not current:
        assert processor.highest() < 0
        return
    assert processor.highest() <= Tcb(system.ram, current).priority
    assert processor.due(current) <= processor.started < processor.budget_end


Call = tuple[Type, str, int, tuple[int, ...], tuple[int, ...]]


@settings(max_examples=80)
@given(STEPS)
def test_what_is_true_of_time_stays_true(steps: list[tuple[str, Call, int]]) -> None:
    system = System(bytearray(STARTED))
    for step, (kind, name, slot, words, caps), ticks in steps:
        now = system.block.now + system.block.cost * COST_UNIT + 300 + ticks
        if step == "tick" or not system.block.next:
            system.trap(Reason.INTERRUPT, vector=0x20, now=now)
        elif step == "call" and system.running.name == "shell":
            invoke(system, slot, kind, name, *words, caps=caps)
        elif step == "wait":
            system.syscall(Trap.WAIT, Init.NOTIFICATION, now=now)
        else:
            system.syscall(Trap.YIELD, now=now)
        check(system)
    invariants.check(system.root)
