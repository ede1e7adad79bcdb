"""Donation: whose scheduling context a passive server runs on, and how it comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.invoking import invoke
from tests.kernel.system import FAR, Spec, boot, share
from vectoros.kernel import derivation, donation
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.gate import Reason
from vectoros.kernel.message import info
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.reply import Reply
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.tcb import HANDLER, Tcb
from vectoros.kernel_image import invariants

SECOND = FAR + 3
NAMES = ("server", "middle", "client")


class Chain:
    """A client that calls a middle server, which calls a server; both servers are passive."""

    def __init__(self) -> None:
        self.system = boot([Spec("server", 100, Grant.INSPECT), *map(Spec, NAMES[1:])])
        threads = self.system.processes(self.system.running, 3)
        self.server, self.middle, self.client = threads
        for owner, other in ((self.server, self.middle), (self.middle, self.client)):
            self.system.make(owner, Type.ENDPOINT, Init.ENDPOINT)
            share(self.system, owner, Init.ENDPOINT, other, FAR, badge=7)
        self.replies = [
            Reply(self.system.ram, self.system.make(thread, Type.REPLY, Init.REPLY))
            for thread in threads
        ]
        for thread in (self.server, self.middle):
            self.run(thread, Trap.RECV, Init.ENDPOINT)
            own = thread.sched_context
            thread.sched_context = 0
            if own:
                SchedContext(self.system.ram, own).tcb = 0
        address = self.client.sched_context
        if not address:
            address = self.system.make(self.client, Type.SCHED_CONTEXT, Init.SCHED_CONTEXT)
        self.context = SchedContext(self.system.ram, address)
        self.context.tcb, self.client.sched_context = self.client.address, address

    def run(self, thread: Tcb, trap: Trap, slot: int, label: int = 0) -> None:
        """Let ``thread``, when it is its turn, make a trap."""
        self.turn(thread)
        self.system.syscall(trap, slot, info(label, 0), r12=Init.REPLY)

    def turn(self, thread: Tcb) -> None:
        """Let the others yield until ``thread`` runs."""
        for _ in NAMES:
            if self.system.running.address != thread.address:
                self.system.syscall(Trap.YIELD)
        assert self.system.running.address == thread.address

    def has_it(self, thread: Tcb) -> bool:
        """Whether ``thread``, and it alone, has the context."""
        threads = (self.server, self.middle, self.client)
        owners = [each.address for each in threads if each.sched_context == self.context.address]
        return owners == [thread.address] == [self.context.tcb]

    @property
    def stack(self) -> list[int]:
        """The Reply objects on the context's stack, the top first, after a look at the links."""
        found: list[int] = []
        above, address = 0, self.context.reply
        while address:
            reply = Reply(self.system.ram, address)
            top = 0 if found else self.context.address
            assert (reply.above, reply.sched_context) == (above, top)
            found.append(address)
            above, address = address, reply.below
        return found


@pytest.fixture
def chain() -> Iterator[Chain]:
    made = Chain()
    yield made
    invariants.check(made.system.root)


def test_a_call_lends_the_context_and_the_answer_gives_it_back(chain: Chain) -> None:
    chain.run(chain.client, Trap.CALL, FAR)
    assert chain.has_it(chain.middle)
    assert chain.stack == [chain.replies[1].address]
    chain.run(chain.middle, Trap.REPLY_RECV, Init.ENDPOINT)
    assert chain.has_it(chain.client)
    assert chain.stack == []
    assert chain.system.running.address == chain.client.address


def test_who_was_lent_a_context_lends_it_on(chain: Chain) -> None:
    chain.run(chain.client, Trap.CALL, FAR)
    chain.run(chain.middle, Trap.CALL, FAR)
    assert chain.has_it(chain.server)
    assert chain.stack == [chain.replies[0].address, chain.replies[1].address]
    chain.run(chain.server, Trap.REPLY_RECV, Init.ENDPOINT)
    assert chain.has_it(chain.middle)
    assert chain.stack == [chain.replies[1].address]
    chain.run(chain.middle, Trap.REPLY_RECV, Init.ENDPOINT)
    assert (chain.has_it(chain.client), chain.stack) == (True, [])


def test_a_caller_that_is_suspended_in_the_middle_leaves_the_others_linked(chain: Chain) -> None:
    system = chain.system
    chain.run(chain.client, Trap.CALL, FAR)
    chain.run(chain.middle, Trap.CALL, FAR)
    share(system, chain.middle, Init.REPLY, chain.server, SECOND)
    invoke(system, Init.PROCESSES + 2, Type.TCB, "Suspend")
    assert chain.client.state == State.INACTIVE
    assert chain.has_it(chain.server)
    assert chain.stack == [chain.replies[0].address]
    chain.run(chain.server, Trap.REPLY_RECV, Init.ENDPOINT)
    assert chain.has_it(chain.middle)


def test_the_first_call_may_be_answered_before_the_second(chain: Chain) -> None:
    chain.run(chain.client, Trap.CALL, FAR)
    chain.run(chain.middle, Trap.CALL, FAR)
    share(chain.system, chain.middle, Init.REPLY, chain.server, SECOND)
    chain.run(chain.server, Trap.SEND, SECOND)
    assert chain.client.state == State.RUNNING
    assert chain.has_it(chain.server)
    assert chain.stack == [chain.replies[0].address]


def test_the_context_comes_back_when_the_reply_object_ends(chain: Chain) -> None:
    chain.run(chain.client, Trap.CALL, FAR)
    chain.run(chain.middle, Trap.NB_RECV, Init.ENDPOINT)  # with the same Reply object
    assert chain.client.state == State.INACTIVE
    assert (chain.has_it(chain.client), chain.stack) == (True, [])


def test_who_has_a_context_of_its_own_is_lent_none(chain: Chain) -> None:
    own = chain.system.make(chain.middle, Type.SCHED_CONTEXT, Init.SCHED_CONTEXT)
    chain.middle.sched_context = own
    SchedContext(chain.system.ram, own).tcb = chain.middle.address
    chain.run(chain.client, Trap.CALL, FAR)
    assert (chain.has_it(chain.client), chain.stack) == (True, [])
    assert chain.middle.sched_context == own


def test_a_send_lends_nothing(chain: Chain) -> None:
    chain.run(chain.client, Trap.NB_SEND, FAR)
    assert (chain.middle.state, chain.middle.rdi) == (State.RUNNING, 7)
    assert chain.has_it(chain.client)
    assert chain.system.syscall(Trap.YIELD) == chain.client.address


@pytest.mark.parametrize("trap", [Trap.NB_SEND_RECV, Trap.NB_SEND_WAIT])
def test_who_sends_and_then_waits_gives_the_context_away(chain: Chain, trap: Trap) -> None:
    chain.client.r13 = FAR
    chain.turn(chain.client)
    r12 = FAR if trap is Trap.NB_SEND_WAIT else Init.REPLY
    assert chain.system.syscall(trap, Init.NOTIFICATION, r12=r12) == chain.middle.address
    assert (chain.has_it(chain.middle), chain.stack) == (True, [])
    assert chain.client.state == State.BLOCKED_ON_NOTIFICATION


def test_who_answers_with_a_send_runs_no_longer(chain: Chain) -> None:
    chain.client.priority = 1
    chain.run(chain.client, Trap.CALL, FAR)
    chain.turn(chain.middle)
    assert chain.system.syscall(Trap.SEND, Init.REPLY) == chain.client.address
    assert (chain.middle.state, chain.middle.sched_context) == (State.RUNNING, 0)


def test_who_is_ready_and_loses_the_context_is_ready_no_longer(chain: Chain) -> None:
    system = chain.system
    own = SchedContext(system.ram, system.make(chain.server, Type.SCHED_CONTEXT, FAR - 1))
    own.configure(10**6, 10**6, 2, 0)
    own.tcb, chain.server.sched_context = chain.server.address, own.address
    share(system, chain.middle, Init.REPLY, chain.server, SECOND)
    chain.server.priority = 110
    chain.run(chain.client, Trap.CALL, FAR)
    chain.run(chain.middle, Trap.NB_SEND, FAR)
    assert (system.running.address, bool(chain.middle.queue)) == (chain.server.address, True)
    system.syscall(Trap.SEND, SECOND)
    assert (chain.has_it(chain.client), chain.middle.queue) == (True, 0)
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == chain.client.address


def test_a_context_that_ends_forgets_its_stack(chain: Chain) -> None:
    chain.run(chain.client, Trap.CALL, FAR)
    with chain.system.waking() as trap:
        donation.abandon(trap, chain.context.address)
    assert (chain.replies[1].sched_context, chain.context.reply) == (0, 0)


def test_a_fault_lends_the_context_to_a_passive_handler(chain: Chain) -> None:
    ram, handler = chain.system.ram, chain.client.slot(HANDLER).address
    derivation.remove(ram, handler)
    derivation.derive(ram, chain.system.slot(chain.middle, Init.ENDPOINT).address, handler)
    chain.turn(chain.client)
    chain.system.trap(Reason.EXCEPTION, vector=6)
    assert chain.client.state == State.BLOCKED_ON_REPLY
    assert chain.has_it(chain.middle)
    chain.run(chain.middle, Trap.REPLY_RECV, Init.ENDPOINT)
    assert (chain.client.state, chain.client.fault_pending) == (State.RUNNING, 0)
    assert chain.has_it(chain.client)
