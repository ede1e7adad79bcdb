"""The runner in ring 3: the puppet executes each step with real registers and a real SYSCALL."""

from __future__ import annotations

import struct

from tests.conformance.kernel import puppet, script
from tests.conformance.kernel.host import prelude
from tests.conformance.kernel.step import Case, Outcome, Step
from vectoros.api import Machine
from vectoros.board import Reason
from vectoros.boot.native import KernelMemory
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Type
from vectoros.kernel.root import Root
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import inspect, invariants
from vectoros.kernel_image.walks import mappings
from vectoros.pc import Milestone
from vectoros.units import PAGE_SIZE

LIMIT = "40ms"
"""Of virtual time for one case."""


class Guest:
    """A machine whose puppet waits for a script, again for each case."""

    def __init__(self, engine: str = "fast") -> None:
        """Boot, and remember that state."""
        self.machine: Machine = puppet.machine(engine)
        self.machine.pc.on_milestone(self._milestone)
        stop = self.machine.run(for_="100ms")
        if stop.reason is not Reason.MATCH:
            raise RuntimeError(f"the puppet did not start: {stop.reason.value}")
        memory = KernelMemory(self.machine.memory)
        where = inspect.find_root(memory)
        assert where is not None
        self.root = Root(Ram(memory), where)
        thread = Tcb(self.root.ram, inspect.objects(self.root, Type.TCB)[0])
        self._pages = {page.address: page.frame for page in mappings(self.root.ram, thread.space)}
        self._start = self.machine.snapshot()
        wrong = self.run(prelude()).problem(prelude())
        if wrong is not None:
            raise RuntimeError(wrong)
        self._start = self.machine.snapshot()

    def _milestone(self, milestone: Milestone) -> None:
        if not milestone.text:  # the puppet has no more steps
            self.machine.pc.board.request_stop(Reason.MATCH)

    def run(self, case: Case) -> Outcome:
        """Run ``case`` from the state after boot."""
        self.restart()
        by = {name: [s for s in case.steps if s.by == name] for name in script.THREADS}
        for index, name in enumerate(script.THREADS):
            if by[name]:
                self.write(puppet.AREAS + index * script.AREA_SIZE, script.pack(by[name]))
        self.machine.run(for_=LIMIT)
        found = {
            name: iter(script.unpack(steps, self._script(index, steps)))
            for index, (name, steps) in enumerate(by.items())
        }
        results = [next(found[step.by]) for step in case.steps]
        answers = tuple(answer for _, answer in results)
        return Outcome(answers, self._trouble(case, [started for started, _ in results]))

    def restart(self) -> None:
        """Go back to the state after boot."""
        self.machine.restore(self._start)

    def _script(self, index: int, steps: list[Step]) -> bytes:
        size = sum(map(script.size_of, steps))
        return self.read(puppet.AREAS + index * script.AREA_SIZE, size)

    def _trouble(self, case: Case, started: list[int]) -> str:
        for number, step in enumerate(case.steps):
            if started[number] == script.NEVER:
                return f"step {number} ({step.by}) was not started"
            if number and started[number] < started[number - 1]:
                return f"step {number} ({step.by}) was started before the one above it"
        try:
            invariants.check(self.root)
        except Exception as error:
            return f"an invariant is broken: {error}"
        return ""

    # -- the puppet's memory ---------------------------------------------------

    def write(self, virtual: int, data: bytes) -> None:
        """Store ``data`` where the puppet sees it at ``virtual``."""
        while data:
            size = PAGE_SIZE - virtual % PAGE_SIZE
            frame = self._pages[virtual - virtual % PAGE_SIZE]
            self.machine.memory.write(frame + virtual % PAGE_SIZE, data[:size])
            virtual, data = virtual + size, data[size:]

    def read(self, virtual: int, size: int) -> bytes:
        """Return ``size`` bytes of what the puppet sees at ``virtual``."""
        found = b""
        while len(found) < size:
            at = virtual + len(found)
            take = min(size - len(found), PAGE_SIZE - at % PAGE_SIZE)
            frame = self._pages[at - at % PAGE_SIZE]
            found += self.machine.memory.read(frame + at % PAGE_SIZE, take)
        return found

    def word(self, virtual: int) -> int:
        """Return a word of the puppet's."""
        (value,) = struct.unpack("<Q", self.read(virtual, 8))
        return int(value)
