"""The scheduler, against an oracle of plain lists; slices, timer and accounts."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.kernel.invoking import invoke
from tests.kernel.plain_memory import PlainMemory
from tests.kernel.system import Spec, System, boot, pair
from vectoros.kernel import queue
from vectoros.kernel.abi import COST_SWITCH, COST_UNIT, TRAPS, State, Trap
from vectoros.kernel.dispatch import PIT_HZ
from vectoros.kernel.gate import Flag, Reason
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.scheduler import DOMAINS, RELEASE, TIME_SLICE, Processor
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import inspect
from vectoros.units import TICKS_PER_SECOND

THREADS = [0x8000 + 0x800 * n for n in range(6)]
CONTEXTS = {thread: 0xC000 + 0x100 * n for n, thread in enumerate(THREADS)}


class Scheduling(RuleBasedStateMachine):
    """Threads become ready, stop, and wait for budget; the oracle has lists of them."""

    @initialize()
    def start(self) -> None:
        self.ram = Ram(PlainMemory(bytearray(0x10000)))
        self.processor = Processor(self.ram, 0x1000)
        self.now = 1
        self.queues: dict[tuple[int, int], list[int]] = {}
        self.released: list[tuple[int, int]] = []
        for thread, context in CONTEXTS.items():
            Tcb(self.ram, thread).sched_context = context
            SchedContext(self.ram, context).configure(100, 200, 2, 1)

    def queued(self) -> list[int]:
        ready = [thread for queue in self.queues.values() for thread in queue]
        return ready + [thread for _, thread in self.released]

    def idle(self) -> list[int]:
        return [thread for thread in THREADS if thread not in self.queued()]

    def place(self, thread: int) -> list[int]:
        view = Tcb(self.ram, thread)
        return self.queues.setdefault((view.domain, view.priority), [])

    @precondition(lambda self: self.idle())
    @rule(
        data=st.data(),
        priority=st.sampled_from([0, 1, 63, 64, 127, 128, 255]),
        domain=st.integers(0, DOMAINS - 1),
        later=st.sampled_from([0, 0, 0, 1, 5]),
    )
    def wake(self, data: st.DataObject, priority: int, domain: int, later: int) -> None:
        thread = data.draw(st.sampled_from(self.idle()))
        view = Tcb(self.ram, thread)
        view.state, view.priority, view.domain = State.RUNNING, priority, domain
        SchedContext(self.ram, CONTEXTS[thread]).due = self.now + later
        self.processor.wake(thread, self.now)
        self.processor.wake(thread, self.now)
        if later:
            self.released.append((self.now + later, thread))
            self.released.sort(key=lambda row: row[0])
        else:
            self.place(thread).append(thread)

    @precondition(lambda self: self.queued())
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        thread = data.draw(st.sampled_from(self.queued()))
        self.processor.remove(thread)
        self.processor.remove(thread)
        if thread in self.place(thread):
            self.place(thread).remove(thread)
        self.released = [row for row in self.released if row[1] != thread]

    @rule()
    def take(self) -> None:
        top = self.top()
        expected = self.queues[self.processor.domain, top].pop(0) if top >= 0 else 0
        assert self.processor.take() == expected

    @precondition(lambda self: self.idle())
    @rule(data=st.data())
    def preempted(self, data: st.DataObject) -> None:
        thread = data.draw(st.sampled_from(self.idle()))
        self.processor.append(thread, first=True)
        self.place(thread).insert(0, thread)

    @rule(ticks=st.integers(1, 4))
    def time_passes(self, ticks: int) -> None:
        self.now += ticks
        self.processor.release(self.now)
        while self.released and self.released[0][0] <= self.now:
            thread = self.released.pop(0)[1]
            self.place(thread).append(thread)

    @rule(domain=st.integers(0, DOMAINS - 1))
    def enter(self, domain: int) -> None:
        self.processor.enter(domain)
        assert self.processor.domain == domain

    def top(self) -> int:
        ready = [key[1] for key, queue in self.queues.items() if queue and key[0] == self.domain]
        return max(ready, default=-1)

    @property
    def domain(self) -> int:
        return self.processor.domain

    @invariant()
    def the_highest_of_the_domain_is_found(self) -> None:
        assert self.processor.highest() == self.top()

    @invariant()
    def who_waits_for_budget_is_in_order(self) -> None:
        found = list(queue.members(self.ram.words, self.processor.address + RELEASE))
        assert found == [thread for _, thread in self.released]


Scheduling.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestScheduling = Scheduling.TestCase


def test_a_thread_with_a_peer_is_interrupted_at_the_end_of_its_slice() -> None:
    system, server, client = pair()
    assert Flag(system.block.flags) & Flag.SET_TIMER
    ticks = system.block.timer * TICKS_PER_SECOND // PIT_HZ
    assert TIME_SLICE <= ticks <= TIME_SLICE + system.block.cost * COST_UNIT + 4000
    soon = system.block.now + TIME_SLICE // 2
    assert system.trap(Reason.INTERRUPT, vector=0x20, now=soon) == server.address
    assert Flag(system.block.flags) & Flag.SET_TIMER
    late = system.block.now + TIME_SLICE
    assert system.trap(Reason.INTERRUPT, vector=0x20, now=late) == client.address
    assert Flag(system.block.flags) & Flag.SET_TIMER


def test_a_thread_without_a_peer_is_left_alone(system: System) -> None:
    assert not Flag(system.block.flags) & Flag.SET_TIMER
    later = system.block.now + 10 * TIME_SLICE
    ticker = system.running
    assert system.trap(Reason.INTERRUPT, vector=0x20, now=later) == ticker.address
    assert not Flag(system.block.flags) & Flag.SET_TIMER


def test_a_timer_that_is_early_enough_is_left_as_it_is() -> None:
    system, _, _ = pair()
    due = system.root.processor.timer
    system.syscall(Trap.NB_WAIT, Init.NOTIFICATION, now=system.block.now + 1000)
    assert not Flag(system.block.flags) & Flag.SET_TIMER
    assert system.root.processor.timer == due


def test_time_goes_to_who_ran_and_kernel_time_to_who_asked() -> None:
    system, server, client = pair()
    start = system.root.processor.started
    system.syscall(Trap.YIELD, now=start + 5000)
    own = TRAPS[Trap.YIELD].cost
    assert (server.consumed, client.consumed) == (5000 + own * COST_UNIT, 0)
    system.syscall(Trap.YIELD, now=start + 8000)
    assert client.consumed == 3000  # from the end of one trap to that of the next, as long a one
    assert system.block.cost == own + COST_SWITCH


def test_no_time_is_lost_or_made_up() -> None:
    system = boot([Spec("a", 10), Spec("b", 10), Spec("c", 20)])
    processor = system.root.processor
    start = processor.started - processor.idle
    for step in range(50):
        now = system.block.now + 7000 * step
        if step % 3:
            system.syscall(Trap.YIELD, now=now)
        else:
            system.trap(Reason.INTERRUPT, vector=0x20, now=now)
    used = sum(thread.consumed for thread in inspect.threads(system.root))
    assert used + processor.idle == processor.started - start


def test_a_preempted_thread_is_the_first_of_its_priority_again(system: System) -> None:
    invoke(system, Init.RTC_IRQ, Type.IRQ_HANDLER, "Ack")
    ticker = system.running
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    shell = system.running
    invoke(system, Init.PROCESSES + 2, Type.TCB, "Resume")
    assert system.running.address == shell.address
    assert system.trap(Reason.INTERRUPT, vector=0x28) == ticker.address
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == shell.address
