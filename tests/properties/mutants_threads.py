"""Mutants of threads, messages, queues and time."""

from __future__ import annotations

from tests.kernel.system import System
from tests.properties.mutants import context, mutant, reply, threads
from vectoros.kernel import queue
from vectoros.kernel.abi import State
from vectoros.kernel.notification import Notification
from vectoros.kernel.process_layout import Init
from vectoros.kernel.refills import MIN_BUDGET
from vectoros.kernel.reply import Reply
from vectoros.kernel.sched_context import MAX_REFILLS, MIN_REFILLS, SchedContext
from vectoros.kernel.scheduler import BITMAP
from vectoros.kernel.tcb import BUFFER, Tcb


def endpoint(system: System) -> int:
    return system.slot(threads(system)[0], Init.ENDPOINT).object


def wait_at_the_endpoint(system: System, *waiting: tuple[Tcb, State]) -> None:
    for thread, state in waiting:
        wait_at(system, endpoint(system), thread, state)


def wait_at(system: System, place: int, thread: Tcb, state: State) -> None:
    system.root.processor.remove(thread.address)
    thread.state, thread.blocked_on = state, place
    queue.insert(system.ram.words, place, thread.address)


def refill(system: System, *refills: tuple[int, int]) -> SchedContext:
    """Give the victim's context these refills, and a budget that is their sum."""
    found = context(system, threads(system)[2])
    budget = sum(amount for _, amount in refills)
    found.configure(budget, 2 * budget, MIN_REFILLS, 0)
    found.refills = [*refills]
    return found


@mutant("sym_refs", "I20: thread")
def _a_thread_that_waits_nowhere(system: System) -> None:
    victim = threads(system)[2]
    victim.state, victim.blocked_on = State.BLOCKED_ON_SEND, endpoint(system)


@mutant("sym_refs", "I20: notification")
def _a_notification_bound_to_another(system: System) -> None:
    shell, ticker, _ = threads(system)
    Notification(system.ram, shell.bound).bound = ticker.address


@mutant("sym_refs", "I20: the queue")
def _a_queue_with_a_loop(system: System) -> None:
    victim = threads(system)[2]
    wait_at_the_endpoint(system, (victim, State.BLOCKED_ON_SEND))
    victim.queue_next = victim.address


@mutant("sym_refs", "I20: the tail")
def _a_queue_with_a_wrong_tail(system: System) -> None:
    wait_at_the_endpoint(system, (threads(system)[2], State.BLOCKED_ON_SEND))
    system.ram.words[(endpoint(system) >> 3) + 1] = 0


@mutant("sym_refs", "I20: thread * does not link back")
def _a_queue_that_leads_only_forwards(system: System) -> None:
    shell, _, victim = threads(system)
    wait_at_the_endpoint(system, (shell, State.BLOCKED_ON_SEND), (victim, State.BLOCKED_ON_SEND))
    victim.queue_prev = 0


@mutant("sym_refs", "I20: thread * is bound to 0x0")
def _a_notification_bound_to_who_does_not_know(system: System) -> None:
    threads(system)[0].bound = 0


@mutant("valid_ep", "I21: senders and receivers")
def _senders_and_receivers_in_one_queue(system: System) -> None:
    shell, _, victim = threads(system)
    wait_at_the_endpoint(system, (shell, State.BLOCKED_ON_RECEIVE), (victim, State.BLOCKED_ON_SEND))


@mutant("valid_ep", "I21: ")
def _signals_that_came_from_nowhere(system: System) -> None:
    Notification(system.ram, threads(system)[0].bound).signals = 1


@mutant("valid_ep", "I21: * is active and waited for")
def _a_signal_that_nobody_takes(system: System) -> None:
    shell = threads(system)[0]
    wait_at(system, shell.bound, shell, State.BLOCKED_ON_NOTIFICATION)
    Notification(system.ram, shell.bound).active = 1


@mutant("valid_ep", "I21: others than its thread wait")
def _a_stranger_at_a_bound_notification(system: System) -> None:
    shell, _, victim = threads(system)
    wait_at(system, shell.bound, victim, State.BLOCKED_ON_NOTIFICATION)


@mutant("unique_reply_caps", "I22: thread")
def _a_thread_that_waits_with_two_reply_objects(system: System) -> None:
    shell, ticker, victim = threads(system)
    for owner in (shell, ticker):
        Reply(system.ram, reply(system, owner)).tcb = victim.address


@mutant("valid_replies", "I23: thread")
def _a_reply_object_whose_thread_does_not_wait(system: System) -> None:
    shell, _, victim = threads(system)
    Reply(system.ram, reply(system, shell)).tcb = victim.address


@mutant("valid_replies", "I23: thread")
def _a_caller_that_cannot_be_answered(system: System) -> None:
    threads(system)[2].state = State.BLOCKED_ON_REPLY


@mutant("valid_replies", "I23: thread * waits with a Reply that does not know it")
def _a_thread_that_its_reply_object_does_not_know(system: System) -> None:
    shell, _, victim = threads(system)
    victim.reply = reply(system, shell)


@mutant("valid_replies", "I23: Reply * is not on the stack that it names")
def _a_call_that_is_on_no_stack(system: System) -> None:
    shell = threads(system)[0]
    Reply(system.ram, reply(system, shell)).sched_context = shell.sched_context


@mutant("valid_replies", "I23: Reply * is on two stacks, or twice")
def _a_stack_of_calls_without_end(system: System) -> None:
    shell, _, victim = threads(system)
    found, lent = Reply(system.ram, reply(system, shell)), context(system, shell)
    victim.state, victim.reply, found.tcb = State.BLOCKED_ON_REPLY, found.address, victim.address
    lent.reply = found.below = found.address
    found.sched_context = lent.address


@mutant("valid_replies", "I23: Reply")
def _a_stack_of_calls_that_nobody_has_made(system: System) -> None:
    shell = threads(system)[0]
    context(system, shell).reply = reply(system, shell)


@mutant("fault_tcbs_valid_states", "I24: thread")
def _a_thread_that_goes_on_with_its_fault(system: System) -> None:
    threads(system)[0].fault_pending = 1


@mutant("tcb_cap_cases", "I25: the buffer of TCB * is a device's")
def _a_buffer_in_the_memory_of_a_device(system: System) -> None:
    threads(system)[1].slot(BUFFER).device = 1


@mutant("valid_idle", "I26: idle")
def _a_processor_that_sleeps_over_its_work(system: System) -> None:
    system.root.processor.current = 0


@mutant("valid_queues", "I27: thread")
def _a_thread_in_the_wrong_queue(system: System) -> None:
    threads(system)[0].priority = 99


@mutant("valid_queues", "I27: thread")
def _a_thread_that_does_not_know_its_queue(system: System) -> None:
    threads(system)[0].queue = 0


@mutant("valid_queues", "I27: thread * is queued, and not ready")
def _a_thread_that_is_queued_and_does_not_want_to_run(system: System) -> None:
    threads(system)[0].state = State.INACTIVE


@mutant("valid_blocked", "I28: thread")
def _a_lost_wake_up(system: System) -> None:
    threads(system)[2].state = State.RUNNING


@mutant("ct_not_in_q", "I29: thread * runs, and cannot")
def _a_thread_that_runs_though_it_is_suspended(system: System) -> None:
    system.running.state = State.INACTIVE


@mutant("ct_not_in_q", "I29: thread * runs, and is in a queue")
def _a_thread_that_runs_and_is_to_run(system: System) -> None:
    system.running.queue = system.root.processor.queue(100)


@mutant("ct_not_in_q", "I29: domain")
def _a_domain_that_runs_out_of_turn(system: System) -> None:
    Tcb(system.ram, system.root.processor.current).domain = 2


@mutant("ct_not_in_q", "I29: time")
def _time_that_another_pays_for(system: System) -> None:
    system.root.processor.context = threads(system)[2].sched_context


@mutant("bitmaps_agree", "I30: the bitmap")
def _a_bitmap_that_forgets(system: System) -> None:
    system.ram.words[(system.root.processor.address + BITMAP >> 3) + 1] = 0


@mutant("bitmaps_agree", "I30: the summary")
def _a_summary_that_invents(system: System) -> None:
    system.root.processor.occupied |= 8


@mutant("valid_refills", "I31: ")
def _a_budget_longer_than_its_period(system: System) -> None:
    found = context(system, threads(system)[2])
    found.budget = found.period + 1


@mutant("valid_refills", "I31: ")
def _refills_that_are_more_than_the_budget(system: System) -> None:
    found = context(system, threads(system)[2])
    found.configure(1_000_000, 10_000_000, 4, 0)
    found.left += 1


@mutant("valid_refills", "I31: * has more left than its turn")
def _a_turn_longer_than_the_budget(system: System) -> None:
    found = context(system, threads(system)[2])
    found.left = found.budget + 1


@mutant("valid_refills", "I31: * has 1 refills")
def _more_refills_than_there_is_room_for(system: System) -> None:
    refill(system, (0, MIN_BUDGET)).refill_max = MAX_REFILLS + 1


@mutant("valid_refills", "I31: * has an empty refill")
def _a_refill_of_nothing(system: System) -> None:
    refill(system, (0, MIN_BUDGET), (1 << 40, 0))


@mutant("valid_refills", "I31: * has too little in its first refill")
def _a_first_refill_that_is_not_worth_a_switch(system: System) -> None:
    refill(system, (0, 1), (1 << 40, MIN_BUDGET))


@mutant("valid_refills", "I31: * has refills that overlap")
def _two_refills_at_once(system: System) -> None:
    refill(system, (0, MIN_BUDGET), (1, MIN_BUDGET))


@mutant("sorted_release_q", "I32: the release queue is not in order")
def _a_release_queue_out_of_order(system: System) -> None:
    processor, (shell, _, victim) = system.root.processor, threads(system)
    processor.remove(shell.address)
    for thread, due in ((shell, 1 << 40), (victim, 1 << 41)):
        context(system, thread).configure(1_000_000, 10_000_000, 4, due)
        thread.state = State.RUNNING
        processor.wake(thread.address, 0)
    context(system, victim).due = 1


@mutant("sorted_release_q", "I32: ")
def _a_thread_that_waits_for_budget_and_not_to_run(system: System) -> None:
    processor, victim = system.root.processor, threads(system)[2]
    context(system, victim).configure(1_000_000, 10_000_000, 4, 1 << 40)
    victim.state = State.RUNNING
    processor.wake(victim.address, 0)
    victim.state = State.INACTIVE


@mutant("sorted_ipc_queues", "I33: disorder")
def _a_queue_out_of_order(system: System) -> None:
    shell, _, victim = threads(system)
    wait_at_the_endpoint(system, (shell, State.BLOCKED_ON_SEND), (victim, State.BLOCKED_ON_SEND))
    victim.priority = 200


@mutant("sc_sym_refs", "I34: ")
def _a_context_that_two_threads_have(system: System) -> None:
    shell, _, victim = threads(system)
    victim.sched_context = shell.sched_context


@mutant("sc_sym_refs", "I34: thread * has context *, which is another's")
def _a_context_that_does_not_know_its_thread(system: System) -> None:
    context(system, threads(system)[0]).tcb = 0


@mutant("sc_sym_refs", "I34: context")
def _a_notification_that_lends_what_it_has_not(system: System) -> None:
    shell = threads(system)[0]
    context(system, shell).notification = shell.bound
