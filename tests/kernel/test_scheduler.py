"""The scheduler, against an oracle of plain lists; slices, timer and accounts."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.kernel.system import BLOCK, Spec, System, boot, pair
from vectoros.kernel import inspect
from vectoros.kernel.abi import COST_UNIT, State, Trap
from vectoros.kernel.dispatch import PIT_HZ
from vectoros.kernel.gate import Flag, Reason
from vectoros.kernel.memory import PlainMemory, Ram
from vectoros.kernel.process_layout import Init
from vectoros.kernel.scheduler import TIME_SLICE, Processor
from vectoros.kernel.tcb import Tcb
from vectoros.units import TICKS_PER_SECOND

THREADS = [0x8000 + 0x800 * n for n in range(6)]


class Scheduling(RuleBasedStateMachine):
    """Threads become ready, stop and use time; the oracle keeps a list for each priority."""

    @initialize()
    def start(self) -> None:
        self.ram = Ram(PlainMemory(bytearray(0x10000)))
        self.processor = Processor(self.ram, 0x1000)
        self.queues: dict[int, list[int]] = {}
        self.slices = dict.fromkeys(THREADS, 0)
        self.current = 0

    def idle(self) -> list[int]:
        ready = [thread for queue in self.queues.values() for thread in queue]
        return [thread for thread in THREADS if thread not in (*ready, self.current)]

    @precondition(lambda self: self.idle())
    @rule(data=st.data(), priority=st.sampled_from([0, 1, 63, 64, 127, 128, 255]))
    def wake(self, data: st.DataObject, priority: int) -> None:
        thread = data.draw(st.sampled_from(self.idle()))
        view = Tcb(self.ram, thread)
        view.state, view.priority = State.RUNNING, priority
        self.processor.append(thread)
        self.queues.setdefault(priority, []).append(thread)

    @precondition(lambda self: any(self.queues.values()))
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        ready = [thread for queue in self.queues.values() for thread in queue]
        thread = data.draw(st.sampled_from(ready))
        self.processor.remove(thread)
        Tcb(self.ram, thread).state = State.INACTIVE
        self.queues[Tcb(self.ram, thread).priority].remove(thread)

    @rule(blocks=st.booleans(), used_up=st.booleans())
    def choose(self, blocks: bool, used_up: bool) -> None:
        current = self.current
        if current:
            view = Tcb(self.ram, current)
            view.state = State.INACTIVE if blocks else State.RUNNING
            if used_up:
                view.slice = self.slices[current] = 0
        self.current = self.expected(current)
        assert self.processor.choose(current) == self.current
        for thread, left in self.slices.items():
            assert Tcb(self.ram, thread).slice == left

    def expected(self, current: int) -> int:
        top = max((p for p, queue in self.queues.items() if queue), default=-1)
        if current and Tcb(self.ram, current).state == State.RUNNING:
            own = Tcb(self.ram, current).priority
            if top < own or (top == own and self.slices[current]):
                return current
            queue = self.queues.setdefault(own, [])
            if top > own:
                queue.insert(0, current)
            else:
                self.slices[current] = TIME_SLICE
                queue.append(current)
        if top < 0:
            return 0
        chosen = self.queues[top].pop(0)
        self.slices[chosen] = self.slices[chosen] or TIME_SLICE
        return chosen

    @invariant()
    def the_highest_is_found(self) -> None:
        top = max((p for p, queue in self.queues.items() if queue), default=-1)
        assert self.processor.highest() == top


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
    start = system.root.processor.accounted
    system.syscall(Trap.YIELD, now=start + 5000)
    cost = 6 * COST_UNIT
    assert (server.consumed, client.consumed) == (5000 + cost, 0)
    system.syscall(Trap.YIELD, now=start + 8000)
    assert client.consumed == 3000 - cost + cost
    assert system.block.cost > 6


def test_no_time_is_lost_or_made_up() -> None:
    system = boot([Spec("a", 10), Spec("b", 10), Spec("c", 20)])
    processor = system.root.processor
    start = processor.accounted - processor.idle
    for step in range(50):
        now = system.block.now + 7000 * step
        if step % 3:
            system.syscall(Trap.YIELD, now=now)
        else:
            system.trap(Reason.INTERRUPT, vector=0x20, now=now)
    used = sum(thread.consumed for thread in inspect.threads(system.root))
    assert used + processor.idle == processor.accounted - start
    assert system.block.address == BLOCK


def test_a_preempted_thread_is_the_first_of_its_priority_again(system: System) -> None:
    system.call(Init.RTC_IRQ, 0x1001)
    ticker = system.running
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    shell = system.running
    system.call(Init.PROCESSES + 2, 0x302)
    assert system.running.address == shell.address
    assert system.trap(Reason.INTERRUPT, vector=0x28) == ticker.address
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == shell.address
