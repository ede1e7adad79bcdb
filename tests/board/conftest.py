"""A board with a CPU whose every instruction is a test's, and three devices.

The interrupt controllers are the real ones. Every instruction is four ticks
long, so the boundaries are the multiples of four.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vectoros.board import Board, Reason
from vectoros.clock import Clock
from vectoros.cpu.bits import Flag
from vectoros.cpu.core import Cpu, Stop
from vectoros.devices.device import Device
from vectoros.devices.pic_pair import PicPair
from vectoros.devices.state import FLAG, Cell, integer, optional
from vectoros.irq import Line
from vectoros.layout import Area

Op = tuple[str, int]
"""What an instruction does, a method of :class:`FakeCpu`, and its operand."""

Log = list[tuple[str, int]]
"""Which interrupts the CPU took, and at which ticks."""

SIZE = 4
BUTTONS, ALARM, ENDS, MASK = 0x80, 0x90, 0xF4, 0x21
VECTOR = 0x20
NAMES = {VECTOR + 3: "irq3", VECTOR + 5: "irq5", VECTOR + 6: "alarm"}


class FakeCpu:
    """Runs ``program``, then spins."""

    def __init__(self, clock: Clock, board: Board, program: Sequence[Op]) -> None:
        self.clock = clock
        self.board = board
        self.program = list(program)
        self.at = 0
        self.regs = SimpleNamespace(rflags=int(Flag.IF), nmi_blocked=False)
        self.nmi_pending = False
        self.intr = False
        self.deadline = self.tick = 0
        self.slices: list[int] = []
        """Length of every slice that was asked for."""
        self.log: Log = []
        self.hook: Callable[[], object] = lambda: None

    def run(self, deadline: int, pause: int | None = None) -> Stop:
        deadline = deadline if pause is None else min(deadline, pause)
        self.tick, self.deadline = self.clock.now, deadline
        self.slices.append(deadline - self.tick)
        assert deadline > self.tick
        self.clock.follow(lambda: self.tick)
        try:
            while self.tick < self.deadline:
                if (stop := self.step()) is not None:
                    return stop
            return Stop.DEADLINE
        finally:
            self.clock.set(self.tick)

    def step(self) -> Stop | None:
        self.take_interrupts()
        name, operand = self.program[self.at] if self.at < len(self.program) else ("spin", 0)
        self.at += 1
        result: Stop | None = getattr(self, name)(operand)
        self.tick += SIZE
        return result

    def take_interrupts(self) -> None:
        if self.nmi_pending and not self.regs.nmi_blocked:
            self.nmi_pending, self.regs.nmi_blocked = False, True
            self.log.append(("nmi", self.tick))
        if self.intr and self.regs.rflags & Flag.IF:
            self.log.append((NAMES[self.board.acknowledge()], self.tick))

    # Instructions.

    def spin(self, _: int) -> None:
        """Do nothing."""

    def skip(self, ticks: int) -> None:
        """Be an instruction of so many ticks."""
        self.tick += ticks - SIZE

    def sti(self, _: int) -> None:
        self.regs.rflags = int(Flag.IF)

    def cli(self, _: int) -> None:
        self.regs.rflags = 0

    def hlt(self, _: int) -> Stop:
        return Stop.HALT

    def crash(self, _: int) -> Stop:
        return Stop.SHUTDOWN

    def lines(self, levels: int) -> None:
        """Drive IRQ 3 with bit 0 and IRQ 5 with bit 1."""
        self.board.port_write(BUTTONS, 1, levels)

    def mask(self, levels: int) -> None:
        self.board.port_write(MASK, 1, levels)

    def arm(self, ticks: int) -> None:
        """Let the alarm ring in so many ticks."""
        self.board.port_write(ALARM, 4, ticks)

    def poll(self, _: int) -> None:
        self.board.port_read(ALARM, 4)

    def end(self, code: int) -> None:
        """End with status ``code``; 255 switches the machine off."""
        self.board.port_write(ENDS, 1, code)

    def reboot(self, _: int) -> None:
        self.board.port_write(ENDS, 1, 254)

    def call(self, _: int) -> None:
        """Call the test from within an access."""
        self.board.port_read(ENDS, 1)

    # What the board asks of a CPU.

    def shorten(self, deadline: int) -> None:
        self.deadline = min(self.deadline, deadline)

    def set_intr(self, level: bool) -> None:
        self.intr = level


class Buttons(Device):
    """Interrupt lines, set to the bits of what is written."""

    levels = Cell(0, integer(0, 255), "what was written")

    def __init__(self, clock: Clock, lines: Sequence[Line]) -> None:
        self.lines = lines
        super().__init__(clock)

    def reset(self) -> None:
        super().reset()
        for line in self.lines:
            line.set(False)

    def write(self, offset: int, width: int, value: int) -> None:
        self.levels = value
        for bit, line in enumerate(self.lines):
            line.set(bool(value >> bit & 1))

    def adopt(self, state: Any) -> None:  # noqa: ANN401  a checked state
        super().adopt(state)
        for bit, line in enumerate(self.lines):
            line.restore(bool(self.levels >> bit & 1))


class Alarm(Device):
    """Raises its line when its time has come, until it is armed again."""

    due = Cell(None, optional(integer()), "when it rings")
    rings = Cell(False, FLAG, "level of the line")

    def __init__(self, clock: Clock, line: Line) -> None:
        self.line = line
        super().__init__(clock)

    def reset(self) -> None:
        super().reset()
        self.line.set(False)

    def read(self, offset: int, width: int) -> int:
        self.catch_up()
        return int(self.rings)

    def write(self, offset: int, width: int, value: int) -> None:
        self.catch_up()
        self.rings = False
        self.line.set(False)
        self.due = self.clock.now + value

    def next_event(self) -> int | None:
        return self.due

    def advance(self) -> None:
        self.due = None
        self.rings = True
        self.line.set(True)

    def adopt(self, state: Any) -> None:  # noqa: ANN401  a checked state
        super().adopt(state)
        self.line.restore(self.rings)


class Ends(Device):
    """Ends the machine with what is written; a read calls the test.

    254 resets it, and 255 switches it off.
    """

    def __init__(self, clock: Clock, rig: Rig) -> None:
        self.rig = rig
        super().__init__(clock)

    def read(self, offset: int, width: int) -> int:
        self.rig.cpu.hook()
        return 0

    def write(self, offset: int, width: int, value: int) -> None:
        reason = {254: Reason.RESET, 255: Reason.POWER_OFF}.get(value, Reason.EXIT)
        self.rig.board.request_stop(reason, value if reason is Reason.EXIT else 0)


class Rig:
    """A machine whose guest is ``program``."""

    def __init__(self, *program: Op) -> None:
        self.clock = Clock()
        self.board = Board(self.clock)
        self.pic = PicPair(self.clock)
        for offset, word in enumerate((0x11, VECTOR, 4, 3)):  # edges, 8086, automatic end
            self.pic.master.write(min(offset, 1), 1, word)
        self.alarm = Alarm(self.clock, self.pic.input(6))
        buttons = Buttons(self.clock, [self.pic.input(3), self.pic.input(5)])
        self.devices = [
            self.pic.master,
            self.pic.slave,
            buttons,
            self.alarm,
            Ends(self.clock, self),
        ]
        for device, base in zip(self.devices, (0x20, 0xA0, BUTTONS, ALARM, ENDS), strict=True):
            self.board.ports.attach(Area(device.name, base, 4, ""), device)
        self.cpu = FakeCpu(self.clock, self.board, program)
        self.board.plug(cast(Cpu, self.cpu), self.pic, self.devices)
        self.starts: list[int] = []
        """Ticks at which a reset has started the CPU anew."""

    def reboots(self) -> Rig:
        """Go on after a reset: from the first instruction, with the interrupts on."""
        self.board.on_reset(self._power_on)
        return self

    def _power_on(self) -> None:
        self.starts.append(self.clock.now)
        self.cpu.at = 0
        self.cpu.regs.rflags = int(Flag.IF)

    def run(
        self, limit: int | None = None, served: Callable[[int], None] | None = None
    ) -> tuple[Reason, int, int]:
        stop = self.board.run(limit, served)
        assert stop.tick == self.clock.now
        return stop.reason, stop.tick, stop.code

    def log(self, limit: int) -> Log:
        """Run up to ``limit``; return the interrupts taken so far."""
        self.run(limit)
        return self.cpu.log

    def restored(self) -> Rig:
        """Return a new machine in this one's state."""
        new = Rig(*self.cpu.program)
        new.clock.set(self.clock.now)
        new.cpu.at, new.cpu.log = self.cpu.at, self.cpu.log
        new.cpu.regs, new.cpu.nmi_pending = self.cpu.regs, self.cpu.nmi_pending
        for theirs, ours in zip(new.devices, self.devices, strict=True):
            theirs.restore(ours.state())
        new.board.restore(self.board.state())
        return new


@pytest.fixture
def rig() -> type[Rig]:
    """What makes machines: call it with a program."""
    return Rig
