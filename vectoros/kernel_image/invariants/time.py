"""Ready queues, budgets and scheduling contexts: I27 to I34."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from vectoros.errors import hold
from vectoros.kernel.abi import State
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import Type
from vectoros.kernel.refills import MIN_BUDGET
from vectoros.kernel.sched_context import MAX_REFILLS, SchedContext
from vectoros.kernel.scheduler import DOMAINS, PRIORITIES, RELEASE
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image.invariants.facts import Facts


def _queues(facts: Facts) -> Iterator[tuple[int, int, int]]:
    """Yield the ready queues that have a head or a tail: address, domain and priority."""
    processor = facts.root.processor
    for domain in range(DOMAINS):
        first = processor.queue(0, domain)
        ends = facts.root.words[first >> 3 : (first >> 3) + 2 * PRIORITIES].tolist()
        for priority in range(PRIORITIES):
            if ends[2 * priority] or ends[2 * priority + 1]:
                yield processor.queue(priority, domain), domain, priority


def valid_queues(facts: Facts) -> None:
    """I27: whoever is in a ready queue is ready, and has its domain and priority."""
    for at, domain, priority in _queues(facts):
        for address in facts.members(at):
            thread = Tcb(facts.root.ram, address)
            name = f"I27: thread {address:#x}"
            hold(thread.state == State.RUNNING, f"{name} is queued, and not ready")
            place = (thread.domain, thread.priority)
            hold(place == (domain, priority), f"{name} is in the queue of {domain}, {priority}")
            hold(thread.queue == at, f"{name} does not know its queue")


def valid_blocked(facts: Facts) -> None:
    """I28: whoever could run runs, or is in one queue; nobody is lost or there twice."""
    processor = facts.root.processor
    places = [processor.address + RELEASE, *(at for at, _, _ in _queues(facts))]
    queued = [thread for at in places for thread in facts.members(at)]
    for thread in facts.threads():
        context = SchedContext(thread.ram, thread.sched_context)
        active = thread.state == State.RUNNING and thread.sched_context and context.budget
        found = queued.count(thread.address) + (processor.current == thread.address)
        hold(found == bool(active), f"I28: thread {thread.address:#x} is ready in {found} places")


def ct_not_in_q(facts: Facts) -> None:
    """I29: who runs can, is in the domain whose turn it is, and in its own context."""
    processor = facts.root.processor
    if not processor.current:
        return
    thread = Tcb(facts.root.ram, processor.current)
    hold(thread.state == State.RUNNING, f"I29: thread {thread.address:#x} runs, and cannot")
    hold(not thread.queue, f"I29: thread {thread.address:#x} runs, and is in a queue")
    hold(thread.domain == processor.domain, f"I29: domain {thread.domain} runs out of turn")
    hold(thread.sched_context == processor.context, "I29: time is charged to another context")


def bitmaps_agree(facts: Facts) -> None:
    """I30: the bitmaps say exactly which queues have somebody."""
    processor, words = facts.root.processor, facts.root.words
    for domain in range(DOMAINS):
        summary = processor.summary(domain)
        bits = [0] * (PRIORITIES // 64)
        for _, where, priority in _queues(facts):
            bits[priority >> 6] |= (where == domain) << (priority & 63)
        found = words[summary + 1 : summary + 1 + len(bits)].tolist()
        hold(found == bits, f"I30: the bitmap of domain {domain} is {found}, not {bits}")
        some = sum(bool(word) << index for index, word in enumerate(bits))
        hold(words[summary] == some, f"I30: the summary of domain {domain} is wrong")


def valid_refills(facts: Facts) -> None:
    """I31: refills add up to the budget, are in order and apart, and the first can be used."""
    for at in facts.objects(Type.SCHED_CONTEXT):
        context = SchedContext(facts.root.ram, at)
        name = f"I31: scheduling context {at:#x}"
        if not context.budget:
            continue
        bounds = MIN_BUDGET <= context.budget <= context.period
        hold(bounds, f"{name} has budget {context.budget} in {context.period}")
        if context.round_robin:
            hold(0 <= context.left <= context.budget, f"{name} has more left than its turn")
            continue
        refills = context.refills
        count = 1 <= len(refills) <= context.refill_max <= MAX_REFILLS
        hold(count, f"{name} has {len(refills)} refills")
        hold(sum(amount for _, amount in refills) == context.budget,
             f"{name} has refills that are not its budget")  # fmt: skip
        hold(all(amount > 0 for _, amount in refills), f"{name} has an empty refill")
        hold(refills[0][1] >= MIN_BUDGET, f"{name} has too little in its first refill")
        for (start, amount), (following, _) in pairwise(refills):
            hold(start + amount <= following, f"{name} has refills that overlap")


def sorted_release_q(facts: Facts) -> None:
    """I32: who waits for budget is in the release queue alone, by the time it comes."""
    processor = facts.root.processor
    at = processor.address + RELEASE
    members = facts.members(at)
    times = [processor.due(thread) for thread in members]
    hold(times == sorted(times), "I32: the release queue is not in order")
    for address in members:
        thread = Tcb(facts.root.ram, address)
        known = thread.queue == at and thread.state == State.RUNNING
        hold(known, f"I32: thread {address:#x} waits for budget, and not to run")


def sorted_ipc_queues(facts: Facts) -> None:
    """I33: those who wait for messages or signals are in order of priority."""
    for at in facts.objects(Type.ENDPOINT) + facts.objects(Type.NOTIFICATION):
        priorities = [Tcb(facts.root.ram, member).priority for member in facts.members(at)]
        hold(priorities == sorted(priorities, reverse=True), f"I33: disorder at {at:#x}")


def sc_sym_refs(facts: Facts) -> None:
    """I34: a scheduling context and who has it name each other."""
    ram, contexts = facts.root.ram, set(facts.objects(Type.SCHED_CONTEXT))
    for at in contexts:
        context = SchedContext(ram, at)
        known = not context.tcb or Tcb(ram, context.tcb).sched_context == at
        hold(known, f"I34: context {at:#x} is lent to a thread that does not have it")
        lender = context.notification
        known = not lender or Notification(ram, lender).sched_context == at
        hold(known, f"I34: context {at:#x} is bound to a notification that does not know it")
    for thread in facts.threads():
        at = thread.sched_context
        known = not at or (at in contexts and SchedContext(ram, at).tcb == thread.address)
        hold(known, f"I34: thread {thread.address:#x} has context {at:#x}, which is another's")


TIME = (
    valid_queues, valid_blocked, ct_not_in_q, bitmaps_agree, valid_refills, sorted_release_q,
    sorted_ipc_queues, sc_sym_refs,
)  # fmt: skip
