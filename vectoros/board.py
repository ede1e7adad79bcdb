"""The board: buses, devices and CPU, wired; and the run loop.

The loop is: advance to the next event or the requested stop, let devices do what
is due, set the interrupt line, repeat. Four rules keep it deterministic
(docs/explanation/virtual-time.md):

    B1  What a CPU access causes is an event, never sooner than REACTION_TICKS
        after the access. Lowering a line acts at once.
    B2  Only the end of a slice stops the CPU; a callback shortens the slice.
    B3  The interrupt vector is fetched at the very boundary of delivery.
    B4  What the host waits for (a text, a tick) stops the loop and leaves no
        trace in the machine. What the guest brings about is final: from then on
        the machine stands still at that tick, in every later run. Only a reset may
        start it anew.

Whatever the loop needs to go on from here is in :meth:`Board.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, cast

from vectoros.bus import Bus
from vectoros.clock import Clock
from vectoros.cpu.bits import Flag
from vectoros.cpu.core import Cpu, Stop
from vectoros.devices.device import Device
from vectoros.devices.pic_pair import PicPair
from vectoros.devices.state import FLAG, Cell, Shape, State, Stateful, optional
from vectoros.events import NEVER, TICK, EventQueue
from vectoros.layout import PHYSICAL_ADDRESS_BITS
from vectoros.units import REACTION_TICKS

SLICE_TICKS = 10_000_000
"""Ticks after which the host is served (Ctrl-C, displays), whatever the guest does."""

SLICE_ACCESSES = 4096
"""Accesses to devices after which it is served, too: each takes microseconds of host time."""


class Reason(Enum):
    """Why the machine stopped."""

    TICK = "tick reached"
    MATCH = "text matched"
    EXIT = "exit device"
    POWER_OFF = "powered off"
    RESET = "reset"
    TRIPLE_FAULT = "triple fault"
    IDLE = "idle for ever"
    PANIC = "kernel panic"
    INTERRUPTED = "interrupted"


FINAL = frozenset({Reason.EXIT, Reason.POWER_OFF, Reason.RESET, Reason.TRIPLE_FAULT})
"""Ends that the guest brings about. They belong to the machine's state.

A reset is the end of what runs. Where :meth:`Board.on_reset` has said how to go on,
the machine does.
"""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """A stop at ``tick``, for ``reason``: one to come, or one that was made."""

    tick: int
    reason: Reason
    code: int = 0


class FinalStop(Cell[StopRequest | None]):
    """A cell that holds how the guest ended, or is about to."""

    def save(self, value: StopRequest | None) -> State:
        """Return tick, reason and code."""
        return None if value is None else [value.tick, value.reason.name, value.code]

    def load(self, saved: object) -> StopRequest | None:
        """Return the stop that was saved."""
        if saved is None:
            return None
        tick, reason, code = cast(tuple[int, str, int], saved)
        return StopRequest(tick, Reason[reason], code)


def _is_final_stop(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    tick, reason, code = value
    known = reason in [final.name for final in FINAL]
    return known and TICK.fits(tick) and TICK.fits(code)


FINAL_STOP: Shape[StopRequest] = Shape("tick, reason and code of an end", _is_final_stop)


class Board(Stateful):
    """One machine's parts and its run loop."""

    name = "board"

    halted = Cell(False, FLAG, "HLT was executed and no interrupt has come since")
    intr_rise = Cell(None, optional(TICK), "tick at which the CPU is to see INTR rise")
    guest_stop = FinalStop(None, optional(FINAL_STOP), "how the guest ended, or is about to")

    def __init__(self, clock: Clock) -> None:
        """Start with buses that nothing is attached to; :meth:`plug` makes it run."""
        self.clock = clock
        self.ports = Bus("port", 1 << 16, self._accessed)
        self.mmio = Bus("memory", 1 << PHYSICAL_ADDRESS_BITS, self._accessed)
        self.interrupts = 0
        """Interrupt-acknowledge cycles so far; a statistic, not state."""
        self.resets = 0
        """Resets that the guest made so far; a statistic, not state."""
        self.slice_ticks = SLICE_TICKS
        """Length of a slice at most, about. A choice of the host's: the guest cannot tell."""
        self._power_on: Callable[[], None] | None = None
        self.watch_ticks = NEVER
        """The same and exactly, for whoever watches the guest closely."""
        self._host_stop: StopRequest | None = None
        self._alarm: tuple[int, Callable[[], None]] | None = None
        self._host_tick = NEVER  # of the stop or the alarm, whichever is first
        self._judge: Callable[[], Reason] | None = None
        self._accesses_left = 0
        self._slice_end = NEVER
        self._accessing = False
        self._interrupted = False

    def plug(self, cpu: Cpu, pic: PicPair, devices: list[Device]) -> None:
        """Take the CPU, the interrupt controller, and every device in their fixed order."""
        self.cpu = cpu
        self.pic = pic
        self._devices = devices
        self.events = EventQueue(devices)
        self.reset()
        pic.output.connect(self._intr_changed)

    def on_reset(self, power_on: Callable[[], None]) -> None:
        """Let the machine run on when the guest resets it, once ``power_on`` has been called.

        By then every device is reset; it starts the CPU. RAM and the clock go on.
        Nobody having said so, a reset is a final stop.
        """
        self._power_on = power_on

    def judge_resets(self, judge: Callable[[], Reason]) -> None:
        """Ask ``judge`` what a reset means before it is made.

        If it is not :attr:`Reason.RESET`, the machine stops for that; it will reset in
        its next run.
        """
        self._judge = judge

    def set_alarm(self, tick: int, ring: Callable[[], None]) -> None:
        """Call ``ring`` at ``tick``, which is no sooner than B1 allows; forget the last alarm.

        It is the host's: it may look and ask for a stop, and is in no snapshot.
        """
        self._alarm = (tick, ring)
        self._host_changed()

    # -- what the CPU meets --------------------------------------------------

    def port_read(self, port: int, width: int) -> int:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._accessing = True
        try:
            return self.ports.read(port, width)
        finally:
            self._end_access()

    def port_write(self, port: int, width: int, value: int) -> None:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._accessing = True
        try:
            self.ports.write(port, width, value)
        finally:
            self._end_access()

    def mmio_read(self, address: int, width: int) -> int:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._accessing = True
        try:
            return self.mmio.read(address, width)
        finally:
            self._end_access()

    def mmio_write(self, address: int, width: int, value: int) -> None:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self._accessing = True
        try:
            self.mmio.write(address, width, value)
        finally:
            self._end_access()

    def acknowledge(self) -> int:
        """See :class:`vectoros.cpu.core.Surroundings`."""
        self.interrupts += 1
        self._accessing = True
        try:
            return self.pic.acknowledge()  # its output falls; for what is left it rises anew
        finally:
            self._end_access()

    def _accessed(self, device: Device) -> None:
        self.events.accessed(device, self.clock)

    def _end_access(self) -> None:
        """End the running slice at the next event, if the access has made that sooner."""
        self._accessing = False
        tick = self._next_tick()
        if tick < self._slice_end:
            self.cpu.shorten(tick)
        self._accesses_left -= 1
        if self._accesses_left == 0:
            self.cpu.shorten(self._soonest())

    # -- lines and stops -----------------------------------------------------

    def _soonest(self) -> int:
        """Return the tick at which the CPU may meet what it is causing now (B1)."""
        return self.clock.now + REACTION_TICKS

    def _intr_changed(self, level: bool) -> None:
        """Follow the interrupt controller's output to the CPU's INTR pin."""
        if level and self._accessing:
            self.intr_rise = self._soonest()
        else:
            self.intr_rise = None
            self.cpu.set_intr(level)

    def request_stop(self, reason: Reason, code: int = 0) -> None:
        """Stop the machine: from an access at REACTION_TICKS from now, else at once.

        Of several requests the earliest counts. One of the host's is forgotten
        when the run ends.
        """
        tick = self._soonest() if self._accessing else self.clock.now
        pending = self.guest_stop if reason in FINAL else self._host_stop
        if pending is not None and pending.tick <= tick:
            return
        if reason in FINAL:
            self.guest_stop = StopRequest(tick, reason, code)
        else:
            self._host_stop = StopRequest(tick, reason, code)
            self._host_changed()

    def _host_changed(self) -> None:
        """Find out when the host is due next."""
        stop = NEVER if self._host_stop is None else self._host_stop.tick
        alarm = NEVER if self._alarm is None else self._alarm[0]
        self._host_tick = min(stop, alarm)

    def interrupt(self) -> None:
        """Stop at the end of the running slice, or of the next. Safe from a signal handler."""
        self._interrupted = True

    # -- the run loop --------------------------------------------------------

    def run(
        self, limit: int | None = None, served: Callable[[int], None] | None = None
    ) -> StopRequest:
        """Run until something stops the machine, at tick ``limit`` at the latest.

        ``served`` is called between slices with the tick to which an idle machine
        is about to skip, or with the present one: the place to pace and to poll.
        It may let input in, ask for a stop, and set the clock forward on the way to
        that tick; then the loop looks again at what is due before it skips.
        """
        end = NEVER if limit is None else min(limit, NEVER)
        self.events.refresh()
        try:
            while (stop := self._due_stop(end)) is None:
                if not self.halted or self._wake():
                    self._run_slice(end)
                    self._serve(served, self.clock.now)
                elif not self._skip(end, served):
                    stop = self._host_stop or StopRequest(NEVER, Reason.IDLE)
                    break
            return replace(stop, tick=self.clock.now)
        finally:
            self._host_stop = None
            self._host_changed()

    def _run_slice(self, end: int) -> None:
        """Run the CPU to whatever comes first."""
        self._accesses_left = SLICE_ACCESSES
        now = self.clock.now
        self._slice_end = min(self._next_tick(), end, now + self.watch_ticks)
        how = self.cpu.run(self._slice_end, now + self.slice_ticks)
        self.halted = how is Stop.HALT
        if how is Stop.SHUTDOWN:
            self.request_stop(Reason.TRIPLE_FAULT)

    def _skip(self, end: int, served: Callable[[int], None] | None) -> bool:
        """Skip idle time up to what is due next; return False if nothing can end it."""
        now, skip = self.clock.now, min(self._next_tick(), end)
        if skip == NEVER or not (self._interrupts_on() or self.guest_stop):
            return False
        self._serve(served, skip)
        changed = self._interrupted or self._wake() or self._next_tick() < skip
        if not changed and self.clock.now == now:
            self.clock.set(skip)
        return True

    def _serve(self, served: Callable[[int], None] | None, until: int) -> None:
        if served is not None:
            served(until)
            self.events.refresh()

    def _due_stop(self, end: int) -> StopRequest | None:
        """Do what is due now; return what stops the machine, if something does."""
        now, stop = self.clock.now, self.guest_stop
        if stop is not None and stop.tick <= now:
            if stop.reason is Reason.RESET and self._judge is not None:
                stop = replace(stop, reason=self._judge())
            if stop.reason is not Reason.RESET or self._power_on is None:
                return stop
            self._restart(self._power_on)
        self._fire(now)
        if self._host_tick <= now and (asked := self._host_due(now)) is not None:
            return asked
        if self._interrupted:
            self._interrupted = False
            return StopRequest(now, Reason.INTERRUPTED)
        return StopRequest(now, Reason.TICK) if now >= end else None

    def _host_due(self, now: int) -> StopRequest | None:
        """Do what the host has asked for until now; return the stop among it."""
        if self._alarm is not None and self._alarm[0] <= now:
            ring, self._alarm = self._alarm[1], None
            ring()
        self._host_changed()
        stop = self._host_stop
        return stop if stop is not None and stop.tick <= now else None

    def _restart(self, power_on: Callable[[], None]) -> None:
        """Reset everything but RAM and the clock. What was on its way never comes."""
        for device in self._devices:
            device.system_reset()
        self.reset()
        self.resets += 1
        power_on()

    def _fire(self, now: int) -> None:
        """Do everything that is due: devices first, then the INTR pin."""
        self.events.fire(now)
        if self.intr_rise is not None and self.intr_rise <= now:
            self.intr_rise = None
            self.cpu.set_intr(self.pic.output.level)

    def _next_tick(self) -> int:
        """Tick of the next event, rise of INTR, or stop."""
        # Written out: every access to a device comes through here.
        tick = self.events.next
        if self.intr_rise is not None and self.intr_rise < tick:
            tick = self.intr_rise
        if self.guest_stop is not None and self.guest_stop.tick < tick:
            tick = self.guest_stop.tick
        if self._host_tick < tick:
            tick = self._host_tick
        return tick

    def _wake(self) -> bool:
        """Leave HLT if an interrupt is there to be taken."""
        nmi = self.cpu.nmi_pending and not self.cpu.regs.nmi_blocked
        intr = self.pic.output.level and self.intr_rise is None and self._interrupts_on()
        self.halted = not (nmi or intr)
        return not self.halted

    def _interrupts_on(self) -> bool:
        return bool(self.cpu.regs.rflags & Flag.IF)

    # -- state ---------------------------------------------------------------

    def parts(self) -> Mapping[str, Stateful]:
        """The event queue has what accesses have hurried."""
        return {"events": self.events}

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a checked state; the devices and the CPU have theirs already."""
        super().adopt(state)
        self.cpu.set_intr(self.pic.output.level and self.intr_rise is None)
