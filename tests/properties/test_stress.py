"""Many processes at once: each runs, each can be ended whatever it does, and all can go.

They are made, served and ended by traps alone; what must come of it is known from a model
(stress_model.py), which is compared after every step that matters.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.properties.stress_crowd import Crowd
from tests.properties.stress_model import Doing, Process
from tests.properties.stress_root import At
from vectoros.kernel import untyped
from vectoros.kernel.objects import Type
from vectoros.kernel_image import inspect

COUNT, SEED = 1000, 5
ROUNDS, WAVES = 2, 5
"""Times that all call, one after the other, and that some end and others are made."""

EACH = 8
"""Processes that are ended at a time in each state. One that is ENDING is the one that runs."""


def all_wait(crowd: Crowd) -> None:
    """Let all go on until they wait at the gate, and serve those who call before that."""
    crowd.let_all_run()
    crowd.serve(len(crowd.model.senders))
    crowd.let_all_run()
    crowd.check()
    absent = [str(each) for each in crowd.processes.values() if each.doing is not Doing.WAITING]
    assert not absent, f"{len(absent)} do not wait at the gate: {absent[:5]}"


def round_of_calls(crowd: Crowd, *, queued: bool) -> None:
    """Let each call once: when all of them have come, or one by one to a server that waits."""
    before = {process: process.answered for process in crowd.processes.values()}
    wish(crowd, crowd.processes.values(), Doing.SENDING)
    crowd.open_the_gate()
    if queued:
        crowd.let_all_run()
        crowd.check()
    served = crowd.serve(crowd.count)
    crowd.let_all_run()
    crowd.check()
    assert {*served} == {*before}, f"{len({*served})} of {len(before)} were served"
    wrong = [str(each) for each, times in before.items() if each.answered != times + 1]
    assert not wrong, f"{len(wrong)} were not answered once: {wrong[:5]}"


def wish(crowd: Crowd, processes: Iterable[Process], *doings: Doing) -> None:
    """Let each do one of these when the gate opens next."""
    for process in processes:
        process.wish = crowd.random.choice(doings)


class Scattered:
    """All processes, somewhere: some in each state, which will end, and others beside them."""

    def __init__(self, crowd: Crowd) -> None:
        """Bring them there; all wait at the gate."""
        self.crowd = crowd
        left = crowd.random.sample([*crowd.processes.values()], crowd.count)
        spent = [process for process in left if process.sporadic][:EACH]
        left = [process for process in left if process not in spent]
        self.victims: dict[Process, Doing] = dict.fromkeys(spent, Doing.SPENT)
        for doing in Doing:
            if doing is not Doing.SPENT:
                self.victims |= {left.pop(): doing for _ in range(EACH)}
        self.unanswered, self.suspended = left[:EACH], left[EACH : 2 * EACH]
        self.others = left[EACH:]
        self.replies: dict[Process, int] = {}
        """Through which those are answered whose calls have been taken."""
        self._take_calls()
        self._go()

    def at(self, *doings: Doing) -> list[Process]:
        """Return who is to be ended in one of these."""
        return [process for process, doing in self.victims.items() if doing in doings]

    def _take_calls(self) -> None:
        crowd = self.crowd
        wish(crowd, crowd.processes.values(), Doing.WAITING)
        calling = (*self.unanswered, *self.at(Doing.AWAITING, Doing.READY))
        wish(crowd, calling, Doing.SENDING)
        crowd.open_the_gate()
        crowd.let_all_run()
        for reply in range(At.REPLIES, At.REPLIES + len(calling)):
            self.replies[crowd.receive(reply)] = reply

    def _go(self) -> None:
        crowd = self.crowd
        wish(crowd, (*self.others, *self.at(Doing.SUSPENDED)), Doing.SENDING, Doing.WAITING)
        for doing in (Doing.SENDING, Doing.RECEIVING, Doing.SPENT, Doing.ENDING):
            wish(crowd, self.at(doing), doing)
        for process in self.at(Doing.ENDING):
            crowd.root.arm(process)
        crowd.open_the_gate()
        crowd.let_all_run()
        for process in (*self.suspended, *self.at(Doing.SUSPENDED)):
            crowd.suspend(process)
        for process in self.at(Doing.READY):
            crowd.answer(process, self.replies[process])
        crowd.check()
        wrong = [f"{each}, not {doing}" for each, doing in self.victims.items()
                 if each.doing is not doing]  # fmt: skip
        assert not wrong, f"to be ended in other states: {wrong}"

    def end(self, processes: Iterable[Process]) -> None:
        """End them, in any order."""
        ended = [*processes]
        for process in self.crowd.random.sample(ended, len(ended)):
            self.crowd.end(process)

    def go_on(self) -> None:
        """Let all those who are left come back to the gate."""
        for process in self.unanswered:
            self.crowd.answer(process, self.replies[process])
        for process in self.suspended:
            self.crowd.resume(process)
        all_wait(self.crowd)


def wave(crowd: Crowd) -> int:
    """End some processes in each state, and make others of their memory; return how many."""
    scattered = Scattered(crowd)
    scattered.end(scattered.victims)
    crowd.check(thoroughly=True)
    gone = scattered.at(Doing.AWAITING)
    for process in gone[::2]:
        crowd.answer(process, scattered.replies[process])
    crowd.check()
    for process in crowd.random.sample([*scattered.victims], len(scattered.victims)):
        crowd.make(process.place)
    for process in gone[1::2]:
        crowd.answer(process, scattered.replies[process])
    crowd.check()
    scattered.go_on()
    return len(scattered.victims)


def capabilities(crowd: Crowd) -> set[inspect.Capability]:
    """Return all there are. What an untyped has been used for counts no more if that is gone."""
    ram, found = crowd.root.ram, inspect.tree(crowd.root.system.root)
    return {
        cap._replace(badge=untyped.used(ram, cap.slot), mapping=0)
        if cap.type is Type.UNTYPED
        else cap
        for cap in found
    }


def test_a_thousand_processes_live_are_ended_and_made_again() -> None:
    crowd = Crowd(COUNT, SEED)
    empty = capabilities(crowd)
    for place in range(COUNT):
        crowd.make(place)
    crowd.check(thoroughly=True)
    all_wait(crowd)
    for _ in range(ROUNDS):
        round_of_calls(crowd, queued=True)
        round_of_calls(crowd, queued=False)
    assert sum(wave(crowd) for _ in range(WAVES)) >= 0.3 * COUNT
    round_of_calls(crowd, queued=True)
    scattered = Scattered(crowd)
    ended = [process.place for process in scattered.others[::2]]
    scattered.end(scattered.others[::2])
    for place in ended:
        crowd.root.take_whole(place)
    crowd.end_all()
    left = capabilities(crowd) ^ empty
    assert not left, f"{len(left)} capabilities differ from before: {[*left][:5]}"
    for place in range(COUNT):
        crowd.make(place)
    all_wait(crowd)
    round_of_calls(crowd, queued=False)
    crowd.check(thoroughly=True)
