"""Small programs that show whether the fast engine keeps exact time on this host.

Each runs in real mode on one engine, which the self-test makes, and each would
end at another tick, or see another one, if Unicorn worked differently inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vectoros.clock import Clock
from vectoros.cpu.bits import Gpr
from vectoros.cpu.core import Cpu, Stop, Surroundings
from vectoros.cpu.registers import Registers
from vectoros.memory import Memory
from vectoros.units import MIB

START, HANDLER = 0x1000, 0x1100
VECTOR = 0x20
_MOST = 100  # ticks; none of the programs runs as long

Engine = Callable[[Memory, Surroundings, Clock], Cpu]
Reset = Callable[[Registers, int], None]


class Witness:
    """Surroundings that note the tick of every access."""

    def __init__(self, clock: Clock) -> None:
        """Start with nothing noted."""
        self._clock = clock
        self.ticks: list[int] = []

    def port_read(self, port: int, width: int) -> int:
        """Note it; all bits are set."""
        self.ticks.append(self._clock.now)
        return (1 << 8 * width) - 1

    def port_write(self, port: int, width: int, value: int) -> None:
        """Note it."""
        self.ticks.append(self._clock.now)

    def mmio_read(self, address: int, width: int) -> int:
        """Note it; all bits are set."""
        return self.port_read(address, width)

    def mmio_write(self, address: int, width: int, value: int) -> None:
        """Note it."""
        self.ticks.append(self._clock.now)

    def acknowledge(self) -> int:
        """Note it; the vector is always the same."""
        self.ticks.append(self._clock.now)
        return VECTOR


@dataclass(frozen=True, slots=True)
class Program:
    """Code for START, ended by HLT, and what it has to show."""

    name: str
    code: bytes
    slice_ticks: int
    ends: tuple[int, ...]  # tick at which each slice ends
    accesses: tuple[int, ...] = ()  # tick of each access
    al: int = 0
    interrupt: bool = False  # whether INTR is high from the start


PROGRAMS = (
    Program("INT n and IRET, a tick at a time", b"\xcd\x20\xf4", 1, (2, 3, 4, 5), al=1),
    Program(
        "accesses in the middle of a block",
        # mov ax, 0ffffh; mov ds, ax; nop; mov al, [10h]; in al, 40h; out 40h, al; mov al, 3; hlt
        bytes.fromhex("b8ffff 8ed8 90 a01000 e440 e640 b003 f4"),
        _MOST,
        (16,),
        accesses=(6, 9, 11),
        al=3,
    ),
    Program(
        "a store into the running block",
        # nop; mov byte ptr cs:[1008h], 7; mov al, 0; hlt
        bytes.fromhex("90 2ec606081007 b000 f4"),
        _MOST,
        (10,),
        al=7,
    ),
    Program(
        "an interrupt behind STI",
        # sti; nop; nop; hlt
        bytes.fromhex("fb 90 90 f4"),
        _MOST,
        (6,),
        accesses=(2,),
        al=1,
        interrupt=True,
    ),
)


def trials(make: Engine, reset: Reset) -> Iterator[str | None]:
    """Run each program on one engine; yield what went wrong with it, or None."""
    memory, clock = Memory(MIB), Clock()
    witness = Witness(clock)
    memory.write(VECTOR * 4, HANDLER.to_bytes(4, "little"))
    cpu = make(memory, witness, clock)
    memory.write(HANDLER, b"\x40\xcf")  # inc ax; iret
    for program in PROGRAMS:
        memory.write(START, program.code)
        clock.set(0)
        witness.ticks.clear()
        reset(cpu.regs, START)
        cpu.registers_changed()
        cpu.set_intr(program.interrupt)
        ends = tuple(_slices(cpu, clock, program.slice_ticks))
        seen = (ends, tuple(witness.ticks), cpu.regs.gpr[Gpr.RAX] & 0xFF)
        due = (program.ends, program.accesses, program.al)
        yield None if seen == due else f"{program.name}: {seen} instead of {due}"
    cpu.close()


def _slices(cpu: Cpu, clock: Clock, ticks: int) -> Iterator[int]:
    while clock.now < _MOST:
        stop = cpu.run(clock.now + ticks)
        yield clock.now
        if stop is not Stop.DEADLINE:
            return
