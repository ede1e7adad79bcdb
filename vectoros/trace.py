"""The tracer: one line for each thing that happened, with its tick.

A tracer stands between the CPU and the board, passes everything on unchanged,
and writes down what it sees. A machine that nobody traces does not pay for it.
Tracing changes nothing that the guest can see: the state hash is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from vectoros.cpu.bits import EFER_LMA
from vectoros.cpu.core import Fault
from vectoros.cpu.faults import Vector
from vectoros.errors import UsageError
from vectoros.fault_words import error_words, vector_name
from vectoros.guest_view import address
from vectoros.pc import Milestone, Pc
from vectoros.units import REACTION_TICKS

KINDS = ("port", "mmio", "irq", "fault", "milestone")


def check_kinds(kinds: Collection[str]) -> None:
    """Raise :class:`UsageError` unless every one of ``kinds`` can be traced."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise UsageError(f"--trace knows {', '.join(KINDS)}, not {unknown[0]!r}")


class Tracer:
    """The CPU's surroundings, with somebody who writes things down."""

    def __init__(self, pc: Pc, kinds: Collection[str], write: Callable[[str], None]) -> None:
        """Trace ``kinds`` of events of ``pc`` from now on; call ``write`` with each line."""
        check_kinds(kinds)
        self._pc = pc
        self._board = pc.board
        self._kinds = frozenset(kinds)
        self._write = write
        self._faults_seen = self._fault_count()
        if self._kinds & {"port", "mmio", "irq"}:
            pc.cpu.around = self
        if "milestone" in self._kinds:
            pc.on_milestone(self._milestone)
        if "fault" in self._kinds:
            # The engine keeps the last few faults only; look often enough to see them all.
            pc.board.watch_ticks = min(pc.board.watch_ticks, REACTION_TICKS)

    def poll(self) -> None:
        """Write down the faults since the last time. To be called between slices."""
        if "fault" not in self._kinds:
            return
        count = self._fault_count()
        new = count - self._faults_seen
        self._faults_seen = count
        if new:
            kept = self._pc.cpu.faults()[-new:]
            if len(kept) < new:
                self._line(kept[0].tick, "fault", f"{new - len(kept)} before this one were lost")
            for fault in kept:
                self._fault(fault)

    # -- the CPU's surroundings ----------------------------------------------

    def port_read(self, port: int, width: int) -> int:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        tick = self._pc.clock.now
        value = self._board.port_read(port, width)
        self._port(tick, "in ", port, width, value)
        return value

    def port_write(self, port: int, width: int, value: int) -> None:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._port(self._pc.clock.now, "out", port, width, value)
        self._board.port_write(port, width, value)

    def mmio_read(self, address: int, width: int) -> int:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        tick = self._pc.clock.now
        value = self._board.mmio_read(address, width)
        self._mmio(tick, "read ", address, width, value)
        return value

    def mmio_write(self, address: int, width: int, value: int) -> None:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._mmio(self._pc.clock.now, "write", address, width, value)
        self._board.mmio_write(address, width, value)

    def acknowledge(self) -> int:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        tick = self._pc.clock.now
        vector = self._board.acknowledge()
        if "irq" in self._kinds:
            self._event(tick, "irq", f"vector {vector:#04x}")
        return vector

    # -- lines ---------------------------------------------------------------

    def _event(self, tick: int, kind: str, text: str) -> None:
        self.poll()  # a fault that came before this is written before it
        self._line(tick, kind, text)

    def _line(self, tick: int, kind: str, text: str) -> None:
        self._write(f"{tick:>14} {kind:<9} {text}")

    def _port(self, tick: int, verb: str, port: int, width: int, value: int) -> None:
        if "port" in self._kinds:
            mapping = self._board.ports.find(port)
            who = "nothing there" if mapping is None else mapping.area.name
            self._event(tick, "port", f"{verb} {port:#06x} {value:#0{2 * width + 2}x} {who}")

    def _mmio(self, tick: int, verb: str, address: int, width: int, value: int) -> None:
        if "mmio" in self._kinds:
            mapping = self._board.mmio.find(address)
            who = "nothing there" if mapping is None else mapping.area.name
            self._event(tick, "mmio", f"{verb} {address:#012x} {value:#0{2 * width + 2}x} {who}")

    def _milestone(self, milestone: Milestone) -> None:
        self._event(milestone.tick, "milestone", milestone.text)

    def _fault(self, fault: Fault) -> None:
        vector = int(fault.vector)
        regs = self._pc.cpu.regs
        long_mode = bool(regs.efer & EFER_LMA)
        words = "" if fault.software else error_words(vector, fault.error_code, long_mode=long_mode)
        where = address(regs, fault.cs, fault.rip)
        parts = [vector_name(vector), where, f"ring {int(fault.cpl)}"]
        if vector == Vector.PF and not fault.software:
            parts.append(f"cr2 {fault.cr2:#x}")
        if words:
            parts.append(f"error {fault.error_code:#x}: {words}")
        if not fault.delivered:
            parts.append("not delivered")
        self._line(fault.tick, "fault", ", ".join(parts))

    def _fault_count(self) -> int:
        return sum(self._pc.cpu.counters().traps.values())
