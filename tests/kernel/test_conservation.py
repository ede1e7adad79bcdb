"""T9: every message arrives once, or is where it was; none is lost, doubled or made up."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.system import FAR, Spec, System, memory_of, serve_boot, share
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.message import LABEL_SHIFT, info
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.reply import caller_of
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import inspect, invariants

MESSAGE, ANSWER = 5, 6
"""Labels."""

SENDS = (Trap.SEND, Trap.NB_SEND, Trap.CALL)
RECEIVES = (Trap.RECV, Trap.NB_RECV, Trap.WAIT, Trap.NB_WAIT, Trap.REPLY_RECV)
BEFORE = (State.BLOCKED_ON_RECEIVE, State.BLOCKED_ON_REPLY)


@dataclass
class Post:
    """Threads that talk through two endpoints; each message is a number of its own."""

    system: System
    threads: list[Tcb]
    sent: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)
    arrived: list[int] = field(default_factory=list)

    def do(self, trap: Trap, endpoint: int) -> None:
        """Let the running thread make a trap, and see who has got what."""
        system, thread = self.system, self.system.running
        before = {each.address: each.state for each in self.threads}
        number = 1 + len(self.sent) + len(self.dropped)
        label = ANSWER if trap is Trap.REPLY_RECV else MESSAGE
        reply = system.slot(thread, Init.REPLY).object
        answers = trap is Trap.REPLY_RECV and caller_of(system.ram.words, reply)
        if trap is Trap.NB_SEND and not self._somebody_receives(endpoint):
            self.dropped.add(number)
        elif trap in SENDS or answers:
            self.sent.add(number)
        system.syscall(trap, endpoint, info(label, 1), (number,), r12=Init.REPLY)
        for each in self.threads:
            own = each.address == thread.address and trap in RECEIVES
            waited = own or before[each.address] in BEFORE
            if waited and each.state == State.RUNNING and each.rsi >> LABEL_SHIFT:
                self.arrived.append(each.rdx)

    def _somebody_receives(self, endpoint: int) -> bool:
        at = self.system.slot(self.threads[0], endpoint).object
        waiting = (each for each in self.threads if each.blocked_on == at)
        return any(each.state == State.BLOCKED_ON_RECEIVE for each in waiting)

    def check(self) -> None:
        """Whoever waits to send has its message still."""
        waiting = [each.rdx for each in self.threads if each.state == State.BLOCKED_ON_SEND]
        assert sorted(self.arrived + waiting) == sorted(self.sent)


def post() -> System:
    """Four threads, of which two have a higher priority, with two endpoints."""
    programs = [Spec("a"), Spec("b"), Spec("c", 110), Spec("d", 110)]
    system = serve_boot(memory_of(programs, size=4 << 20))
    first, *others = threads_of(system)
    for number in (FAR, FAR + 1):
        system.make(first, Type.ENDPOINT, number)
        for each in others:
            share(system, first, number, each, number, badge=1)
    return system


def threads_of(system: System) -> list[Tcb]:
    return [Tcb(system.ram, at) for at in inspect.objects(system.root, Type.TCB)]


POST = post()


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from([*SENDS, *RECEIVES]), st.sampled_from([FAR, FAR + 1])),
        max_size=60,
    )
)
def test_messages_are_conserved(steps: list[tuple[Trap, int]]) -> None:
    system = POST.copy()
    office = Post(system, threads_of(system))
    for trap, endpoint in steps:
        if not office.system.block.next:
            break
        office.do(trap, endpoint)
        office.check()
    invariants.check(office.system.root)
