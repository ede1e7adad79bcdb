"""Many processes that a root thread makes by traps, runs, serves and ends.

No instruction is executed. A process is a loop around one SYSCALL; what it would do between
two of them is done here. Who traps next is the kernel's choice, and whether that was right is
the model's.
"""

from __future__ import annotations

import random

from tests.properties.stress_making import Maker, Own
from tests.properties.stress_model import PRIORITIES, Doing, Model, Process
from tests.properties.stress_root import PRIORITY, RETURNED, TABLE, TABLE_BITS, At
from vectoros.kernel import message
from vectoros.kernel.abi import Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.frame import FRAME_SYSCALL
from vectoros.kernel.gate import Reason
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel_image import inspect, invariants

LOWEST = 1
"""A priority that no process has."""


MESSAGE = ("rdx", "r10", "r8", "r9")


class Crowd:
    """The root thread, its processes, and the model of them."""

    def __init__(self, count: int, seed: int) -> None:
        self.root, self.count, self.random = Maker(count), count, random.Random(seed)
        self.model = Model()
        self.processes: dict[int, Process] = {}
        """By place."""
        self.threads: dict[int, Process] = {}
        """By the address of the TCB."""
        self.made = self.opened = 0
        self.listening = False
        """Whether the root thread waits for a message."""
        self.caller: Process | None = None
        """Who must have sent what it has got."""

    # Making and ending

    def make(self, place: int) -> Process:
        """Make a process of the memory at ``place``, and let it run."""
        self.made += 1
        made = self.root.make(place, self.made, self.random.choice(PRIORITIES))
        self.processes[place] = self.threads[made.thread.address] = made
        self.model.put(made, Doing.READY)
        return made

    def suspend(self, process: Process) -> None:
        """Suspend a process."""
        self.root.suspend(process)
        self.model.put(process, Doing.SUSPENDED)

    def resume(self, process: Process) -> None:
        """Let it make the trap again that it waited in."""
        self.root.resume(process)
        self.model.put(process, Doing.READY)

    def end(self, process: Process) -> None:
        """Revoke the memory of a process."""
        self.root.revoke(process.place)
        self._forget(process)

    def end_all(self) -> None:
        """Revoke the memory of all processes at once, and divide it again."""
        self.root.revoke_all()
        for process in [*self.processes.values()]:
            self._forget(process)
        self.check(thoroughly=True)
        self.root.divide()

    def _forget(self, process: Process) -> None:
        self.model.forget(process)
        del self.processes[process.place], self.threads[process.thread.address]

    # Running

    def run(self) -> None:
        """Let the processes run until the root thread does."""
        while not self.root.runs:
            self._step()

    def let_all_run(self) -> None:
        """Let the root thread come after the processes, until none of them is ready."""
        lower = message.info(label(Type.TCB, "SetPriority"), 1)
        lower |= self.root.system.attach(self.root.thread, Init.TCB)
        self.root.trap(Trap.CALL, Init.TCB, lower, (LOWEST,))
        self.run()
        left = [str(process) for process in self.model.ready]
        assert not left, f"still ready, but the root thread runs: {left}"
        self.root.must(Init.TCB, Type.TCB, "SetPriority", PRIORITY, caps=(Init.TCB,))

    def _step(self) -> None:
        """Let who runs make its next trap."""
        chosen, should = self.root.system.block.next, self.model.ready.first
        runs = self.threads.get(chosen)
        assert runs, f"thread {chosen:#x} runs, which is nobody's; not {should}"
        assert runs is should, f"runs: {runs}\nshould: {should}"
        if runs.thread.rip == RETURNED:
            self._returned(runs)
        self._trap(runs)
        match runs.does:
            case Doing.SENDING if self.listening:
                self.caller, self.listening = runs, False
                self.model.put(runs, Doing.AWAITING)
            case Doing.WAITING if runs.told < self.opened:
                runs.told, runs.missed = self.opened, True  # so it will wait once more
            case Doing.ENDING:
                self._ends(runs)
            case does:
                self.model.put(runs, does)

    def _trap(self, process: Process) -> None:
        self.root.traps += 1
        process.thread.rip, process.thread.vector = RETURNED, FRAME_SYSCALL
        self.root.system.trap(Reason.SYSCALL)

    def _ends(self, process: Process) -> None:
        """Let it make its trap until it is gone; what is left of it then is the root thread's."""
        self.model.put(process, Doing.ENDING)
        for _ in range(100):
            if self.root.system.block.next != process.thread.address:
                return
            self._trap(process)
        raise AssertionError(f"{process} goes on running")

    def _returned(self, process: Process) -> None:
        """Let a process look at what it has got, and decide what to do next."""
        thread, rax = process.thread, process.thread.rax
        assert rax == Error.NO_ERROR, f"{process}: {process.does.value} ended with {rax}"
        if process.does is Doing.SENDING:
            words = self.root.system.words(thread)
            process.answered += 1
            assert words == process.hears, f"{process}: the answer is {words}"
            once = process.asked == process.heard == process.answered
            assert once, f"not answered once: {process}"
            process.does = Doing.WAITING
        elif not process.missed:
            process.does = process.wish
        process.missed = False
        self._ask(process)

    def _ask(self, process: Process) -> None:
        """Write what it asks for into its registers."""
        thread, info, reply = process.thread, 0, 0
        words: tuple[int, ...] = (0, 0, 0, 0)
        slot: Own | None = None
        match process.does:
            case Doing.SENDING:
                process.asked += 1
                self.root.write_buffer(process)
                trap, slot, words = Trap.CALL, Own.SERVER, process.says
                info = message.info(0, len(words))
            case Doing.WAITING:
                trap, slot = Trap.WAIT, Own.GATE
            case Doing.RECEIVING:
                trap, slot, reply = Trap.RECV, Own.PEERS, Own.REPLY
            case Doing.SPENT:
                trap = Trap.YIELD
            case Doing.ENDING:
                trap, slot, words = Trap.CALL, Own.TABLE, (process.place % TABLE, TABLE_BITS, 0, 0)
                info = message.info(label(Type.CNODE, "Revoke"), 2)
            case does:
                raise AssertionError(f"{process} cannot ask for {does}")
        thread.rax, thread.rdi, thread.rsi, thread.r12 = trap, slot or 0, info, reply
        for register, word in zip(MESSAGE, words, strict=False):
            setattr(thread, register, word)

    # Serving

    def receive(self, reply: int, answering: Process | None = None) -> Process:
        """Take the next call, to be answered through ``reply``; first answer another one."""
        root, words = self.root, answering.hears if answering else ()
        if answering:
            self.model.put(answering, Doing.READY)
        self.caller, self.listening = self.model.senders.first, False
        if self.caller:
            self.model.put(self.caller, Doing.AWAITING)
        else:
            self.listening = True
        trap = Trap.REPLY_RECV if answering else Trap.RECV
        root.trap(trap, At.SERVER, message.info(0, len(words)), words, reply)
        self.run()
        sent, badge, rax = self.caller, root.thread.rdi, root.thread.rax
        got = root.system.words(root.thread)
        assert sent, f"a message of nobody's: badge {badge}, status {rax}, {got}"
        assert (rax, badge, got) == (0, sent.number, sent.says), (
            f"status {rax}, badge {badge}, {got}, not {sent.says} of {sent}"
        )
        sent.heard += 1
        assert sent.heard == sent.asked, f"not heard once: {sent}"
        return sent

    def answer(self, process: Process, reply: int) -> None:
        """Answer a call; nobody may wait for that any more."""
        words = process.hears
        self.root.trap(Trap.SEND, reply, message.info(0, len(words)), words)
        status = self.root.thread.rax
        assert status == Error.NO_ERROR, f"an answer is refused with {status}: {process}"
        if self.processes.get(process.place) is process:
            self.model.put(process, Doing.READY)

    def serve(self, count: int) -> list[Process]:
        """Take so many calls and answer each, before the next is taken."""
        served: list[Process] = []
        for _ in range(count):
            served.append(self.receive(At.REPLIES, served[-1] if served else None))
        if served:
            self.answer(served[-1], At.REPLIES)
        return served

    def open_the_gate(self) -> None:
        """Let all who wait there go on; those who come later will hear of it."""
        waiting = list(self.model.gate)
        (woken,) = self.root.must(At.BELL, Type.CHANNEL, "Wake")
        assert woken == len(waiting), f"{woken} are woken, of {len(waiting)} who wait"
        self.opened += 1
        for process in waiting:
            process.told = self.opened
            self.model.put(process, Doing.READY)

    # Comparing

    def check(self, *, thoroughly: bool = False) -> None:
        """Compare the kernel's queues and states with the model's, and if asked the invariants."""
        root, model = self.root, self.model
        for name, found, line in (
            ("ready", root.ready(), model.ready),
            ("waits to send", root.waiting(At.SERVER), model.senders),
            ("waits to receive", root.waiting(At.PEERS), model.peers),
            ("waits at the gate", root.waiting(At.GATE), model.gate),
        ):
            self._compare(name, found, [process.thread.address for process in line])
        spent = sorted(process.thread.address for process in model.spent)
        self._compare("has no budget", sorted(inspect.released(root.system.root)), spent)
        for process in self.processes.values():
            says, should = process.thread.state, process.doing.state
            assert says == should, f"its TCB says {says}, not {should}: {process}"
        spaces = [process.thread.space for process in self.processes.values()]
        if not any(process.doing is Doing.ENDING for process in self.processes.values()):
            self._compare(
                "has an ASID", sorted(root.spaces()), sorted([root.thread.space, *spaces])
            )
        if thoroughly:
            invariants.check(root.system.root)

    def _compare(self, name: str, found: list[int], should: list[int]) -> None:
        if found == should:
            return
        more, fewer = ({*found} - {*should}), ({*should} - {*found})
        place = next(
            (n for n, two in enumerate(zip(found, should, strict=False)) if len({*two}) > 1), -1
        )
        who = {at: str(process) for at, process in self.threads.items()}
        raise AssertionError(
            f"who {name}: {len(found)}, not {len(should)}\n"
            f"only the kernel says so: {[who.get(at, hex(at)) for at in sorted(more)[:5]]}\n"
            f"only the model says so: {[who.get(at, hex(at)) for at in sorted(fewer)[:5]]}\n"
            f"the order differs from number {place} on"
        )
