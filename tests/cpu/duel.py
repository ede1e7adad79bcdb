"""The two engines run the same block in lockstep; what differs first is reported to the tick."""

from __future__ import annotations

from dataclasses import dataclass

from tests.cpu.arena import Arena, Block
from tests.cpu.machines import ENGINES, Machine, difference
from tests.cpu.rings import Ring
from vectoros.cpu.core import Stop
from vectoros.cpu.disasm import disassemble

_CONTEXT_BYTES = 48  # of code that a report shows around the place


@dataclass
class Duel:
    """A pair of arenas, used for one block after another."""

    ring: Ring

    def __post_init__(self) -> None:
        self.ticks = 0
        self._fresh()

    def _fresh(self) -> None:
        self.arenas = [Arena(engine, self.ring) for engine in ENGINES]

    def fight(self, block: Block) -> str:
        """Run ``block`` on both engines; return a report of the first difference, or nothing."""
        self._place(block)
        turns = -1
        found = ""
        while not found and turns <= len(block.entries):
            turns += 1
            stops = [arena.turn() for arena in self.arenas]
            found = self._compare(stops, ram=False)
            if stops[0] is not Stop.DEADLINE:
                break
        found = found or self._compare(stops, ram=True)
        self.ticks += self.arenas[0].machine.clock.now
        return self._report(block, turns, found) if found else ""

    def _compare(self, stops: list[Stop], *, ram: bool) -> str:
        one, other = (arena.machine for arena in self.arenas)
        if stops[0] is not stops[1]:
            return f"one ends with {stops[0].name} and one with {stops[1].name}"
        return difference(self._view(one, ram), self._view(other, ram))

    def _place(self, block: Block) -> None:
        for arena in self.arenas:
            arena.place(block)
        self._traps = self.arenas[0].machine.cpu.counters().traps

    def _view(self, machine: Machine, ram: bool) -> dict[str, object]:
        traps = machine.cpu.counters().traps
        new = {vector: count - self._traps.get(vector, 0) for vector, count in traps.items()}
        found: dict[str, object] = {"tick": machine.clock.now, **machine.record()}
        found |= {"traps": {vector: count for vector, count in new.items() if count}}
        found |= {"faults": machine.cpu.faults()[-sum(new.values()) :] if any(new.values()) else []}
        return found | ({"ram": machine.memory.ram.digest().hex()} if ram else {})

    def close(self) -> None:
        for arena in self.arenas:
            arena.machine.cpu.close()

    def _report(self, block: Block, turns: int, found: str) -> str:
        """Run the turns before again, and then tick by tick."""
        self.close()
        self._fresh()
        self._place(block)
        for _ in range(turns):
            for arena in self.arenas:
                arena.turn()
        lines = [f"{self.ring.name}, block {block.seed}, turn {turns}: {found}"]
        one, other = (arena.machine for arena in self.arenas)
        while one.clock.now < 1 << 30:
            before = _where(one)
            stops = [machine.run(1) for machine in (one, other)]
            found = self._compare(stops, ram=True)
            if found or stops[0] is Stop.SHUTDOWN or one.clock.now > (turns + 2) << 10:
                break
        if not found:
            lines.append("single steps agree: it depends on where a block of code begins")
        lines += [before, found, *(f"{m.engine}: {_where(m)}" for m in (one, other))]
        lines.append(f"code: {block.code.hex()}")
        self.close()
        self._fresh()
        return "\n".join(lines)


def _where(machine: Machine) -> str:
    """Return where ``machine`` is, its registers, and the code there."""
    regs = machine.regs
    at = regs.linear_rip
    code = disassemble(machine.memory.read(at, _CONTEXT_BYTES), at, regs.code_bits, limit=4)
    return "\n".join(
        (
            f"tick {machine.clock.now}, level {regs.cpl}, flags {regs.rflags:#x}, "
            f"registers {' '.join(f'{value:x}' for value in regs.gpr)}",
            *(f"    {instruction}" for instruction in code),
        )
    )
